"""What finance does to an invoice in Stripe shows in the CRM's amounts (BILLING_RULES 7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.e2e.looks import changes_nothing, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Annual"}
AMOUNTS = "Status__c Total__c Amount_Paid__c Amount_Remaining__c Amount_Credited__c"


def test_a_credit_note_on_an_open_invoice_is_shown_as_credited_and_lowers_what_remains(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD"], period="Year")
    sell(world.crm, [(seat, 1, "1200", {})], **HEADER)
    settled(tandem)
    world.at("2026-03-01T02:00")
    settled(tandem)
    [invoice] = world.stripe.all("invoices")

    world.stripe.post("credit_notes", invoice=invoice["id"], amount=20_000)
    settled(tandem)

    shown = world.crm.row("Billing_Invoice__c", AMOUNTS)
    assert (shown["Status__c"], shown["Total__c"], shown["Amount_Paid__c"]) == ("Open", Decimal(1200), Decimal(0))
    assert (shown["Amount_Credited__c"], shown["Amount_Remaining__c"]) == (Decimal(200), Decimal(1000))
    assert world.crm.row("Account", "Open_Balance__c")["Open_Balance__c"] == Decimal(1000)
    changes_nothing(tandem)


def test_a_credit_note_on_a_paid_invoice_is_shown_as_credited(world: World, tandem: Tandem) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD"], period="Year")
    sell(world.crm, [(seat, 1, "1200", {})], **HEADER)
    settled(tandem)
    world.at("2026-03-01T02:00")
    settled(tandem)
    [invoice] = world.stripe.all("invoices")
    world.stripe.post(f"invoices/{invoice['id']}/pay", paid_out_of_band="true")
    settled(tandem)

    world.stripe.post("credit_notes", invoice=invoice["id"], amount=5_000, credit_amount=5_000)
    settled(tandem)

    shown = world.crm.row("Billing_Invoice__c", AMOUNTS)
    assert (shown["Status__c"], shown["Amount_Paid__c"]) == ("Paid", Decimal(1200))
    assert (shown["Amount_Credited__c"], shown["Amount_Remaining__c"]) == (Decimal(50), Decimal(0))
    assert world.crm.row("Account", "Credit_Balance__c")["Credit_Balance__c"] == Decimal(50)
    changes_nothing(tandem)
