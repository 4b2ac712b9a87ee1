"""What a thousand invoice events cost in calls: in order, shuffled, and spread over a minute, with Tandem's real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.bodies import signed
from benchmarks.invoices import (
    INVOICES,
    MOST_SALESFORCE_CALLS,
    MOST_STRIPE_CALLS,
    TYPES,
    Calls,
    calls_in,
    customers,
    events_of,
    make_invoices,
    shuffled,
    wrong_states,
)
from benchmarks.town import Town, answer_of, town
from workers.sandbox import STRIPE_VERSION

CUSTOMERS = 100
SPREAD_S = 60
#: How long the processes may take after the last delivery until every invoice shows.
SHOWN_WITHIN_S = 90.0


@dataclass(frozen=True)
class Variant:
    """One way in which the events came."""

    name: str
    events: int
    calls: Calls
    wrong: int

    @property
    def good(self) -> bool:
        """Few enough calls, and every final state right."""
        return self.calls.good and self.wrong == 0

    def as_json(self) -> dict[str, object]:
        """For ``--json``."""
        most = {"most_stripe": MOST_STRIPE_CALLS, "most_salesforce": MOST_SALESFORCE_CALLS}
        return {**asdict(self), **most, "good": self.good}


def measure(folder: Path, *, invoices: int = INVOICES, number: int = CUSTOMERS) -> list[Variant]:
    """The three variants, one after the other in one world, each with invoices of its own."""
    with town(folder, SELF_SERVE_ACCOUNTS="create", STRIPE_REQUESTS_PER_S="1000") as place:
        place.control.move_clock("2026-03-01T00:00:00Z")
        known = customers(place.stripe, number)
        place.drain()
        port = place.web()

        def fresh(day: str) -> list[str]:
            """Invoices of one second, as after a night of renewals."""
            place.control.move_clock(f"{day}T00:00:00Z")
            return make_invoices(place.stripe, known, invoices)

        drained = [
            _drained(place, port, "in order", fresh("2026-03-02"), list),
            _drained(place, port, "shuffled", fresh("2026-03-03"), shuffled),
        ]
        place.control.move_clock("2026-03-04T00:00:00Z")
        return [*drained, _spread(place, port, known, invoices)]


def _drained(
    place: Town, port: int, name: str, ids: Sequence[str], order: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
) -> Variant:
    """Everything is delivered at once; then `tandem drain`, and a second one that finds nothing to do."""
    events, before = order(events_of(place.stripe, ids)), _mark(place)
    load.run(port, [_delivery(e, place.secret) for e in events], concurrency=8)
    place.drain()
    place.drain()
    return _variant(place, name, ids, len(events), before)


def _spread(place: Town, port: int, known: Sequence[tuple[str, str]], count: int) -> Variant:
    """Invoices are made over a minute and Stripe tells of them itself, while worker and scheduler run as they are
    installed; then two drains. What the processes ask when they start is over before the first delivery.
    """
    register(place, port)
    for name in ("worker", "scheduler"):
        answer_of(place.start(name))
    _await_right(place, make_invoices(place.stripe, known, 1))
    before, began, now = _mark(place), time.monotonic(), datetime.fromisoformat("2026-03-04T00:00:01+00:00")
    ids: list[str] = []
    for second in range(SPREAD_S):
        time.sleep(max(0.0, began + second - time.monotonic()))
        place.control.move_clock((now + timedelta(seconds=second)).isoformat())
        few = count * (second + 1) // SPREAD_S - len(ids)
        ids += make_invoices(place.stripe, known, few, first=len(ids))
    _await_right(place, ids)
    place.drain()
    place.drain()
    return _variant(place, f"spread over {SPREAD_S} s", ids, len(TYPES) * count, before)


def register(place: Town, port: int) -> None:
    """Stripe sends the three kinds of events to this port."""
    wanted = {f"enabled_events[{n}]": type_ for n, type_ in enumerate(TYPES)}
    url = f"http://127.0.0.1:{port}/webhooks/stripe"
    place.stripe.post("webhook_endpoints", form={"url": url, "api_version": STRIPE_VERSION, **wanted})


def _await_right(place: Town, ids: Sequence[str]) -> None:
    """The CRM shows these invoices as they are, or the time for it is over."""
    deadline = time.monotonic() + SHOWN_WITHIN_S
    while wrong_states(place.crm, place.stripe, ids) and time.monotonic() < deadline:
        time.sleep(1.0)


def _variant(place: Town, name: str, ids: Sequence[str], events: int, before: int) -> Variant:
    wrong = wrong_states(place.crm, place.stripe, ids)
    return Variant(name, events, calls_in(place.control.log(before)), len(wrong))


def _delivery(event: dict[str, Any], secret: str) -> load.Delivery:
    return signed(json.dumps(event, indent=1).encode(), secret)


def _mark(place: Town) -> int:
    return max((line["seq"] for line in place.control.log()), default=0)
