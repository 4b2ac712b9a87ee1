"""What is taken off before it ever began: nothing of it is billed, and the same can be sold again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

TERMS: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
OFF: dict[str, Any] = {"Change__c": "Remove"}


def test_what_was_called_off_before_it_began_can_be_sold_again(world: World, tandem: Tandem) -> None:
    """Stripe's schedule of the first try is canceled and stays so; it was taken for somebody's change by hand (DATA-219)."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat, extra = book.product("Seat"), book.product("Extra")
    book.sell("again", [(seat, 10, "50.00", {})], **TERMS)
    book.live("2026-04-21")
    year: dict[str, Any] = {"Billing_Frequency__c": "Annual", "Price_Period__c": "Year"}
    book.change("again", [(extra, 1, "600.00", year)], Start_Date__c="2026-09-01")
    book.live("2026-04-22")
    gone = book.change("again", [(extra, 1, "600.00", {**year, **OFF})], Start_Date__c="2026-09-01")
    book.live("2026-04-23")
    assert sorted(s["status"] for s in world.stripe.all("subscription_schedules")) == ["canceled", "not_started"]

    book.change("again", [(extra, 2, "600.00", year)], Start_Date__c="2026-09-01", Signed_At__c="2026-04-22T23:00:00Z")
    book.live("2026-04-24")
    first = [("2026-05-01", 50_000), ("2026-06-01", 50_000), ("2026-07-01", 50_000), ("2026-08-01", 50_000)]
    book.live("2026-05-02", "2026-06-02", "2026-07-02", "2026-08-02", "2026-09-02")
    assert book.status(gone) == "Live"
    # Two from September to the end of April are eight months of 100.00, on a subscription of their own.
    assert book.billed("again") == [*first, ("2026-09-01", 50_000), ("2026-09-01", 80_000)]
    changes_nothing(tandem)


def test_of_a_deal_that_was_taken_off_in_its_trial_nothing_is_billed(world: World, tandem: Tandem) -> None:
    """An Amendment, not a Cancellation, took everything off; Stripe went on with what had been told it."""
    world.at("2026-04-15")
    book = Book(world, tandem)
    seat, extra = book.product("Seat"), book.product("Extra")
    for who in ("gone", "changed", "before"):
        book.sell(who, [(seat, 10, "50.00", {})], **TERMS, Trial_Days__c=14)
    book.live("2026-04-16")
    book.change("before", [(seat, 10, "50.00", OFF)], Start_Date__c="2026-05-15")
    book.live("2026-05-02")
    for who in ("gone", "changed"):
        book.change(who, [(seat, 10, "50.00", OFF)], Start_Date__c="2026-05-15")
    book.live("2026-05-03")
    assert book.row("gone", "Status__c MRR__c Contracted_MRR__c") == ("Trialing", 0, 0)
    book.change("changed", [(extra, 3, "20.00", {"Billing_Frequency__c": "Monthly"})], Start_Date__c="2026-05-15")
    book.live("2026-05-04", "2026-05-16", "2026-06-16")
    assert [(who, [b for b in book.billed(who) if b[1]]) for who in ("gone", "changed", "before")] == [
        ("gone", []), ("changed", [("2026-05-15", 6_000), ("2026-06-15", 6_000)]), ("before", []),
    ]  # fmt: skip
    assert book.row("gone", "Status__c MRR__c") == ("Canceled", 0)
    live = [s["customer"] for s in world.stripe.all("subscriptions", status="all") if s["status"] == "active"]
    assert len(live) == 1
    changes_nothing(tandem)


@pytest.mark.parametrize("kind", ["Amendment", "Cancellation"])
def test_a_plan_goes_on_where_the_deal_that_would_take_it_over_is_called_off(
    kind: str, world: World, tandem: Tandem
) -> None:
    """A fee that was sold with the deal is owed all the same, unless all is cancelled."""
    world.at("2026-06-10")
    birch = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    seat, setup = (
        world.crm.product("Seat", currencies=["USD"]),
        world.crm.product("Setup", currencies=["USD"], charge="One-Time"),
    )
    start: dict[str, Any] = {"Start_Date__c": "2026-07-25"}
    lines = [(seat, 50, "99.00", {}), (setup, 1, "500.00", {})]
    sell(world.crm, lines, account=birch, Term_Months__c=12, Billing_Frequency__c="Monthly", **start)
    settled(tandem)
    world.at("2026-07-12")  # in its last cycle the plan has been told its end
    settled(tandem)
    assert world.stripe.get(f"subscriptions/{plan['id']}")["cancel_at"] is not None

    off = [(seat, 50, "99.00", {"Change__c": "Remove"})] if kind == "Amendment" else []
    change(world.crm, plan["id"], off, kind=kind, **start)
    for day in ("2026-07-13", "2026-07-25T02:00", "2026-08-12T02:00"):
        world.at(day)
        settled(tandem)
    [left] = world.stripe.all("subscriptions", status="all")
    assert (left["status"], left["cancel_at"], left["metadata"]) == ("active", None, {})
    fees = [i["total"] for i in world.stripe.all("invoices") if i["total"] == 50_000]
    assert fees == ([50_000] if kind == "Amendment" else [])
    changes_nothing(tandem)


def test_a_deal_that_is_cancelled_before_its_trial_ends_calm(world: World, tandem: Tandem) -> None:
    world.at("2026-04-15")
    book = Book(world, tandem)
    deal = book.sell("calm", [(book.product("Seat"), 10, "50.00", {})], **TERMS, Trial_Days__c=14)
    book.live("2026-04-16")
    change(world.crm, deal, kind="Cancellation", Start_Date__c="2026-05-01")
    book.live("2026-04-17", "2026-05-02", "2026-05-16")
    assert (book.billed("calm"), book.status(deal)) == ([], "Ended")
    changes_nothing(tandem)
