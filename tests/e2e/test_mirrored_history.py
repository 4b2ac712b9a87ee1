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


@pytest.mark.parametrize(
    ("which", "months", "has_rows"),
    [
        ("all", 0, {"old", "old and paid", "new", "new and paid"}),
        ("all", 2, {"new", "new and paid"}),
        ("open", 0, {"old", "new"}),
        ("none", 0, set()),
        ("none", 2, set()),
    ],
)
def test_whatever_gets_a_row_the_account_says_the_same(
    world: World, make_tandem: Callable[..., Tandem], which: str, months: int, has_rows: set[str]
) -> None:
    world.at("2026-01-01")
    customer = str(world.stripe.post("customers", name="Oak", email="ap@oak.example")["id"])
    world.crm.create("Account", Name="Oak", Stripe_Customer_Id__c=customer)
    names = {}
    for day, age in (("2026-01-01", "old"), ("2026-04-10", "new")):
        world.at(day)
        names |= {_invoiced(world, customer): age, _invoiced(world, customer): f"{age} and paid"}
    paid = [invoice for invoice, name in names.items() if name.endswith("paid")]
    for invoice in paid:
        world.stripe.post(f"invoices/{invoice}/pay", paid_out_of_band="true")

    tandem = make_tandem(mirror_months=months, mirror_invoices=which)
    settled(tandem)
    sums = "Billing_Health__c Open_Balance__c Overdue_Amount__c Last_Payment_Amount__c"
    assert {names[invoice] for invoice in _rows(world)} == has_rows
    assert list(world.crm.row("Account", sums).values()) == ["Past Due", 140, 70, 70]
    world.at("2026-07-10")  # the newer ones have left the months, too
    settled(tandem)
    assert {names[invoice] for invoice in _rows(world)} == has_rows
    assert list(world.crm.row("Account", sums).values()) == ["Past Due", 140, 140, 70]
    assert len(world.crm.rows("Billing_Issue__c", "Id", "Status__c = 'Open'")) == 2
    for invoice in names.keys() - set(paid):
        world.stripe.post(f"invoices/{invoice}/pay", paid_out_of_band="true")
    settled(tandem)
    assert set(_rows(world).values()) <= {"Paid"}
    assert len(world.crm.rows("Billing_Payment__c", "Id")) == len(has_rows)
    assert list(world.crm.row("Account", sums).values()) == ["Good", 0, 0, 70]
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
