"""A Stripe test account to try assumptions on, by the official SDK at the pinned version; it is left as it was found."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import stripe

from sync.gateways.stripe_http import API_VERSION

#: The only keys that are ever used: of a test account, secret or restricted.
TEST_KEY = re.compile(r"(?:sk|rk)_test_\w{16,}\Z", re.ASCII)
FLEXIBLE: Mapping[str, Any] = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}
#: Machine seconds that a test clock, or a meter, may take.
LONGEST_WAIT_S = 600.0


@dataclass(frozen=True)
class Live:
    """Registered with pytest by ``make live``: the tests call Stripe itself with this key. Without it: the sandbox."""

    key: str = field(repr=False)


def stamp(moment: str) -> int:
    """Unix seconds of an ISO date or moment in UTC."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


def day(seconds: int) -> str:
    """The ISO date of a stamp."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


class Account:
    """One test's way to Stripe. What it makes is noted and cleared up by `clear`."""

    def __init__(self, key: str, *, base: str | None = None, pause_s: float = 2.0) -> None:
        assert TEST_KEY.match(key), "not a key of a test account"
        bases = {"base_addresses": {"api": base}} if base else {}
        client = stripe.StripeClient(key, stripe_version=API_VERSION, max_network_retries=2, **bases)  # type: ignore[arg-type]
        self.v1: Any = client.v1
        self.is_live_key = "_live_" in key
        self._pause_s = pause_s
        self._token = secrets.token_hex(4)
        self._made: list[Callable[[], object]] = []

    # ------------------------------------------------------------------ clearing up

    def noted(self, undo: Callable[[], object]) -> None:
        """At the end of the test this is done, the newest first."""
        self._made.append(undo)

    def clear(self) -> list[str]:
        """Everything is undone; returns what would not go."""
        left = []
        while self._made:
            try:
                self._made.pop()()
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":  # it went with its clock
                    left.append(str(error))
        return left

    # ------------------------------------------------------------------ time

    def clock(self, moment: str) -> str:
        """A test clock that stands there; deleting it takes its customers along."""
        made = self.v1.test_helpers.test_clocks.create({"frozen_time": stamp(moment), "name": f"tandem {self._token}"})
        self.noted(lambda: self.v1.test_helpers.test_clocks.delete(made.id))
        return str(made.id)

    def advance(self, clock: str, *moments: str) -> None:
        """The clock stands at each of these in turn, and all that fell due is done."""
        for moment in moments:
            self.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": stamp(moment)})
            self.until(lambda: self.v1.test_helpers.test_clocks.retrieve(clock).status == "ready", "the clock is ready")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for what Stripe does in its own time."""
        deadline = time.monotonic() + LONGEST_WAIT_S
        while not holds():
            assert time.monotonic() < deadline, f"it never came that {what}"
            time.sleep(self._pause_s)

    # ------------------------------------------------------------------ what is sold, and to whom

    def name(self, what: str) -> str:
        """A name that no earlier run used."""
        return f"tandem_live_{self._token}_{what}"

    def customer(self, clock: str | None = None, card: str | None = None, **values: Any) -> str:
        """A customer, on a clock if one is named, with a test card as default if one is named."""
        params: dict[str, Any] = {"name": "Tandem live", "email": "live@tandem.example", **values}
        if clock:
            params["test_clock"] = clock
        made = self.v1.customers.create(params)
        if not clock:
            self.noted(lambda: self.v1.customers.delete(made.id))
        if card:
            method = self.v1.payment_methods.attach(card, {"customer": made.id})
            self.v1.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
        return str(made.id)

    def product(self, **values: Any) -> str:
        made = self.v1.products.create({"name": "Tandem live", **values})
        self.noted(lambda: self.v1.products.update(made.id, {"active": False}))
        return str(made.id)

    def price(self, minor: str | None, interval: str | None = "month", count: int = 1, **values: Any) -> str:
        """A price in dollars of so many minor units, recurring unless the interval is None; tiers and meter by values."""
        params: dict[str, Any] = {"currency": "usd", **values}
        params.setdefault("product", self.product() if "product" not in values else None)
        if minor is not None:
            params["unit_amount_decimal"] = Decimal(minor)
        if interval:
            meter = params.pop("meter", None)
            metered = {"usage_type": "metered", "meter": meter} if meter else {}
            params["recurring"] = {"interval": interval, "interval_count": count, **metered}
        made = self.v1.prices.create(params)
        self.noted(lambda: self.v1.prices.update(made.id, {"active": False}))
        return str(made.id)

    def coupon(self, **values: Any) -> str:
        made = self.v1.coupons.create({"duration": "forever", **values})
        self.noted(lambda: self.v1.coupons.delete(made.id))
        return str(made.id)

    def meter(self, event: str) -> str:
        params = {"display_name": event, "event_name": event, "default_aggregation": {"formula": "sum"}}
        made = self.v1.billing.meters.create(params)
        self.noted(lambda: self.v1.billing.meters.deactivate(made.id))
        return str(made.id)

    def used(self, event: str, customer: str, value: int, moment: str, **more: Any) -> None:
        """Usage is reported for a moment of the customer's clock."""
        payload = {"stripe_customer_id": customer, "value": str(value)}
        self.v1.billing.meter_events.create(
            {"event_name": event, "payload": payload, "timestamp": stamp(moment), **more}
        )

    def counted(self, meter: str, customer: str, value: int, first: str, last: str) -> None:
        """Wait until the meter has counted so much between two days: events are added up in Stripe's own time."""

        def holds() -> bool:
            when = {"customer": customer, "start_time": stamp(first), "end_time": stamp(last)}
            found = self.v1.billing.meters.event_summaries.list(meter, when)
            return bool(sum(one.aggregated_value for one in found.data) == value)

        self.until(holds, f"the meter has counted {value}")

    # ------------------------------------------------------------------ what runs, and what was billed

    def schedule(self, customer: str, phases: list[dict[str, Any]], start: str | int, **values: Any) -> Any:
        """A schedule as Tandem makes it: by invoice, flexible, without proration, ending with its last phase."""
        params = {
            "customer": customer,
            "start_date": start,
            "end_behavior": "cancel",
            "billing_mode": FLEXIBLE,
            "default_settings": {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}},
            "phases": [{"proration_behavior": "none", "discounts": "", **phase} for phase in phases],
            **values,
        }
        return self.v1.subscription_schedules.create(params)

    def rewrite(self, schedule: str, phases: list[dict[str, Any]], **values: Any) -> Any:
        """The schedule's phases from the running one on, without proration."""
        wanted = [{"proration_behavior": "none", "discounts": "", **phase} for phase in phases]
        params = {"phases": wanted, "proration_behavior": "none", **values}
        return self.v1.subscription_schedules.update(schedule, params)

    def subscription(self, customer: str, items: list[dict[str, Any]], **values: Any) -> Any:
        """A subscription by invoice, flexible, without proration."""
        params = {
            "customer": customer,
            "items": items,
            "billing_mode": FLEXIBLE,
            "proration_behavior": "none",
            "collection_method": "send_invoice",
            "days_until_due": 30,
            **values,
        }
        return self.v1.subscriptions.create(params)

    def invoices(self, customer: str) -> list[Any]:
        """The customer's invoices, oldest first."""
        return list(self.v1.invoices.list({"customer": customer, "limit": 100}).data)[::-1]

    def billed(self, customer: str) -> list[tuple[str, int]]:
        """Day and total of each invoice that is not of 0, oldest first."""
        return [(day(i.created), i.total) for i in self.invoices(customer) if i.total]

    def lines(self, invoice: Any) -> list[Any]:
        return list(self.v1.invoices.line_items.list(invoice.id, {"limit": 100}).data)

    def pending(self, customer: str) -> list[Any]:
        """Invoice items that wait for an invoice."""
        return list(self.v1.invoice_items.list({"customer": customer, "pending": True}).data)


def seats(price: str, quantity: int = 1, **values: Any) -> dict[str, Any]:
    """An item as parameters."""
    return {"price": price, "quantity": quantity, **values}


@contextmanager
def refused() -> Iterator[list[stripe.StripeError]]:
    """Stripe refuses what the block asks; the error is in the list."""
    found: list[stripe.StripeError] = []
    try:
        yield found
    except stripe.StripeError as error:
        found.append(error)
        return
    raise AssertionError("Stripe took it")
