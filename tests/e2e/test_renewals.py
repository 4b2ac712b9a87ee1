"""Renewals of deals that are changed afterwards: each is billed from the day on which it was signed to begin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, quote_row
from tests.e2e.people import change
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

TERMS: dict[str, Any] = {"Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}
RENEWED = [("2026-08-01", 60_000), ("2026-09-01", 60_000), ("2026-10-01", 60_000)]


def test_a_renewal_stays_where_it_was_signed_when_its_deal_ends_earlier(world: World, tandem: Tandem) -> None:
    """It moved to the new end, and was billed by its schedule and from there once more."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    for who in ("ended", "undone", "again"):
        book.sell(who, [(seat, 10, "50.00", {})], **TERMS, Start_Date__c="2026-05-01")
    book.live("2026-04-21", "2026-05-02")
    renewals = {
        who: book.change(who, [(seat, 12, "50.00", {})], kind="Renewal", Days_Until_Due__c=900, **TERMS)
        for who in ("ended", "undone", "again")
    }
    book.live("2026-05-10")
    book.change("ended", kind="Cancellation", Start_Date__c="2026-07-01")
    book.change("undone", kind="Cancellation", Start_Date__c="2026-05-01")
    change(world.crm, renewals["again"], kind="Cancellation", Start_Date__c="2026-08-01")
    assert book.row("again", "Renewed_By__c") != (None,)
    book.live("2026-05-12")
    assert book.row("again", "Renewed_By__c") == (None,)
    again = book.change(
        "again", [(seat, 8, "50.00", {})], kind="Renewal", Days_Until_Due__c=900, **TERMS
    )  # the first was called off before it began
    book.live("2026-05-14", "2026-06-02", "2026-07-02", "2026-08-02", "2026-09-02", "2026-10-02")

    may, june, july = [("2026-05-01", 50_000), ("2026-06-01", 50_000), ("2026-07-01", 50_000)]
    assert book.billed("ended") == [may, june, *RENEWED]
    assert (book.billed("undone"), book.given_back("undone")) == ([may, *RENEWED], [("due", 50_000)])
    assert book.billed("again") == [may, june, july, *((day, 40_000) for day, _ in RENEWED)]
    assert {book.status(q) for q in (renewals["ended"], renewals["undone"], again)} == {"Live"}
    assert (book.status(renewals["again"]), book.given_back("ended"), book.given_back("again")) == ("Ended", [], [])
    assert tandem.services.pipeline.nightly.sweep.run("renewals", heal=False).left == []
    changes_nothing(tandem)


def test_a_deal_is_renewed_once_until_its_renewal_is_called_off(world: World, tandem: Tandem) -> None:
    """A Renewal that was signed anew beside the first one billed the same time twice."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("acme", [(seat, 10, "50.00", {})], **TERMS, Start_Date__c="2026-05-01")
    book.live("2026-05-02")
    renewals = []
    for many in (12, 8):
        lines = [(seat, many, "50.00", {})]
        renewals.append(book.change("acme", lines, kind="Renewal", Days_Until_Due__c=900, **TERMS))
        tandem.drain()
    first, second = renewals
    said = quote_row(world, second)
    assert (said["Billing_Status__c"], said["Billing_Code__c"]) == ("Needs Attention", "CONF-311")
    assert first in said["Billing_Message__c"]

    change(world.crm, first, kind="Cancellation", Start_Date__c="2026-08-01")
    tandem.drain()
    world.crm.change("Quote", second, Billing_Request__c="Retry")
    book.live("2026-05-03", "2026-06-02", "2026-07-02", "2026-08-02")
    assert book.billed("acme")[2:] == [("2026-07-01", 50_000), ("2026-08-01", 40_000)]
    assert (book.status(first), book.status(second)) == ("Ended", "Live")
    rows = {row["Billing_Key__c"]: row for row in world.crm.rows("Billing_Subscription__c", "Id Billing_Key__c")}
    assert book.row("acme", "Renewed_By__c") == (rows[second]["Id"],)
    changes_nothing(tandem)
