"""Dates on the CRM are days of the Account's zone, wherever it lies and whatever the season (BILLING_RULES 1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}
ROW = "Start_Date__c End_Date__c Ends_On__c Current_Period_End__c"
DATES = ("Issued_On__c", "Period_Start__c", "Period_End__c")


@pytest.mark.parametrize(
    "zone", ["Asia/Tokyo", "Europe/Madrid", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
)
def test_first_and_last_days_are_those_signed(world: World, tandem: Tandem, zone: str) -> None:
    world.at("2026-02-20")
    account = world.crm.create("Account", Name="Acme", Billing_Email__c="ap@acme.example", Billing_Timezone__c=zone)
    seat = world.crm.product("Seat", currencies=["USD"], period="Month")
    sell(world.crm, [(seat, 3, "20", {})], account=account, **HEADER)
    settled(tandem)

    row = world.crm.row("Billing_Subscription__c", ROW)
    assert (row["Start_Date__c"], row["End_Date__c"]) == ("2026-03-01", "2027-02-28")

    world.at("2026-04-02T12:00")  # daylight saving has begun in Madrid and Los Angeles
    settled(tandem)

    assert [tuple(i[d] for d in DATES) for i in shown_invoices(world)] == [
        ("2026-03-01", "2026-03-01", "2026-03-31"),
        ("2026-04-01", "2026-04-01", "2026-04-30"),
    ]
    assert world.crm.row("Billing_Subscription__c", ROW)["Current_Period_End__c"] == "2026-04-30"

    world.at("2027-03-02")
    settled(tandem)

    row = world.crm.row("Billing_Subscription__c", ROW)
    assert (row["End_Date__c"], row["Ends_On__c"]) == ("2027-02-28", "2027-02-28")
    changes_nothing(tandem)
