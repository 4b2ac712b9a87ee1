"""Case 27: a paid invoice refunded in parts; and the first part by a credit note."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel
from tests.e2e.webhooks import Webhooks

AMOUNTS = "Status__c Amount_Paid__c Amount_Remaining__c Amount_Refunded__c Amount_Credited__c"


@pytest.mark.parametrize("by_credit_note", [False, True])
def test_refunds_add_up_and_the_invoice_stays_paid(
    world: World, tandem: Tandem, webhooks: Webhooks, by_credit_note: bool
) -> None:
    world.at("2026-01-01")
    invoice, intent = _paid(world)
    told = _told(world, webhooks, tandem, set())

    world.at("2026-01-10")
    note = None
    if by_credit_note:
        note = world.stripe.post("credit_notes", invoice=invoice, amount=45_000, refund_amount=45_000)["number"]
    else:
        world.stripe.post("refunds", payment_intent=intent, amount=45_000, reason="requested_by_customer")
    told = _told(world, webhooks, tandem, told)
    assert _collected(world) == (Decimal(450), Decimal(750))

    world.at("2026-02-10")
    world.stripe.post("refunds", payment_intent=intent, amount=75_000)
    _told(world, webhooks, tandem, told)
    assert _collected(world) == (Decimal(1200), Decimal(0))

    rows = world.crm.rows("Billing_Payment__c", "Type__c Status__c Amount__c Detail__c", order="At__c")
    assert [(r["Type__c"], r["Status__c"], r["Amount__c"]) for r in rows] == [
        ("Payment", "Succeeded", Decimal(1200)), ("Refund", "Succeeded", Decimal(450)), ("Refund", "Succeeded", Decimal(750)),
    ]  # fmt: skip
    assert rows[1]["Detail__c"] == (f"Credit note {note}." if by_credit_note else "The customer asked for it.")
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def _collected(world: World) -> tuple[Decimal, Decimal]:
    """What the invoice says was refunded, and what is left of what was paid. It is Paid, and nothing is counted twice."""
    row = world.crm.row("Billing_Invoice__c", AMOUNTS)
    assert (row["Status__c"], row["Amount_Paid__c"]) == ("Paid", Decimal(1200))
    assert (row["Amount_Remaining__c"], row["Amount_Credited__c"]) == (Decimal(0), Decimal(0))
    return row["Amount_Refunded__c"], row["Amount_Paid__c"] - row["Amount_Refunded__c"]


def _told(world: World, webhooks: Webhooks, tandem: Tandem, known: set[str]) -> set[str]:
    """Every event that is new is delivered twice and worked off; returns all that are known now."""
    events: list[dict[str, Any]] = [e for e in reversed(world.stripe.all("events")) if e["id"] not in known]
    assert events
    webhooks.deliver(*events, *events)
    work_in_parallel(tandem)
    return known | {e["id"] for e in events}


def _paid(world: World) -> tuple[str, str]:
    """The invoice of a plan of 1,200.00 that a card paid, and the payment intent that did."""
    stripe = world.stripe
    customer = stripe.post("customers", name="Rowan", email="rowan@shop.example")["id"]
    world.crm.create("Account", Name="Rowan", Stripe_Customer_Id__c=customer)
    method = stripe.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
    product = stripe.post("products", name="Plan")["id"]
    terms = {"product": product, "currency": "usd", "unit_amount": 120_000, "recurring[interval]": "month"}
    price = stripe.post("prices", form=terms)["id"]
    plan = stripe.post("subscriptions", form={"customer": customer, "items[0][price]": price})
    stripe.post(f"subscriptions/{plan['id']}", cancel_at_period_end="true")
    [payment] = stripe.all("invoice_payments", invoice=plan["latest_invoice"])
    return str(plan["latest_invoice"]), str(payment["payment"]["payment_intent"])
