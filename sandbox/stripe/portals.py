"""What a customer does in the customer portal: the control port's door, no endpoint of Stripe. As there, only what the portal's
settings allow, and only of the customer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe.accounts import Accounts
from sandbox.stripe.billing import pausing
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.billing.update import update
from sandbox.stripe.clocks import clock_of_customer
from sandbox.stripe.errors import StripeError
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources import customers, payment_methods
from sandbox.stripe.resources.portal import CONFIGURATION, SESSION
from sandbox.stripe.tax.ids import add_tax_id

Given = Mapping[str, Any]
_SHAPE = (
    'the body must be {"session": "bps_...", "action": ...}: cancel, keep, pause or resume with "subscription"; change with'
    ' "subscription" and "price" or "quantity"; card with "card"; details with "email", "name", "phone", "address", "tax_id"'
)
_DETAILS = ("address", "email", "name", "phone")


class PortalRefused(ValueError):
    """The portal takes no such thing; the text says why, in words for the caller of the control port."""


def act(accounts: Accounts, data: Any) -> dict[str, Any]:
    """The customer has done this; answers with their id. Raises :class:`PortalRefused`."""
    if not isinstance(data, Mapping) or data.get("action") not in _ACTIONS:
        raise PortalRefused(_SHAPE)
    for account in accounts:
        session = account.kernel.store.get(SESSION, str(data.get("session")))
        if session is None:
            continue
        features = account.kernel.get(CONFIGURATION, session["configuration"])["features"]
        clock = clock_of_customer(account.kernel.store, session["customer"])
        try:
            with account.kernel.in_time_of(clock):
                _ACTIONS[data["action"]](billing_of(account.kernel), session, features, data)
        except StripeError as error:
            raise PortalRefused(error.message) from error
        return {"session": session["id"], "customer": session["customer"], "action": data["action"]}
    raise PortalRefused(f"there is no portal session {data.get('session')}")


def _allowed(features: Obj, name: str) -> Obj:
    found: Obj = features[name]
    if not found["enabled"]:
        raise PortalRefused(f"the portal's settings do not allow {name}")
    return found


def _subscription(billing: Billing, session: Obj, data: Given) -> Obj:
    found = billing.kernel.store.get("subscription", str(data.get("subscription")))
    if found is None or found["customer"] != session["customer"]:
        raise PortalRefused(f"the customer has no subscription {data.get('subscription')}")
    return found


def _cancel(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    settings = _allowed(features, "subscription_cancel")
    subscription = _subscription(billing, session, data)
    if settings["mode"] == "at_period_end":
        update(billing, subscription, {"cancel_at_period_end": True})
        return
    prorated = settings["proration_behavior"]
    billing.endings.cancel_now(subscription, invoice_now=prorated == "always_invoice", prorate=prorated != "none")


def _keep(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    _allowed(features, "subscription_cancel")
    update(billing, _subscription(billing, session, data), {"cancel_at_period_end": False})


def _change(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    settings = _allowed(features, "subscription_update")
    subscription = _subscription(billing, session, data)
    asked = {key: data[key] for key in ("price", "quantity") if key in data}
    if not asked or not set(asked) <= set(settings["default_allowed_updates"]):
        raise PortalRefused(f"the portal's settings allow a change of {settings['default_allowed_updates']}")
    if "price" in asked and asked["price"] not in [p for each in settings["products"] for p in each["prices"]]:
        raise PortalRefused(f"the portal does not offer {asked['price']}")
    if len(subscription["_items"]) != 1:
        raise PortalRefused("the portal changes subscriptions of one item only")
    [item] = subscription["_items"]
    kept = {"quantity": item["quantity"]} if "quantity" in item else {}
    change = {"items": [{"id": item["id"], **kept, **asked}], "proration_behavior": settings["proration_behavior"]}
    update(billing, subscription, change)


def _pause(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    _allowed(features, "subscription_pause")
    pausing.pause(billing, _subscription(billing, session, data), {})


def _resume(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    _allowed(features, "subscription_pause")
    pausing.resume(billing, _subscription(billing, session, data), {})


def _card(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    """The new card is charged from now on, also where a subscription had one of its own."""
    _allowed(features, "payment_method_update")
    kernel, customer = billing.kernel, billing.kernel.get("customer", session["customer"])
    method = payment_methods.resolve(kernel, str(data.get("card")), "card")
    payment_methods.attach(kernel, method, customer)
    customers.changed(kernel, customer, {"invoice_settings": {"default_payment_method": method["id"]}})
    for subscription in list(kernel.store.all("subscription", of=("customer", customer["id"]))):
        if subscription["default_payment_method"] is not None and subscription["ended_at"] is None:
            update(billing, subscription, {"default_payment_method": method["id"]})


def _details(billing: Billing, session: Obj, features: Obj, data: Given) -> None:
    settings = _allowed(features, "customer_update")
    asked = {key: data[key] for key in (*_DETAILS, "tax_id") if key in data}
    if not asked or not set(asked) <= set(settings["allowed_updates"]):
        raise PortalRefused(f"the portal's settings allow a change of {settings['allowed_updates']}")
    customer = billing.kernel.get("customer", session["customer"])
    if (tax_id := asked.pop("tax_id", None)) is not None:
        add_tax_id(billing.kernel, customer, str(tax_id.get("type")), str(tax_id.get("value")))
    customers.changed(billing.kernel, customer, asked)


_ACTIONS: Mapping[str, Callable[[Billing, Obj, Obj, Given], None]] = {
    "cancel": _cancel,
    "card": _card,
    "change": _change,
    "details": _details,
    "keep": _keep,
    "pause": _pause,
    "resume": _resume,
}
