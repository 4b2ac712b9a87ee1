"""Discounts of every kind: what they take off each invoice, and when they stop."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


DAYS = [f"2026-{month:02d}-01" for month in (2, 3, 4, 5, 6, 7)]


def test_each_discount_is_on_its_invoices_and_on_no_other(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    book = Book(world, tandem)
    seat, extra = book.product("Seat"), book.product("Extra")
    fee = book.product("Setup", charge="One-Time", period=None)
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 6, "Billing_Frequency__c": "Monthly"}

    def sell(who: str, line: dict[str, object], *more: tuple[object, ...], **header: object) -> None:
        book.sell(who, [(seat, 10, "10.00", line), *more], **terms, **header)  # type: ignore[list-item]

    sell("percent for 3", {"Discount": 20, "Discount_Months__c": 3})
    sell("amount for 2", {"Discount_Amount__c": 5, "Discount_Months__c": 2})
    sell("quote for 2", {}, (fee, 1, "100.00", {}), Quote_Discount__c=10, Quote_Discount_Months__c=2)
    sell("free for 2", {"Discount": 100, "Discount_Months__c": 2})
    sell("beside a free line", {}, (extra, 2, "0", {}))
    sell("all three", {"Discount": 20, "Discount_Amount__c": 5}, Quote_Discount__c=10)
    sell("the same twice", {"Discount": 10}, Quote_Discount__c=10)
    expected = {
        "percent for 3": [8_000, 8_000, 8_000, 10_000, 10_000, 10_000],
        "amount for 2": [9_500, 9_500, 10_000, 10_000, 10_000, 10_000],
        "quote for 2": [18_000, 9_000, 10_000, 10_000, 10_000, 10_000],  # with the fee: 90 % of 100.00
        "free for 2": [0, 0, 10_000, 10_000, 10_000, 10_000],
        "beside a free line": [10_000] * 6,
        "all three": [6_750] * 6,  # 10,000 - 20 % = 8,000, - 500 = 7,500, - 10 % = 6,750
        "the same twice": [8_100] * 6,
    }
    lasting = {"all three": Decimal("67.5"), "the same twice": 81}

    book.live("2026-01-11", "2026-02-02")
    for who, invoices in expected.items():
        today = Decimal(9_000 if who == "quote for 2" else invoices[0]) / 100
        assert book.row(who, "MRR__c Contracted_MRR__c") == (today, lasting.get(who, 100)), who
    [subscription] = world.stripe.all(
        "subscriptions", customer=book.customer("all three"), **{"expand[0]": "data.items.data.discounts"}
    )
    coupons = [d["source"]["coupon"] for d in subscription["items"]["data"][0]["discounts"]]
    assert coupons == ["tdm-pct-20", "tdm-amt-usd-500", "tdm-pct-10"]
    items = f"Billing_Subscription__r.Billing_Key__c = '{book.deals['beside a free line']}'"
    rows = world.crm.rows("Billing_Subscription_Item__c", "MRR__c Quantity__c", items, "Quantity__c")
    assert rows == [{"MRR__c": 0, "Quantity__c": 2}, {"MRR__c": 100, "Quantity__c": 10}]
    book.live("2026-04-02")
    for who, invoices in expected.items():
        assert book.row(who, "MRR__c") == (Decimal(invoices[2]) / 100,), who
    book.live("2026-08-02")

    for who, invoices in expected.items():
        assert book.billed(who) == list(zip(DAYS, invoices, strict=True)), who
        assert book.shown(who) == book.billed(who), who
        row = quote_row(world, book.deals[who])
        assert (row["Contract_Total__c"], row["Billing_Status__c"]) == (Decimal(sum(invoices)) / 100, "Ended"), who
        assert "no rounding difference" in row["Billing_Preview__c"], who
    changes_nothing(tandem)


def test_an_amount_off_that_takes_all_of_the_last_piece_is_an_invoice_of_nothing_as_foreseen(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-05")
    book = Book(world, tandem)
    seat, support = book.product("Seat"), book.product("Support", period="Year")
    terms = {"Start_Date__c": "2026-01-10", "End_Date__c": "2026-03-24", "Billing_Frequency__c": "Monthly"}
    book.sell("short", [(seat, 1, "100.00", {"Discount_Amount__c": "60.00"})], **terms)
    book.sell("trial", [(seat, 1, "100.00", {})], **{**terms, "Trial_Days__c": 5, "End_Date__c": "2026-03-14"})
    book.sell("late", [(support, 1, "600.00", {})], **{**terms, "Billing_Frequency__c": "Annual"})
    book.live("2026-01-10")
    own = {"Billing_Frequency__c": "Monthly"}
    book.change("late", [(seat, 1, "20.00", own)], Start_Date__c="2026-01-25", Proration_Policy__c="None")
    book.live("2026-01-16", "2026-01-25", "2026-02-12", "2026-03-12", "2026-03-26")

    short = [("2026-01-10", 4_000), ("2026-02-10", 4_000), ("2026-03-10", 0)]
    assert book.billed("short") == book.shown("short") == short
    preview = quote_row(world, book.deals["short"])["Billing_Preview__c"]
    assert "First invoice 10 Jan 2026: 40.00 USD" in preview
    assert "Then 1 × 40.00 USD: 10 Feb 2026\nThen 1 × 0.00 USD: 10 Mar 2026\n" in preview
    assert book.billed("trial") == [("2026-01-10", 0), ("2026-01-15", 10_000), ("2026-02-15", 10_000)]
    # 600.00 x 2 months and 15 days of 12; the seat's own subscription bills from 10 February on
    assert book.billed("late") == [
        ("2026-01-10", 12_466),
        ("2026-01-25", 0),
        ("2026-02-10", 2_000),
        ("2026-03-10", 986),
    ]
    changes_nothing(tandem)
