"""Terms that are no whole number of cycles, and billing days: the shorter first and last pieces, to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def test_the_last_cycle_is_as_short_as_the_term(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    book = Book(world, tandem)
    platform = book.product("Platform", period="Year")
    seat = book.product("Seat")
    base = {"Start_Date__c": "2026-01-01"}
    a_year = [(platform, 1, "1200.00", {})]
    book.sell("eighteen months", a_year, **base, Term_Months__c=18, Billing_Frequency__c="Annual")
    book.sell("nine months", a_year, **base, Term_Months__c=9, Billing_Frequency__c="Annual")
    book.sell("ten months", [(seat, 3, "10.00", {})], **base, Term_Months__c=10, Billing_Frequency__c="Quarterly")
    book.sell("and 15 days", [(seat, 4, "25.00", {})], **base, End_Date__c="2026-04-15", Billing_Frequency__c="Monthly")
    expected = {
        # 12 x 100.00, then 6 x 100.00
        "eighteen months": [("2026-01-01", 120_000), ("2027-01-01", 60_000)],
        # 9 x 100.00, once
        "nine months": [("2026-01-01", 90_000)],
        # 3 x 30.00 three times, then one month
        "ten months": [("2026-01-01", 9_000), ("2026-04-01", 9_000), ("2026-07-01", 9_000), ("2026-10-01", 3_000)],
        # 15 days of 365/12: 10,000 x 15 x 12 / 365 = 4,931.5
        "and 15 days": [("2026-01-01", 10_000), ("2026-02-01", 10_000), ("2026-03-01", 10_000), ("2026-04-01", 4_932)],
    }
    last = {
        "eighteen months": "2027-06-30",
        "nine months": "2026-09-30",
        "ten months": "2026-10-31",
        "and 15 days": "2026-04-15",
    }
    mrr = {"eighteen months": 100, "nine months": 100, "ten months": 30, "and 15 days": 100}

    book.live("2025-12-11", "2026-04-02")
    assert {who: book.row(who, "MRR__c End_Date__c") for who in last} == {
        who: (Decimal(mrr[who]), last[who]) for who in last
    }
    book.live("2026-10-02")
    assert book.row("ten months", "MRR__c ARR__c Status__c") == (Decimal(30), Decimal(360), "Active")
    assert book.row("nine months", "MRR__c Status__c Ends_On__c") == (Decimal(0), "Canceled", "2026-09-30")
    book.live("2027-01-02")
    assert book.row("eighteen months", "MRR__c ARR__c Status__c") == (Decimal(100), Decimal(1200), "Active")
    book.live("2027-07-02")

    for who, invoices in expected.items():
        assert book.billed(who) == invoices, who
        assert book.shown(who) == invoices, who
        total = Decimal(sum(amount for _, amount in invoices)) / 100
        row = quote_row(world, book.deals[who])
        assert (row["Contract_Total__c"], row["Billing_Status__c"]) == (total, "Ended"), who
        assert f"billed {total:,.2f} USD" in row["Billing_Preview__c"], who
    changes_nothing(tandem)


def test_a_billing_day_makes_a_first_and_a_last_piece_by_days(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    book = Book(world, tandem)
    platform = book.product("Platform", period="Year")
    seat = book.product("Seat")
    seats = [(seat, 10, "10.00", {})]
    monthly = {"Billing_Frequency__c": "Monthly"}
    book.sell("the 15th", seats, Start_Date__c="2026-01-03", Term_Months__c=4, Billing_Day__c=15, **monthly)
    book.sell("the 31st", seats, Start_Date__c="2026-02-10", Term_Months__c=4, Billing_Day__c=31, **monthly)
    book.sell(
        "by the year", [(platform, 1, "1200.00", {})],
        Start_Date__c="2026-01-03", Term_Months__c=24, Billing_Day__c=15, Billing_Frequency__c="Annual",
    )  # fmt: skip
    expected = {
        # 12 of the 31 days from 15 Dec: 3,871; the last 18 of the 30 from 15 Apr (to 3 May): 6,000
        "the 15th": [
            ("2026-01-03", 3_871), ("2026-01-15", 10_000), ("2026-02-15", 10_000), ("2026-03-15", 10_000), ("2026-04-15", 6_000),
        ],
        # 18 of the 28 days from 31 Jan to 28 Feb: 6,429; never sticking at the 28th; 10 of the 30 from 31 May (to 10 Jun): 3,333
        "the 31st": [
            ("2026-02-10", 6_429), ("2026-02-28", 10_000), ("2026-03-31", 10_000), ("2026-04-30", 10_000), ("2026-05-31", 3_333),
        ],
        # 12 of the 365 days from 15 Jan 2025: 3,945; the last 353 of the 365 from 15 Jan 2027 (to 3 Jan 2028): 116,055
        "by the year": [("2026-01-03", 3_945), ("2026-01-15", 120_000), ("2027-01-15", 116_055)],
    }  # fmt: skip

    book.live("2026-01-03")
    assert book.row("the 15th", "MRR__c Status__c") == (Decimal(100), "Active")
    assert book.row("by the year", "MRR__c") == (Decimal(100),)
    assert book.status(book.deals["the 31st"]) == "Waiting"  # nothing is made before its start has come
    book.live("2026-02-10", "2026-04-16")
    assert book.row("the 15th", "MRR__c End_Date__c") == (Decimal(100), "2026-05-02")
    book.live("2026-06-01")
    assert book.row("the 31st", "MRR__c End_Date__c") == (Decimal(100), "2026-06-09")
    book.live("2027-01-16")
    assert book.row("by the year", "MRR__c End_Date__c") == (Decimal(100), "2028-01-02")
    book.live("2028-01-05")

    for who, invoices in expected.items():
        assert book.billed(who) == invoices, who
        assert book.shown(who) == invoices, who
        total = Decimal(sum(amount for _, amount in invoices)) / 100
        row = quote_row(world, book.deals[who])
        assert (row["Contract_Total__c"], row["Billing_Status__c"]) == (total, "Ended"), who
    changes_nothing(tandem)


def test_a_fee_is_billed_on_its_day_before_anything_runs_or_beside_what_does(world: World, tandem: Tandem) -> None:
    """Monthly lines come first in Stripe, so the deal's own object is the one that begins last here."""
    world.at("2026-02-10")
    book = Book(world, tandem)
    support, seat, fee = book.product("Support"), book.product("Seat"), book.product("Set-up")
    later = {"Billing_Frequency__c": "Monthly", "Start_Date__c": "2026-06-01"}
    once = (fee, 1, "500.00", {"Charge_Type__c": "One-Time"})
    terms: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Annual"}
    book.sell("beside", [(support, 1, "10.00", later), (seat, 1, "100.00", {}), once], **terms)
    book.sell("after a trial", [(support, 1, "10.00", later), (seat, 1, "100.00", {}), once], Trial_Days__c=31, **terms)
    book.sell("before", [(support, 1, "10.00", later), once], **terms)
    book.live("2026-02-11", "2026-03-01", "2026-04-01", "2026-07-02")
    tens = [("2026-06-01", 1_000), ("2026-07-01", 1_000)]
    assert book.billed("beside") == [("2026-03-01", 170_000), *tens]
    assert book.billed("after a trial") == [("2026-03-01", 0), ("2026-04-01", 170_000), *tens]
    assert book.billed("before") == [("2026-03-01", 50_000), *tens]
    for who in ("beside", "after a trial", "before"):
        assert book.shown(who) == book.billed(who), who
    changes_nothing(tandem)
