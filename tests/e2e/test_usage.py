"""Use beside shorter cycles: a billing day, a term that ends inside a cycle, a line that starts inside one; and its end."""

from __future__ import annotations

from typing import Any

from tests.e2e.book import Book, by_day
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

MONTHLY: dict[str, Any] = {"Billing_Frequency__c": "Monthly"}


def test_use_is_billed_beside_shorter_cycles(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", [(None, "0.50", None)])
    both = [(seat, 10, "10.00", {}), (call, 1, "0", {})]
    book.sell("day", both, Start_Date__c="2026-01-03", Term_Months__c=2, Billing_Day__c=15, **MONTHLY)
    book.sell("tail", both, Start_Date__c="2026-01-01", End_Date__c="2026-02-14", **MONTHLY)
    begins = {"Start_Date__c": "2026-01-11"}
    book.sell("inside", [both[0], (call, 1, "0", begins)], Start_Date__c="2026-01-01", Term_Months__c=2, **MONTHLY)
    book.live("2025-12-11", "2026-01-04")
    for who in ("day", "tail"):
        book.used(who, "call", 10, "2026-01-03T12:00:00")
    world.at("2026-01-20")
    for who in book.deals:
        book.used(who, "call", 100, "2026-01-20T00:00:00")
    world.at("2026-02-10")
    for who in book.deals:
        book.used(who, "call", 1_000, "2026-02-10T00:00:00")
    book.live("2026-02-10T02:00", "2026-03-05")

    expected = {
        # 12 of 31 days and the last 16 of 28 (15 Feb to 3 Mar) of 100.00; the use of each piece at its end, at 0.50
        "day": [("2026-01-03", 3_871), ("2026-01-15", 10_000 + 500), ("2026-02-15", 5_714 + 55_000), ("2026-03-03", 0)],
        # 14 days of February: 100.00 x 14 x 12 / 365
        "tail": [("2026-01-01", 10_000), ("2026-02-01", 4_603 + 5_500), ("2026-02-15", 50_000)],
        "inside": [("2026-01-01", 10_000), ("2026-02-01", 10_000 + 5_000), ("2026-03-01", 50_000)],
    }
    for who, invoices in expected.items():
        assert [one for one in by_day(book.billed(who)) if one[1]] == [one for one in invoices if one[1]], who
        assert quote_row(world, book.deals[who])["Billing_Status__c"] == "Ended", who
        assert book.row(who, "Status__c") == ("Canceled",), who
    changes_nothing(tandem)


def test_use_before_an_end_is_billed(world: World, tandem: Tandem) -> None:
    """A line of use taken off, and a deal ended, in the middle of a cycle: what was used by then is owed."""
    world.at("2026-01-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", [(None, "0.50", None)])
    terms = {"Start_Date__c": "2026-02-01", "Term_Months__c": 6, **MONTHLY}
    for who in ("taken off", "ended", "ended at once"):
        book.sell(who, [(seat, 10, "10.00", {}), (call, 1, "0", {})], **terms)
    book.live("2026-01-11", "2026-02-10")
    book.change("taken off", [(call, 1, "0", {"Change__c": "Remove"})], Start_Date__c="2026-02-16", Credit_Policy__c="None")
    book.change("ended", kind="Cancellation", Start_Date__c="2026-02-16", Credit_Policy__c="None")
    book.live("2026-02-11")
    for who in book.deals:
        book.used(who, "call", 100, "2026-02-11T00:00:00")
    world.at("2026-02-16")
    book.change("ended at once", kind="Cancellation", Start_Date__c="2026-02-16", Credit_Policy__c="None")
    book.live("2026-02-16", "2026-04-02")

    seen = {who: by_day(book.billed(who)) for who in book.deals}
    print(seen)
    assert seen["taken off"] == [("2026-02-01", 10_000), ("2026-03-01", 15_000), ("2026-04-01", 10_000)]
    assert seen["ended"] == [("2026-02-01", 10_000), ("2026-02-16", 5_000)]
    assert seen["ended at once"] == [("2026-02-01", 10_000), ("2026-02-16", 5_000)]
    changes_nothing(tandem)
