"""How much of the past gets rows in Salesforce is policy; the sums are of all of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


def test_older_invoices_count_in_the_sums_without_a_row(world: World, make_tandem: Callable[..., Tandem]) -> None:
    world.at("2026-01-01")
    customer = str(world.stripe.post("customers", name="Oak", email="ap@oak.example")["id"])
    world.crm.create("Account", Name="Oak", Stripe_Customer_Id__c=customer)
    old = _invoiced(world, customer)
    world.at("2026-04-10")
    new = _invoiced(world, customer)
    paid = _invoiced(world, customer)
    world.stripe.post(f"invoices/{paid}/pay", paid_out_of_band="true")

    tandem = make_tandem(mirror_months=2, mirror_invoices="open")
    settled(tandem)
    assert _rows(world) == {new: "Open"}
    assert world.crm.row("Account", "Open_Balance__c Overdue_Amount__c Last_Payment_Amount__c") == {
        "Open_Balance__c": Decimal(140), "Overdue_Amount__c": Decimal(70), "Last_Payment_Amount__c": Decimal(70),
    }  # fmt: skip
    assert [i["Reference__c"] for i in world.crm.rows("Billing_Issue__c", "Reference__c")] == [old]

    for invoice in (old, new):
        world.stripe.post(f"invoices/{invoice}/pay", paid_out_of_band="true")
    world.at("2026-08-01")  # what has a row keeps it, and it is kept right
    settled(tandem)
    assert _rows(world) == {new: "Paid"}
    assert world.crm.row("Account", "Open_Balance__c")["Open_Balance__c"] == 0
    changes_nothing(tandem)


def _rows(world: World) -> dict[str, str]:
    return {r["Stripe_Id__c"]: r["Status__c"] for r in world.crm.rows("Billing_Invoice__c", "Stripe_Id__c Status__c")}


def _invoiced(world: World, customer: str) -> str:
    """An invoice of 70.00 that is sent to the customer."""
    terms = {"collection_method": "send_invoice", "days_until_due": 30, "auto_advance": "false"}
    made = str(world.stripe.post("invoices", customer=customer, **terms)["id"])
    world.stripe.post("invoiceitems", customer=customer, invoice=made, amount=7_000, currency="usd")
    world.stripe.post(f"invoices/{made}/finalize")
    return made
