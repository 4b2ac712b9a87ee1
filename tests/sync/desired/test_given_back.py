"""Refunds, credit notes and disputes of an invoice: each counted once, whatever of them there are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.desired.given_back import CAME_TO_NOTHING, MoneyBack, shared
from sync.errors import Terminal
from sync.facts import CreditNote, Dispute, Invoice, InvoicePayment, Refund

JAN_1 = 1767225600


def invoice(id_: str = "in_1", paid: int = 120_000, intent: str = "pi_1", **more: Any) -> Invoice:
    payment = InvoicePayment(
        id=f"inpay_{id_}", status="paid", amount_minor=paid, created_s=JAN_1, payment_intent=intent
    )
    fields = {"customer": "cus_1", "status": "paid", "currency": "usd", "total_minor": paid, "amount_paid_minor": paid}
    return Invoice(id=id_, created_s=JAN_1, **({"payments": (payment,)} | fields | more))


def refund(amount: int, id_: str = "re_1", status: str = "succeeded", **more: Any) -> Refund:
    fields = {
        "customer": "cus_1",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "currency": "usd",
        "created_s": JAN_1 + 5,
    }
    return Refund(id=id_, amount_minor=amount, status=status, **(fields | more))


def note(amount: int, **more: Any) -> CreditNote:
    fields = {
        "customer": "cus_1",
        "invoice": "in_1",
        "number": "OAK-0001-CN-01",
        "status": "issued",
        "currency": "usd",
        "created_s": JAN_1 + 5,
    }
    return CreditNote(id="cn_1", amount_minor=amount, **(fields | more))


def dispute(status: str, id_: str = "dp_1", **more: Any) -> Dispute:
    fields = {
        "customer": "cus_1",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "currency": "usd",
        "reason": "fraudulent",
    }
    return Dispute(id=id_, amount_minor=120_000, status=status, **({"created_s": JAN_1 + 5} | fields | more))


def test_a_credit_note_refunded_to_the_card_is_a_refund_once() -> None:
    mine = invoice(credited_minor=45_000)
    by_note = note(45_000, refund_minor=45_000, refunds=(("re_1", 45_000),))
    back = MoneyBack([refund(45_000)], [], [by_note], [mine]).of(mine)

    (row,) = back.movements
    assert (row.key, row.type, row.minor, row.detail) == ("re_1", "Refund", 45_000, "Credit note OAK-0001-CN-01.")
    assert (back.refunded_minor, back.credited_minor) == (45_000, 0)


def test_a_note_that_refunds_one_part_and_credits_the_other_is_two_rows_that_add_up() -> None:
    mine = invoice(credited_minor=50_000)
    mixed = note(50_000, refund_minor=20_000, credit_minor=30_000, refunds=(("re_1", 20_000),), reason="order_change")
    back = MoneyBack([refund(20_000)], [], [mixed], [mine]).of(mine)

    assert [(r.type, r.minor) for r in back.movements] == [("Refund", 20_000), ("Credit", 30_000)]
    assert back.movements[1].detail == (
        "Credit note OAK-0001-CN-01. The order was changed. It went to the customer's balance."
    )
    assert (back.refunded_minor, back.credited_minor) == (20_000, 30_000)


def test_a_note_before_payment_lowers_what_is_due_and_a_void_one_counts_for_nothing() -> None:
    mine = invoice(credited_minor=30_000, status="open", payments=())
    (row,) = MoneyBack([], [], [note(30_000, pre_payment_minor=30_000)], [mine]).of(mine).movements
    assert (row.status, row.detail) == ("Issued", "Credit note OAK-0001-CN-01. It lowers what is due.")

    back = MoneyBack([], [], [note(30_000, pre_payment_minor=30_000, status="void")], [mine]).of(
        invoice(credited_minor=0)
    )
    assert [(r.status, r.minor) for r in back.movements] == [("Void", 30_000)]
    assert back.movements[0].detail == "Credit note OAK-0001-CN-01. It was voided: it counts for nothing."
    assert (back.refunded_minor, back.credited_minor) == (0, 0)


def test_of_a_refund_in_three_parts_those_that_arrived_count() -> None:
    parts = [
        refund(50_000),
        refund(40_000, "re_2", "failed", failure_reason="declined"),
        refund(30_000, "re_3", "pending"),
    ]
    mine = invoice()
    back = MoneyBack(parts, [], [], [mine]).of(mine)

    assert [(r.key, r.status, r.minor) for r in back.movements] == [
        ("re_1", "Succeeded", 50_000), ("re_2", "Failed", 40_000), ("re_3", "Pending", 30_000),
    ]  # fmt: skip
    assert (back.refunded_minor, back.credited_minor) == (80_000, 0)


def test_money_given_back_outside_stripe_is_a_refund() -> None:
    mine = invoice(credited_minor=10_000)
    back = MoneyBack([], [], [note(10_000, out_of_band_minor=10_000)], [mine]).of(mine)
    assert [(r.key, r.type, r.minor) for r in back.movements] == [("cn_1/outside", "Refund", 10_000)]
    assert (back.refunded_minor, back.credited_minor) == (10_000, 0)


@pytest.mark.parametrize(
    ("status", "word", "counts"),
    [("pending", "Pending", 45_000), ("requires_action", "Requires Action", 45_000), ("failed", "Failed", 0), ("canceled", "Canceled", 0)],
)  # fmt: skip
def test_a_refund_that_did_not_arrive_does_not_count(status: str, word: str, counts: int) -> None:
    mine = invoice()
    back = MoneyBack([refund(45_000, status=status, failure_reason="declined")], [], [], [mine]).of(mine)
    (row,) = back.movements
    assert (row.status, row.minor, back.refunded_minor) == (word, 45_000, counts)
    assert ("the bank refused it" in (row.detail or "")) is (status == "failed")


def test_a_note_whose_refund_failed_is_a_credit_again() -> None:
    mine = invoice(credited_minor=45_000)
    by_note = note(45_000, refund_minor=45_000, refunds=(("re_1", 45_000),))
    back = MoneyBack([refund(45_000, status="failed")], [], [by_note], [mine]).of(mine)
    assert [(r.type, r.status, r.minor) for r in back.movements] == [
        ("Refund", "Failed", 45_000),
        ("Credit", "Issued", 45_000),
    ]
    assert (back.refunded_minor, back.credited_minor) == (0, 45_000)


def test_a_refund_of_a_payment_of_two_invoices_is_shared_by_what_it_paid() -> None:
    both = [invoice("in_1", 100_000), invoice("in_2", 50_000)]
    money = MoneyBack([refund(10_000)], [], [], both)
    rows = [row for i in both for row in money.of(i).movements]
    assert [(r.key, r.minor) for r in rows] == [("re_1", 6_667), ("re_1/in_2", 3_333)]
    assert "covered several invoices" in (rows[0].detail or "")


def test_what_a_credit_note_names_of_a_shared_payment_is_its_invoices() -> None:
    both = [invoice("in_1", 100_000), invoice("in_2", 50_000, credited_minor=50_000)]
    by_note = note(50_000, invoice="in_2", refund_minor=50_000, refunds=(("re_1", 50_000),))
    money = MoneyBack([refund(50_000), refund(100_000, "re_2")], [], [by_note], both)
    assert [money.of(i).refunded_minor for i in both] == [100_000, 50_000]


def test_a_dispute_says_what_the_bank_says_and_until_when_to_answer() -> None:
    mine = invoice()
    asked = dispute("needs_response", answer_by_s=JAN_1 + 86_400 * 9, withdrawn_minor=120_000)
    back = MoneyBack([], [asked], [], [mine]).of(mine)
    (row,) = back.movements
    assert (row.type, row.status, row.minor) == ("Dispute", "Needs Response", 120_000)
    assert (back.dispute_status, back.refunded_minor) == ("Needs Response", 0)
    assert row.detail == (
        "The cardholder says that they did not make the payment. Answer with evidence by 10 Jan 2026."
        " The bank has taken the money back."
    )


def test_an_invoice_shows_the_worst_open_dispute_else_how_the_newest_ended() -> None:
    mine = invoice()
    won = dispute("won", "dp_1")
    for others, shown in (
        ([dispute("under_review", "dp_2"), dispute("needs_response", "dp_3")], "Needs Response"),
        ([dispute("lost", "dp_2", created_s=JAN_1 + 9)], "Lost"),
        ([], "Won"),
    ):
        assert MoneyBack([], [won, *others], [], [mine]).of(mine).dispute_status == shown


def test_a_status_that_is_new_to_us_is_said_loudly() -> None:
    mine = invoice()
    for money in (MoneyBack([refund(1, status="odd")], [], [], [mine]), MoneyBack([], [dispute("odd")], [], [mine])):
        with pytest.raises(Terminal, match="doesn't know"):
            money.of(mine)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from(["succeeded", "pending", "failed"])), max_size=4),
)
def test_what_is_shared_adds_up_to_what_was_refunded(paid: list[int], refunds: list[tuple[int, str]]) -> None:
    invoices = [invoice(f"in_{n}", amount) for n, amount in enumerate(paid)]
    given_ = [refund(amount, f"re_{n}", status) for n, (amount, status) in enumerate(refunds)]
    money = MoneyBack(given_, [], [], invoices)
    backs = [money.of(i) for i in invoices]
    assert sum(b.refunded_minor for b in backs) == sum(
        r.amount_minor for r in given_ if r.status not in CAME_TO_NOTHING
    )
    keys = [row.key for b in backs for row in b.movements]
    assert len(set(keys)) == len(keys)


def test_nothing_is_shared_among_nobody() -> None:
    assert shared(100, {}) == {}
    assert shared(100, {"a": 0}) == {"a": 0}
