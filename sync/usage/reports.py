"""What Stripe reports of usage that it took and did not count: thin events about a meter, a count and samples by reason.

https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api#handle-meter-event-errors. Pure; no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The thin events that tell of it, as `type` says.
REPORT_TYPES = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
#: Why Stripe does not count an event, by its code, in words for people.
REASONS: Mapping[str, str] = {
    "archived_meter": "its meter is archived in Stripe",
    "meter_event_customer_not_found": "Stripe has no such customer (any more)",
    "meter_event_dimension_count_too_high": "it has more dimensions than Stripe takes",
    "meter_event_invalid_value": "its quantity is no number that the meter counts",
    "meter_event_no_customer_defined": "it names no customer under the key that the meter asks for",
    "meter_event_value_too_many_digits": "its quantity has more digits than Stripe counts",
    "missing_dimension_payload_keys": "it lacks a dimension that the meter asks for",
    "no_meter": "no meter in Stripe listens to its event name",
    "timestamp_in_future": "its time was still to come when Stripe looked at it",
    "timestamp_too_far_in_past": "its time was too long ago when Stripe looked at it",
}


@dataclass(frozen=True)
class Wrong:
    """Events that were not counted for one reason: how many, and the names of some of them (an identifier, or the
    idempotency key under which it was sent).
    """

    code: str
    many: int
    named: tuple[str, ...]

    @property
    def words(self) -> str:
        """Why, in a sentence. A reason that is new to us is told by its code."""
        return f"Stripe took it and did not count it: {REASONS.get(self.code, self.code)}."


@dataclass(frozen=True)
class ErrorReport:
    """One report. ``meter`` is the meter's id, empty where no meter was found. ``at`` is when it was made."""

    id: str
    meter: str
    at: datetime
    wrong: tuple[Wrong, ...]


class NoReport(ValueError):
    """The event has not the shape of a report; ``str()`` says which part is missing."""


def report_of(event: Mapping[str, Any]) -> ErrorReport:
    """The report that a whole event (``GET /v2/core/events/{id}``) holds. Raises NoReport."""
    data = _mapping(event.get("data"), "data")
    types = _mapping(data.get("reason"), "data.reason").get("error_types")
    if not isinstance(types, Sequence) or isinstance(types, str):
        raise NoReport("data.reason.error_types is missing")
    related = event.get("related_object")
    return ErrorReport(
        id=str(event.get("id") or ""),
        meter=str(related.get("id") or "") if isinstance(related, Mapping) else "",
        at=_moment(event.get("created")),
        wrong=tuple(_wrong(_mapping(one, "data.reason.error_types")) for one in types),
    )


def _wrong(one: Mapping[str, Any]) -> Wrong:
    many = one.get("error_count")
    if not isinstance(many, int) or isinstance(many, bool):
        raise NoReport("error_count is missing")
    samples = [s for s in one.get("sample_errors") or () if isinstance(s, Mapping)]
    requests = [s.get("request") for s in samples]
    named = [str(r["identifier"]) for r in requests if isinstance(r, Mapping) and r.get("identifier")]
    return Wrong(str(one.get("code") or "unknown"), many, tuple(dict.fromkeys(named)))


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NoReport(f"{where} is missing")
    return value


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise NoReport("created is missing")
    return found
