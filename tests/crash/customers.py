"""Customers of the crash tests: each with an account, a product and a signed quote of its own, so that each can be judged alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.e2e.sandbox import World

STATUS = {"draft": "Draft", "open": "Open", "paid": "Paid", "void": "Void", "uncollectible": "Uncollectible"}


@dataclass(frozen=True)
class Sold:
    """What one customer was sold."""

    name: str
    account: str
    product: str
    quote: str
    discount: int


def draft(world: World, number: int, *, in_days: int = 14) -> Sold:
    """A quote of ten seats, monthly for a year, with a line discount that nobody else has, not yet signed."""
    name = f"Customer {number}"
    product = world.crm.product(f"Seat of {name}", currencies=["USD"])
    account = world.crm.create("Account", Name=name, Billing_Email__c=f"ap{number}@customer{number}.example")
    start = (world.now() + timedelta(days=in_days)).date().isoformat()
    quote = world.crm.quote(
        f"Quote of {name}", account, "USD", [(product, 10, "50.00", {"Discount": number % 80 + 1})],
        Start_Date__c=start, Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    return Sold(name, account, product["id"], quote, number % 80 + 1)


def statuses(world: World, sold: list[Sold]) -> dict[str, str]:
    """Quote id -> its billing status."""
    wanted = {s.quote for s in sold}
    rows = world.crm.rows("Quote", "Id Billing_Status__c", "Status = 'Accepted'")
    return {r["Id"]: r["Billing_Status__c"] for r in rows if r["Id"] in wanted}


def all_are(world: World, sold: list[Sold], status: str) -> Callable[[], bool]:
    """Whether the CRM says this status on every quote."""
    return lambda: set(statuses(world, sold).values()) == {status}


def by(rows: list[dict[str, Any]], field: str) -> dict[str, list[dict[str, Any]]]:
    """Rows by the value of a field."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row[field]), []).append(row)
    return found


@dataclass(frozen=True)
class Sides:
    """Everything that both sides hold now."""

    stripe: dict[str, list[dict[str, Any]]]
    crm: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, world: World) -> Sides:
        kinds = ("customers", "products", "prices", "coupons", "subscription_schedules", "invoices")
        stripe = {kind: world.stripe.all(kind) for kind in kinds}
        stripe["subscriptions"] = world.stripe.all("subscriptions", status="all")
        fields = {
            "Billing_Subscription__c": "Account__c Quote__c Status__c Stripe_Id__c Stripe_Schedule_Id__c Quantity__c MRR__c Billing_Key__c",
            "Billing_Subscription_Item__c": "Billing_Subscription__r.Account__c Product2__c Quantity__c Billing_Key__c",
            "Billing_Invoice__c": "Account__c Stripe_Id__c Status__c Total__c Amount_Paid__c Amount_Remaining__c",
            "Billing_Payment__c": "Billing_Invoice__r.Stripe_Id__c Type__c Status__c Amount__c Billing_Key__c",
            "Account": "Id Stripe_Customer_Id__c MRR__c Open_Balance__c",
        }
        return cls(stripe, {name: world.crm.rows(name, wanted) for name, wanted in fields.items()})


def judge(world: World, sold: list[Sold]) -> None:
    """Exactly one of everything for each customer, on both sides, and the CRM says what Stripe says now."""
    sides = Sides.of(world)
    for one in sold:
        _judge_customer(sides, one)
    _judge_invoices(sides)
    keys = [r["Billing_Key__c"] for name in ("Billing_Subscription__c", "Billing_Payment__c") for r in sides.crm[name]]
    assert len(keys) == len(set(keys)), "a row stands twice in the CRM"


def _judge_customer(sides: Sides, one: Sold) -> None:
    [customer] = [c for c in sides.stripe["customers"] if c["name"] == one.name]
    [product] = [p for p in sides.stripe["products"] if p["name"] == f"Seat of {one.name}"]
    [price] = [p for p in sides.stripe["prices"] if p["product"] == product["id"]]
    [schedule] = [s for s in sides.stripe["subscription_schedules"] if s["customer"] == customer["id"]]
    [phase] = schedule["phases"]
    assert [(i["price"], i["quantity"]) for i in phase["items"]] == [(price["id"], 10)]
    subscriptions = [s for s in sides.stripe["subscriptions"] if s["customer"] == customer["id"]]
    assert len(subscriptions) == (0 if schedule["status"] == "not_started" else 1)
    assert [c for c in sides.stripe["coupons"] if c["percent_off"] == one.discount], f"{one.name} has no coupon"

    [row] = by(sides.crm["Billing_Subscription__c"], "Account__c")[one.account]
    assert (row["Quote__c"], row["Stripe_Schedule_Id__c"], row["Quantity__c"] or 0) == (
        one.quote, schedule["id"], 10 if subscriptions else 0,
    )  # fmt: skip
    assert row["Status__c"] == ("Active" if subscriptions else "Scheduled")
    [account] = by(sides.crm["Account"], "Id")[one.account]
    assert account["Stripe_Customer_Id__c"] == customer["id"]
    mine = [i for i in sides.crm["Billing_Subscription_Item__c"] if i["Product2__c"] == one.product]
    assert len(mine) == 1, f"{one.name}: {mine}"
    net = Decimal(500) * (100 - one.discount) / 100
    assert account["MRR__c"] == (net if subscriptions else 0)
    theirs = [i for i in sides.stripe["invoices"] if i["customer"] == customer["id"]]
    assert [i["total"] for i in theirs] == [int(net * 100)] * len(subscriptions), f"{one.name} is billed once a month"
    assert len(theirs) == len(by(sides.crm["Billing_Invoice__c"], "Account__c").get(one.account, []))


def _judge_invoices(sides: Sides) -> None:
    """Each invoice has one row, which says what Stripe says; one that is paid (nobody pays twice here) shows one payment."""
    rows = by(sides.crm["Billing_Invoice__c"], "Stripe_Id__c")
    for invoice in sides.stripe["invoices"]:
        [row] = rows[invoice["id"]]
        told = (row["Status__c"], row["Total__c"] * 100, row["Amount_Paid__c"] * 100, row["Amount_Remaining__c"] * 100)
        is_now = (STATUS[invoice["status"]], invoice["total"], invoice["amount_paid"], invoice["amount_remaining"])
        assert told == is_now, f"the CRM holds an older value of {invoice['id']}"
        shown = [
            p for p in sides.crm["Billing_Payment__c"]
            if p["Billing_Invoice__r"]["Stripe_Id__c"] == invoice["id"] and p["Type__c"] == "Payment"
        ]  # fmt: skip
        assert len(shown) == (1 if invoice["status"] == "paid" else 0), f"{invoice['id']} shows {len(shown)} payments"


def invoiced(world: World, sold: list[Sold], status: str = "Open") -> Callable[[], bool]:
    """Whether the CRM shows one invoice of this status for each customer."""

    def look() -> bool:
        shown = by(world.crm.rows("Billing_Invoice__c", "Account__c Status__c"), "Account__c")
        return all([r["Status__c"] for r in shown.get(s.account, [])] == [status] for s in sold)

    return look
