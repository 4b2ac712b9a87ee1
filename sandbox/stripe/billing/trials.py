"""A trial that begins with a later phase: free time in the middle of a subscription's life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.billing import items, pausing, pricing, prorations
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


def begin(billing: Billing, subscription: Obj, end: int, behavior: str) -> bool:
    """The subscription is trialing until `end`, after which its cycles count from there.

    Unused time is credited unless prorations are off (says whether anything is pending); usage until now is owed.
    """
    now, credits = billing.kernel.now_s(), []
    for item in subscription["_items"]:
        if pricing.is_metered(item["price"]):
            subscription.setdefault("_arrears", []).extend(billing.usage.arrears(subscription, item, now))
        elif behavior != "none":
            credits += prorations.credits_for_rest(billing.kernel, subscription, item, now)
    subscription["status"] = "trialing"
    subscription["trial_start"], subscription["trial_end"] = now, end
    subscription["billing_cycle_anchor"] = end
    subscription["_trial_warned"] = False
    return bool(credits)


def over(billing: Billing, subscription: Obj) -> None:
    """The trial has ended: the subscription is active, or without anything to charge what it asked for in that case.

    https://docs.stripe.com/billing/subscriptions/trials/free-trials (missing_payment_method): ended at once, or paused, which
    bills nothing.
    """
    asked = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    charged = subscription["collection_method"] == "charge_automatically"
    without = charged and billing.collection.method_of(subscription) is None
    if without and asked == "cancel":
        billing.endings.end(subscription, None, asked_now=True)
    elif without and asked == "pause":
        pausing.paused(billing, subscription, "trial_end_without_payment_method")
    else:
        with billing.kernel.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "active"


def settle(billing: Billing, subscription: Obj) -> None:
    """All items run to the trial's end, and the invoice of its begin tells what is free."""
    now, end = billing.kernel.now_s(), subscription["trial_end"]
    for item in subscription["_items"]:
        item["current_period_start"], item["current_period_end"] = now, end
        if not pricing.is_metered(item["price"]):
            quantity = items.quantity_of(item)
            line = items.free_line(billing.kernel, subscription, item, (now, end), quantity)
            subscription.setdefault("_arrears", []).append(line)
