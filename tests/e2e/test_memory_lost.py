"""A store that forgot: deals of every kind are adopted from what both sides have, and nothing is billed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sync.desired.differences import Cure, Kind
from sync.run.backfill import Report
from tests.e2e.book import Book
from tests.e2e.looks import everything_due, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of
from tests.e2e.test_backfill import forget, rows_of

pytestmark = pytest.mark.long

MONTHLY: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
YEARLY: dict[str, Any] = {**MONTHLY, "Billing_Frequency__c": "Annual"}
ENDLESS: dict[str, Any] = {"Start_Date__c": "2026-05-01", "Billing_Frequency__c": "Monthly", "Auto_Renew__c": True}
#: What is known of the two sides by reading them; and what was signed, heard and done beside that.
READ = ("links", "operations", "runs", "facts", "crm_rows")
TOLD = ("promises", "signatures", "subjects", "notices")


def test_deals_of_every_kind_are_found_again_and_nothing_is_billed_a_second_time(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-05-01T02:00")
    tandem = make_tandem(self_serve_accounts="create")
    book = Book(world, tandem)
    seat = book.product("Seat")
    sold(book, seat)
    changed(book, seat)
    for day in ("2026-05-12", "2026-05-17", "2026-05-21", "2026-06-02", "2026-08-02"):
        world.at(f"{day}T03:00")
        settled(tandem)
    before = rows_of(world)

    forget(tandem, *READ)
    other, reports = tandem.again(), list[Report]()
    assert writes_of(world, lambda: reports.append(other.services.backfill().run())) == []
    assert reports[0].complete
    assert writes_of(world, lambda: settled(other)) == []
    everything_due(other)
    assert writes_of(world, lambda: settled(other)) == []
    assert rows_of(world) == before
    assert other.services.pipeline.nightly.sweep.run("test", heal=False).differences == []

    forget(tandem, *READ, *TOLD)
    fresh = tandem.again()
    assert writes_of(world, lambda: fresh.services.backfill().run()) == []
    assert writes_of(world, lambda: settled(fresh)) == []
    healed = fresh.services.pipeline.nightly.sweep.run("test", heal=True)
    assert {(d.kind, d.cure) for d in healed.differences} == {(Kind.NOT_DONE, Cure.SAFE)}  # Stripe bills all of them
    assert [w for w in writes_of(world, lambda: settled(fresh)) if w.startswith("stripe")] == []
    assert fresh.services.pipeline.nightly.sweep.run("test", heal=True).differences == []


def sold(book: Book, seat: Mapping[str, str]) -> None:
    """Deals of each shape, and two customers of the web site."""
    world, fee = book.world, book.product("Fee", charge="One-Time", period=None)
    ten: list[Any] = [(seat, 10, "50.00", {})]
    for who in ("amended", "plain"):
        book.sell(who, ten, card=True, **MONTHLY)
    for who in ("reduced", "cancelled", "refunded"):
        book.sell(who, ten, card=True, **YEARLY)
    book.sell("renewed", ten, card=True, **{**MONTHLY, "Term_Months__c": 3})
    book.sell("fees", [(fee, 1, "500.00", {})], card=True, Start_Date__c="2026-05-01")
    book.sell("back-dated", ten, card=True, **{**MONTHLY, "Start_Date__c": "2026-02-01"})
    book.sell("billing-day", ten, card=True, **{**MONTHLY, "Billing_Day__c": 15})
    book.sell("endless", ten, card=True, **ENDLESS)
    first, second = {"End_Date__c": "2026-10-31"}, {"Start_Date__c": "2026-11-01"}
    book.sell("ramp", [(seat, 10, "50.00", first), (seat, 20, "50.00", second)], card=True, **MONTHLY)
    for who in ("Taken", "Web"):
        world.stripe.sign_up(who, f"ops@{who.lower()}.example", seats=5, card="pm_card_visa")
    book.live("2026-05-02", "2026-05-10")
    account = world.crm.row("Account", "Id", "Name = 'Taken'")["Id"]
    world.crm.change("Account", account, Billing_Email__c="ops@taken.example", Website="https://taken.example")
    sell(world.crm, ten, account=account, **{**MONTHLY, "Start_Date__c": "2026-05-20"})


def changed(book: Book, seat: Mapping[str, str]) -> None:
    """Added, taken off, ended with a credit and with a refund, renewed."""
    middle: dict[str, Any] = {"Start_Date__c": "2026-05-16"}
    five: list[Any] = [(seat, 5, "50.00", {})]
    book.change("amended", five, **middle)
    book.change("endless", five, **middle)
    book.change("reduced", [(seat, 5, "50.00", {"Change__c": "Remove"})], **middle, Credit_Policy__c="Balance")
    book.change("cancelled", kind="Cancellation", **middle, Credit_Policy__c="Balance")
    book.change("refunded", kind="Cancellation", **middle, Credit_Policy__c="Refund")
    again = {**MONTHLY, "Start_Date__c": "2026-08-01"}
    book.change("renewed", [(seat, 12, "60.00", {})], kind="Renewal", **again)
