"""Paused subscriptions. A paused one bills nothing and begins no cycle until it is resumed; one whose *collection* is paused
goes on, and Stripe does with its invoices what it was told (`Subscriptions.mind_pause`).

https://docs.stripe.com/billing/subscriptions/pause, https://docs.stripe.com/api/subscriptions/resume. A resumption invoice is
finalised at once. By default it is tried in the request: paid, the subscription is active, refused, past due. Where nobody
tries to pay it within 23 hours it is voided, and the subscription stays paused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import items, pricing, prorations
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.billing.starts import INCOMPLETE_S
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

Given = dict[str, Any]


def check_collection(pause: Given | str | None, now: int) -> None:
    """Collection begins again at a moment to come."""
    resumes = pause.get("resumes_at") if isinstance(pause, dict) else None
    if resumes is not None and resumes <= now:
        raise invalid(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", "pause_collection[resumes_at]"
        )


def resumes_at(subscription: Obj) -> int | None:
    """When collection begins again by itself."""
    return (subscription["pause_collection"] or {}).get("resumes_at")


def mind_resumption(billing: Billing, subscription: Obj, at: int) -> None:
    """Collection goes on once its time has come; a resumption invoice that nobody tried to pay is void."""
    resumes = resumes_at(subscription)
    if resumes is not None and resumes <= at:
        with billing.kernel.changing(subscription, "customer.subscription.updated"):
            subscription["pause_collection"] = None
    asked = subscription.get("_resumption")
    if asked and at >= asked["expires_at"]:
        invoice = billing.kernel.get("invoice", asked["invoice"])
        if invoice["status"] == "open" and not invoice["attempted"]:
            billing.invoices.void(invoice)


def paused(billing: Billing, subscription: Obj, reason: str) -> None:
    """The subscription is paused from now on."""
    with billing.kernel.changing(subscription, "customer.subscription.paused"):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "subscription": {"type": reason},
                "transitioned_at": billing.kernel.now_s(),
                "type": "subscription",
            }
        }
    billing.kernel.emit("customer.subscription.updated", subscription)


def pause(billing: Billing, subscription: Obj, given: Given) -> None:
    """Pause by request: unused time is credited and use billed as asked, on the next invoice or on one of their own."""
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise invalid(f"You cannot pause a subscription with the status `{subscription['status']}`.")
    if subscription["billing_mode"]["type"] != "flexible":
        raise invalid("Only subscriptions with `billing_mode[type]=flexible` can be paused.")
    if subscription["schedule"] is not None:
        raise invalid("You cannot pause a subscription that is managed by a subscription schedule.")
    wanted = given.get("bill_for") or {}
    unused = (wanted.get("unused_time_from") or {"type": "now"})["type"]
    used = (wanted.get("outstanding_usage_through") or {"type": "now"})["type"]
    now = billing.kernel.now_s()
    for item in subscription["_items"]:
        if pricing.is_metered(item["price"]):
            if used == "now":
                billing.usage.removed(subscription, item, now)
            item["_usage_from"] = now
        elif unused != "none":
            since = now if unused == "now" else item["current_period_start"]
            prorations.credits_for_rest(billing.kernel, subscription, item, since)
    if given.get("invoicing_behavior") == "invoice":
        billing.subscriptions.invoice_prorations(subscription, now)
    paused(billing, subscription, "pause_requested")


def resume(billing: Billing, subscription: Obj, given: Given) -> None:
    """Resume by request: what has to be paid for that is invoiced, and the subscription goes on when it is."""
    kernel, now = billing.kernel, billing.kernel.now_s()
    if subscription["status"] != "paused":
        raise invalid("This subscription cannot be resumed because it is not paused.")
    if subscription["collection_method"] != "charge_automatically":
        raise invalid("You can only resume subscriptions with `collection_method` set to `charge_automatically`.")
    if given.get("proration_date", now) > now:
        raise invalid("`proration_date` must not be in the future.", "proration_date")
    if (asked := subscription.pop("_resumption", None)) is not None:  # one before, not paid
        open_before = kernel.get("invoice", asked["invoice"])
        if open_before["status"] == "open":
            billing.invoices.void(open_before)
    anew = (given.get("billing_cycle_anchor") or {"type": "now"})["type"] == "now"
    with kernel.changing(subscription):
        if anew:
            subscription["billing_cycle_anchor"] = now
        drafts = _begun(billing, subscription, now, anew=anew)
        billing.subscriptions.refresh_items(subscription)
    pending = [] if anew else _for_the_rest(billing, subscription, given, now)
    at_once = drafts or (pending and given.get("proration_behavior") == "always_invoice")
    if at_once:
        _invoice(billing, subscription, drafts, now, given)
    else:
        resumed(billing, subscription, "active")
    billing.subscriptions.wake(subscription)


def _begun(billing: Billing, subscription: Obj, now: int, *, anew: bool) -> list[LineDraft]:
    """Every item is in the cycle around now; the lines of cycles that begin now."""
    made: list[LineDraft] = []
    for item in subscription["_items"]:
        items.set_period(item, subscription["billing_cycle_anchor"], now)
        if pricing.is_metered(item["price"]):
            item["_usage_from"] = now
        elif anew:
            period = (now, item["current_period_end"])
            made += items.cycle_lines(billing.kernel, subscription, item, period)
    return made


def _for_the_rest(billing: Billing, subscription: Obj, given: Given, now: int) -> list[Obj]:
    """Pending items for the rest of the cycles that are running already, unless prorations are off."""
    if given.get("proration_behavior") == "none":
        return []
    at = given.get("proration_date", now)
    licensed = [item for item in subscription["_items"] if not pricing.is_metered(item["price"])]
    made = (prorations.debit_for_rest(billing.kernel, subscription, item, at) for item in licensed)
    return [one for one in made if one is not None]


def _invoice(billing: Billing, subscription: Obj, drafts: list[LineDraft], now: int, given: Given) -> None:
    invoice = billing.subscriptions.invoice(subscription, "subscription_update", drafts, period=(now, now))
    tries = given.get("payment_behavior", "resume_on_payment_attempt") == "resume_on_payment_attempt"
    expires = now + INCOMPLETE_S
    subscription["_resumption"] = {"invoice": invoice["id"], "expires_at": expires, "on_attempt": tries}
    billing.wake(expires, "subscription", subscription["id"])
    billing.invoices.finalize(invoice)
    if tries and invoice["status"] == "open" and billing.collection.method_for(invoice) is not None:
        billing.collection.attempt(invoice, automatic=True)


def invoice_changed(billing: Billing, subscription: Obj, invoice: Obj) -> None:
    """What became of its resumption invoice decides whether a paused subscription goes on."""
    asked = subscription.get("_resumption")
    if asked is None or asked["invoice"] != invoice["id"]:
        return
    if invoice["status"] in ("paid", "uncollectible"):
        resumed(billing, subscription, "active")
    elif invoice["status"] == "void":
        del subscription["_resumption"]
    elif asked["on_attempt"] and invoice["attempted"] and not invoice.get("_under_way"):
        resumed(billing, subscription, "past_due")


def resumed(billing: Billing, subscription: Obj, status: str) -> None:
    """The subscription runs again."""
    subscription.pop("_resumption", None)
    with billing.kernel.changing(subscription, "customer.subscription.updated"):
        subscription["status"], subscription["status_details"] = status, None
    billing.kernel.emit("customer.subscription.resumed", subscription)
