"""Cancellations: when service ends, what is given back, and what both sides say meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


TERMS: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
ENDS = "Status__c Ends_On__c End_Date__c MRR__c Contracted_MRR__c"


def test_a_deal_ends_where_its_cancellation_says(world: World, tandem: Tandem) -> None:
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    for who in ("boundary", "inside", "no credit", "today", "back", "never"):
        book.sell(who, [(seat, 10, "50.00", {})], **TERMS)
    book.live("2026-04-21", "2026-04-25")
    never = book.change("never", kind="Cancellation", Start_Date__c="2026-05-01")
    book.live("2026-04-26")
    assert book.row("never", ENDS)[0] == "Canceled"
    book.live("2026-05-02")
    ends = {
        "boundary": book.change("boundary", kind="Cancellation", Start_Date__c="2026-08-01"),
        "inside": book.change("inside", kind="Cancellation", Start_Date__c="2026-07-16"),
        "no credit": book.change("no credit", kind="Cancellation", Start_Date__c="2026-07-16", Credit_Policy__c="None"),
    }
    book.live("2026-05-03")
    assert book.row("boundary", ENDS) == ("Active", "2026-07-31", "2027-04-30", 500, 0)
    assert book.row("inside", ENDS) == ("Active", "2026-07-15", "2027-04-30", 500, 0)
    assert {book.status(quote) for quote in ends.values()} == {"Scheduled"}
    book.pay("inside")
    book.live("2026-07-10")
    for who in ("inside", "today", "back"):
        book.pay(who)
    ends["today"] = book.change("today", kind="Cancellation", Start_Date__c="2026-07-10")
    ends["back"] = book.change("back", kind="Cancellation", Start_Date__c="2026-05-11")
    book.live("2026-07-10T04:00")
    assert book.row("today", ENDS) == ("Canceled", "2026-07-09", "2027-04-30", 0, 0)
    assert book.row("back", ENDS) == ("Canceled", "2026-05-10", "2027-04-30", 0, 0)
    book.live("2026-07-16", "2026-08-02", "2026-09-02")

    paid = [("2026-05-01", 50_000), ("2026-06-01", 50_000), ("2026-07-01", 50_000)]
    for who, quote in ends.items():
        assert book.billed(who) == paid, who
        assert book.shown(who) == paid, who
        assert book.status(quote) == "Ended", who
        assert book.status(book.deals[who]) == "Ended", who
        assert book.row(who, "Status__c MRR__c Contracted_MRR__c") == ("Canceled", 0, 0), who
    assert book.billed("never") == []
    assert book.status(never) == "Ended"
    assert book.given_back("boundary") == book.given_back("no credit") == []
    # From 16 July nine months and 15 days, 4,746.58, of which nine cycles are never billed: 246.58
    assert book.given_back("inside") == [("note", 24_658)]
    # From 10 July nine months and 21 days: 345.21
    assert book.given_back("today") == [("note", 34_521)]
    # From 11 May eleven months and 20 days: 328.77, and June and July, newest first
    assert sorted(book.given_back("back")) == [("note", 32_877), ("note", 50_000), ("note", 50_000)]
    assert {s["status"] for s in world.stripe.all("subscriptions", status="all")} == {"canceled"}
    row = quote_row(world, ends["boundary"])
    assert row["Contract_Total__c"] == -4_500  # nine cycles less
    changes_nothing(tandem)
