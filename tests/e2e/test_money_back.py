"""What goes back to a customer, and what the customer's bank questions, on the invoice and beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from workers.demo.actors import DemoFailed

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


def test_parts_that_pay_an_invoice_are_rows_that_add_up_and_one_payment_covers_two(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-01")
    buyer = _buyer(world, "visa")
    first, second, bad = (_invoiced(world, buyer, amount) for amount in (100_000, 50_000, 7_000))
    world.stripe.post(f"invoices/{bad}/mark_uncollectible")
    part = world.stripe.post("payment_intents", **_card(buyer, 30_000))
    world.stripe.post(f"invoices/{first}/attach_payment", payment_intent=part["id"])
    settled(tandem)
    assert _amounts(world, first) == ("Open", Decimal(300), Decimal(700), Decimal(0))
    assert _amounts(world, bad) == ("Uncollectible", Decimal(0), Decimal(70), Decimal(0))

    world.stripe.post(f"invoices/{bad}/pay", paid_out_of_band="true")
    waiting = world.stripe.post("payment_intents", customer=buyer, amount=130_000, currency="usd")["id"]
    for invoice in (first, second):
        world.stripe.post(f"invoices/{invoice}/attach_payment", payment_intent=waiting)
    with pytest.raises(DemoFailed, match="declined"):
        world.stripe.post(f"payment_intents/{waiting}/confirm", payment_method="pm_card_chargeDeclined")
    world.stripe.post(f"payment_intents/{waiting}/confirm", payment_method="pm_card_visa")
    settled(tandem)
    assert _amounts(world, first) == ("Paid", Decimal(1000), Decimal(0), Decimal(0))
    assert _amounts(world, second) == ("Paid", Decimal(500), Decimal(0), Decimal(0))
    assert _amounts(world, bad) == ("Paid", Decimal(70), Decimal(0), Decimal(0))
    details = {r["Amount__c"]: r["Detail__c"] for r in world.crm.rows("Billing_Payment__c", PAYMENT)}
    assert details[Decimal(500)] == "100.00 USD more than was due went to the customer's balance."
    assert details[Decimal(70)] == "Paid outside Stripe"

    world.at("2026-01-02")  # what was tried before is asked about with the money that goes back
    world.stripe.post("refunds", payment_intent=waiting, amount=12_000)
    settled(tandem)
    tried = world.crm.rows(
        "Billing_Payment__c", "Amount__c Billing_Invoice__r.Stripe_Id__c", "Type__c = 'Attempt'", "Amount__c"
    )
    assert [(r["Amount__c"], r["Billing_Invoice__r"]["Stripe_Id__c"]) for r in tried] == [
        (Decimal(500), second), (Decimal(700), first),
    ]  # fmt: skip
    assert _amounts(world, first)[3] == Decimal(70)  # 700.00 and 500.00 were paid by it
    assert _amounts(world, second)[3] == Decimal(50)
    rows = world.crm.rows("Billing_Payment__c", "Amount__c", "Type__c = 'Refund'", "Amount__c")
    assert [r["Amount__c"] for r in rows] == [Decimal(50), Decimal(70)]
    paid = world.crm.rows("Billing_Payment__c", "Amount__c", "Type__c = 'Payment'", "Amount__c")
    assert [r["Amount__c"] for r in paid] == [Decimal(n) for n in (70, 300, 500, 700, 1200)]
    changes_nothing(tandem)


@pytest.mark.long
def test_what_is_noted_given_up_or_taken_from_the_balance_counts_once_and_no_more_when_it_is_undone(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-01")
    stripe, buyer = world.stripe, _customer(world, "anna")
    all_noted, noted, undone, paid_late, void = (
        _invoiced(world, buyer, amount) for amount in (120_000, 100_000, 50_000, 7_000, 8_000)
    )
    stripe.post("credit_notes", invoice=all_noted, amount=120_000)
    stripe.post("credit_notes", invoice=noted, amount=20_000)
    stripe.post(f"invoices/{noted}/pay", payment_method="pm_card_visa")
    stripe.post("credit_notes", invoice=noted, amount=10_000, credit_amount=10_000)
    stripe.post("credit_notes", invoice=noted, amount=5_000, refund_amount=5_000)
    note = stripe.post("credit_notes", invoice=undone, amount=5_000)["id"]
    from_balance = _invoiced(world, buyer, 12_000)
    for bad in (paid_late, void):
        stripe.post(f"invoices/{bad}/mark_uncollectible")
    settled(tandem)
    assert _money(world, all_noted) == ("Paid", 1200, 0, 0, 0, 1200)
    assert _money(world, noted) == ("Paid", 1000, 800, 0, 50, 300)
    assert _money(world, undone) == ("Open", 500, 0, 450, 0, 50)
    assert _money(world, from_balance) == ("Open", 120, 0, 20, 0, 0)  # 100.00 came from the balance
    assert _money(world, paid_late) == ("Uncollectible", 70, 0, 70, 0, 0)
    assert _account(world) == ["Good", 470, 0, 800]

    world.at("2026-01-02")
    stripe.post(f"credit_notes/{note}/void")
    stripe.post(f"invoices/{paid_late}/pay", payment_method="pm_card_visa")
    stripe.post(f"invoices/{void}/void")
    world.at("2026-02-15")
    settled(tandem)
    assert _money(world, undone) == ("Open", 500, 0, 500, 0, 0)
    assert _money(world, paid_late) == ("Paid", 70, 70, 0, 0, 0)
    assert _money(world, void) == ("Void", 80, 0, 0, 0, 0)
    assert _account(world) == ["Past Due", 520, 520, 70]
    rows = world.crm.rows("Billing_Payment__c", "Type__c Status__c Amount__c", order="Type__c, Amount__c")
    assert [tuple(row.values()) for row in rows] == [
        ("Credit", "Void", 50), ("Credit", "Issued", 100), ("Credit", "Issued", 200), ("Credit", "Issued", 1200),
        ("Payment", "Succeeded", 70), ("Payment", "Succeeded", 800), ("Refund", "Succeeded", 50),
    ]  # fmt: skip
    open_ = world.crm.rows("Billing_Issue__c", "Code__c Sum__c", "Status__c = 'Open'", "Sum__c")
    assert [tuple(row.values()) for row in open_] == [("DATA-225", 20), ("DATA-225", 500)]
    changes_nothing(tandem)


def _customer(world: World, name: str) -> str:
    customer = world.stripe.post("customers", name=name, email=f"{name}@shop.example")["id"]
    world.crm.create("Account", Name=name, Stripe_Customer_Id__c=customer)
    return str(customer)


def _money(world: World, invoice: str) -> tuple[Any, ...]:
    """Status, total, paid, remaining, refunded, credited."""
    fields = "Status__c Total__c Amount_Paid__c Amount_Remaining__c Amount_Refunded__c Amount_Credited__c"
    return tuple(world.crm.row("Billing_Invoice__c", fields, f"Stripe_Id__c = '{invoice}'").values())


def _account(world: World) -> list[Any]:
    fields = "Billing_Health__c Open_Balance__c Overdue_Amount__c Last_Payment_Amount__c"
    return list(world.crm.row("Account", fields).values())


def _amounts(world: World, invoice: str) -> tuple[str, Decimal, Decimal, Decimal]:
    fields = "Status__c Amount_Paid__c Amount_Remaining__c Amount_Refunded__c"
    row = world.crm.row("Billing_Invoice__c", fields, f"Stripe_Id__c = '{invoice}'")
    return row["Status__c"], row["Amount_Paid__c"], row["Amount_Remaining__c"], row["Amount_Refunded__c"]


def _card(customer: str, amount: int) -> dict[str, Any]:
    return {
        "customer": customer,
        "amount": amount,
        "currency": "usd",
        "confirm": "true",
        "payment_method": "pm_card_visa",
    }


def _invoiced(world: World, customer: str, amount: int) -> str:
    """An open invoice that is sent to the customer."""
    terms = {"collection_method": "send_invoice", "days_until_due": 30, "auto_advance": "false"}
    made = str(world.stripe.post("invoices", customer=customer, **terms)["id"])
    world.stripe.post("invoiceitems", customer=customer, invoice=made, amount=amount, currency="usd")
    world.stripe.post(f"invoices/{made}/finalize")
    return made
