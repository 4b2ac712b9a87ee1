"""What goes back to a customer, and what the customer's bank questions, on the invoice and beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

INVOICE = "Status__c Amount_Paid__c Amount_Refunded__c Amount_Credited__c Dispute_Status__c"
PAYMENT = "Type__c Status__c Amount__c Detail__c"
PAID = ("Payment", "Succeeded", Decimal(1200))


def test_disputes_and_refunds_are_followed_to_their_end(world: World, tandem: Tandem) -> None:
    world.at("2026-01-01")
    buyers = {who: _buyer(world, card) for who, card in (
        ("wins", "createDispute"), ("loses", "createDispute"), ("asks", "createDisputeInquiry"),
        ("late", "pendingRefund"), ("fails", "refundFail"), ("balance", "visa"),
    )}  # fmt: skip
    settled(tandem)
    for who, dispute in (("wins", "Needs Response"), ("loses", "Needs Response"), ("asks", "Warning Needs Response")):
        row, payments = _shown(world, buyers[who])
        assert (row["Status__c"], row["Dispute_Status__c"], row["Amount_Refunded__c"]) == ("Paid", dispute, Decimal(0))
        assert payments == [PAID, ("Dispute", dispute, Decimal(1200))]

    disputes = {d["charge"]: d for d in world.stripe.all("disputes")}
    for who, words in (("wins", "winning_evidence"), ("asks", "escalate_inquiry_evidence")):
        form = {"evidence[uncategorized_text]": words}
        world.stripe.post(f"disputes/{disputes[_charge(world, buyers[who])]['id']}", form=form)
    world.stripe.post(f"disputes/{disputes[_charge(world, buyers['loses'])]['id']}/close")
    for who in ("late", "fails"):
        world.stripe.post("refunds", charge=_charge(world, buyers[who]), amount=45_000)
    world.stripe.post("credit_notes", invoice=_invoice(world, buyers["balance"]), amount=5_000, credit_amount=5_000)
    settled(tandem)
    for who, dispute in (("wins", "Won"), ("loses", "Lost"), ("asks", "Needs Response")):
        assert _shown(world, buyers[who])[0]["Dispute_Status__c"] == dispute
        assert _shown(world, buyers[who])[1] == [PAID, ("Dispute", dispute, Decimal(1200))]
    assert _shown(world, buyers["late"])[1] == [PAID, ("Refund", "Pending", Decimal(450))]
    assert _shown(world, buyers["fails"])[0]["Amount_Refunded__c"] == Decimal(450)
    credited, payments = _shown(world, buyers["balance"])
    assert (credited["Amount_Credited__c"], credited["Amount_Refunded__c"]) == (Decimal(50), Decimal(0))
    assert payments == [PAID, ("Credit", "Issued", Decimal(50))]
    account = world.crm.row("Account", "Credit_Balance__c", f"Stripe_Customer_Id__c = '{buyers['balance']}'")
    assert account["Credit_Balance__c"] == Decimal(50)

    world.at("2026-01-03")
    settled(tandem)
    late, failed = _shown(world, buyers["late"]), _shown(world, buyers["fails"])
    assert (late[0]["Amount_Refunded__c"], late[1]) == (Decimal(450), [PAID, ("Refund", "Succeeded", Decimal(450))])
    assert (failed[0]["Amount_Refunded__c"], failed[1]) == (Decimal(0), [PAID, ("Refund", "Failed", Decimal(450))])
    details = [r["Detail__c"] for r in world.crm.rows("Billing_Payment__c", PAYMENT, "Status__c = 'Failed'")]
    assert details == ["It failed: the card has expired or was closed."]
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def _shown(world: World, customer: str) -> tuple[dict[str, Any], list[tuple[str, str, Decimal]]]:
    """The customer's invoice, and what stands beside it, the payment first."""
    row = world.crm.row("Billing_Invoice__c", f"Id {INVOICE}", f"Stripe_Id__c = '{_invoice(world, customer)}'")
    rows = world.crm.rows("Billing_Payment__c", PAYMENT, f"Billing_Invoice__c = '{row['Id']}'", "At__c")
    rows.sort(key=lambda r: r["Type__c"] != "Payment")
    return row, [(r["Type__c"], r["Status__c"], r["Amount__c"]) for r in rows]


def _invoice(world: World, customer: str) -> str:
    [invoice] = world.stripe.all("invoices", customer=customer)
    return str(invoice["id"])


def _charge(world: World, customer: str) -> str:
    [charge] = world.stripe.all("charges", customer=customer)
    return str(charge["id"])


def _buyer(world: World, card: str) -> str:
    """A customer with an Account who paid a plan of 1,200.00 a year with this test card."""
    stripe = world.stripe
    customer = stripe.post("customers", name=card, email=f"{card}@shop.example")["id"]
    world.crm.create("Account", Name=card, Stripe_Customer_Id__c=customer)
    method = stripe.post(f"payment_methods/pm_card_{card}/attach", customer=customer)["id"]
    stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
    product = stripe.post("products", name="Plan")["id"]
    terms = {"product": product, "currency": "usd", "unit_amount": 120_000, "recurring[interval]": "year"}
    price = stripe.post("prices", form=terms)["id"]
    stripe.post("subscriptions", form={"customer": customer, "items[0][price]": price})
    return str(customer)
