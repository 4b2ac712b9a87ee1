"""Amendments of deals in other currencies and time zones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


TERMS: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 6, "Billing_Frequency__c": "Monthly"}


def test_an_amendment_has_the_decimals_and_the_days_of_its_deal(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    book = Book(world, tandem, currencies=("USD", "JPY", "KWD"))
    seat = book.product("Seat")
    book.sell("yen", [(seat, 10, "1200", {})], currency="JPY", **TERMS)
    book.sell("dinar", [(seat, 10, "3.65", {})], currency="KWD", **TERMS)
    book.sell("west", [(seat, 10, "10.00", {})], zone="America/Los_Angeles", **TERMS)
    book.sell("east", [(seat, 10, "10.00", {})], zone="Asia/Tokyo", **TERMS)
    book.live("2026-02-11", "2026-03-02")
    for who, price in (("yen", "1200"), ("dinar", "3.65"), ("west", "10.00"), ("east", "10.00")):
        book.change(who, [(seat, 3, price, {})], Start_Date__c="2026-03-17")
        book.change(who, [(seat, 4, price, {"Change__c": "Remove"})], Start_Date__c="2026-05-17")
    book.live("2026-03-03", "2026-03-17T06:00")
    # West of Greenwich the day begins at its own midnight in standard time, 08:00Z.
    assert [book.row(who, "Quantity__c") for who in ("yen", "dinar", "east", "west")] == [(13,), (13,), (13,), (10,)]
    book.live("2026-03-17T10:00")
    assert book.row("west", "Quantity__c MRR__c") == (13, 130)
    book.live("2026-05-17T10:00")
    assert book.row("dinar", "Quantity__c MRR__c") == (9, Decimal("32.85"))
    book.live("2026-09-02T12:00")

    def bills(full: int, added: int, more: int, fewer: int) -> list[tuple[str, int]]:
        later = [("2026-04-01", more), ("2026-05-01", more), *((f"2026-0{m}-01", fewer) for m in (6, 7, 8))]
        return [("2026-03-01", full), ("2026-03-17", added), *later]

    # 3 x 1,200 for 5 months and 15 days of 12/365, less five of 3,600; back: 4 x 1,200 for 15 days
    assert book.billed("yen") == bills(12_000, 1_775, 15_600, 10_800)
    assert book.given_back("yen") == [("due", 2_367)]
    # 3 x 3.650 for 5 months and 15 days are 60.150, five of 10.950 to come; back 4 x 3.650 for 15 days
    assert book.billed("dinar") == bills(36_500, 5_400, 47_450, 32_850)
    assert book.given_back("dinar") == [("due", 7_200)]
    for who in ("west", "east"):
        assert book.billed(who) == bills(10_000, 1_479, 13_000, 9_000), who
        assert book.given_back(who) == [("due", 1_973)], who
        assert [day for day, _ in book.shown(who)] == [day for day, _ in book.billed(who)], who
        assert book.row(who, "Start_Date__c End_Date__c Status__c") == ("2026-03-01", "2026-08-31", "Canceled"), who
    hours = {
        who: {i["created"] % 86_400 // 3600 for i in book.invoices(who) if i["billing_reason"] != "manual"}
        for who in ("west", "east")
    }
    assert hours == {"west": {8}, "east": {0}}
    changes_nothing(tandem)
