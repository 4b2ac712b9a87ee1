"""Deals of which everything was over when their quote was accepted: billed at once, and shown as what they were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.looks import billed, changes_nothing, quote_row, settled, shown_invoices
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

QUARTER: dict[str, Any] = {"Start_Date__c": "2026-01-01", "Term_Months__c": 3, "Billing_Frequency__c": "Monthly"}


def test_a_deal_that_is_over_is_billed_changed_ended_earlier_and_renewed(world: World, tandem: Tandem) -> None:
    world.at("2026-05-10T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    fee = world.crm.product("Onboarding", currencies=["USD"], charge="One-Time", period=None)
    deal = sell(world.crm, [(seat, 10, "50.00", {}), (fee, 1, "99.00", {})], Days_Until_Due__c=30, **QUARTER)
    settled(tandem)

    assert billed(world) == [("2026-05-10", 3 * 50_000 + 9_900)]
    assert world.stripe.all("subscriptions", status="all") == world.stripe.all("subscription_schedules") == []
    shown = quote_row(world, deal)
    assert (shown["Billing_Status__c"], shown["Billing_Code__c"], shown["Contract_Total__c"]) == ("Ended", None, 1_599)
    [invoice] = world.stripe.all("invoices")
    assert (invoice["status"], shown["Billing_Reference__c"]) == ("open", invoice["id"])
    fields = "Id Status__c Start_Date__c End_Date__c Ends_On__c MRR__c Quantity__c Stripe_Id__c Channel__c Quote__c Renewed_By__c"
    row = world.crm.row("Billing_Subscription__c", fields, f"Billing_Key__c = '{deal}'")
    assert [row[f] for f in ("Status__c", "Start_Date__c", "End_Date__c", "Ends_On__c", "MRR__c", "Quote__c")] == [
        "Canceled", "2026-01-01", "2026-03-31", "2026-03-31", 0, deal,
    ]  # fmt: skip
    assert row["Stripe_Id__c"] == invoice["id"]
    [of_deal] = world.crm.rows("Billing_Invoice__c", "Billing_Subscription__c")
    assert of_deal["Billing_Subscription__c"] == row["Id"]
    assert world.crm.row("Account", "Billing_Health__c MRR__c Open_Balance__c") == {
        "Billing_Health__c": "Canceled", "MRR__c": 0, "Open_Balance__c": 1_599,
    }  # fmt: skip

    added = change(world.crm, deal, [(seat, 2, "50.00", {})], Start_Date__c="2026-03-01")
    settled(tandem)
    assert billed(world) == [("2026-05-10", 10_000), ("2026-05-10", 3 * 50_000 + 9_900)]
    assert quote_row(world, added)["Billing_Status__c"] == "Ended"

    change(world.crm, deal, kind="Cancellation", Start_Date__c="2026-03-16")
    settled(tandem)
    notes = world.stripe.all("credit_notes")
    assert sum(note["amount"] for note in notes) == 31_562  # 16 days x 12/365 x 600.00
    ended = world.crm.row("Billing_Subscription__c", "End_Date__c Ends_On__c", f"Billing_Key__c = '{deal}'")
    assert (ended["End_Date__c"], ended["Ends_On__c"]) == ("2026-03-31", "2026-03-15")

    renewal = change(
        world.crm, deal, [(seat, 10, "60.00", {})], kind="Renewal", Term_Months__c=12, Billing_Frequency__c="Monthly"
    )
    settled(tandem)
    assert quote_row(world, renewal)["Billing_Status__c"] == "Live"
    old = world.crm.row("Billing_Subscription__c", "Renewed_By__c", f"Billing_Key__c = '{deal}'")
    new = world.crm.row("Billing_Subscription__c", "Id Status__c", f"Billing_Key__c = '{renewal}'")
    assert (old["Renewed_By__c"], new["Status__c"]) == (new["Id"], "Active")
    assert len(shown_invoices(world)) == len(world.stripe.all("invoices"))
    report = tandem.services.pipeline.nightly.sweep.run("over", heal=False)
    assert list(report.differences) == []
    changes_nothing(tandem)
