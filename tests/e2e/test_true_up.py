"""What rounding leaves of the signed total is billed, or taken off, with the last period (BILLING_RULES 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


YEAR: dict[str, Any] = {"Start_Date__c": "2026-01-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_the_cents_that_rounding_leaves_come_with_the_last_period(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    """Seven seats at 1,000.00 a term bill 583.33 a month, 0.04 less in all; five bill 416.67, 0.04 more."""
    world.at("2025-12-20")
    book = Book(world, make_tandem(true_up=True))
    seat = book.product("Seat", period="Term")
    book.sell("seven", [(seat, 7, "1000.00", {})], **YEAR)
    book.sell("five", [(seat, 5, "1000.00", {})], card=True, **YEAR)
    book.sell("missed", [(seat, 7, "1000.00", {})], **YEAR)
    book.live("2025-12-21")
    row = quote_row(world, book.deals["seven"])
    assert "billed 7,000.00 USD, 0.04 USD of it to make up for rounding" in row["Billing_Preview__c"]
    assert "no rounding difference" in row["Billing_Preview__c"]
    totals = [quote_row(world, book.deals[who])["Contract_Total__c"] for who in book.deals]
    assert totals == [7_000, 5_000, 7_000]
    book.change("missed", kind="Cancellation", Start_Date__c="2026-12-01", Credit_Policy__c="None")

    book.live("2025-12-22", "2026-06-02", "2026-11-02", "2026-12-01T00:20", "2026-12-01T04:00")
    expected = {
        "seven": [58_333] * 11 + [58_337],
        "five": [41_667] * 11 + [41_663],
        "missed": [58_333] * 10 + [58_333, 4],  # the change was known: the last period is November's, which went out
    }
    for who, amounts in expected.items():
        assert [total for _, total in book.billed(who)] == amounts, who
        assert book.shown(who) == book.billed(who), who
        assert book.given_back(who) == [], who
    book.live("2027-01-05")
    assert [book.status(book.deals[who]) for who in book.deals] == ["Ended"] * 3
    changes_nothing(book.tandem)
