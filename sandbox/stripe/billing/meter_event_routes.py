"""Endpoints that report usage and take a report back (https://docs.stripe.com/api/billing/meter-event).

An event is a plain answer without an id; what counts is kept as a reading. Everything is judged at once, in the words
of the wire where they are quoted in public code: a repeated identifier is refused and so counts once.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.stripe.billing.calendar import DAY_S
from sandbox.stripe.billing.meter_errors import meter_errors
from sandbox.stripe.billing.meter_routes import active_meter
from sandbox.stripe.billing.usage import reading_key
from sandbox.stripe.errors import StripeError, invalid, missing_param
from sandbox.stripe.kernel import Call, Kernel, Obj, route
from sandbox.stripe.params import Fields, Kind, one_of, struct, text, timestamp

REFUSE_LATER = "refuse_later"
UNIQUE_FOR_S = DAY_S
"""How long an identifier stays taken, and how long an event can be cancelled, after it was received."""
OLDEST_S = 35 * DAY_S
NEWEST_S = 5 * 60
_WHOLE = re.compile(r"-?\d{1,15}\Z")


def _payload() -> Kind:
    """A map of strings."""

    def check(value: Any, at: str) -> dict[str, str]:
        if not isinstance(value, dict):
            raise StripeError(400, "invalid_request_error", None, "Invalid object", at, storable=False)
        for key, item in value.items():
            if not isinstance(item, str):
                message = "Payload values must be strings."
                raise StripeError(400, "invalid_request_error", None, message, f"{at}[{key}]", storable=False)
        return dict(value)

    return Kind("metadata", check)


_EVENT: Fields = {
    "event_name": text(max=100).required(),
    "identifier": text(max=100),
    "payload": _payload().required(),
    "timestamp": timestamp(),
}
_ADJUSTMENT: Fields = {
    "cancel": struct({"identifier": text(max=100)}),
    "event_name": text(max=100).required(),
    "type": one_of("cancel").required(),
}


@route("POST", "/v1/billing/meter_events", _EVENT)
def create_event(call: Call) -> Obj:
    """Count usage for a customer, at the event's own time. What is wrong with it is said at once, or by a report later."""
    if call.fault == REFUSE_LATER:
        return _refused_later(call)
    kernel, given = call.kernel, call.params
    now = kernel.now_s()
    meter = _meter(kernel, given["event_name"])
    customer = _customer(kernel, meter, given["payload"])
    value = _value(meter, given["payload"])
    at = given.get("timestamp", now)
    _check_time(at, now)
    identifier = given.get("identifier") or _fresh_identifier(kernel)
    if _received(kernel, identifier, now) is not None:
        message = f"An event already exists with identifier {identifier}."
        raise StripeError(400, "invalid_request_error", None, message, headers={"stripe-should-retry": "false"})
    kernel.add(
        {
            "id": kernel.new_id("mtrr"),
            "object": "meter_reading",
            "cancelled": False,
            "event_name": meter["event_name"],
            "identifier": identifier,
            "received": now,
            "timestamp": at,
            "value": value,
            "_of": reading_key(meter["id"], customer["id"]),
        }
    )
    return _answer(call, identifier, at)


def _answer(call: Call, identifier: str, at: int) -> Obj:
    return {
        "object": "billing.meter_event",
        "created": call.kernel.now_s(),
        "event_name": call.params["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": call.params["payload"],
        "timestamp": at,
    }


def _refused_later(call: Call) -> Obj:
    """The event is taken and does not count; the report names what is wrong with it, else a customer that is not found."""
    kernel, given = call.kernel, call.params
    identifier = given.get("identifier") or _fresh_identifier(kernel)
    meter = active_meter(kernel, given["event_name"])
    code = _wrong(kernel, meter, given["payload"])
    meter_errors(kernel).found(meter["id"] if meter else None, code, identifier)
    kernel.touch()
    return _answer(call, identifier, given.get("timestamp", kernel.now_s()))


def _wrong(kernel: Kernel, meter: Obj | None, payload: dict[str, str]) -> str:
    if meter is None:
        return "no_meter"
    if not payload.get(meter["customer_mapping"]["event_payload_key"]):
        return "meter_event_no_customer_defined"
    value = payload.get(meter["value_settings"]["event_payload_key"], "1")
    if not value.lstrip("-").isdigit():
        return "meter_event_invalid_value"
    return "meter_event_customer_not_found" if _WHOLE.match(value) else "meter_event_value_too_many_digits"


def _meter(kernel: Kernel, event_name: str) -> Obj:
    meter = active_meter(kernel, event_name)
    if meter is None:
        raise invalid(f"No active meter found for event name: '{event_name}'.", "event_name", "resource_missing")
    return meter


def _customer(kernel: Kernel, meter: Obj, payload: dict[str, str]) -> Obj:
    key = meter["customer_mapping"]["event_payload_key"]
    if not payload.get(key):
        raise missing_param(f"payload[{key}]")
    return kernel.get("customer", payload[key], f"payload[{key}]")


def _value(meter: Obj, payload: dict[str, str]) -> int:
    """The whole number that is counted, which may be negative; a meter that counts events needs none."""
    key = meter["value_settings"]["event_payload_key"]
    if key not in payload and meter["default_aggregation"]["formula"] == "count":
        return 1
    if key not in payload:
        raise missing_param(f"payload[{key}]")
    if not _WHOLE.match(payload[key]):
        raise invalid(
            f"Invalid value in the event payload: '{payload[key]}'. The value must be a whole number of at most 15"
            " digits.",
            f"payload[{key}]",
        )
    return int(payload[key])


def _check_time(at: int, now: int) -> None:
    if at < now - OLDEST_S:
        raise invalid(
            "The event timestamp cannot be more than 35 days in past. Expected a timestamp greater than or equal to"
            f" {now - OLDEST_S}.",
            "timestamp",
        )
    if at > now + NEWEST_S:
        raise invalid(
            "The event timestamp cannot be more than 5 minutes in the future. Expected a timestamp less than or equal"
            f" to {now + NEWEST_S}.",
            "timestamp",
        )


def _fresh_identifier(kernel: Kernel) -> str:
    digits = f"{kernel.world.rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _received(kernel: Kernel, identifier: str, now: int) -> Obj | None:
    """The reading that holds the identifier: received within the last 24 hours."""
    for reading in kernel.store.newest_first("meter_reading", of=("identifier", identifier)):
        if now - reading["received"] < UNIQUE_FOR_S:
            return reading
    return None


@route("POST", "/v1/billing/meter_event_adjustments", _ADJUSTMENT)
def create_adjustment(call: Call) -> Obj:
    """Take an event of the last 24 hours back; invoices that are final stay as they are."""
    kernel, given = call.kernel, call.params
    identifier = (given.get("cancel") or {}).get("identifier")
    if identifier is None:
        raise missing_param("cancel[identifier]")
    meter = _meter(kernel, given["event_name"])
    reading = _received(kernel, identifier, kernel.now_s())
    if reading is None or reading["event_name"] != meter["event_name"]:
        raise invalid(
            f"No event with identifier {identifier} was received for `{meter['event_name']}` within the last 24 hours.",
            "cancel[identifier]",
            "resource_missing",
        )
    if reading["cancelled"]:
        raise invalid(f"The event with identifier {identifier} is already cancelled.", "cancel[identifier]")
    with kernel.changing(reading):
        reading["cancelled"] = True
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": meter["event_name"],
        "livemode": False,
        "status": "pending",
        "type": "cancel",
    }
