"""Endpoints of Checkout sessions (https://docs.stripe.com/api/checkout/sessions)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import checkout_parameters as parameters
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.shapes import embedded_list
from sandbox.stripe.billing.shapes_checkout import SESSION
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, includable, route
from sandbox.stripe.params import in_range, merged_metadata

for _path, _target in (("customer", "customer"), ("invoice", "invoice"), ("subscription", "subscription")):
    expandable(SESSION, _path, _target)


def _line_items(kernel: Kernel, session: Obj) -> Obj:
    return embedded_list(session["_lines"], f"/v1/checkout/sessions/{session['id']}/line_items")


includable(SESSION, "line_items", _line_items)


@route("POST", "/v1/checkout/sessions", parameters.SESSION_CREATE)
def create_session(call: Call) -> Obj:
    """A page on which somebody can subscribe."""
    return billing_of(call.kernel).checkout.open(call.params)


@route("GET", "/v1/checkout/sessions/{id}")
def retrieve_session(call: Call) -> Obj:
    """One session."""
    return call.kernel.get(SESSION, call.ids["id"])


@route("POST", "/v1/checkout/sessions/{id}", parameters.SESSION_UPDATE)
def update_session(call: Call) -> Obj:
    """Change its metadata."""
    session = call.kernel.get(SESSION, call.ids["id"])
    metadata = merged_metadata(session["metadata"], call.params.get("metadata"))
    with call.kernel.changing(session):
        session["metadata"] = metadata
    return session


@route("POST", "/v1/checkout/sessions/{id}/expire")
def expire_session(call: Call) -> Obj:
    """Nobody can pay it any more."""
    session = call.kernel.get(SESSION, call.ids["id"])
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of'
            f" {session['status']}.",
            "session",
        )
    billing_of(call.kernel).checkout.expire(session)
    return session


@route("GET", "/v1/checkout/sessions", parameters.SESSION_LIST)
def list_sessions(call: Call) -> Obj:
    """Newest first."""
    return call.page(SESSION, where=lambda found: _listed(found, call.params))


def _listed(found: Obj, wanted: dict[str, Any]) -> bool:
    plain = ("customer", "payment_intent", "status", "subscription")
    if any(key in wanted and found[key] != wanted[key] for key in plain):
        return False
    email = (wanted.get("customer_details") or {}).get("email")
    if email is not None and (found["customer_details"] or {}).get("email") != email:
        return False
    return in_range(found["created"], wanted.get("created"))


@route("GET", "/v1/checkout/sessions/{id}/line_items", parameters.LINE_ITEMS)
def list_line_items(call: Call) -> Obj:
    """What is bought, in the order in which it was asked for."""
    session = call.kernel.get(SESSION, call.ids["id"])
    lines, limit = session["_lines"], call.params.get("limit", 10)
    after = call.params.get("starting_after")
    begin = next((n + 1 for n, line in enumerate(lines) if line["id"] == after), 0)
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "url": url, "has_more": len(lines) > begin + limit, "data": lines[begin : begin + limit]}
