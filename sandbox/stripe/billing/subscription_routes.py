"""Endpoints of subscriptions and their items (https://docs.stripe.com/api/subscriptions)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import parameters, pausing, requests
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.billing.rehearsal import rehearsal
from sandbox.stripe.billing.starts import NewSubscription
from sandbox.stripe.billing.subscriptions import ENDED
from sandbox.stripe.billing.update import update
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import in_range

for _path, _target in (
    ("customer", "customer"),
    ("default_payment_method", "payment_method"),
    ("discounts", "discount"),
    ("latest_invoice", "invoice"),
    ("schedule", "subscription_schedule"),
):
    expandable("subscription", _path, _target)
expandable("subscription_item", "discounts", "discount")
expandable("plan", "product", "product")
expandable("discount", "source.coupon", "coupon")
expandable("discount", "customer", "customer")
expandable("discount", "promotion_code", "promotion_code")


@route("POST", "/v1/subscriptions", parameters.SUBSCRIPTION_CREATE)
def create_subscription(call: Call) -> Obj:
    """Create; the first invoice of `charge_automatically` is finalised and tried inside the request."""
    billing = billing_of(call.kernel)
    if _needs_rehearsal(call.kernel, call.params):
        _refuse_unpayable(billing, call.params)
    return billing.starts.create(requests.new_subscription(billing, call.params))


def _needs_rehearsal(kernel: Kernel, given: dict[str, Any]) -> bool:
    """Whether the request may turn out unpayable: no card at hand, or it asks to fail with the card."""
    if given.get("collection_method", "charge_automatically") != "charge_automatically":
        return False
    behavior = given.get("payment_behavior", "allow_incomplete")
    settings = (kernel.store.get("customer", given["customer"]) or {}).get("invoice_settings") or {}
    card = given.get("default_payment_method") or settings.get("default_payment_method")
    return behavior == "error_if_incomplete" or (behavior == "allow_incomplete" and card is None)


def _refuse_unpayable(billing: Billing, given: dict[str, Any]) -> None:
    """Refuse, before anything is made, a first invoice that nothing can pay or (if asked) that the card declines."""
    trial = rehearsal(billing)
    asked: NewSubscription = requests.new_subscription(trial, given)
    asked.payment_behavior = "default_incomplete"
    made = trial.starts.create(asked)
    invoice = trial.kernel.store.get("invoice", made["latest_invoice"] or "")
    if invoice is None or invoice["status"] != "open":
        return
    if trial.collection.method_for(invoice) is None:
        raise invalid(
            "This customer has no attached payment source or default payment method. Please consider adding a default"
            " payment method. For more information, visit"
            " https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
            code="resource_missing",
        )
    if given.get("payment_behavior") == "error_if_incomplete":
        refusal = trial.collection.attempt(invoice, automatic=True)
        if refusal is not None:
            raise StripeError(402, refusal.type, refusal.code, refusal.message, None, **refusal.extra)


@route("GET", "/v1/subscriptions/{id}")
def retrieve_subscription(call: Call) -> Obj:
    """Any subscription, ended ones too."""
    return call.kernel.get("subscription", call.ids["id"])


@route("GET", "/v1/subscriptions", parameters.SUBSCRIPTION_LIST)
def list_subscriptions(call: Call) -> Obj:
    """Newest first; ended ones only when asked for, those of a test clock only for it or for their customer."""
    wanted = call.params
    if "customer" in wanted:
        call.kernel.get("customer", wanted["customer"], "customer")
    of = ("customer", wanted["customer"]) if "customer" in wanted else None
    return call.page("subscription", where=lambda found: _listed(found, wanted), of=of)


def _listed(found: Obj, wanted: dict[str, Any]) -> bool:
    if "customer" not in wanted and found["test_clock"] != wanted.get("test_clock"):
        return False
    status = wanted.get("status")
    if status is None and found["status"] in ENDED:
        return False
    if status == "ended" and found["status"] not in ENDED:
        return False
    if status not in (None, "all", "ended") and found["status"] != status:
        return False
    if "collection_method" in wanted and found["collection_method"] != wanted["collection_method"]:
        return False
    if "price" in wanted and wanted["price"] not in [item["price"]["id"] for item in found["_items"]]:
        return False
    periods = ("current_period_start", "current_period_end")
    return in_range(found["created"], wanted.get("created")) and all(
        any(in_range(item[key], wanted.get(key)) for item in found["_items"]) for key in periods
    )


@route("POST", "/v1/subscriptions/{id}", parameters.SUBSCRIPTION_UPDATE)
def update_subscription(call: Call) -> Obj:
    """Change what is given. Under a schedule, cancelling is the schedule's."""
    subscription = call.kernel.get("subscription", call.ids["id"])
    return update(billing_of(call.kernel), subscription, call.params)


