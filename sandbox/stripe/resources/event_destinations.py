"""Event destinations of API v2 (https://docs.stripe.com/api/v2/core/event_destinations): thin events to webhooks on
loopback. Snapshot events go to webhook endpoints of v1 in this sandbox. The secret is told once, to who asks for it.
"""

from __future__ import annotations

from sandbox.stripe.errors import invalid, missing_param
from sandbox.stripe.kernel import Call, Obj, route
from sandbox.stripe.params import array, integer, merged_metadata, metadata, one_of, struct, text
from sandbox.stripe.resources.webhook_endpoints import MOST_ENDPOINTS, check_address
from sandbox.stripe.thin import DESTINATION, THIN_TYPES, stamp_v2

_SECRET, _URL = "webhook_endpoint.signing_secret", "webhook_endpoint.url"
_INCLUDE = array(one_of(_SECRET, _URL))
_CREATE = {
    "description": text(),
    "enabled_events": array(one_of("*", *THIN_TYPES)).required(),
    "event_payload": one_of("thin").required(),
    "include": _INCLUDE,
    "metadata": metadata(clearable=False),
    "name": text(max=255).required(),
    "type": one_of("webhook_endpoint").required(),
    "webhook_endpoint": struct({"url": text().required()}),
}


@route("POST", "/v2/core/event_destinations", _CREATE)
def create_event_destination(call: Call) -> Obj:
    """Thin events of these types are delivered to the address from now on."""
    kernel, given = call.kernel, call.params
    if "webhook_endpoint" not in given:
        raise missing_param("webhook_endpoint")
    check_address({"url": given["webhook_endpoint"]["url"]})
    if len(kernel.store.all(DESTINATION)) >= MOST_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MOST_ENDPOINTS} event destinations.")
    secret, now = kernel.new_id("whsec"), stamp_v2(kernel.now_s())
    kernel.world.traffic.hide(secret)
    made: Obj = {
        "id": kernel.new_id("ed_test"),
        "object": DESTINATION,
        "created": now,
        "description": given.get("description", ""),
        "enabled_events": given["enabled_events"],
        "event_payload": "thin",
        "events_from": ["@self"],
        "livemode": False,
        "metadata": merged_metadata({}, given.get("metadata")),
        "name": given["name"],
        "snapshot_api_version": None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": now,
        "webhook_endpoint": None,
        "url": given["webhook_endpoint"]["url"],
        "_secret": secret,
    }
    kernel.add(made)
    return _answered(made, given.get("include", []), secret)


@route("GET", "/v2/core/event_destinations/{id}", {"include": array(one_of(_URL))})
def retrieve_event_destination(call: Call) -> Obj:
    """Without its secret."""
    return _answered(call.kernel.get(DESTINATION, call.ids["id"]), call.params.get("include", []))


@route("GET", "/v2/core/event_destinations", {"include": array(one_of(_URL)), "limit": integer(1, 100)})
def list_event_destinations(call: Call) -> Obj:
    """Newest first, all on one page: there are never more than sixteen."""
    found = list(call.kernel.store.newest_first(DESTINATION))
    shown = [_answered(each, call.params.get("include", [])) for each in found]
    return {"data": shown, "next_page_url": None, "previous_page_url": None}


@route("DELETE", "/v2/core/event_destinations/{id}")
def delete_event_destination(call: Call) -> Obj:
    """Nothing is delivered to it any more."""
    gone = call.kernel.remove(call.kernel.get(DESTINATION, call.ids["id"]))
    return {"id": gone["id"], "object": DESTINATION}


def _answered(made: Obj, include: list[str], secret: str | None = None) -> Obj:
    """What is redacted is shown only where it is asked for."""
    shown = {key: value for key, value in made.items() if key != "url"}
    secret = secret if _SECRET in include else None
    address = made["url"] if _URL in include else None
    shown["webhook_endpoint"] = {"signing_secret": secret, "url": address}
    return shown
