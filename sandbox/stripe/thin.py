"""Thin events of API v2: a notice with ids, and the whole event for who asks (https://docs.stripe.com/event-destinations).

They are stored as ``v2.core.event`` and delivered to event destinations, never to webhook endpoints of v1. Stamps of v2
are text in UTC. What only the whole event shows stands under ``_data``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.stripe.kernel import Kernel, Obj

EVENT, DESTINATION = "v2.core.event", "v2.core.event_destination"
#: What this sandbox sends: the errors of meters. (https://docs.stripe.com/api/v2/core/events/event-types)
THIN_TYPES = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")


def stamp_v2(at_s: int) -> str:
    """A stamp as v2 writes it: ``2026-03-01T00:00:00.000Z``."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def emit_thin(kernel: Kernel, type: str, related: Obj | None, data: dict[str, Any]) -> Obj:
    """Record a thin event about an object (none for what is about no object) and hand it to the destinations."""
    if type not in THIN_TYPES:
        raise ValueError(f"Stripe has no thin event {type!r}")
    event: Obj = {
        "id": kernel.new_id("evt_test"),
        "object": EVENT,
        "context": None,
        "created": stamp_v2(kernel.now_s()),
        "livemode": False,
        "reason": None,
        "type": type,
        "_data": data,
        "_created_s": kernel.now_s(),
    }
    if related is not None:
        url = f"/v1/billing/meters/{related['id']}"
        event["related_object"] = {"id": related["id"], "type": related["object"], "url": url}
    kernel.store.add(event)
    kernel.webhooks.hand_over(event)
    return event
