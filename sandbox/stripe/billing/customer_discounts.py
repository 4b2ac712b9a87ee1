"""Discounts of a customer as a whole: they come off every new invoice that has none of its own.

Stripe says where a discount of the customer stands in (the parameter `discounts`): a new subscription without one, a
phase and an invoice that say nothing about theirs. `''` keeps it from a phase and from an invoice; on a subscription it
only takes the subscription's own away. This version of the API takes no discount on a customer any more
(changelog 2025-03-31, `coupon` and `promotion_code` are gone); people and older integrations still put one there, here
by the control port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import discounts
from sandbox.stripe.kernel import Kernel, Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


def put(billing: Billing, customer: Obj, spec: dict[str, Any]) -> Obj:
    """Give the customer the discount that the spec names, in place of any before; raises Stripe's refusal."""
    kernel, currency = billing.kernel, customer["currency"]
    discounts.check(kernel, [spec], currency, customer=customer["id"], purchase=None)
    owner = {"customer": customer["id"], "currency": currency}
    made = kernel.get("discount", discounts.attach(kernel, [spec], owner, kernel.now_s())[0])
    had = customer["discount"] is not None
    with kernel.changing(customer, "customer.updated"):
        customer["discount"] = made
    kernel.emit("customer.discount.updated" if had else "customer.discount.created", made)
    if made["end"] is not None:
        billing.wake(made["end"], "customer", customer["id"])
    return made


def take_away(kernel: Kernel, customer: Obj) -> Obj | None:
    """The customer has no discount any more; returns what is answered for the one that was there."""
    gone = customer["discount"]
    if gone is None:
        return None
    with kernel.changing(customer, "customer.updated"):
        customer["discount"] = None
    kernel.emit("customer.discount.deleted", gone)
    return discounts.deleted(gone)


def run_due(kernel: Kernel, customer: Obj, at: int) -> None:
    """A discount that lasts some months is over."""
    found = customer["discount"]
    if found is not None and found["end"] is not None and found["end"] <= at:
        take_away(kernel, customer)


def spend_once(billing: Billing, customer: Obj, invoice: Obj) -> None:
    """One of duration `once` has done its work with an invoice that took it."""
    found = customer["discount"]
    if found is None or found["id"] not in invoice["discounts"]:
        return
    if not discounts.used_once(billing.kernel, [found["id"]]):
        take_away(billing.kernel, customer)
