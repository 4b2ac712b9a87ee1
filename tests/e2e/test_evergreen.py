"""Deals without an end: they go on until somebody ends them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

EVERGREEN: dict[str, Any] = {"Auto_Renew__c": True, "Billing_Frequency__c": "Monthly"}


def test_deals_without_an_end_are_changed_and_ended(world: World, tandem: Tandem) -> None:
    world.at("2026-01-01T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    lines = [(seat, 10, "10.00", {})]
    book.sell("today", lines, Start_Date__c="2026-01-01", **EVERGREEN)
    book.sell("later", lines, Start_Date__c="2026-02-01", **EVERGREEN)
    book.live("2026-01-01T12:00", "2026-02-02")
    for who in ("today", "later"):
        assert book.row(who, "Status__c MRR__c End_Date__c Ends_On__c") == ("Active", Decimal(100), None, None), who
        assert quote_row(world, book.deals[who])["Contract_Total__c"] is None, who
    changes_nothing(tandem)

    on_a_boundary = book.change("today", [(seat, 2, "10.00", {})], Start_Date__c="2026-03-01")
    inside = book.change("later", [(seat, 3, "10.00", {})], Start_Date__c="2026-03-17")
    book.live("2026-02-03", "2026-03-17", "2026-04-02")
    assert [book.status(quote) for quote in (on_a_boundary, inside)] == ["Live", "Live"]
    assert [book.row(who, "MRR__c Contracted_MRR__c")[0] for who in ("today", "later")] == [Decimal(120), Decimal(130)]

    book.change("today", kind="Cancellation", Start_Date__c="2026-06-01")
    now = book.change("later", kind="Cancellation", Start_Date__c="2026-04-10")
    book.live("2026-04-10")
    assert book.row("today", "Status__c Ends_On__c Contracted_MRR__c MRR__c") == (
        "Active", "2026-05-31", Decimal(0), Decimal(120),
    )  # fmt: skip
    assert book.row("later", "Status__c Ends_On__c Contracted_MRR__c MRR__c End_Date__c") == (
        "Canceled", "2026-04-09", Decimal(0), Decimal(0), None,
    )  # fmt: skip
    assert book.status(now) == "Ended"
    book.live("2026-07-02")

    months = [(f"2026-{month:02d}-01", 12_000) for month in (3, 4, 5)]
    assert book.billed("today") == [("2026-01-01", 10_000), ("2026-02-01", 10_000), *months]
    assert book.given_back("today") == []
    # 15 days to the end of March: 3,000 x 15 x 12 / 365 = 1,479.5
    assert book.billed("later") == [
        ("2026-02-01", 10_000), ("2026-03-01", 10_000), ("2026-03-17", 1_479), ("2026-04-01", 13_000),
    ]  # fmt: skip
    # 21 days to the end of April, of an open invoice: 13,000 x 21 x 12 / 365 = 8,975.3
    assert book.given_back("later") == [("due", 8_975)]
    assert book.row("today", "Status__c MRR__c") == ("Canceled", Decimal(0))
    changes_nothing(tandem)
