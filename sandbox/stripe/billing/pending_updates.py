"""Updates that count only once they are paid (`payment_behavior=pending_if_incomplete`).

https://docs.stripe.com/billing/subscriptions/pending-updates and its reference: where the update's invoice is not paid in the
request, the subscription stays as it was and says in `pending_update` what it would become. Paid, that is applied; after 23
hours, or at the end of the period or the trial if that is sooner, the invoice is voided and the update dropped.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from sandbox.stripe.billing import changes
from sandbox.stripe.billing.changes import Change, ItemChange
from sandbox.stripe.billing.starts import INCOMPLETE_S
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

Given = dict[str, Any]
BEHAVIOR = "pending_if_incomplete"
_SUPPORTED = (
    "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor", "items", "trial_end",
    "trial_from_plan", "add_invoice_items",
)  # fmt: skip
_OF_ITEMS = ("id", "price", "quantity", "deleted")


def check(subscription: Obj, given: Given) -> None:
    """Refuse what can't wait for a payment."""
    strange = [key for key in given if key not in _SUPPORTED]
    strange += [
        f"items[{n}][{key}]" for n, item in enumerate(given.get("items") or []) for key in item if key not in _OF_ITEMS
    ]
    if strange:
        raise invalid(
            "When `payment_behavior` is set to `pending_if_incomplete`, you can only pass the following params:"
            f" `expand`, {', '.join(f'`{key}`' for key in _SUPPORTED)}. Found: {', '.join(strange)}.",
            strange[0],
        )
    if subscription["collection_method"] != "charge_automatically":
        message = "`pending_if_incomplete` needs `collection_method=charge_automatically`."
        raise invalid(message, "payment_behavior")


def is_left_open(rehearsed: Billing, subscription: Obj) -> bool:
    """Whether an update that was made in a rehearsal has an invoice that was not paid."""
    invoice = rehearsed.kernel.store.get("invoice", subscription["latest_invoice"] or "") or {}
    made = invoice.get("created") == rehearsed.kernel.now_s() and invoice.get("billing_reason") == "subscription_update"
    return bool(made and invoice["status"] == "open")


def hold(billing: Billing, subscription: Obj, asked: list[ItemChange], given: Given, at: int) -> None:
    """The update waits: its invoice is there and unpaid, the subscription is as it was."""
    if given.get("proration_behavior") != "always_invoice" or set(given) & {
        "billing_cycle_anchor",
        "trial_end",
        "add_invoice_items",
    }:
        raise invalid(
            "This sandbox keeps unpaid updates of `items` with `proration_behavior=always_invoice` only.",
            "payment_behavior",
        )
    kernel, now = billing.kernel, billing.kernel.now_s()
    before = _copies(subscription["_items"])
    changes.apply(billing, subscription, Change(asked, at, "always_invoice"))
    subscription["_pending"] = {"items": _copies(subscription["_items"]), "invoice": None}
    invoice = billing.subscriptions.invoice_prorations(subscription, at)
    if invoice is None:  # the rehearsal had one
        raise AssertionError("an update that waits has an invoice")
    subscription["_pending"].update(items=_copies(subscription["_items"]), invoice=invoice["id"])
    _set_items(billing, subscription, before)
    ends = [item["current_period_end"] for item in before]
    if subscription["status"] == "trialing":
        ends.append(subscription["trial_end"])
    expires = min(now + INCOMPLETE_S, *ends)
    with kernel.changing(subscription, "customer.subscription.updated"):
        subscription["pending_update"] = {
            "billing_cycle_anchor": None,
            "cancel_at_period_end": None,
            "discounts": None,
            "expires_at": expires,
            "metadata": None,
            "subscription_items": [dict(item) for item in subscription["_pending"]["items"]],
            "trial_end": None,
            "trial_from_plan": None,
        }
    billing.wake(expires, "subscription", subscription["id"])


def is_of(subscription: Obj | None, invoice: Obj) -> bool:
    """Whether the invoice is that of an update that waits, or that of one that is just being made to wait."""
    waiting = (subscription or {}).get("_pending")
    return bool(waiting and waiting["invoice"] in (invoice["id"], None))


def invoice_changed(billing: Billing, subscription: Obj, invoice: Obj) -> None:
    """Paid, the update is applied; voided, it is dropped."""
    waiting = subscription["_pending"]
    if waiting["invoice"] is None:
        return
    if invoice["status"] == "paid":
        del subscription["_pending"]
        with billing.kernel.changing(subscription, "customer.subscription.updated"):
            _set_items(billing, subscription, waiting["items"])
            subscription["pending_update"] = None
        billing.kernel.emit("customer.subscription.pending_update_applied", subscription)
    elif invoice["status"] == "void":
        _drop(billing, subscription)


def mind(billing: Billing, subscription: Obj, at: int) -> None:
    """What was not paid in time is dropped."""
    if subscription["pending_update"] and subscription["pending_update"]["expires_at"] <= at:
        discard(billing, subscription)


def discard(billing: Billing, subscription: Obj) -> None:
    """The update that waits is dropped, and its invoice is void."""
    waiting = subscription.get("_pending")
    if waiting is None:
        return
    invoice = billing.kernel.get("invoice", waiting["invoice"])
    if invoice["status"] == "open" and not invoice.get("_under_way") and not invoice["amount_paid"]:
        billing.invoices.void(invoice)  # which drops it
    else:
        _drop(billing, subscription)


def _drop(billing: Billing, subscription: Obj) -> None:
    del subscription["_pending"]
    with billing.kernel.changing(subscription, "customer.subscription.updated"):
        subscription["pending_update"] = None
    billing.kernel.emit("customer.subscription.pending_update_expired", subscription)


def _set_items(billing: Billing, subscription: Obj, wanted: list[Obj]) -> None:
    """The subscription has these items and no others."""
    store, kept = billing.kernel.store, []
    for item in subscription["_items"]:
        if item["id"] not in {each["id"] for each in wanted}:
            store.bury(item)
    for each in wanted:
        found = store.get("subscription_item", each["id"])
        if found is None:
            [found] = _copies([each])
            store.add(found)
        else:
            found.clear()
            found.update(*_copies([each]))
        kept.append(found)
    subscription["_items"] = kept
    billing.subscriptions.refresh_items(subscription)


def _copies(items: list[Obj]) -> list[Obj]:
    """The items as they are now; their prices are the same objects."""
    shared = ("price", "plan")
    return [{key: value if key in shared else deepcopy(value) for key, value in item.items()} for item in items]
