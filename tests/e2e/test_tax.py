"""Deals with automatic tax: what is asked of Stripe, what the invoices come to, and that no forecast changes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tests.e2e.looks import billed, changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.taxing import account, tax_is_on

INVOICE = "Status__c Subtotal__c Tax__c Total__c Amount_Paid__c Amount_Credited__c"
TERMS = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_an_address_that_says_too_little_is_asked_for_and_the_deal_goes_on_by_itself_with_its_tax(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(automatic_tax=True, default_tax_code="txcd_10103001")
    world.at("2026-01-10")
    tax_is_on(world)
    seat = world.crm.product("Seat", currencies=["USD"])
    buyer = account(world, "US", BillingPostalCode="787")
    quote = sell(world.crm, [(seat, 3, "33.37", {})], account=buyer, **TERMS)
    before = world.mark()
    tandem.drain()

    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("Needs Attention", "DATA-202")
    assert "BillingPostalCode with five digits" in row["Billing_Message__c"]
    assert world.writes(before, "stripe") == []

    world.crm.change("Account", buyer, BillingPostalCode="78701")
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Contract_Total__c"]) == ("Live", Decimal("1201.32"))
    assert "First invoice 1 Feb 2026: 100.11 USD + tax" in row["Billing_Preview__c"]
    assert billed(world) == [("2026-02-01", 10_837)]  # 8.25 % of 100.11 are 8.26
    shown = world.crm.row("Billing_Invoice__c", INVOICE)
    assert (shown["Subtotal__c"], shown["Tax__c"], shown["Total__c"]) == (
        Decimal("100.11"),
        Decimal("8.26"),
        Decimal("108.37"),
    )
    [product] = world.stripe.all("products")
    assert product["tax_code"] == "txcd_10103001"
    assert world.crm.rows("Billing_Issue__c", "Code__c") == []
    changes_nothing(tandem)
