"""Case 25: webhooks out of order and doubled, two workers at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from typing import Any

from tests.e2e.looks import changes_nothing
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem, work_in_parallel
from tests.e2e.webhooks import Webhooks

CREATED = 1767225600


def test_reversed_and_doubled_webhooks_end_as_stripe_stands(world: World, tandem: Tandem, webhooks: Webhooks) -> None:
    world.at("2026-01-01")
    _account_for(world, plan := _bought(world, "rowan", seats=12, cents=10_000))
    events = _events_as_told(world, plan)
    assert [e["created"] - CREATED for e in events] == [0, 1, 3, 5, 5]

    for event in reversed(events):
        webhooks.deliver(event, event)
    work_in_parallel(tandem, tandem.again())

    invoice = world.crm.row("Billing_Invoice__c", "Status__c Amount_Paid__c Amount_Remaining__c Attempts__c Failure__c")
    assert invoice == {
        "Status__c": "Paid", "Amount_Paid__c": Decimal("1200"), "Amount_Remaining__c": 0, "Attempts__c": 1, "Failure__c": None,
    }  # fmt: skip
    row = world.crm.row("Billing_Subscription__c", "Status__c Channel__c MRR__c Quantity__c")
    assert row == {"Status__c": "Active", "Channel__c": "Self-Serve", "MRR__c": Decimal("1200"), "Quantity__c": 12}
    [payment] = world.crm.rows("Billing_Payment__c", "Type__c Status__c Amount__c")
    assert payment == {"Type__c": "Payment", "Status__c": "Succeeded", "Amount__c": Decimal("1200")}
    assert not [e for e in world.log() if e.by_tandem and e.path == "/v1/events"], "the webhooks alone were enough"
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def test_invoice_of_one_second_ends_paid_in_every_order(world: World, tandem: Tandem, webhooks: Webhooks) -> None:
    """Created, finalised and paid in one second: the stamps say nothing, and each order is worked off event by event."""
    world.at("2026-01-01")
    other = tandem.again()
    steps = ("invoice.created", "invoice.finalized", "invoice.paid")
    for number, order in enumerate(permutations(steps)):
        plan = _bought(world, f"buyer{number}", seats=1, cents=3900)
        _account_for(world, plan)
        events = {e["type"]: e for e in _events(world, plan) if e["type"] in steps}
        assert len({e["created"] for e in events.values()}) == 1
        for name in (*order, *order):
            webhooks.deliver(events[name])
            work_in_parallel(tandem, other)
        rows = world.crm.rows("Billing_Invoice__c", "Status__c Amount_Paid__c", f"Stripe_Id__c = '{_invoice_id(plan)}'")
        assert rows == [{"Status__c": "Paid", "Amount_Paid__c": Decimal("39")}], order
    assert len(world.crm.rows("Billing_Invoice__c", "Id")) == 6
    changes_nothing(tandem)


def _bought(world: World, name: str, *, seats: int, cents: int) -> dict[str, Any]:
    """A monthly plan bought with a card on the web site, its first invoice paid at once."""
    stripe = world.stripe
    customer = stripe.post("customers", name=name.title(), email=f"{name}@shop.example")
    method = stripe.post("payment_methods/pm_card_visa/attach", customer=customer["id"])
    stripe.post(f"customers/{customer['id']}", form={"invoice_settings[default_payment_method]": method["id"]})
    product = stripe.post("products", name="Plan")
    terms = {"product": product["id"], "currency": "usd", "unit_amount": cents, "recurring[interval]": "month"}
    price = stripe.post("prices", form=terms)
    items = {"items[0][price]": price["id"], "items[0][quantity]": seats}
    return stripe.post("subscriptions", form={"customer": customer["id"], **items})


def _account_for(world: World, plan: dict[str, Any]) -> str:
    return world.crm.create("Account", Name="Shopper", Stripe_Customer_Id__c=plan["customer"])


def _events(world: World, plan: dict[str, Any]) -> list[dict[str, Any]]:
    def about(event: dict[str, Any]) -> bool:
        subject = event["data"]["object"]
        return plan["customer"] in (subject["id"], subject.get("customer"))

    return [e for e in reversed(world.stripe.all("events")) if about(e)]


def _events_as_told(world: World, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The case's five events, each with the stamp and the state that the case gives it."""
    found = {e["type"]: e for e in _events(world, plan)}
    subscription, invoice = plan, world.stripe.get(f"invoices/{_invoice_id(plan)}")
    told: list[tuple[str, int, dict[str, Any], Callable[[dict[str, Any]], None]]] = [
        ("customer.subscription.created", 0, subscription, lambda o: o.update(status="incomplete")),
        ("invoice.created", 1, invoice, lambda o: o.update(status="draft", amount_paid=0)),
        ("invoice.finalized", 3, invoice, lambda o: o.update(status="open", amount_paid=0)),
        ("invoice.paid", 5, invoice, lambda o: o.update(status="paid")),
        ("customer.subscription.updated", 5, subscription, lambda o: o.update(status="active")),
    ]
    events = []
    for number, (name, second, subject, state) in enumerate(told):
        event = copy.deepcopy(found.get(name) or next(iter(found.values())))
        shown = copy.deepcopy(subject)
        state(shown)
        event.update(id=f"evt_told_{number}", type=name, created=CREATED + second, data={"object": shown})
        events.append(event)
    return events


def _invoice_id(plan: dict[str, Any]) -> str:
    invoice = plan["latest_invoice"]
    return str(invoice["id"] if isinstance(invoice, dict) else invoice)
