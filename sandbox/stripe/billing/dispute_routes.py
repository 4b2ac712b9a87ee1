"""Endpoints of disputes (https://docs.stripe.com/api/disputes). None makes one: a test card does."""

from __future__ import annotations

from sandbox.stripe.billing import dispute_parameters as parameters
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.of_charge import page_of_charge
from sandbox.stripe.kernel import Call, Obj, expandable, route
from sandbox.stripe.params import merged_metadata

for _path, _target in (("charge", "charge"), ("payment_intent", "payment_intent")):
    expandable("dispute", _path, _target)


@route("GET", "/v1/disputes/{id}")
def retrieve_dispute(call: Call) -> Obj:
    """One dispute."""
    return call.kernel.get("dispute", call.ids["id"])


@route("GET", "/v1/disputes", parameters.DISPUTE_LIST)
def list_disputes(call: Call) -> Obj:
    """Newest first."""
    return page_of_charge(call, "dispute")


@route("POST", "/v1/disputes/{id}", parameters.DISPUTE_UPDATE)
def update_dispute(call: Call) -> Obj:
    """Evidence is submitted, or staged with ``submit=false``; metadata can always change."""
    given = call.params
    dispute = call.kernel.get("dispute", call.ids["id"])
    kept = merged_metadata(dispute["metadata"], given.get("metadata"))
    if "evidence" in given or "submit" in given:
        evidence = given.get("evidence", {})
        billing_of(call.kernel).disputes.respond(dispute, evidence, submit=given.get("submit", True))
    with call.kernel.changing(dispute, "charge.dispute.updated"):
        dispute["metadata"] = kept
    return dispute


@route("POST", "/v1/disputes/{id}/close")
def close_dispute(call: Call) -> Obj:
    """Give in: it is lost, for good."""
    dispute = call.kernel.get("dispute", call.ids["id"])
    billing_of(call.kernel).disputes.end(dispute, "lost")
    return dispute
