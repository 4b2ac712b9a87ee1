"""Endpoints of what pays an invoice: invoice payments, payment intents, charges."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import invoice_parameters as parameters
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, includable, route
from sandbox.stripe.params import in_range

expandable("invoice_payment", "invoice", "invoice")
expandable("invoice_payment", "payment.payment_intent", "payment_intent")
expandable("payment_intent", "customer", "customer")
expandable("payment_intent", "latest_charge", "charge")
expandable("payment_intent", "payment_method", "payment_method")
expandable("charge", "customer", "customer")
expandable("charge", "payment_intent", "payment_intent")


def _refunds(kernel: Kernel, charge: Obj) -> Obj:
    found = list(kernel.store.newest_first("refund", of=("charge", charge["id"])))
    url = f"/v1/charges/{charge['id']}/refunds"
    return {"object": "list", "data": found[:10], "has_more": len(found) > 10, "url": url}


includable("charge", "refunds", _refunds)


@route("GET", "/v1/invoice_payments/{id}")
def retrieve_invoice_payment(call: Call) -> Obj:
    """One payment of an invoice."""
    return call.kernel.get("invoice_payment", call.ids["id"])


@route("GET", "/v1/invoice_payments", parameters.INVOICE_PAYMENT_LIST)
def list_invoice_payments(call: Call) -> Obj:
    """Newest first; of an invoice, or of the intent that paid it."""
    wanted = call.params
    payment = wanted.get("payment")
    if payment and payment["type"] == "payment_intent" and "payment_intent" not in payment:
        raise invalid(
            "Missing required param: payment[payment_intent].", "payment[payment_intent]", "parameter_missing"
        )
    of = ("invoice", wanted["invoice"]) if "invoice" in wanted else None
    return call.page("invoice_payment", where=lambda found: _payment_listed(found, wanted), of=of)


def _payment_listed(found: Obj, wanted: dict[str, Any]) -> bool:
    payment = wanted.get("payment")
    if payment and found["payment"].get("payment_intent") != payment.get("payment_intent"):
        return False
    if "status" in wanted and found["status"] != wanted["status"]:
        return False
    return in_range(found["created"], wanted.get("created"))


@route("GET", "/v1/payment_intents/{id}")
def retrieve_intent(call: Call) -> Obj:
    """One payment intent."""
    return call.kernel.get("payment_intent", call.ids["id"])


@route("GET", "/v1/payment_intents", parameters.PAYMENT_INTENT_LIST)
def list_intents(call: Call) -> Obj:
    """Newest first."""
    wanted = call.params
    of = ("customer", wanted["customer"]) if "customer" in wanted else None
    return call.page("payment_intent", where=lambda found: in_range(found["created"], wanted.get("created")), of=of)


@route("GET", "/v1/charges/{id}")
def retrieve_charge(call: Call) -> Obj:
    """One try on a card."""
    return call.kernel.get("charge", call.ids["id"])


@route("GET", "/v1/charges", parameters.CHARGE_LIST)
def list_charges(call: Call) -> Obj:
    """Newest first; all tries of one intent are its attempts."""
    wanted = call.params
    of = None
    for key in ("customer", "payment_intent"):
        if key in wanted:
            of = (key, wanted[key])
    return call.page("charge", where=lambda found: _charge_listed(found, wanted), of=of)


def _charge_listed(found: Obj, wanted: dict[str, Any]) -> bool:
    if "customer" in wanted and found["customer"] != wanted["customer"]:
        return False
    return in_range(found["created"], wanted.get("created"))
