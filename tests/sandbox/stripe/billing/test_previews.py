"""A preview is the invoice that then comes, and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, day, stamp


def told(invoice: Any) -> tuple[int, list[tuple[int, int, int]]]:
    lines = [(line.amount, line.period.start, line.period.end) for line in invoice.lines.data]
    return invoice.total, lines


def test_a_schedule_that_does_not_exist_yet(story: Story) -> None:
    customer = story.customer()
    fee = story.one_time(250_000)
    phase: dict[str, Any] = {
        "items": [{"price": story.price("8000"), "quantity": 15, "discounts": [{"coupon": story.coupon("10")}]}],
        "add_invoice_items": [{"price": fee, "quantity": 1}],
        "end_date": stamp("2027-06-01"),
        "proration_behavior": "none",
    }
    before = story.event_types()
    details: Any = {"phases": [{**phase, "start_date": stamp("2026-06-01")}], "billing_mode": {"type": "flexible"}}
    preview = story.v1.invoices.create_preview({"customer": customer, "schedule_details": details})
    assert preview.total == 250_000 + 108_000
    assert (preview.status, preview.billing_reason, preview.number) == ("draft", "upcoming", None)
    assert story.event_types() == before
    assert [line["effect"] for line in story.served.log() if line["path"].endswith("create_preview")] == [False]
    assert story.invoices(customer) == []
    assert story.v1.subscription_schedules.list({"customer": customer}).data == []
    story.schedule(customer, [phase], stamp("2026-06-01"))
    story.at("2026-06-01")
    assert told(story.invoices(customer)[0]) == told(preview)


def test_prices_that_do_not_exist_yet(story: Story) -> None:
    customer = story.customer()
    data = {"currency": "usd", "product": story.product(), "unit_amount_decimal": "8333.333333333333"}
    item = {"price_data": {**data, "recurring": {"interval": "month"}}, "quantity": 7}
    details: Any = {"phases": [{"items": [item], "start_date": "now", "duration": {"interval": "year"}}]}
    preview = story.v1.invoices.create_preview({"customer": customer, "schedule_details": details})
    assert preview.total == 58_333
    assert len(story.v1.prices.list({"limit": 100}).data) == 0


def test_the_next_invoice_of_a_running_schedule_knows_its_next_phase(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000")
    phases = [
        {"items": [{"price": price, "quantity": 10}], "end_date": stamp("2026-02-01")},
        {"items": [{"price": price, "quantity": 15}], "end_date": stamp("2026-05-01")},
    ]
    schedule = story.schedule(customer, phases, "now")
    preview = story.v1.invoices.create_preview({"schedule": schedule.id})
    assert (preview.total, day(preview.created)) == (75_000, "2026-02-01")
    story.at("2026-02-01")
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_a_new_subscription_and_its_trial(story: Story) -> None:
    customer = story.customer()
    items = [{"price": story.price("3900"), "quantity": 2}]
    plain = story.v1.invoices.create_preview({"customer": customer, "subscription_details": {"items": items}})  # type: ignore[typeddict-item]
    assert plain.total == 7800
    trial = {"items": items, "trial_end": stamp("2026-01-15")}
    assert story.v1.invoices.create_preview({"customer": customer, "subscription_details": trial}).total == 0  # type: ignore[typeddict-item]


def test_a_change_of_seats_at_a_given_second(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999"), "quantity": 10}])
    change: Any = {
        "items": [{"id": subscription["items"].data[0].id, "quantity": 25}],
        "proration_behavior": "always_invoice",
        "proration_date": stamp("2026-01-20T08:00:00"),
    }
    story.at("2026-01-20T09:30:00")
    preview = story.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": change})
    assert (preview.total, [line.amount for line in preview.lines.data]) == (11_285, [-7523, 18_808])
    assert story.v1.subscriptions.retrieve(subscription.id)["items"].data[0].quantity == 10
    story.v1.subscriptions.update(subscription.id, change)
    assert told(story.invoices(customer)[-1]) == told(preview)


def test_pending_prorations_come_with_the_next_cycle(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999"), "quantity": 10}])
    story.at("2026-01-20T08:00:00")
    change: Any = {"items": [{"id": subscription["items"].data[0].id, "quantity": 25}]}
    preview = story.v1.invoices.create_preview({"subscription": subscription.id, "subscription_details": change})
    assert preview.total == 11_285 + 25 * 1999


def test_an_ended_subscription_has_no_next_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1999")}])
    story.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        story.v1.invoices.create_preview({"subscription": subscription.id})
    assert (caught.value.code, caught.value.http_status) == ("invoice_upcoming_none", 404)


def test_a_preview_of_pending_items_and_of_more(story: Story) -> None:
    customer = story.customer()
    story.v1.invoice_items.create({"customer": customer, "amount": 500, "currency": "usd"})
    extra: Any = {"customer": customer, "invoice_items": [{"amount": 250, "currency": "usd"}]}
    assert story.v1.invoices.create_preview(extra).total == 750
    assert len(story.v1.invoice_items.list({"customer": customer}).data) == 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "one of `customer`"),
        ({"customer": "CUSTOMER", "preview_mode": "recurring"}, "next invoice only"),
        ({"customer": "CUSTOMER"}, "No upcoming invoices"),
        ({"subscription": "sub_none"}, "No such subscription"),
        (
            {"customer": "CUSTOMER", "schedule_details": {"phases": [{"items": [{"price": "price_none"}]}]}},
            "No such price",
        ),
    ],
)
def test_what_cannot_be_previewed_is_refused(story: Story, params: dict[str, Any], words: str) -> None:
    customer = story.customer()
    asked = {key: customer if value == "CUSTOMER" else value for key, value in params.items()}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.invoices.create_preview(asked)  # type: ignore[arg-type]
