"""What billing operations do to invoices in a quarter, each notice of it heard twice and in no order."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from sync.cli.reconcile import compare
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel
from tests.e2e.webhooks import Webhooks

AMOUNTS = "Total__c Amount_Paid__c Amount_Remaining__c Amount_Refunded__c Amount_Credited__c"
PAYMENT = "Type__c Status__c Amount__c Detail__c"


@pytest.mark.long
def test_each_amount_is_counted_once_whatever_is_done_and_however_it_is_heard(
    world: World, tandem: Tandem, webhooks: Webhooks
) -> None:
    world.at("2026-01-01")
    walk = Walk(world, tandem, webhooks)
    transfer, credited, parts, dinars = (
        walk.invoice(who, amount, currency)
        for who, amount, currency in (
            ("transfer", 120_000, "usd"), ("credited", 50_000, "eur"), ("parts", 90_000, "usd"), ("dinars", 1_234_560, "kwd"),
        )
    )  # fmt: skip
    for invoice, card in ((parts, "pm_card_refundFail"), (dinars, "pm_card_visa")):
        world.stripe.post(f"invoices/{invoice}/pay", payment_method=card)
    walk.fund("transfer", 20_000)
    note = world.stripe.post("credit_notes", invoice=credited, amount=15_000, reason="order_change")
    walk.heard()
    assert walk.row(transfer) == _amounts("Open", 1200, 0, 1200, 0, 0)
    assert walk.payments(transfer) == []
    assert walk.row(credited) == _amounts("Open", 500, 0, 350, 0, 150)
    assert walk.row(parts) == _amounts("Paid", 900, 900, 0, 0, 0)
    assert walk.row(dinars) == _amounts("Paid", "1234.56", "1234.56", 0, 0, 0)
    assert walk.payments(dinars) == [("Payment", "Succeeded", Decimal("1234.56"))]

    assert _told(world) == [("Open", Decimal(200))]  # the customer became an Account's only after that

    walk.fund("transfer", 100_000)
    world.stripe.post(f"invoices/{credited}/void")
    [charge] = world.stripe.all("charges", customer=walk.customers["parts"])
    for amount in (30_000, 10_000):
        world.stripe.post("refunds", charge=charge["id"], amount=amount)
    walk.heard()
    assert walk.row(transfer) == _amounts("Paid", 1200, 1200, 0, 0, 0)
    assert [status for status, _ in _told(world)] == ["Closed"]
    assert walk.payments(transfer) == [("Payment", "Succeeded", Decimal(1200))]
    assert walk.row(credited) == _amounts("Void", 500, 0, 0, 0, 150)
    assert walk.payments(credited) == [("Credit", "Issued", Decimal(150))]
    assert walk.detail(credited) == f"Credit note {note['number']}. The order was changed. It lowers what is due."
    assert walk.row(parts) == _amounts("Paid", 900, 900, 0, 400, 0)

    world.at("2026-01-03")  # both refunds come back
    walk.heard()
    assert walk.row(parts) == _amounts("Paid", 900, 900, 0, 0, 0)
    assert walk.payments(parts) == [
        ("Payment", "Succeeded", Decimal(900)), ("Refund", "Failed", Decimal(100)), ("Refund", "Failed", Decimal(300)),
    ]  # fmt: skip
    world.stripe.post("refunds", charge=charge["id"], amount=40_000)
    walk.heard()
    assert walk.row(parts)[4] == Decimal(400)
    accounts = [f"account:{row['Id']}" for row in world.crm.rows("Account", "Id")]
    assert compare(tandem.services, accounts).differences == []
    assert world.writes(system="stripe") == []
    settled(tandem)
    changes_nothing(tandem)


def _amounts(status: str, *amounts: int | str) -> tuple[str | Decimal, ...]:
    """Status, total, paid, remaining, refunded, credited."""
    return (status, *map(Decimal, amounts))


def _told(world: World) -> list[tuple[str, Decimal]]:
    """What is said of money that pays no invoice."""
    rows = world.crm.rows("Billing_Issue__c", "Status__c Sum__c", "Code__c = 'DATA-236'")
    return [(r["Status__c"], r["Sum__c"]) for r in rows]


class Walk:
    """Customers with an Account each, their invoices, and what Tandem hears and shows of them."""

    def __init__(self, world: World, tandem: Tandem, webhooks: Webhooks) -> None:
        self.world, self.tandem, self.webhooks = world, tandem, webhooks
        self.customers: dict[str, str] = {}
        self._known: set[str] = set()
        self._order = random.Random(7)

    def invoice(self, who: str, minor: int, currency: str) -> str:
        """An open invoice that is sent to a new customer."""
        stripe = self.world.stripe
        customer = str(stripe.post("customers", name=who.title(), email=f"{who}@shop.example")["id"])
        self.world.crm.create("Account", Name=who.title(), Stripe_Customer_Id__c=customer)
        self.customers[who] = customer
        terms = {"collection_method": "send_invoice", "days_until_due": 60, "currency": currency}
        made = str(stripe.post("invoices", customer=customer, **terms)["id"])
        stripe.post("invoiceitems", customer=customer, invoice=made, amount=minor, currency=currency)
        stripe.post(f"invoices/{made}/finalize")
        return made

    def fund(self, who: str, minor: int) -> None:
        """A bank transfer of the customer's comes."""
        path = f"test_helpers/customers/{self.customers[who]}/fund_cash_balance"
        self.world.stripe.post(path, amount=minor, currency="usd")

    def heard(self) -> None:
        """Every event that is new is delivered twice, in no order, and worked off."""
        events: list[dict[str, Any]] = [e for e in self.world.stripe.all("events") if e["id"] not in self._known]
        assert events
        self._known |= {e["id"] for e in events}
        twice = [*events, *events]
        self._order.shuffle(twice)
        self.webhooks.deliver(*twice)
        work_in_parallel(self.tandem)

    def row(self, invoice: str) -> tuple[str | Decimal, ...]:
        """Status, total, paid, remaining, refunded, credited."""
        fields = f"Status__c {AMOUNTS}"
        row = self.world.crm.row("Billing_Invoice__c", fields, f"Stripe_Id__c = '{invoice}'")
        return (row["Status__c"], *(row[name] for name in AMOUNTS.split()))

    def payments(self, invoice: str) -> list[tuple[str, str, Decimal]]:
        """What stands under it."""
        where = f"Billing_Invoice__r.Stripe_Id__c = '{invoice}'"
        rows = self.world.crm.rows("Billing_Payment__c", PAYMENT, where)
        return sorted((r["Type__c"], r["Status__c"], r["Amount__c"]) for r in rows)

    def detail(self, invoice: str) -> str:
        """The words of the one row under it."""
        where = f"Billing_Invoice__r.Stripe_Id__c = '{invoice}'"
        return str(self.world.crm.row("Billing_Payment__c", PAYMENT, where)["Detail__c"])
