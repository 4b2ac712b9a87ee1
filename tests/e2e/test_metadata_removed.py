"""Somebody removes Tandem's metadata in Stripe: what bills a deal is known all the same, and nothing is made in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from tests.e2e.book import Book
from tests.e2e.looks import everything_due, quote_row, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, writes_of

pytestmark = pytest.mark.long

YEAR: dict[str, Any] = {"Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
ENDLESS: dict[str, Any] = {"Billing_Frequency__c": "Monthly", "Auto_Renew__c": True}
OBJECTS = ("subscriptions", "subscription_schedules")


def test_what_lost_its_metadata_is_known_by_its_link_and_labelled_again(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-05-01T02:00")
    tandem = make_tandem()
    book = Book(world, tandem)
    seat = book.product("Seat")
    book.sell("late", [(seat, 10, "50.00", {})], Start_Date__c="2026-05-01", **YEAR)
    book.sell("ahead", [(seat, 10, "50.00", {})], Start_Date__c="2026-05-10", **YEAR)
    book.sell("endless", [(seat, 10, "50.00", {})], Start_Date__c="2026-05-01", **ENDLESS)
    book.live("2026-05-02", "2026-06-12")
    before, rows = labels(world), shown(world)

    strip(world)
    found = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    assert {str(d.cure) for d in found.differences} == {"safe"}
    written = writes_of(world, lambda: settled(tandem))

    assert labels(world) == before
    assert len(written) == len(before)  # nothing but the labels, and Salesforce shows what it showed
    assert shown(world) == rows
    assert tandem.services.pipeline.nightly.sweep.run("test", heal=False).differences == []
    strip(world)
    more = book.change("endless", [(seat, 1, "50.00", {})], Start_Date__c="2026-06-15")
    settled(tandem)
    world.at("2026-07-02T02:00")
    settled(tandem)
    assert book.status(more) == "Live"
    assert {who: len(book.billed(who)) for who in book.deals} == {"late": 3, "ahead": 2, "endless": 4}

    strip(world)
    with tandem.services.engine.begin() as connection:
        connection.execute(text("TRUNCATE operations, runs"))  # what they were told is forgotten too
    everything_due(tandem)
    before_drain = world.mark()
    tandem.drain()
    assert not [w for w in world.writes(before_drain, "stripe") if w.path.startswith("/v1/subscription")]
    message = quote_row(world, book.deals["ahead"])
    assert message["Billing_Code__c"] == "BUG-503"
    assert "Nothing was made in its place" in message["Billing_Message__c"]
    assert len(world.stripe.all("subscriptions")) == len(book.deals)


def strip(world: World) -> None:
    """All metadata of everything that bills is gone."""
    for kind in OBJECTS:
        for one in world.stripe.all(kind):
            if one["status"] not in ("released", "canceled"):
                world.stripe.post(f"{kind}/{one['id']}", form={f"metadata[{name}]": "" for name in one["metadata"]})


def labels(world: World) -> dict[str, dict[str, str]]:
    """The metadata of everything that bills, by id."""
    return {one["id"]: one["metadata"] for kind in OBJECTS for one in world.stripe.all(kind) if one["metadata"]}


def shown(world: World) -> list[dict[str, Any]]:
    return world.crm.rows(
        "Billing_Subscription__c", "Billing_Key__c Status__c Channel__c MRR__c Stripe_Ids__c", order="Billing_Key__c"
    )
