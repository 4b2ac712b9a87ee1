"""Endpoints of billing meters and their summaries (https://docs.stripe.com/api/billing/meter).

A meter never changes but for its name. Summaries are at once what they will be; Stripe's lag behind.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing.calendar import DAY_S
from sandbox.stripe.billing.engine import Billing, billing_of
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, page, route
from sandbox.stripe.params import PAGE, Fields, one_of, struct, text, timestamp
from sandbox.stripe.store import Store

_CREATE: Fields = {
    "customer_mapping": struct({"event_payload_key": text(max=100).required(), "type": one_of("by_id").required()}),
    "default_aggregation": struct({"formula": one_of("count", "last", "sum").required()}).required(),
    "display_name": text(max=250).required(),
    "event_name": text(max=100).required(),
    "event_time_window": one_of("day", "hour"),
    "value_settings": struct({"event_payload_key": text(max=100).required()}),
}


@route("POST", "/v1/billing/meters", _CREATE)
def create_meter(call: Call) -> Obj:
    """Create an active meter; no other active one may listen to the same event name."""
    kernel, given = call.kernel, call.params
    _check_name(kernel, given["event_name"])
    now = kernel.now_s()
    meter: Obj = {
        "id": kernel.new_id("mtr"),
        "object": "billing.meter",
        "created": now,
        "customer_mapping": given.get("customer_mapping", {"event_payload_key": "stripe_customer_id", "type": "by_id"}),
        "default_aggregation": given["default_aggregation"],
        "display_name": given["display_name"],
        "event_name": given["event_name"],
        "event_time_window": given.get("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": now,
        "value_settings": given.get("value_settings", {"event_payload_key": "value"}),
    }
    return kernel.add(meter, "billing.meter.created")


def active_meter(kernel: Kernel, event_name: str) -> Obj | None:
    """The active meter that listens to an event name."""
    meters = kernel.store.newest_first("billing.meter")
    return next((m for m in meters if m["event_name"] == event_name and m["status"] == "active"), None)


def _check_name(kernel: Kernel, event_name: str) -> None:
    other = active_meter(kernel, event_name)
    if other is not None:
        raise invalid(
            f"There is already an active meter (`{other['id']}`) with the event name `{event_name}`. Event names must be"
            " unique among active meters.",
            "event_name",
        )


@route("GET", "/v1/billing/meters/{id}")
def retrieve_meter(call: Call) -> Obj:
    """Any meter."""
    return call.kernel.get("billing.meter", call.ids["id"])


@route("GET", "/v1/billing/meters", {**PAGE, "status": one_of("active", "inactive")})
def list_meters(call: Call) -> Obj:
    """Newest first."""
    wanted = call.params.get("status")
    return call.page("billing.meter", where=lambda meter: wanted in (None, meter["status"]))


@route("POST", "/v1/billing/meters/{id}", {"display_name": text(max=250)})
def update_meter(call: Call) -> Obj:
    """Only the name can change."""
    meter = call.kernel.get("billing.meter", call.ids["id"])
    with call.kernel.changing(meter, "billing.meter.updated"):
        if call.params.get("display_name", meter["display_name"]) != meter["display_name"]:
            meter["display_name"] = call.params["display_name"]
            meter["updated"] = call.kernel.now_s()
    return meter


@route("POST", "/v1/billing/meters/{id}/deactivate")
def deactivate_meter(call: Call) -> Obj:
    """It takes no more events and no new prices; prices that have it go on billing what it has counted."""
    meter = call.kernel.get("billing.meter", call.ids["id"])
    if meter["status"] == "inactive":
        raise invalid(f"The meter {meter['id']} is already inactive.", "id")
    return _switched(call, meter, "inactive", call.kernel.now_s(), "billing.meter.deactivated")


@route("POST", "/v1/billing/meters/{id}/reactivate")
def reactivate_meter(call: Call) -> Obj:
    """It listens again, unless another one has taken its event name."""
    meter = call.kernel.get("billing.meter", call.ids["id"])
    if meter["status"] == "active":
        raise invalid(f"The meter {meter['id']} is already active.", "id")
    _check_name(call.kernel, meter["event_name"])
    return _switched(call, meter, "active", None, "billing.meter.reactivated")


def _switched(call: Call, meter: Obj, status: str, at: int | None, event: str) -> Obj:
    with call.kernel.changing(meter, event):
        meter["status"] = status
        meter["status_transitions"] = {"deactivated_at": at}
        meter["updated"] = call.kernel.now_s()
    return meter


# -------------------------------------------------------------------- summaries

_MINUTE_S = 60
_WINDOWS_S = {"hour": 3600, "day": DAY_S}
_SUMMARIES: Fields = {
    **PAGE,
    "customer": text().required(),
    "end_time": timestamp().required(),
    "start_time": timestamp().required(),
    "value_grouping_window": one_of("day", "hour"),
}


@route("GET", "/v1/billing/meters/{id}/event_summaries", _SUMMARIES)
def list_event_summaries(call: Call) -> Obj:
    """The customer's usage of [start, end): as a whole, or by hour or day with the newest first.

    Hours and days in which nothing was counted are left out (not documented).
    """
    given, kernel = call.params, call.kernel
    meter = kernel.get("billing.meter", call.ids["id"])
    customer = kernel.get("customer", given["customer"], "customer")
    _check_times(given)
    shelf = Store()
    for start, end in _windows(given):
        value = billing_of(kernel).usage.measured(meter, customer["id"], start, end)
        if value or "value_grouping_window" not in given:
            shelf.add(_summary(billing_of(kernel), meter, customer, (start, end), value))
    url = f"/v1/billing/meters/{meter['id']}/event_summaries"
    return page(shelf, "billing.meter_event_summary", given, url=url)


def _check_times(given: dict[str, Any]) -> None:
    window = given.get("value_grouping_window")
    step = _WINDOWS_S.get(window or "", _MINUTE_S)
    for name in ("start_time", "end_time"):
        if given[name] % step:
            raise invalid(f"`{name}` must be aligned with {window or 'minute'} boundaries.", name)
    if given["end_time"] <= given["start_time"]:
        raise invalid("`end_time` must be after `start_time`.", "end_time")


def _windows(given: dict[str, Any]) -> list[tuple[int, int]]:
    start, end = given["start_time"], given["end_time"]
    step = _WINDOWS_S.get(given.get("value_grouping_window", ""), end - start)
    return [(at, at + step) for at in range(start, end, step)]


def _summary(billing: Billing, meter: Obj, customer: Obj, span: tuple[int, int], value: int) -> Obj:
    """A summary under an id of its content, so that a later page finds its place again."""
    return {
        "id": f"mtrusg_{meter['id'].removeprefix('mtr_')}{customer['id'].removeprefix('cus_')}{span[0]}{span[1]}",
        "object": "billing.meter_event_summary",
        "aggregated_value": value,
        "end_time": span[1],
        "livemode": False,
        "meter": meter["id"],
        "start_time": span[0],
    }