@route("DELETE", "/v1/subscriptions/{id}", parameters.SUBSCRIPTION_CANCEL)
def cancel_subscription(call: Call) -> Obj:
    """Cancel now; nothing is credited or invoiced unless asked for."""
    subscription = call.kernel.get("subscription", call.ids["id"])
    if subscription["status"] in ENDED:
        raise invalid(f"No such subscription: {subscription['id']}", "id", "resource_missing", status=404)
    details = call.params.get("cancellation_details") or {}
    subscription["cancellation_details"].update({key: value or None for key, value in details.items()})
    billing_of(call.kernel).endings.cancel_now(
        subscription, invoice_now=call.params.get("invoice_now", False), prorate=call.params.get("prorate", False)
    )
    return subscription


@route("POST", "/v1/subscriptions/{id}/pause", parameters.SUBSCRIPTION_PAUSE)
def pause_subscription(call: Call) -> Obj:
    """Pause: no invoices and no cycles until it is resumed."""
    subscription = call.kernel.get("subscription", call.ids["id"])
    pausing.pause(billing_of(call.kernel), subscription, call.params)
    return subscription


@route("POST", "/v1/subscriptions/{id}/resume", parameters.SUBSCRIPTION_RESUME)
def resume_subscription(call: Call) -> Obj:
    """Resume a paused one."""
    subscription = call.kernel.get("subscription", call.ids["id"])
    pausing.resume(billing_of(call.kernel), subscription, call.params)
    return subscription


@route("GET", "/v1/subscription_items", parameters.ITEM_LIST)
def list_items(call: Call) -> Obj:
    """The items that a subscription has now."""
    subscription = call.kernel.get("subscription", call.params["subscription"], "subscription")
    return call.page("subscription_item", of=("subscription", subscription["id"]))


@route("GET", "/v1/subscription_items/{id}")
def retrieve_item(call: Call) -> Obj:
    """One item."""
    return call.kernel.get("subscription_item", call.ids["id"])


@route("POST", "/v1/subscription_items", parameters.ITEM_CREATE)
def create_item(call: Call) -> Obj:
    """Add an item to a subscription."""
    given = dict(call.params)
    subscription = call.kernel.get("subscription", given.pop("subscription"), "subscription")
    known = {item["id"] for item in subscription["_items"]}
    update(billing_of(call.kernel), subscription, _as_update(given, {}))
    waiting = (subscription.get("_pending") or {"items": []})["items"]  # added once it is paid
    return next(item for item in (*subscription["_items"], *waiting) if item["id"] not in known)


@route("POST", "/v1/subscription_items/{id}", parameters.ITEM_UPDATE)
def update_item(call: Call) -> Obj:
    """Change an item; a changed price resets the quantity to 1 unless it is sent."""
    item = call.kernel.get("subscription_item", call.ids["id"])
    subscription = call.kernel.get("subscription", item["subscription"])
    update(billing_of(call.kernel), subscription, _as_update(dict(call.params), {"id": item["id"]}))
    return item


@route("DELETE", "/v1/subscription_items/{id}", parameters.ITEM_DELETE)
def delete_item(call: Call) -> Obj:
    """Take an item off its subscription; the last one can't go."""
    item = call.kernel.get("subscription_item", call.ids["id"])
    subscription = call.kernel.get("subscription", item["subscription"])
    given = {key: value for key, value in call.params.items() if key != "clear_usage"}
    update(billing_of(call.kernel), subscription, _as_update(given, {"id": item["id"], "deleted": True}))
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


def _as_update(given: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """A request about one item as an update of its subscription."""
    own = {key: given.pop(key) for key in list(given) if key in parameters.ITEM}
    return {**given, "items": [{**own, **entry}]}
