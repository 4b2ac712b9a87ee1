"""Several payments of one invoice, one payment of several invoices, and money from outside Stripe."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def invoiced(story: Story, customer: str, minor: str = "100000") -> Any:
    """An open invoice of this sum that is sent to the customer."""
    made = story.v1.invoices.create(
        {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30, "auto_advance": False}
    )
    story.v1.invoice_items.create({"customer": customer, "invoice": made.id, "amount": int(minor), "currency": "usd"})
    return story.v1.invoices.finalize_invoice(made.id)


def intent(story: Story, customer: str, amount: int, **more: Any) -> Any:
    return story.v1.payment_intents.create({"amount": amount, "currency": "usd", "customer": customer, **more})


def pays(story: Story, invoice: str) -> list[tuple[str, int | None, bool]]:
    """The payments of an invoice, newest first: status, what they paid, whether it is the default one."""
    found = story.v1.invoice_payments.list({"invoice": invoice}).data
    return [(p.status, p.amount_paid, p.is_default) for p in found]


def record(story: Story, customer: str, amount: int) -> str:
    return story.v1.payment_records.report_payment(
        {
            "amount_requested": {"currency": "usd", "value": amount}, "customer_details": {"customer": customer},
            "initiated_at": stamp("2026-01-01"), "outcome": "guaranteed", "guaranteed": {"guaranteed_at": stamp("2026-01-01")},
            "payment_method_details": {"type": "custom", "custom": {"display_name": "Wire"}},
        }
    ).id  # fmt: skip


def test_an_invoice_is_paid_when_its_parts_have_come(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    invoice = invoiced(story, customer)
    by_the_account = {"enabled": True, "allow_redirects": "never"}
    paid = intent(
        story, customer, 30_000, confirm=True, payment_method="pm_card_visa", automatic_payment_methods=by_the_account
    )
    assert paid.automatic_payment_methods.allow_redirects == "never"
    partly = story.v1.invoices.attach_payment(invoice.id, {"payment_intent": paid.id})
    assert (partly.status, partly.amount_paid, partly.amount_remaining) == ("open", 30_000, 70_000)
    partly = story.v1.invoices.attach_payment(invoice.id, {"payment_record": record(story, customer, 20_000)})
    assert (partly.amount_paid, partly.amount_paid_off_stripe, partly.amount_remaining) == (50_000, 20_000, 50_000)
    with pytest.raises(stripe.InvalidRequestError, match="partially paid"):
        story.v1.invoices.void_invoice(invoice.id)
    settled = story.v1.invoices.pay(invoice.id)
    assert (settled.status, settled.amount_paid, settled.amount_remaining) == ("paid", 100_000, 0)
    assert pays(story, invoice.id) == [("paid", 20_000, False), ("paid", 30_000, False), ("paid", 50_000, True)]


def test_one_payment_covers_two_invoices_and_what_is_over_goes_to_the_balance(story: Story) -> None:
    customer = story.customer()
    first, second = invoiced(story, customer), invoiced(story, customer, "50000")
    waiting = intent(story, customer, 160_000)
    for invoice in (first, second):
        story.v1.invoices.attach_payment(invoice.id, {"payment_intent": waiting.id})
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        story.v1.invoices.attach_payment(first.id, {"payment_intent": waiting.id})
    with pytest.raises(stripe.CardError):
        story.v1.payment_intents.confirm(waiting.id, {"payment_method": "pm_card_chargeDeclined"})
    story.v1.payment_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    one, two = (story.v1.invoices.retrieve(i.id) for i in (first, second))
    assert [(i.status, i.amount_paid, i.amount_overpaid) for i in (one, two)] == [
        ("paid", 100_000, 0),
        ("paid", 50_000, 10_000),
    ]
    assert story.v1.customers.retrieve(customer).balance == -10_000
    assert {"invoice.overpaid", "invoice_payment.paid"} <= {e.type for e in story.v1.events.list({"limit": 100}).data}


def test_a_payment_of_somebody_else_or_in_another_currency_is_refused(story: Story) -> None:
    invoice = invoiced(story, story.customer())
    stranger = story.customer()
    for wrong, message in (
        ({"payment_intent": intent(story, stranger, 100).id}, "another customer"),
        ({"payment_record": record(story, stranger, 100)}, "another customer"),
        ({}, "exactly one"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=message):
            story.v1.invoices.attach_payment(invoice.id, wrong)  # type: ignore[arg-type]


def test_a_bad_debt_can_still_be_paid(story: Story) -> None:
    customer = story.customer()
    invoice = invoiced(story, customer)
    story.v1.invoices.mark_uncollectible(invoice.id)
    settled = story.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    assert (settled.status, settled.amount_paid_off_stripe) == ("paid", 100_000)
