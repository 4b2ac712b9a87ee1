"""Events of API v2 (https://docs.stripe.com/api/v2/core/events): whole, newest first, in pages with an address of the next."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Call, Obj, route
from sandbox.stripe.params import Fields, Kind, array, integer, struct, text
from sandbox.stripe.thin import EVENT


def _moment() -> Kind:
    """A stamp in ISO 8601 with its zone."""

    def check(value: Any, at: str) -> str:
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise StripeError(400, "invalid_request_error", None, f"Invalid timestamp: {value}", at, storable=False)
        return str(value)

    return Kind("moment", check)


_LIST: Fields = {
    "created": struct({"gt": _moment(), "gte": _moment(), "lt": _moment(), "lte": _moment()}),
    "limit": integer(1, 100),
    "object_id": text(),
    "page": text(),
    "types": array(text(), max=20),
}


@route("GET", "/v2/core/events/{id}")
def retrieve_event(call: Call) -> Obj:
    """One event with its data."""
    return _whole(call.kernel.get(EVENT, call.ids["id"]))


@route("GET", "/v2/core/events", _LIST)
def list_events(call: Call) -> Obj:
    """By type, object and time."""
    given = call.params
    limit, start = given.get("limit", 20), given.get("page", "0")
    if not start.isdigit():
        raise invalid("Invalid page token.", "page")
    found = [e for e in call.kernel.store.newest_first(EVENT) if _listed(e, given)]
    some = found[int(start) : int(start) + limit]
    more = int(start) + limit < len(found)
    return {
        "data": [_whole(event) for event in some],
        "next_page_url": _address(given, int(start) + limit) if more else None,
        "previous_page_url": _address(given, max(0, int(start) - limit)) if int(start) else None,
    }


def _whole(event: Obj) -> Obj:
    return {**event, "changes": None, "data": event["_data"], "snapshot_event": None}


def _listed(event: Obj, given: dict[str, Any]) -> bool:
    if "types" in given and event["type"] not in given["types"]:
        return False
    if "object_id" in given and (event.get("related_object") or {}).get("id") != given["object_id"]:
        return False
    at = event["_created_s"]
    bounds = {name: datetime.fromisoformat(text).timestamp() for name, text in given.get("created", {}).items()}
    fits = {"gt": lambda b: at > b, "gte": lambda b: at >= b, "lt": lambda b: at < b, "lte": lambda b: at <= b}
    return all(fits[name](bound) for name, bound in bounds.items())


def _address(given: dict[str, Any], start: int) -> str:
    query = [(f"created[{name}]", value) for name, value in given.get("created", {}).items()]
    query += [(f"types[{n}]", value) for n, value in enumerate(given.get("types", []))]
    query += [(name, str(given[name])) for name in ("limit", "object_id") if name in given]
    return f"/v2/core/events?{urlencode([*query, ('page', str(start))])}"
