"""Events (https://docs.stripe.com/api/events): snapshots at the pinned version, newest first.

All events since the start are listed, however far the clock has moved (Stripe keeps them 30 days): one jump over a
year must leave the year's events to be read.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, route
from sandbox.stripe.params import PAGE, RANGE, array, boolean, in_range, text


@route("GET", "/v1/events/{id}")
def retrieve_event(call: Call) -> Obj:
    """One event with its snapshot."""
    return call.kernel.get("event", call.ids["id"])


_LIST = {**PAGE, "created": RANGE, "delivery_success": boolean(), "type": text(), "types": array(text(), max=20)}


@route("GET", "/v1/events", _LIST)
def list_events(call: Call) -> Obj:
    """By type (``*`` at the end stands for anything), types, time and whether every endpoint has taken it."""
    if "type" in call.params and "types" in call.params:
        raise invalid("You may only specify one of these parameters: type, types.", "type", "parameters_exclusive")
    return call.page("event", where=lambda event: _listed(call.kernel, event, call.params))


def _listed(kernel: Kernel, event: Obj, wanted: dict[str, Any]) -> bool:
    if "type" in wanted and not _matches(event["type"], wanted["type"]):
        return False
    if "types" in wanted and event["type"] not in wanted["types"]:
        return False
    if "delivery_success" in wanted and kernel.webhooks.all_taken(event) != wanted["delivery_success"]:
        return False
    return in_range(event["created"], wanted.get("created"))


def _matches(type: str, pattern: str) -> bool:
    return type.startswith(pattern[:-1]) if pattern.endswith("*") else type == pattern
