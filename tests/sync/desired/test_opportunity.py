"""What an Opportunity shows of its deals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync.desired.opportunity import BilledDeal, SignedQuote, billed, note, opportunities, refused
from sync.facts import Invoice, Line, Price, Subscription

SUBSCRIPTION = Subscription(id="sub_1", customer="cus_1", currency="usd", metadata={"tandem_deal": "Q1"})
PRICES = {"use": Price(id="use", usage_type="metered", interval="month")}


def quote(id_: str, deal: str, total: str | None, change: str | None = None, **more: Any) -> SignedQuote:
    amounts = (None if x is None else Decimal(x) for x in (total, change))
    return SignedQuote(id_, deal, more.get("opportunity", "006A"), more.get("status", "Live"), *amounts)


def invoice(minor: int, **more: Any) -> Invoice:
    fields = {"id": "in_1", "customer": "cus_1", "subscription": "sub_1", "status": "paid", "currency": "usd"}
    return Invoice(total_minor=minor, **(fields | more))


def test_billed_is_what_stands_without_tax_and_less_credits() -> None:
    use = Line(amount_minor=500, price="use", quantity=5)
    stated = invoice(700, subscription=None, metadata={"tandem_deal": "Q1"}, status="open")
    left_out = [invoice(9_999, status=s) for s in ("draft", "void")] + [invoice(9_999, subscription="sub_2")]
    taxed = invoice(12_000, tax_minor=2_000, added_tax_minor=2_000, credited_minor=1_000, lines=(use,))
    found = billed([SUBSCRIPTION], [taxed, stated, *left_out], PRICES)
    assert found == {"Q1": BilledDeal(9_867, 500, "usd")}  # 10,000 before tax, less 833 of the credit of 1,000; and 700
    assert billed([SUBSCRIPTION], [], {}) == {"Q1": BilledDeal(0, 0, "usd")}


def test_changes_of_a_deal_count_for_it_wherever_they_were_signed() -> None:
    quotes = [
        quote("Q1", "Q1", "1200"), quote("Q2", "Q1", "1500", "300"),
        quote("Q3", "Q1", "1450", "-50", opportunity="006B", status="Scheduled"),
    ]  # fmt: skip
    shown = opportunities(quotes, {"Q1": BilledDeal(10_000, 0, "usd")})
    assert shown["006A"] == {
        "Billing_Status__c": "Live", "Contracted_Amount__c": Decimal(1450), "Billed_Amount__c": Decimal("100.00"),
        "Billing_Note__c": "Live: 100.00 of 1,450 USD billed.",
    }  # fmt: skip
    assert shown["006B"] == {
        "Billing_Status__c": "Scheduled", "Contracted_Amount__c": Decimal(-50), "Billed_Amount__c": None,
        "Billing_Note__c": "Scheduled: a change of -50, billed with the deal that it changes.",
    }  # fmt: skip


def test_two_deals_of_one_opportunity_add_up_and_the_one_that_waits_for_a_person_says_so() -> None:
    quotes = [quote("Q1", "Q1", "1200"), quote("Q2", "Q2", "300", status="Needs Attention")]
    shown = opportunities(quotes, {"Q1": BilledDeal(10_000, 0, "usd"), "Q2": BilledDeal(500, 0, "usd")})["006A"]
    assert (shown["Billing_Status__c"], shown["Contracted_Amount__c"], shown["Billed_Amount__c"]) == (
        "Needs Attention",
        1500,
        105,
    )


def test_a_deal_without_an_end_has_no_contracted_amount() -> None:
    shown = opportunities([quote("Q1", "Q1", None)], {"Q1": BilledDeal(10_000, 0, "usd")})["006A"]
    assert (shown["Contracted_Amount__c"], shown["Billing_Note__c"]) == (
        None,
        "Live: 100.00 USD billed; it has no end.",
    )


@pytest.mark.parametrize(
    ("status", "contracted", "amount", "by_use", "line"),
    [
        ("Scheduled", "1200.00", "0.00", "0", "Scheduled: 0.00 of 1,200.00 USD billed."),
        ("Live", None, "100.00", "0", "Live: 100.00 USD billed; it has no end."),
        ("Live", "1200.00", "150.00", "50.00", "Live: 150.00 of 1,200.00 USD billed, 50.00 of it by use."),
        ("Ended", "1200.00", "1200.00", "0", "Ended: 1,200.00 of 1,200.00 USD billed."),
        ("Ended", "1200.00", "1199.96", "0", "Ended: 1,199.96 of 1,200.00 USD billed; 0.04 less than contracted."),
        ("Ended", "1200.00", "1300.00", "50.00", "Ended: 1,300.00 of 1,200.00 USD billed, 50.00 of it by use; 50.00 more than contracted."),
    ],
)  # fmt: skip
def test_one_line_says_contracted_against_billed(
    status: str, contracted: Any, amount: str, by_use: str, line: str
) -> None:
    whole = None if contracted is None else Decimal(contracted)
    assert note(status, whole, Decimal(amount), Decimal(by_use), "usd") == line


def test_a_refused_quote_says_why_in_one_line_that_fits() -> None:
    row = refused("Needs Attention", None, f"{'Too long. ' * 40}\nSecond line.")
    assert (row["Billing_Status__c"], row["Billed_Amount__c"], len(str(row["Billing_Note__c"]))) == (
        "Needs Attention",
        None,
        255,
    )
    assert refused("Waiting", Decimal(5), "")["Billing_Note__c"] == "Waiting: nothing is billed yet."
