"""Use beside shorter cycles: a billing day, a term that ends inside a cycle, a line that starts inside one; and its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book, by_day
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


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
    book.sell("ended", both, Start_Date__c="2026-01-01", Term_Months__c=6, **MONTHLY)
    book.live("2025-12-11", "2026-01-04")
    for who in ("day", "tail"):
        book.used(who, "call", 10, "2026-01-03T12:00:00")
    world.at("2026-01-20")
    for who in book.deals:
        book.used(who, "call", 100, "2026-01-20T00:00:00")
    world.at("2026-02-10")
    for who in book.deals:
        book.used(who, "call", 1_000, "2026-02-10T00:00:00")
    book.change("ended", kind="Cancellation", Start_Date__c="2026-02-16", Credit_Policy__c="None")
    book.live("2026-02-10T02:00", "2026-03-05")

    expected = {
        # 12 of 31 days and the last 16 of 28 (15 Feb to 3 Mar) of 100.00; the use of each piece at its end, at 0.50
        "day": [("2026-01-03", 3_871), ("2026-01-15", 10_000 + 500), ("2026-02-15", 5_714 + 55_000), ("2026-03-03", 0)],
        # 14 days of February: 100.00 x 14 x 12 / 365
        "tail": [("2026-01-01", 10_000), ("2026-02-01", 4_603 + 5_500), ("2026-02-15", 50_000)],
        "inside": [("2026-01-01", 10_000), ("2026-02-01", 10_000 + 5_000), ("2026-03-01", 50_000)],
        "ended": [("2026-01-01", 10_000), ("2026-02-01", 10_000 + 5_000), ("2026-02-16", 50_000)],
    }
    for who, invoices in expected.items():
        assert [one for one in by_day(book.billed(who)) if one[1]] == [one for one in invoices if one[1]], who
        assert quote_row(world, book.deals[who])["Billing_Status__c"] == "Ended", who
        assert book.row(who, "Status__c") == ("Canceled",), who
    changes_nothing(tandem)


def test_usage_that_would_be_lost_is_not_taken_off_inside_its_cycle(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", [(None, "0.50", None)])
    both = [(seat, 10, "10.00", {}), (call, 1, "0", {})]
    for who in ("taken off", "ended at once"):
        book.sell(who, both, Start_Date__c="2026-02-01", Term_Months__c=6, **MONTHLY)
    book.live("2026-01-11", "2026-02-16")
    for who in book.deals:
        book.used(who, "call", 100, "2026-02-11T00:00:00")
    now: dict[str, Any] = {"Start_Date__c": "2026-02-16", "Credit_Policy__c": "None"}
    refused = [
        book.change("taken off", [(call, 1, "0", {"Change__c": "Remove"})], **now),
        book.change("ended at once", kind="Cancellation", **now),
    ]
    before = world.mark()
    tandem.drain()
    rows = [quote_row(world, quote) for quote in refused]
    assert [row["Billing_Code__c"] for row in rows] == ["CONF-311", "CONF-311"]
    assert "Choose 1 Mar 2026, when its next cycle begins" in rows[0]["Billing_Message__c"]
    assert "Choose 17 Feb 2026 or a later day" in rows[1]["Billing_Message__c"]
    assert [e for e in world.writes(before) if e.system == "stripe"] == []
    world.at("2026-03-01T02:00")
    tandem.drain()
    # February's 100 calls at 0.50, and March's 10 seats: what was used is billed
    assert [book.billed(who)[-1][1] for who in book.deals] == [15_000, 15_000]
