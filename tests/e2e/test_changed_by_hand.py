"""What somebody did in Stripe by hand, and then another quote comes."""

from __future__ import annotations

from typing import Any

import pytest

from sync.cli.output import Out
from sync.cli.reconcile import Asked, compare, put_back
from sync.desired.differences import Cure, Kind
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


def test_a_coupon_and_a_way_to_collect_put_on_by_hand_are_found_and_put_back(world: World, tandem: Tandem) -> None:
    """Both billed otherwise than signed for good, and a comparison called it a display that is behind."""
    world.at("2026-04-20")
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("term", [(seat, 10, "50.00", {})], **TERMS)
    book.sell("endless", [(seat, 4, "50.00", {})], **{**TERMS, "Term_Months__c": None, "Auto_Renew__c": True})
    book.live("2026-05-02")
    ours = {who: world.stripe.all("subscriptions", customer=book.customer(who))[0]["id"] for who in book.deals}
    half = world.stripe.post("coupons", percent_off=50, duration="forever")["id"]
    for subscription in ours.values():
        world.stripe.post(f"subscriptions/{subscription}", form={"discounts[0][coupon]": half})
    world.stripe.post(f"subscriptions/{ours['endless']}", days_until_due=5)
    sweep, services = tandem.services.pipeline.nightly.sweep, tandem.services

    found = [d for d in sweep.run("test", heal=True).differences if d.cure is Cure.PERSON]

    assert {(d.kind, d.subject, d.mrr_minor) for d in found} == {
        (Kind.CHANGED_IN_STRIPE, f"quote:{book.deals['term']}", -25_000),
        (Kind.CHANGED_IN_STRIPE, f"quote:{book.deals['endless']}", -10_000),
    }
    assert {d.record for d in found} == set(ours.values())
    for deal in book.deals.values():
        report = compare(services, [f"quote:{deal}"])
        asked = Asked(False, repair=True, accept=False, reason="a slip", until=None, plan=None, apply=True)
        assert put_back(Out(True), services, report, asked) == 0
    settled(tandem)
    assert sweep.run("test", heal=False).differences == []
    for subscription in ours.values():
        there = world.stripe.get(f"subscriptions/{subscription}")
        assert (there["collection_method"], there["days_until_due"], there["discounts"]) == ("send_invoice", 900, [])
    changes_nothing(tandem)


def test_a_customer_that_was_renamed_in_stripe_is_told_and_put_right_by_the_reconcile(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-04-20")
    book = Book(world, tandem)
    book.sell("acme", [(book.product("Seat"), 10, "50.00", {})], **TERMS)
    book.live("2026-05-02")
    customer, account = book.customer("acme"), book.accounts["acme"]
    gone = {"metadata[tandem_key]": "", "metadata[salesforce_account_id]": ""}
    world.stripe.post(f"customers/{customer}", form={"name": "Other", "email": "other@other.example", **gone})
    sweep = tandem.services.pipeline.nightly.sweep

    report = sweep.run("test", heal=True)

    assert {(str(d.kind), d.field, d.expected, d.actual) for d in report.differences} == {
        ("field unlike in Stripe", "name", "acme", "Other"),
        ("field unlike in Stripe", "email", "acme@acme.example", "other@other.example"),
        ("field unlike in Stripe", "metadata.tandem_key", account, "blank"),
        ("field unlike in Stripe", "metadata.salesforce_account_id", account, "blank"),
    }
    assert report.healed == {d.fingerprint for d in report.differences}
    settled(tandem)
    there = world.stripe.get(f"customers/{customer}")
    assert (there["name"], there["email"], there["metadata"]["tandem_key"]) == ("acme", "acme@acme.example", account)
    assert sweep.run("test", heal=True).differences == []
    changes_nothing(tandem)
