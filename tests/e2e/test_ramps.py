"""Ramps inside one quote: off the boundary, with lines that run for part of the time, and with more steps than Stripe takes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.e2e.book import Book, by_day
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def test_steps_off_the_boundary_bill_the_rest_of_their_cycle(world: World, tandem: Tandem) -> None:
    world.at("2025-12-20")
    book = Book(world, tandem)
    seat, extra = book.product("Seat"), book.product("Extra")
    terms = {"Start_Date__c": "2026-01-01", "Term_Months__c": 6, "Billing_Frequency__c": "Monthly"}
    steps = [
        (seat, 10, "10.00", {"Ramp_Key__c": "s", "End_Date__c": "2026-03-15"}),
        (seat, 20, "10.00", {"Ramp_Key__c": "s", "Start_Date__c": "2026-03-16"}),
    ]
    book.sell("ramp", steps, **terms)
    part = {"Start_Date__c": "2026-02-16", "End_Date__c": "2026-04-15"}
    book.sell("part", [(seat, 10, "10.00", {}), (extra, 1, "30.00", part)], **terms)
    book.live("2025-12-21", "2026-02-16")
    assert book.row("ramp", "MRR__c Contracted_MRR__c") == (100, 200)
    assert book.row("part", "MRR__c Contracted_MRR__c") == (130, 100)
    book.live("2026-03-17")
    assert book.row("ramp", "MRR__c Quantity__c") == (200, 20)
    assert book.row("part", "MRR__c Quantity__c") == (130, 11)
    book.live("2026-04-16")
    assert book.row("part", "MRR__c Quantity__c") == (100, 10)
    book.live("2026-07-02")
    expected = {
        # The first step is 2 months and 15 days, 249.32; the second 3 months and 15 days, 698.63, less three of 200.00
        "ramp": [
            ("2026-01-01", 10_000), ("2026-02-01", 10_000), ("2026-03-01", 4_932), ("2026-03-16", 9_863),
            ("2026-04-01", 20_000), ("2026-05-01", 20_000), ("2026-06-01", 20_000),
        ],
        # Two months of 30.00: March is billed whole, 15 days of April at 14.79, and the rest at once
        "part": [
            ("2026-01-01", 10_000), ("2026-02-01", 10_000), ("2026-02-16", 1_521), ("2026-03-01", 13_000),
            ("2026-04-01", 11_479), ("2026-05-01", 10_000), ("2026-06-01", 10_000),
        ],
    }  # fmt: skip
    for who, invoices in expected.items():
        assert by_day(book.billed(who)) == invoices, who
        assert book.shown(who) == sorted(book.billed(who)), who
        assert book.given_back(who) == [], who
        row = quote_row(world, book.deals[who])
        total = Decimal(sum(total for _, total in invoices)) / 100
        assert (row["Contract_Total__c"], row["Billing_Status__c"]) == (total, "Ended"), who
        assert "no rounding difference" in row["Billing_Preview__c"], who
    changes_nothing(tandem)


def test_no_step_of_a_long_ramp_is_missed(world: World, tandem: Tandem) -> None:
    """24 steps of one seat more each month; Stripe takes ten phases at a time, and the clock may jump a year."""
    world.at("2025-12-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    firsts = [date(2026 + n // 12, n % 12 + 1, 1) for n in range(25)]
    steps = [
        (seat, n, "10.00", {"Start_Date__c": str(first), "End_Date__c": str(last - timedelta(days=1))})
        for n, (first, last) in enumerate(pairwise(firsts), start=1)
    ]
    book.sell("ramp", steps, Start_Date__c="2026-01-01", Term_Months__c=24, Billing_Frequency__c="Monthly")
    book.live("2025-12-21", "2027-01-02")
    assert book.row("ramp", "Status__c MRR__c Contracted_MRR__c Quantity__c End_Date__c") == (
        "Active",
        130,
        240,
        13,
        "2027-12-31",
    )
    book.live("2028-01-02")

    expected = [(str(day), n * 1_000) for n, day in enumerate(firsts[:24], start=1)]
    assert book.billed("ramp") == book.shown("ramp") == expected
    assert quote_row(world, book.deals["ramp"])["Contract_Total__c"] == 3_000  # 10.00 x (1 + ... + 24)
    assert book.row("ramp", "Status__c MRR__c") == ("Canceled", 0)
    changes_nothing(tandem)


def test_a_back_dated_ramp_bills_the_steps_that_are_over(world: World, tandem: Tandem) -> None:
    world.at("2026-05-10T09:00")
    book = Book(world, tandem)
    seat = book.product("Seat")
    steps = [
        (seat, 10, "10.00", {"Ramp_Key__c": "s", "End_Date__c": "2026-03-15"}),
        (seat, 20, "10.00", {"Ramp_Key__c": "s", "Start_Date__c": "2026-03-16"}),
    ]
    book.sell("ramp", steps, Start_Date__c="2026-01-01", Term_Months__c=6, Billing_Frequency__c="Monthly")
    book.live("2026-05-10T12:00", "2026-06-02")
    # 249.32 for the first step; the second's 698.63 less June
    assert sum(total for day, total in book.billed("ramp") if day == "2026-05-10") == 24_932 + 49_863
    assert book.billed("ramp")[-1] == ("2026-06-01", 20_000)
