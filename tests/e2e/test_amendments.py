"""Amendments: what they add, what they take off, and what becomes of the money, on both sides.

The deal is that of case 08: 10 x 50.00 a month from 2026-05-01 for twelve months. Left-over days count 12/365 of a month.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.book import Book, by_day
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


TERMS: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
TAKE = {"Change__c": "Remove"}


def months(first: int, last: int, total: int) -> list[tuple[str, int]]:
    return [(f"2026-{month:02d}-01", total) for month in range(first, last + 1)]


def first_row(book: Book, who: str, fields: str) -> tuple[Any, ...]:
    """Fields of the row of the deal's first invoice."""
    where = f"Account__c = '{book.accounts[who]}' AND Issued_On__c = 2026-05-01"
    return tuple(book.world.crm.row("Billing_Invoice__c", fields, where).values())


def test_what_is_taken_off_is_credited_by_the_policy(world: World, tandem: Tandem) -> None:
    """4 of 10 seats go on 16 May: 11 months and 15 days of 200.00 are 2,298.63, less eleven cycles of 200.00: 98.63."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    for who in ("none", "balance", "open", "refund", "boundary", "late"):
        book.sell(who, [(seat, 10, "50.00", {})], card=who == "refund", **TERMS)
    book.live("2026-04-21", "2026-05-02")
    for who in ("none", "balance", "boundary", "late"):
        book.pay(who)
    four = [(seat, 4, "50.00", TAKE)]
    for who, policy in (("none", "None"), ("balance", "Balance"), ("open", "Balance"), ("refund", "Refund")):
        book.change(who, four, Start_Date__c="2026-05-16", Credit_Policy__c=policy)
    boundary = book.change("boundary", four, Start_Date__c="2026-06-01", Credit_Policy__c="Refund")
    book.live("2026-05-03")
    assert book.row("balance", "MRR__c Contracted_MRR__c Quantity__c") == (500, 300, 10)
    book.live("2026-05-16", "2026-07-02")
    assert book.row("balance", "MRR__c Quantity__c End_Date__c") == (300, 6, "2027-04-30")
    assert book.status(boundary) == "Live"
    book.pay("late")
    late = book.change("late", four, Start_Date__c="2026-05-16", Credit_Policy__c="Balance")
    book.live("2026-07-10", "2026-09-02")

    for who in ("none", "balance", "open", "refund", "boundary"):
        assert book.billed(who) == [("2026-05-01", 50_000), *months(6, 9, 30_000)], who
        assert book.shown(who) == book.billed(who), who
    assert book.given_back("none") == book.given_back("boundary") == []
    assert book.given_back("balance") == [("note", 9_863)]
    assert book.given_back("open") == [("due", 9_863)]
    assert book.given_back("refund") == [("back", 9_863)]
    # Two more cycles of 200.00: all is July's, newest first; August is billed right.
    assert book.billed("late") == [*months(5, 7, 50_000), *months(8, 9, 30_000)]
    assert book.given_back("late") == [("note", 49_863)]
    assert quote_row(world, late)["Contract_Total__c"] == Decimal("-2298.63")
    fields = "Status__c Amount_Remaining__c Amount_Credited__c"
    assert first_row(book, "open", fields) == ("Open", Decimal("401.37"), Decimal("98.63"))
    assert first_row(book, "refund", "Status__c") == ("Paid",)
    changes_nothing(tandem)


def test_what_is_added_is_billed_from_its_day_on(world: World, tandem: Tandem) -> None:
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat, archive = book.product("Seat"), book.product("Archive", period="Quarter")
    modules = [book.product(f"Module {n}") for n in range(22)]
    for who in ("not begun", "price", "today", "before a live one", "by the quarter", "one day"):
        book.sell(who, [(seat, 10, "50.00", {})], **TERMS)
    book.sell("many", [(module, 1, "10.00", {}) for module in modules[:18]], **TERMS)
    book.live("2026-04-21")
    book.change("not begun", [(seat, 2, "50.00", {})], Start_Date__c="2026-05-01")
    book.change("price", [(seat, 5, "60.00", {})], Start_Date__c="2026-06-01")
    book.change("before a live one", [(seat, 2, "50.00", {})], Start_Date__c="2026-07-10")
    book.change(
        "by the quarter", [(archive, 3, "90.00", {"Billing_Frequency__c": "Quarterly"})], Start_Date__c="2026-06-16"
    )
    book.change("one day", [(seat, 4, "50.00", TAKE), (seat, 6, "55.00", {})], Start_Date__c="2026-06-16")
    book.change(
        "many",
        [(module, 1, "10.00", {}) for module in modules[18:]],
        Start_Date__c="2026-06-01",
        Billing_Frequency__c="Monthly",
    )
    book.live("2026-04-22", "2026-05-16T08:00")
    today = book.change("today", [(seat, 3, "50.00", {})], Start_Date__c="2026-05-16")
    book.live("2026-05-16T10:00", "2026-06-16", "2026-07-10")
    assert book.status(today) == "Live"
    assert book.row("many", "MRR__c Quantity__c") == (220, 22)
    assert book.row("price", "MRR__c Quantity__c") == (800, 15)
    book.live("2026-08-05")
    early = book.change("before a live one", [(seat, 3, "50.00", {})], Start_Date__c="2026-05-16")
    book.live("2026-08-05T10:00")
    assert quote_row(world, early)["First_Invoice_Amount__c"] == Decimal("523.97")
    book.live("2026-09-02")

    expected = {
        "not begun": months(5, 9, 60_000),
        "price": [("2026-05-01", 50_000), *months(6, 9, 80_000)],
        # 3 x 50.00 for 11 months and 15 days are 1,723.97; eleven cycles of 150.00 are to come: 73.97 at once
        "today": [("2026-05-01", 50_000), ("2026-05-16", 7_397), *months(6, 9, 65_000)],
        # 2 x 50.00 for 9 months and 21 days are 969.04, less nine of 100.00; then 73.97 and 3 x 150.00 at once
        "before a live one": [
            *months(5, 7, 50_000), ("2026-07-10", 6_904), ("2026-08-01", 60_000), ("2026-08-05", 52_397), ("2026-09-01", 75_000),
        ],
        # 3 x 30.00 a month for 10 months and 15 days: 944.38, less 270.00 in August, November and February
        "by the quarter": [*months(5, 9, 50_000), ("2026-06-16", 13_438), ("2026-08-01", 27_000)],
        # 6 x 55.00 for 10 months and 15 days: 3,462.74, less ten of 330.00; the 4 x 50.00: 2,098.63, less ten of 200.00
        "one day": [*months(5, 6, 50_000), ("2026-06-16", 16_274), *months(7, 9, 63_000)],
        "many": [("2026-05-01", 18_000), *months(6, 9, 22_000)],
    }  # fmt: skip
    for who, invoices in expected.items():
        assert by_day(book.billed(who)) == by_day(invoices), who
        assert sorted(book.shown(who)) == sorted(book.billed(who)), who
    assert book.given_back("one day") == [("due", 9_863)]
    [late] = [i for i in book.invoices("before a live one") if i["total"] == 52_397]
    assert [(line["period"]["start"], line["period"]["end"]) for line in late["lines"]["data"]] == [
        (1778889600, 1788220800)
    ]
    assert len({s["id"] for s in world.stripe.all("subscriptions", customer=book.customer("many"))}) == 2
    changes_nothing(tandem)


def test_a_refused_amendment_leaves_both_sides_alone_until_its_field_is_right(world: World, tandem: Tandem) -> None:
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    for who in ("too much", "wrong end", "cancelled"):
        book.sell(who, [(seat, 10, "50.00", {})], **TERMS)
    book.live("2026-04-21", "2026-05-02")
    book.change("cancelled", kind="Cancellation", Start_Date__c="2026-08-01")
    book.live("2026-05-03")
    before = world.mark()
    much = book.change("too much", [(seat, 11, "50.00", TAKE)], Start_Date__c="2026-06-01")
    end = book.change("wrong end", [(seat, 1, "50.00", {})], Start_Date__c="2026-06-01", End_Date__c="2027-05-31")
    after = book.change("cancelled", [(seat, 1, "50.00", {})], Start_Date__c="2026-08-01")
    tandem.drain()

    assert world.writes(before, "stripe") == []
    said = {quote: quote_row(world, quote) for quote in (much, end, after)}
    assert {quote: (row["Billing_Status__c"], row["Billing_Code__c"]) for quote, row in said.items()} == {
        much: ("Needs Attention", "DATA-207"), end: ("Needs Attention", "DATA-205"), after: ("Needs Attention", "DATA-212"),
    }  # fmt: skip
    assert "10 at 50.00 USD a month" in said[much]["Billing_Message__c"]
    assert "30 Apr 2027" in said[end]["Billing_Message__c"]
    assert "31 Jul 2026" in said[after]["Billing_Message__c"]
    for who in ("too much", "wrong end"):
        assert book.row(who, "MRR__c Contracted_MRR__c Quantity__c") == (500, 500, 10), who

    line = world.crm.row("QuoteLineItem", "Id", f"QuoteId = '{much}'")["Id"]
    world.crm.change("QuoteLineItem", line, Quantity=1)
    world.crm.change("Quote", end, End_Date__c="2027-04-30")
    world.crm.change("Quote", after, Start_Date__c="2026-07-01")
    book.live("2026-05-04")
    assert {book.status(quote) for quote in said} == {"Scheduled"}
    assert {row["Billing_Code__c"] for row in (quote_row(world, quote) for quote in said)} == {None}
    book.live("2026-09-02")
    assert book.billed("too much") == [("2026-05-01", 50_000), *months(6, 9, 45_000)]
    assert book.billed("wrong end") == [("2026-05-01", 50_000), *months(6, 9, 55_000)]
    assert book.billed("cancelled") == [*months(5, 6, 50_000), ("2026-07-01", 55_000)]
    changes_nothing(tandem)
