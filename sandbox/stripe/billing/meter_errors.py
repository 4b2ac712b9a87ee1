"""What a meter finds wrong after it has taken an event: one report a meter for each minute in which something was.

https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api#handle-meter-event-errors: errors are
told by thin events, with a count and some samples of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.stripe.kernel import Kernel
from sandbox.stripe.thin import THIN_TYPES, emit_thin, stamp_v2

WINDOW_S = 60
MOST_SAMPLES = 5
#: Why an event did not count, in Stripe's words.
WORDS = {
    "archived_meter": "The meter is archived.",
    "meter_event_customer_not_found": "The Meter Event Customer was not found.",
    "meter_event_invalid_value": "The Meter Event Value is not a valid number.",
    "meter_event_no_customer_defined": "The Meter Event Payload has no customer mapping key.",
    "meter_event_value_too_many_digits": "The Meter Event Value has too many digits.",
    "no_meter": "No meter was found for the event name.",
    "timestamp_in_future": "The Meter Event Timestamp is too far in the future.",
    "timestamp_too_far_in_past": "The Meter Event Timestamp is too far in the past.",
}


@dataclass
class _Window:
    """What was wrong within one minute, by code: identifiers in the order in which they came."""

    start_s: int
    wrong: dict[str, list[str]] = field(default_factory=dict)


class MeterErrors:
    """The reports of one account; a timer of its kernel. ``None`` stands for events that no meter listens to."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._open: dict[str | None, _Window] = {}

    def found(self, meter_id: str | None, code: str, identifier: str) -> None:
        """The event of this identifier does not count; the report follows within the minute."""
        window = self._open.setdefault(meter_id, _Window(self._kernel.world.now_s()))
        window.wrong.setdefault(code, []).append(identifier)

    def next_due_s(self) -> int | None:
        """When the next report goes out."""
        return min((window.start_s + WINDOW_S for window in self._open.values()), default=None)

    def run_due(self, at_s: int) -> None:
        """Send the reports of the minutes that are over."""
        for meter_id in [m for m, window in self._open.items() if window.start_s + WINDOW_S <= at_s]:
            self._send(meter_id, self._open.pop(meter_id))

    def _send(self, meter_id: str | None, window: _Window) -> None:
        types = [
            {
                "code": code,
                "error_count": len(identifiers),
                "sample_errors": [
                    {"error_message": WORDS[code], "request": {"identifier": identifier}}
                    for identifier in identifiers[:MOST_SAMPLES]
                ],
            }
            for code, identifiers in window.wrong.items()
        ]
        many = sum(len(identifiers) for identifiers in window.wrong.values())
        data = {
            "developer_message_summary": f"There is {many} invalid event{'s' if many > 1 else ''}",
            "reason": {"error_count": many, "error_types": types},
            "validation_end": stamp_v2(window.start_s + WINDOW_S),
            "validation_start": stamp_v2(window.start_s),
        }
        meter = self._kernel.store.get("billing.meter", meter_id) if meter_id else None
        emit_thin(self._kernel, THIN_TYPES[0] if meter else THIN_TYPES[1], meter, data)


def meter_errors(kernel: Kernel) -> MeterErrors:
    """That of this kernel."""
    return next(timer for timer in kernel.timers if isinstance(timer, MeterErrors))
