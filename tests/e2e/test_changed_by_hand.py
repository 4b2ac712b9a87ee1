"""What somebody did in Stripe by hand, and then another quote comes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

TERMS: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_a_cancellation_waits_for_who_released_the_schedule_and_then_gives_back(world: World, tandem: Tandem) -> None:
    """On its day it said Ended, and the subscription that nobody ended any more billed on for good."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    deal = book.sell("acme", [(book.product("Seat"), 10, "50.00", {})], **TERMS)
    book.live("2026-04-21", "2026-05-02")
    [schedule] = world.stripe.all("subscription_schedules")
    world.stripe.post(f"subscription_schedules/{schedule['id']}/release")
    gone = book.change("acme", kind="Cancellation", Start_Date__c="2026-06-01")
    for day in ("2026-05-10", "2026-06-02", "2026-07-02"):
        world.at(f"{day}T02:00")
        tandem.drain()
        assert {quote_row(world, q)["Billing_Code__c"] for q in (deal, gone)} == {"DATA-219"}, day
    may, june, july = [("2026-05-01", 50_000), ("2026-06-01", 50_000), ("2026-07-01", 50_000)]
    assert (book.billed("acme"), book.given_back("acme")) == ([may, june, july], [])

    [subscription] = world.stripe.all("subscriptions")
    world.stripe.post(f"subscriptions/{subscription['id']}", cancel_at=int(world.now().timestamp()) + 60)
    world.at("2026-07-03")
    settled(tandem)
    world.at("2026-08-02")
    settled(tandem)
    assert (book.billed("acme"), book.given_back("acme")) == ([may, june, july], [("due", 50_000), ("due", 50_000)])
    assert (book.status(deal), book.status(gone)) == ("Ended", "Ended")
    changes_nothing(tandem)
