"""Writes that operations stop by hand: nothing is lost, nothing is sent meanwhile."""

from __future__ import annotations

from typing import Any

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

TERMS: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_what_is_signed_during_a_pause_is_billed_after_it(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    pauses = tandem.services.pauses
    pauses.pause("stripe", reason="price list", owner="ann", for_s=None)
    quote = sell(world.crm, [(world.crm.product("Seat", currencies=["USD"]), 10, "50.00", {})], **TERMS)

    held = tandem.again().drain()

    assert held.waiting == 2, "the quote, and its product"
    assert not held.clean
    assert world.writes(system="stripe") == []

    pauses.resume("stripe")
    pauses.pause("salesforce", reason="release", owner="ann", for_s=3600)
    billed = tandem.again().drain()

    assert billed.rows_waiting > 0
    assert len(world.stripe.all("subscription_schedules")) == 1
    assert quote_row(world, quote)["Billing_Status__c"] is None

    pauses.resume("salesforce")
    settled(tandem.again())
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    changes_nothing(tandem)
