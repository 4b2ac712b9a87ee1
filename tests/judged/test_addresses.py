"""An org that keeps countries by name, as one without country picklists does, is billed like any other."""

from __future__ import annotations

from typing import Any

from tests.e2e.looks import quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_a_country_written_out_does_not_hold_up_billing(world: World, tandem: Tandem) -> None:
    world.at("2026-02-20")
    place = {"BillingStreet": "Domkloster 4\nHof", "BillingCity": "Köln", "BillingCountry": "Germany"}
    account = world.crm.create("Account", Name="O'Brien & Söhne", Billing_Email__c="o'brien+ap@acme.example", **place)
    seat = world.crm.product("Seat", currencies=["USD"], period="Month")
    quote = sell(world.crm, [(seat, 3, "20", {})], account=account, **HEADER)

    settled(tandem)

    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    [customer] = world.stripe.all("customers")
    assert (customer["address"]["city"], customer["address"]["country"]) == ("Köln", None)
