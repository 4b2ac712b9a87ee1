"""What a rep reads of a quote that Stripe refused half way."""

from __future__ import annotations

from sync.desired.what_stands import what_stands
from sync.facts import Invoice, Subscription
from tests.sync.deal.factory import QUOTE_ID, a_deal

DEAL = a_deal()
AMENDMENT = "0Q0AA000009amendAA"
RUNS = Subscription(id="sub_1", customer="cus_1", status="active", metadata={"tandem_deal": DEAL.key})
OTHERS = Subscription(id="sub_9", customer="cus_1", status="active", metadata={"tandem_deal": "another"})


def invoice(key: str, paid: int, subscription: str | None = None) -> Invoice:
    return Invoice(
        id="in_1", customer="cus_1", currency="usd", status="paid" if paid else "draft", total_minor=1_000_00,
        amount_paid_minor=paid, metadata={"tandem_key": key}, subscription=subscription,
    )  # fmt: skip


def test_where_nothing_bills_yet_that_is_said() -> None:
    assert what_stands(DEAL, QUOTE_ID, [OTHERS]) == "In Stripe nothing bills it yet. Nothing was charged."


def test_what_was_made_is_named_and_whether_anything_was_charged() -> None:
    draft = invoice(f"{DEAL.key}:begun", 0)
    assert what_stands(DEAL, QUOTE_ID, [RUNS, OTHERS, draft]) == (
        "In Stripe there is already subscription sub_1 (active), invoice in_1 (draft, 1,000.00 USD); the next run goes on from "
        "there. Nothing was charged."
    )
    told = what_stands(DEAL, QUOTE_ID, [RUNS, invoice("", 500_00, subscription="sub_1")])
    assert "invoice in_1 (paid, 1,000.00 USD)" in told
    assert told.endswith(" 500.00 USD was charged.")


def test_of_a_change_only_what_is_its_own_is_told() -> None:
    cycle = invoice("", 500_00, subscription="sub_1")
    assert what_stands(DEAL, AMENDMENT, [RUNS, cycle]) == "Its deal bills on as before. Nothing was charged."
    own = invoice(f"{DEAL.key}:{AMENDMENT}:2026-03-01", 0)
    assert "already invoice in_1 (draft, 1,000.00 USD);" in what_stands(DEAL, AMENDMENT, [RUNS, cycle, own])
