"""What billing says in events: the right types, each at its own second, with what was before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.stripe_contract import check_object
from tests.sandbox.stripe.billing.story import Story, day, stamp
from tests.sandbox.stripe.receiver import Receiver


def events(story: Story, **wanted: Any) -> list[Any]:
    return list(story.v1.events.list({"limit": 100, **wanted}).data)[::-1]  # type: ignore[typeddict-item]


def test_a_first_payment_is_told_step_by_step_in_one_second(story: Story) -> None:
    story.subscribe(story.customer("pm_card_visa"), [{"price": story.price("3900")}])
    told = [
        event
        for event in events(story)
        if event.type.split(".")[0] not in ("customer", "product", "price", "payment_method")
    ]
    told = [event.type for event in told]
    assert told == [
        "invoice.created", "payment_intent.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded",
        "invoice_payment.paid", "invoice.paid", "invoice.payment_succeeded",
    ]  # fmt: skip
    created, updated = events(story, types=["customer.subscription.created", "customer.subscription.updated"])
    assert (created.data.object["status"], updated.data.object["status"]) == ("incomplete", "active")
    assert updated.data.previous_attributes["status"] == "incomplete"
    assert created.created == updated.created == stamp("2026-01-01")


def test_every_event_happens_at_its_own_second_in_a_jump(story: Story) -> None:
    story.subscribe(story.customer("pm_card_visa"), [{"price": story.price("3900")}])
    story.at("2026-04-15")
    paid = events(story, type="invoice.paid")
    assert [day(event.created) for event in paid] == [
        "2026-01-01", "2026-02-01T01:00:00", "2026-03-01T01:00:00", "2026-04-01T01:00:00",
    ]  # fmt: skip
    stamps = [event.created for event in events(story)]
    assert stamps == sorted(stamps)


def test_an_event_of_a_request_names_it_and_one_of_time_names_nothing(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3900")}])
    story.at("2026-02-02")
    first, second = events(story, type="invoice.paid")
    assert first.request.id
    assert first.request.idempotency_key
    assert (second.request.id, second.request.idempotency_key) == (None, None)


def test_snapshots_keep_what_was_and_fit_the_types(story: Story) -> None:
    customer = story.customer("pm_card_declinesThenPays")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    story.v1.invoices.pay(subscription.latest_invoice)
    failed, paid = events(story, types=["invoice.payment_failed", "invoice.paid"])
    assert (failed.data.object["status"], paid.data.object["status"]) == ("open", "paid")
    wrong = [str(p) for event in events(story) for p in check_object(event.to_dict()) if p.severity == "error"]
    assert wrong == []


def test_every_kind_of_move_is_told(story: Story) -> None:
    customer = story.customer()
    phases = [{"items": [{"price": story.price("3900")}], "end_date": stamp("2026-03-01")}]
    story.schedule(customer, phases, "now")
    story.at("2026-01-01T01:00:00")
    invoice = story.invoices(customer)[0]
    story.v1.credit_notes.create({"invoice": invoice.id, "amount": 100})
    story.v1.invoices.void_invoice(invoice.id)
    story.at("2026-02-02")
    second = story.invoices(customer)[1]
    story.v1.invoices.mark_uncollectible(second.id)
    story.v1.invoices.pay(second.id, {"payment_method": "pm_card_visa"})
    story.v1.refunds.create({"charge": story.v1.charges.list({"customer": customer}).data[0].id})
    story.at("2026-03-02")
    told = set(story.event_types())
    assert {
        "subscription_schedule.created", "subscription_schedule.updated", "subscription_schedule.expiring",
        "subscription_schedule.completed", "customer.subscription.created", "customer.subscription.updated",
        "customer.subscription.deleted", "invoice.created", "invoice.finalized", "invoice.sent", "invoice.voided",
        "invoice.updated", "invoice.marked_uncollectible", "invoice.paid", "invoice_payment.paid", "credit_note.created",
        "payment_intent.canceled", "charge.succeeded", "charge.refunded", "refund.created",
    } <= told  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_finalisation_waits_for_an_endpoint_that_refuses(story: Story, receiver: Receiver) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3900")}])
    story.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["invoice.created"]})
    receiver.status = 503
    story.at("2026-02-01", deliver=True)
    story.at("2026-02-01T05:00:00", deliver=True)
    assert story.invoices(customer)[-1].status == "draft"
    story.at("2026-02-03T23:59:59", deliver=True)
    assert story.invoices(customer)[-1].status == "draft"
    story.at("2026-02-04T00:00:00")
    assert story.invoices(customer)[-1].status == "paid"


def test_finalisation_follows_once_the_endpoint_takes_it(story: Story, receiver: Receiver) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3900")}])
    story.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["invoice.created"]})
    receiver.status = 503
    story.at("2026-02-01", deliver=True)
    receiver.status = 200
    story.at("2026-02-01T00:30:00", deliver=True)
    story.at("2026-02-01T02:00:00", deliver=True)
    assert story.invoices(customer)[-1].status == "paid"


def lively_world(story: Story) -> list[str]:
    """Customers of all kinds: charged, declining, sent, ramped, on trial."""
    good, bad, late, ramp = (story.customer(card) for card in ("pm_card_visa", "pm_card_declinesThenPays", None, None))
    price = story.price("3900")
    story.subscribe(good, [{"price": price}, {"price": story.price("12000", "year")}], trial_period_days=10)
    story.subscribe(late, [{"price": price}], collection_method="send_invoice", days_until_due=14)
    story.schedule(
        bad,
        [{"items": [{"price": price}], "end_date": stamp("2026-05-31")}],
        stamp("2026-01-31"),
        default_settings={"collection_method": "charge_automatically"},
    )
    story.schedule(
        ramp,
        [
            {
                "items": [{"price": price, "quantity": 2}],
                "end_date": stamp("2026-02-14"),
                "proration_behavior": "always_invoice",
            },
            {
                "items": [{"price": price, "quantity": 5}],
                "end_date": stamp("2026-04-01"),
                "proration_behavior": "create_prorations",
            },
        ],
        "now",
        end_behavior="release",
    )
    return [good, bad, late, ramp]


def told(story: Story, customers: list[str]) -> list[Any]:
    keys = ("created", "status", "total", "amount_due", "amount_paid", "due_date", "attempt_count", "billing_reason")
    return [
        [tuple(getattr(invoice, key) for key in keys) for invoice in story.invoices(customer)] for customer in customers
    ]


def test_one_jump_ends_as_many_small_steps_do(story: Story) -> None:
    customers = lively_world(story)
    story.at("2026-07-01")
    jumped = (
        told(story, customers),
        sorted((e.created, e.type) for e in events(story, created={"gte": stamp("2026-06-01")})),
    )
    story.served.reset()
    story.at("2026-01-01")
    again = lively_world(story)
    for number in range(1, 182):
        story.at(day(stamp("2026-01-01") + number * 86_400))
    stepped = (
        told(story, again),
        sorted((e.created, e.type) for e in events(story, created={"gte": stamp("2026-06-01")})),
    )
    assert stepped == jumped
    assert [len(invoices) for invoices in jumped[0]] == [7, 4, 7, 7]
