"""What cards and invoices do to each other over time."""

from __future__ import annotations

import pytest
import stripe

from sandbox.stripe.app import StripeHalf
from sandbox.stripe.billing import billing_of
from sandbox.stripe.billing.collection import AfterLastTry
from sandbox.world import World
from tests.sandbox.serving import Served
from tests.sandbox.stripe.billing.story import Story, day, stamp


def test_a_good_card_pays_the_first_invoice_inside_the_request(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900"), "quantity": 5}], expand=["latest_invoice"])
    invoice = subscription.latest_invoice
    assert (subscription.status, invoice.status, invoice.amount_paid, invoice.attempt_count) == (
        "active",
        "paid",
        19_500,
        1,
    )
    assert invoice.number.endswith("-0001")
    assert invoice.hosted_invoice_url
    assert invoice.parent.subscription_details.subscription == subscription.id


def test_a_payment_leads_to_its_invoice_and_to_its_charge(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    (payment,) = story.v1.invoice_payments.list({"invoice": subscription.latest_invoice}).data
    intent = story.v1.payment_intents.retrieve(payment.payment.payment_intent)  # type: ignore[arg-type]
    (found,) = story.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent.id}, "status": "paid"}
    ).data
    (charge,) = story.v1.charges.list({"payment_intent": intent.id}).data
    assert (found.invoice, found.amount_paid, found.is_default) == (subscription.latest_invoice, 3900, True)
    assert (charge.status, charge.paid, charge.amount, intent.latest_charge) == ("succeeded", True, 3900, charge.id)


def test_a_declined_first_payment_leaves_the_subscription_incomplete_and_it_expires(story: Story) -> None:
    customer = story.customer("pm_card_chargeDeclined")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    assert subscription.status == "incomplete"
    invoice = story.v1.invoices.retrieve(subscription.latest_invoice, {"expand": ["payments"]})
    assert (invoice.status, invoice.attempted, invoice.next_payment_attempt) == ("open", True, None)
    intent = story.v1.payment_intents.retrieve(invoice.payments.data[0].payment.payment_intent)  # type: ignore[union-attr,arg-type]
    assert intent.last_payment_error.decline_code == "generic_decline"  # type: ignore[union-attr]
    story.at("2026-01-01T22:59:59")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "incomplete"
    story.at("2026-01-01T23:00:00")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "incomplete_expired"
    assert story.v1.invoices.retrieve(invoice.id).status == "void"
    story.at("2026-06-01")
    assert len(story.invoices(customer)) == 1


def test_an_incomplete_subscription_becomes_active_when_its_invoice_is_paid(story: Story) -> None:
    customer = story.customer("pm_card_declinesThenPays")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    assert subscription.status == "incomplete"
    story.v1.invoices.pay(subscription.latest_invoice)
    assert story.v1.subscriptions.retrieve(subscription.id).status == "active"
    story.at("2026-02-02")
    assert len(story.invoices(customer)) == 2


def test_error_if_incomplete_makes_nothing(story: Story) -> None:
    customer = story.customer("pm_card_chargeDeclinedInsufficientFunds")
    with pytest.raises(stripe.CardError) as caught:
        story.subscribe(customer, [{"price": story.price("3900")}], payment_behavior="error_if_incomplete")
    assert caught.value.error.decline_code == "insufficient_funds"  # type: ignore[union-attr]
    assert story.v1.subscriptions.list({"customer": customer, "status": "all"}).data == []
    assert story.invoices(customer) == []


def test_without_any_card_a_charged_subscription_is_refused(story: Story) -> None:
    customer = story.customer()
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        story.subscribe(customer, [{"price": story.price("3900")}])
    assert story.invoices(customer) == []


def test_a_renewal_is_a_draft_for_an_hour_then_collected(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.subscribe(customer, [{"price": story.price("3900")}])
    story.at("2026-02-01T00:59:59")
    renewal = story.invoices(customer)[-1]
    assert (renewal.status, renewal.number, renewal.billing_reason) == ("draft", None, "subscription_cycle")
    assert day(renewal.automatically_finalizes_at) == "2026-02-01T01:00:00"
    story.at("2026-02-01T01:00:00")
    renewal = story.invoices(customer)[-1]
    assert (renewal.status, renewal.amount_paid) == ("paid", 3900)
    assert day(renewal.status_transitions.paid_at) == "2026-02-01T01:00:00"


def replace_card(story: Story, customer: str, card: str) -> None:
    method = story.v1.payment_methods.attach(card, {"customer": customer})
    story.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})


