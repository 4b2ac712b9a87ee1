"""Bank transfers: what comes pays the invoices that it covers, whole, and the rest waits in the cash balance."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story


def sent(story: Story, customer: str, amount: int, **more: Any) -> Any:
    """An open invoice that is sent to the customer."""
    terms: dict[str, Any] = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30, **more}
    made = story.v1.invoices.create(terms)  # type: ignore[arg-type]
    story.v1.invoice_items.create({"customer": customer, "invoice": made.id, "amount": amount, "currency": "usd"})
    return story.v1.invoices.finalize_invoice(made.id)


def fund(story: Story, customer: str, amount: int, **more: Any) -> Any:
    terms: dict[str, Any] = {"amount": amount, "currency": "usd", **more}
    return story.v1.test_helpers.customers.fund_cash_balance(customer, terms)  # type: ignore[arg-type]


def statuses(story: Story, customer: str) -> list[tuple[str, int]]:
    return [(i.status, i.amount_remaining) for i in story.invoices(customer)]


def available(story: Story, customer: str) -> int:
    held = story.v1.customers.cash_balance.retrieve(customer).available
    return held["usd"] if held else 0


def test_an_invoice_is_never_funded_in_part_and_paid_once_all_is_there(story: Story) -> None:
    customer = story.customer()
    invoice = sent(story, customer, 100_000)
    came = fund(story, customer, 30_000)
    assert (came.type, came.net_amount, came.funded.bank_transfer.type) == ("funded", 30_000, "us_bank_transfer")
    assert (statuses(story, customer), available(story, customer)) == ([("open", 100_000)], 30_000)
    fund(story, customer, 75_000)
    assert (statuses(story, customer), available(story, customer)) == ([("paid", 0)], 5_000)
    (payment,) = story.v1.invoice_payments.list({"invoice": invoice.id}).data
    (charge,) = story.v1.charges.list({"payment_intent": payment.payment.payment_intent}).data  # type: ignore[typeddict-item]
    assert (payment.status, payment.amount_paid, charge.payment_method_details.type) == (  # type: ignore[union-attr]
        "paid", 100_000, "customer_balance",
    )  # fmt: skip
    moves = story.v1.customers.cash_balance_transactions.list(customer).data
    assert [(m.type, m.net_amount, m.ending_balance) for m in moves] == [
        ("applied_to_payment", -100_000, 5_000), ("funded", 75_000, 105_000), ("funded", 30_000, 30_000),
    ]  # fmt: skip
    sent(story, customer, 5_000)
    assert (statuses(story, customer)[-1], available(story, customer)) == (("paid", 0), 0)


def test_the_invoice_that_a_transfer_names_comes_first_then_one_of_its_amount_then_the_oldest(story: Story) -> None:
    customer = story.customer()
    for day, amount in enumerate((10_000, 20_000, 20_000, 30_000), start=2):
        story.at(f"2026-02-{day:02d}")  # of invoices of one second none is the older
        last = sent(story, customer, amount)
    fund(story, customer, 30_000, reference=f"for {last.number}, thanks")
    assert [s for s, _ in statuses(story, customer)] == ["open", "open", "open", "paid"]
    fund(story, customer, 20_000)
    assert [s for s, _ in statuses(story, customer)] == ["open", "paid", "open", "paid"]
    fund(story, customer, 15_000)
    assert [s for s, _ in statuses(story, customer)] == ["paid", "paid", "open", "paid"]
    assert available(story, customer) == 5_000


def test_an_invoice_that_takes_no_transfers_or_is_long_overdue_is_left(story: Story) -> None:
    customer = story.customer()
    sent(story, customer, 10_000, payment_settings={"payment_method_types": ["card"]})
    fund(story, customer, 10_000)
    assert statuses(story, customer) == [("open", 10_000)]
    late = story.customer()
    sent(story, late, 10_000)
    story.at("2026-03-15")
    fund(story, late, 10_000)
    assert statuses(story, late) == [("open", 10_000)]
    with pytest.raises(stripe.InvalidRequestError, match="chf"):
        fund(story, late, 10_000, currency="chf")
