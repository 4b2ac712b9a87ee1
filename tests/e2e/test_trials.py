"""Trials: the days come first, and everything counts from the day after them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def test_a_trial_of_fourteen_days_costs_nothing_and_the_term_counts_from_its_end(world: World, tandem: Tandem) -> None:
    world.at("2026-02-20")
    book = Book(world, tandem)
    seat, fee = book.product("Seat"), book.product("Setup", charge="One-Time", period=None)
    lines = [(seat, 10, "10.00", {}), (fee, 1, "500.00", {})]
    terms = {"Start_Date__c": "2026-03-01", "Trial_Days__c": 14, "Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
    book.sell("ahead", lines, **terms)
    book.live("2026-02-21", "2026-03-02")
    assert book.row("ahead", "Status__c MRR__c Contracted_MRR__c Start_Date__c End_Date__c") == (
        "Trialing", Decimal(0), Decimal(100), "2026-03-01", "2026-06-14",
    )  # fmt: skip
    book.live("2026-03-08")
    book.sell("late", lines, **terms)  # signed in the middle of the trial
    book.live("2026-03-09")
    assert book.row("late", "Status__c MRR__c Start_Date__c End_Date__c") == (
        "Trialing", Decimal(0), "2026-03-01", "2026-06-14",
    )  # fmt: skip
    changes_nothing(tandem)
    book.live("2026-03-15")
    for who in ("ahead", "late"):
        assert book.row(who, "Status__c MRR__c ARR__c") == ("Active", Decimal(100), Decimal(1200)), who
    book.live("2026-06-16")

    for who in ("ahead", "late"):
        money = [(day, total) for day, total in book.billed(who) if total]
        # 10 x 10.00 and the fee on the day after the trial, then the other two months
        assert money == [("2026-03-15", 60_000), ("2026-04-15", 10_000), ("2026-05-15", 10_000)], who
        assert [one for one in book.shown(who) if one[1]] == money, who
        row = quote_row(world, book.deals[who])
        assert (row["Contract_Total__c"], row["First_Invoice_Amount__c"]) == (Decimal(800), Decimal(600)), who
        assert row["Billing_Status__c"] == "Ended", who
    changes_nothing(tandem)


def test_a_billing_day_makes_a_piece_by_days_after_the_trial_whenever_it_was_signed(
    world: World, tandem: Tandem
) -> None:
    """By `make soak`: signed while the trial ran, Stripe billed the piece after it at the price of a whole cycle."""
    world.at("2026-02-20")
    book = Book(world, tandem)
    seat, fee = book.product("Seat"), book.product("Setup", charge="One-Time", period=None)
    lines = [(seat, 10, "10.00", {}), (fee, 1, "500.00", {})]
    terms = {"Start_Date__c": "2026-03-01", "Trial_Days__c": 14, "Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
    book.sell("ahead", lines, **terms, Billing_Day__c=1)
    book.live("2026-02-21", "2026-03-08")
    book.sell("late", lines, **terms, Billing_Day__c=1)
    book.live("2026-03-09", "2026-04-02", "2026-06-16")

    for who in ("ahead", "late"):
        money = [(day, total) for day, total in book.billed(who) if total]
        # 17 of March's 31 days and the fee; two months; 14 of June's 30 days
        assert money == [
            ("2026-03-15", 55_484),
            ("2026-04-01", 10_000),
            ("2026-05-01", 10_000),
            ("2026-06-01", 4_667),
        ], who
    changes_nothing(tandem)


def test_a_deal_that_is_cancelled_in_its_trial_is_over_on_that_day_and_never_billed(
    world: World, tandem: Tandem
) -> None:
    """It ran on, and was billed from the end of the trial, while its quote said that it was over."""
    world.at("2026-02-20")
    book = Book(world, tandem)
    seat, fee = book.product("Seat"), book.product("Setup", charge="One-Time", period=None)
    lines = [(seat, 10, "10.00", {}), (fee, 1, "500.00", {})]
    terms = {"Start_Date__c": "2026-03-01", "Trial_Days__c": 14, "Billing_Frequency__c": "Monthly"}
    book.sell("term", lines, **terms, Term_Months__c=3)
    book.live("2026-02-21", "2026-03-04")
    book.sell("endless", lines, **terms, Auto_Renew__c=True)  # a subscription without a schedule
    book.live("2026-03-05")
    ends = [book.change(who, kind="Cancellation", Start_Date__c="2026-03-11") for who in ("term", "endless")]
    book.live("2026-03-06")
    for who, quote in zip(("term", "endless"), ends, strict=True):
        assert book.row(who, "Status__c Ends_On__c Contracted_MRR__c") == ("Trialing", "2026-03-10", 0), who
        assert (book.status(quote), book.status(book.deals[who])) == ("Scheduled", "Live"), who
    changes_nothing(tandem)
    book.live("2026-03-11", "2026-05-16")
    for who, quote in zip(("term", "endless"), ends, strict=True):
        assert not [total for _, total in book.billed(who) if total], who
        assert book.row(who, "Status__c Ends_On__c MRR__c") == ("Canceled", "2026-03-10", 0), who
        assert (book.status(quote), book.status(book.deals[who])) == ("Ended", "Ended"), who
    changes_nothing(tandem)