def test_a_declined_renewal_is_retried_and_recovers(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900")}])
    replace_card(story, customer, "pm_card_declinesThenPays")
    story.at("2026-02-02")
    failed = story.invoices(customer)[-1]
    assert (failed.status, failed.attempt_count) == ("open", 1)
    assert day(failed.next_payment_attempt) == "2026-02-04T01:00:00"
    assert story.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert story.v1.customers.retrieve(customer).delinquent is True
    story.at("2026-02-05")
    paid = story.invoices(customer)[-1]
    assert (paid.status, paid.attempt_count, paid.next_payment_attempt) == ("paid", 2, None)
    assert story.v1.subscriptions.retrieve(subscription.id).status == "active"
    (payment,) = story.v1.invoice_payments.list({"invoice": paid.id}).data
    tries = story.v1.charges.list({"payment_intent": payment.payment.payment_intent}).data  # type: ignore[typeddict-item]
    assert [(charge.status, charge.failure_code) for charge in tries] == [
        ("succeeded", None),
        ("failed", "card_declined"),
    ]


def test_retries_end_and_the_subscription_stays_past_due(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("3900", "year")}])
    replace_card(story, customer, "pm_card_chargeDeclined")
    story.at("2027-06-01")
    last = story.invoices(customer)[-1]
    assert (last.status, last.attempt_count, last.next_payment_attempt) == ("open", 4, None)
    assert story.v1.subscriptions.retrieve(subscription.id).status == "past_due"


@pytest.mark.parametrize("outcome", ["unpaid", "canceled"])
def test_the_account_can_give_up_on_a_subscription_after_the_last_try(outcome: AfterLastTry) -> None:
    world = World(seed=1)
    half = StripeHalf(world)
    world.add(half)
    with Served(world) as served:
        served.clock("2026-01-01T00:00:00Z")
        billing_of(half.kernel).collection.after_last_try = outcome
        client = stripe.StripeClient(
            served.ready["stripe"]["api_key"], base_addresses={"api": served.ready["stripe_url"]}
        )
        story = Story(served, client)
        customer = story.customer("pm_card_visa")
        subscription = story.subscribe(customer, [{"price": story.price("3900", "year")}])
        replace_card(story, customer, "pm_card_chargeDeclined")
        story.at("2027-02-01")
        assert story.v1.subscriptions.retrieve(subscription.id).status == outcome


def test_paying_with_a_declined_card_is_a_402_and_changes_only_the_attempt(story: Story) -> None:
    customer = story.customer()
    story.schedule(customer, [{"items": [{"price": story.price("5000")}], "end_date": stamp("2026-02-01")}], "now")
    story.at("2026-01-01T01:00:00")
    (invoice,) = story.invoices(customer)
    with pytest.raises(stripe.CardError) as caught:
        story.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeDeclined"})
    assert caught.value.http_status == 402
    invoice = story.v1.invoices.retrieve(invoice.id)
    assert (invoice.status, invoice.amount_remaining, invoice.attempted) == ("open", 5000, True)
    assert story.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"}).status == "paid"


def test_an_invoice_that_is_sent_waits_falls_overdue_and_is_paid_out_of_band(story: Story) -> None:
    customer = story.customer()
    price = story.price("5000", "year")
    subscription = story.subscribe(customer, [{"price": price}], collection_method="send_invoice", days_until_due=30)
    assert subscription.status == "active"
    assert story.invoices(customer)[0].status == "draft"
    story.at("2026-01-01T01:00:00")
    invoice = story.invoices(customer)[0]
    assert (invoice.status, day(invoice.due_date), invoice.next_payment_attempt) == (
        "open",
        "2026-01-31T01:00:00",
        None,
    )
    story.at("2026-02-05")
    assert "invoice.overdue" in story.event_types()
    assert story.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    paid = story.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid, paid.amount_paid_off_stripe, paid.amount_remaining) == (
        "paid",
        5000,
        5000,
        0,
    )
    assert story.v1.charges.list({"customer": customer}).data == []
    assert story.v1.subscriptions.retrieve(subscription.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        story.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})


def test_a_schedule_that_charges_a_declining_card_is_past_due_not_incomplete(story: Story) -> None:
    customer = story.customer("pm_card_chargeDeclined")
    schedule = story.schedule(
        customer,
        [{"items": [{"price": story.price("5000")}], "end_date": stamp("2027-01-01")}],
        "now",
        default_settings={"collection_method": "charge_automatically"},
    )
    subscription = story.v1.subscriptions.retrieve(schedule.subscription)
    assert (subscription.status, story.invoices(customer)[0].status) == ("active", "draft")
    story.at("2026-01-01T01:00:00")
    assert story.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_free_invoice_is_paid_without_a_payment(story: Story) -> None:
    customer = story.customer()
    subscription = story.subscribe(customer, [{"price": story.price("0")}], expand=["latest_invoice"])
    assert (subscription.status, subscription.latest_invoice.status) == ("active", "paid")
    assert story.v1.invoice_payments.list({"invoice": subscription.latest_invoice.id}).data == []
