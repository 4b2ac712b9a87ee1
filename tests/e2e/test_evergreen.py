"""Deals without an end: they go on until somebody ends them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


EVERGREEN: dict[str, Any] = {"Auto_Renew__c": True, "Billing_Frequency__c": "Monthly"}


def test_deals_without_an_end_are_changed_and_ended(world: World, tandem: Tandem) -> None:
    world.at("2026-01-01T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    lines = [(seat, 10, "10.00", {})]
    for who, start in (("today", "01"), ("ends", "01"), ("later", "02")):
        book.sell(who, lines, Start_Date__c=f"2026-{start}-01", **EVERGREEN)
    book.live("2026-01-01T12:00", "2026-02-02")
    for who in book.deals:
        assert book.row(who, "Status__c MRR__c End_Date__c Ends_On__c") == ("Active", Decimal(100), None, None), who
        assert quote_row(world, book.deals[who])["Contract_Total__c"] is None, who

    on_a_boundary = book.change("today", [(seat, 2, "10.00", {})], Start_Date__c="2026-03-01")
    inside = book.change("later", [(seat, 3, "10.00", {})], Start_Date__c="2026-03-17")
    book.change("ends", kind="Cancellation", Start_Date__c="2026-06-01")
    book.live("2026-02-03")
    assert book.row("ends", "Status__c Ends_On__c Contracted_MRR__c MRR__c") == ("Active", "2026-05-31", 0, 100)
    book.live("2026-03-17", "2026-04-10")
    assert [book.status(quote) for quote in (on_a_boundary, inside)] == ["Live", "Live"]
    assert [quote_row(world, quote)["Contract_Total__c"] for quote in (on_a_boundary, inside)] == [None, None]
    assert [book.row(who, "MRR__c") for who in ("today", "later")] == [(120,), (130,)]
    book.live("2026-07-02")

    def months(first: int, last: int, total: int) -> list[tuple[str, int]]:
        return [(f"2026-{month:02d}-01", total) for month in range(first, last + 1)]

    assert book.billed("today") == [*months(1, 2, 10_000), *months(3, 7, 12_000)]
    # 15 days to the end of March: 3,000 x 15 x 12 / 365 = 1,479.5
    assert book.billed("later") == [*months(2, 3, 10_000), ("2026-03-17", 1_479), *months(4, 7, 13_000)]
    assert book.billed("ends") == months(1, 5, 10_000)
    assert book.given_back("ends") == []
    assert book.row("ends", "Status__c MRR__c") == ("Canceled", 0)
    for who in book.deals:
        assert book.shown(who) == book.billed(who), who
    changes_nothing(tandem)


def test_a_deal_without_an_end_is_ended_at_once(world: World, tandem: Tandem) -> None:
    world.at("2026-01-01T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("deal", [(seat, 10, "10.00", {})], Start_Date__c="2026-02-01", **EVERGREEN)
    book.live("2026-01-01T12:00", "2026-02-02")
    added = book.change("deal", [(seat, 2, "10.00", {})], Start_Date__c="2026-03-01")
    book.live("2026-02-03", "2026-04-10")
    ended = book.change("deal", kind="Cancellation", Start_Date__c="2026-04-10")
    book.live("2026-04-10T04:00")
    assert book.row("deal", "Status__c Ends_On__c Contracted_MRR__c MRR__c End_Date__c") == (
        "Canceled", "2026-04-09", 0, 0, None,
    )  # fmt: skip
    assert book.billed("deal") == [("2026-02-01", 10_000), ("2026-03-01", 12_000), ("2026-04-01", 12_000)]
    # 21 days to the end of April, of an open invoice: 12,000 x 21 x 12 / 365 = 8,284.9
    assert book.given_back("deal") == [("due", 8_285)]
    assert book.status(ended) == "Ended"
    assert [book.status(quote) for quote in (added, book.deals["deal"])] == ["Ended", "Ended"]
    changes_nothing(tandem)
