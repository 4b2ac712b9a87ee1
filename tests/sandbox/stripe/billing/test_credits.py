"""Refunds and credit notes: each gives back no more than there was."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.billing.story import Story, stamp


def paid_invoice(story: Story, minor: str = "120000") -> Any:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price(minor)}])
    return story.v1.invoices.retrieve(subscription.latest_invoice)


def charge_of(story: Story, invoice: Any) -> Any:
    return story.v1.charges.list({"customer": invoice.customer}).data[0]


def test_refunds_leave_the_invoice_paid_and_add_up_on_the_charge(story: Story) -> None:
    invoice = paid_invoice(story)
    charge = charge_of(story, invoice)
    story.v1.refunds.create({"payment_intent": charge.payment_intent, "amount": 45_000})
    charge = story.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded, charge.refunds.data[0].amount) == (45_000, False, 45_000)  # type: ignore[union-attr]
    story.v1.refunds.create({"charge": charge.id})
    charge = story.v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (120_000, True)
    assert story.v1.invoices.retrieve(invoice.id).status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        story.v1.refunds.create({"charge": charge.id})


def test_more_than_the_charge_is_refused(story: Story) -> None:
    charge = charge_of(story, paid_invoice(story))
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        story.v1.refunds.create({"charge": charge.id, "amount": 120_001})


def test_a_credit_note_refunded_to_the_card_makes_one_refund(story: Story) -> None:
    invoice = paid_invoice(story)
    note = story.v1.credit_notes.create({"invoice": invoice.id, "amount": 45_000, "refund_amount": 45_000})
    assert (note.type, note.total, note.number) == ("post_payment", 45_000, f"{invoice.number}-CN-01")
    (refund,) = story.v1.refunds.list({"charge": charge_of(story, invoice).id}).data
    assert note.refunds[0].refund == refund.id
    updated = story.v1.invoices.retrieve(invoice.id)
    assert (updated.status, updated.post_payment_credit_notes_amount) == ("paid", 45_000)


def test_a_credit_note_can_give_credit_to_the_balance_by_line(story: Story) -> None:
    invoice = paid_invoice(story)
    note = story.v1.credit_notes.create(
        {
            "invoice": invoice.id,
            "lines": [{"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 20_000}],
            "credit_amount": 20_000,
        }
    )
    assert note.lines.data[0].invoice_line_item == invoice.lines.data[0].id
    assert story.v1.customers.retrieve(invoice.customer).balance == -20_000
    (move,) = story.v1.customers.balance_transactions.list(invoice.customer).data
    assert (move.type, move.credit_note) == ("credit_note", note.id)
    (line,) = story.v1.credit_notes.line_items.list(note.id).data
    assert line.amount == 20_000


def open_invoice(story: Story) -> Any:
    customer = story.customer()
    phases = [{"items": [{"price": story.price("100000")}], "end_date": stamp("2026-02-01")}]
    story.schedule(customer, phases, "now")
    story.at("2026-01-01T01:00:00")
    return story.invoices(customer)[0]


def test_a_credit_note_on_an_open_invoice_lowers_what_is_due(story: Story) -> None:
    invoice = open_invoice(story)
    note = story.v1.credit_notes.create({"invoice": invoice.id, "amount": 30_000})
    lowered = story.v1.invoices.retrieve(invoice.id)
    assert (note.type, lowered.amount_due, lowered.amount_remaining, lowered.total) == (
        "pre_payment",
        70_000,
        70_000,
        100_000,
    )
    assert lowered.pre_payment_credit_notes_amount == 30_000
    story.v1.credit_notes.void_credit_note(note.id)
    assert story.v1.invoices.retrieve(invoice.id).amount_remaining == 100_000


def test_an_open_invoice_credited_in_full_is_paid(story: Story) -> None:
    invoice = open_invoice(story)
    story.v1.credit_notes.create({"invoice": invoice.id, "amount": 100_000})
    settled = story.v1.invoices.retrieve(invoice.id)
    assert (settled.status, settled.amount_paid, settled.amount_remaining) == ("paid", 0, 0)


def test_a_credit_note_may_refund_one_part_and_credit_the_other(story: Story) -> None:
    invoice = paid_invoice(story)
    amounts: Any = {"amount": 50_000, "refund_amount": 20_000, "credit_amount": 30_000}
    note = story.v1.credit_notes.create({"invoice": invoice.id, **amounts})
    assert (note.type, note.post_payment_amount, note.pre_payment_amount) == ("post_payment", 50_000, 0)
    assert charge_of(story, invoice).amount_refunded == 20_000
    assert story.v1.customers.retrieve(invoice.customer).balance == -30_000


def test_a_credit_on_a_part_paid_invoice_lowers_the_rest_and_gives_back_what_is_more(story: Story) -> None:
    invoice = open_invoice(story)
    story.v1.credit_notes.create({"invoice": invoice.id, "amount": 99_000})
    assert story.v1.invoices.retrieve(invoice.id).amount_remaining == 1_000
    with pytest.raises(stripe.InvalidRequestError, match="cannot exceed"):
        story.v1.credit_notes.create({"invoice": invoice.id, "amount": 1_001, "credit_amount": 1})


@pytest.mark.parametrize(("part", "amount"), [({"quantity": 2}, 2_000), ({"quantity": 3}, 3_000), ({"amount": 7}, 7)])
def test_a_line_is_credited_by_quantity_or_amount(story: Story, part: dict[str, int], amount: int) -> None:
    customer = story.customer("pm_card_visa")
    subscription = story.subscribe(customer, [{"price": story.price("1000"), "quantity": 3}])
    invoice = story.v1.invoices.retrieve(subscription.latest_invoice)
    line: Any = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id}
    params: Any = {"invoice": invoice.id, "credit_amount": amount}
    for wrong in ({}, {"quantity": 4}, {"amount": 3_001}):
        with pytest.raises(stripe.InvalidRequestError, match=r"required when crediting|larger than the line"):
            story.v1.credit_notes.create({**params, "lines": [{**line, **wrong}]})
    assert story.v1.credit_notes.create({**params, "lines": [{**line, **part}]}).total == amount


def test_credit_is_used_by_the_invoices_that_follow_until_it_is_gone(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.v1.customers.balance_transactions.create(customer, {"amount": -2_500, "currency": "usd"})
    story.subscribe(customer, [{"price": story.price("1000")}])
    story.at("2026-03-02")
    assert [invoice.amount_due for invoice in story.invoices(customer)] == [0, 0, 500]
    found = story.v1.customers.balance_transactions.list(customer, {"limit": 2})
    assert ([move.amount for move in found.data], found.has_more) == ([500, 1000], True)
    assert [move.ending_balance for move in found.auto_paging_iter()] == [0, -500, -1500, -2500]


def test_a_debt_on_the_balance_is_collected_with_the_next_invoice(story: Story) -> None:
    customer = story.customer("pm_card_visa")
    story.v1.customers.balance_transactions.create(customer, {"amount": 300, "currency": "usd"})
    subscription = story.subscribe(customer, [{"price": story.price("1000")}])
    invoice = story.v1.invoices.retrieve(subscription.latest_invoice)
    assert (invoice.total, invoice.amount_due, invoice.amount_paid) == (1000, 1300, 1300)
    assert story.v1.customers.retrieve(customer).balance == 0


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"amount": 0, "currency": "usd"}, "must not be 0"),
        ({"amount": -5}, "currency"),
        ({"currency": "usd"}, "amount"),
    ],
)
def test_a_move_of_the_balance_needs_an_amount_and_a_currency(story: Story, params: Any, words: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.customers.balance_transactions.create(story.customer(), params)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"amount": 130_000, "credit_amount": 130_000}, "cannot exceed"),
    ({"amount": 10_000}, "must equal the amount credited"),
    ({"amount": 10_000, "refund_amount": 4_000}, "must equal the amount credited"),
    ({}, "exactly one of `amount` or `lines`"),
    ({"amount": 0}, "greater than 0"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_a_credit_note_that_does_not_add_up_is_refused(story: Story, change: dict[str, Any], words: str) -> None:
    invoice = paid_invoice(story)
    with pytest.raises(stripe.InvalidRequestError, match=words):
        story.v1.credit_notes.create({"invoice": invoice.id, **change})  # type: ignore[typeddict-item]
    assert story.v1.credit_notes.list({"invoice": invoice.id}).data == []


def test_credits_together_never_exceed_the_invoice(story: Story) -> None:
    invoice = paid_invoice(story)
    story.v1.credit_notes.create({"invoice": invoice.id, "amount": 100_000, "credit_amount": 100_000})
    with pytest.raises(stripe.InvalidRequestError, match="20000 can be credited"):
        story.v1.credit_notes.create({"invoice": invoice.id, "amount": 30_000, "credit_amount": 30_000})


def test_a_draft_takes_no_credit_note(story: Story) -> None:
    customer = story.customer()
    draft = story.v1.invoices.create({"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="open or paid"):
        story.v1.credit_notes.create({"invoice": draft.id, "amount": 1})
