"""Usage: what a meter has counted for a customer, and how it is billed at the end of each period.

A period's usage is that stamped from its start up to and excluding its end. While the renewal's invoice is a draft,
usage that is reported late for its period still counts: finalising measures again
(https://docs.stripe.com/billing/subscriptions/usage-based/configure-grace-period). Flexible billing bills usage at the
price that it was reported under; classic billing drops it when its price goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.billing import items, lines, pricing, shapes, wording
from sandbox.stripe.billing.amounts import decimal_text
from sandbox.stripe.billing.calendar import DAY_S, Interval, cycles_between
from sandbox.stripe.billing.lines import LineDraft
from sandbox.stripe.kernel import Obj

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

_WINDOWS_S = {"hour": 3600, "day": DAY_S}


def reading_key(meter_id: str, customer_id: str) -> str:
    """What the readings of one meter for one customer are indexed by."""
    return f"{meter_id} {customer_id}"


class Usage:
    """What meters have counted, as billing sees it."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    # ------------------------------------------------------------------ measuring

    def measured(self, meter: Obj, customer_id: str, start: int, end: int) -> int:
        """The meter's aggregate over the readings stamped in [start, end); cancelled ones do not count."""
        readings = [
            reading
            for reading in self.kernel.store.all("meter_reading", of=("_of", reading_key(meter["id"], customer_id)))
            if start <= reading["timestamp"] < end and not reading["cancelled"]
        ]
        readings = _one_a_window(readings, meter["event_time_window"])
        formula = meter["default_aggregation"]["formula"]
        if formula == "count":
            return len(readings)
        if formula == "last":
            return int(max(readings, key=lambda reading: reading["timestamp"])["value"]) if readings else 0
        return sum(reading["value"] for reading in readings)

    def of_item(self, subscription: Obj, price: Obj, start: int, end: int) -> int:
        """The usage that a metered price bills for [start, end): never below zero."""
        meter = self.kernel.get("billing.meter", price["recurring"]["meter"])
        return max(0, self.measured(meter, subscription["customer"], start, end))

    # ------------------------------------------------------------------ billing

    def arrears(self, subscription: Obj, item: Obj, until: int) -> list[LineDraft]:
        """Lines for the item's usage up to `until`, which is billed from now on; none where there is no such time.

        No usage makes a line of quantity 0. A time of trial is told and costs nothing.
        """
        start = item["_usage_from"]
        if start >= until:
            return []
        item["_usage_from"] = until
        period = (start, until)
        if subscription["trial_end"] is not None and until <= subscription["trial_end"]:
            used = self.of_item(subscription, item["price"], start, until)
            return [items.free_line(self.kernel, subscription, item, period, used)]
        return self._lines(subscription, item, period)

    def _lines(self, subscription: Obj, item: Obj, period: tuple[int, int]) -> list[LineDraft]:
        used = self.of_item(subscription, item["price"], *period)
        price = items.billed_price(subscription, item)
        bill = {"item": item["id"], "price": price, "start": period[0], "end": period[1]}
        made = []
        for part in pricing.parts(price, used):
            line = items.line_of(self.kernel, subscription, item, part, period)
            line.usage = bill
            made.append(line)
        return made

    def backdated(self, subscription: Obj, item: Obj, prorate: bool) -> list[LineDraft]:
        """Lines for the cycles that were over when a backdated subscription was made, where prorations are asked for.

        What is used in the cycle that runs is billed at its end. Classic billing bills all of it then, and shows a
        line of quantity 0 now.
        """
        if subscription["billing_mode"]["type"] == "classic":
            period = (item["current_period_start"], item["current_period_end"])
            return [
                items.line_of(self.kernel, subscription, item, part, period)
                for part in pricing.parts(items.billed_price(subscription, item), 0)
                if not part.is_flat_fee
            ]
        made: list[LineDraft] = []
        interval, anchor = Interval.of_price(item["price"]), subscription["billing_cycle_anchor"]
        for start, end, _, _ in cycles_between(
            anchor, interval, subscription["start_date"], item["current_period_start"]
        ):
            made += self._lines(subscription, item, (start, end)) if prorate else []
        item["_usage_from"] = item["current_period_start"]
        return made

    def removed(self, subscription: Obj, item: Obj, at: int) -> Obj | None:
        """The pending invoice item for what was used of a price that goes now; none where nothing is to be paid."""
        start, item["_usage_from"] = item["_usage_from"], at
        used = self.of_item(subscription, item["price"], start, at) if start < at else 0
        price = items.billed_price(subscription, item)
        amount = pricing.total(price, used) if used else 0
        if not amount:
            return None
        made = shapes.invoice_item(
            self.kernel.new_id("ii"), subscription["customer"], subscription["currency"], self.kernel.now_s()
        )
        made["amount"] = amount
        made["description"] = wording.usage_before(self.kernel, item["price"], used, at)
        made["discounts"] = list(item["discounts"])
        made["metadata"] = dict(subscription["metadata"])
        made["parent"] = {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
        }
        made["period"] = {"start": start, "end": at}
        made["pricing"] = shapes.price_details(price, None)
        made["quantity"], made["quantity_decimal"] = used, str(used)
        made["_price"], made["_subscription"], made["_taken"] = price, subscription["id"], None
        return self.kernel.add(made, "invoiceitem.created")

    # ------------------------------------------------------------------ late usage

    def measure_again(self, invoice: Obj) -> None:
        """Bring the usage lines of a draft up to what was reported since; the totals are the caller's to renew."""
        fresh: list[Obj] = []
        done: list[Obj] = []
        for line in invoice["_lines"]:
            bill = line["_usage"]
            if bill is None:
                fresh.append(line)
            elif not any(bill is each for each in done):
                done.append(bill)
                fresh += self._again(invoice, bill)
        invoice["_lines"] = fresh

    def _again(self, invoice: Obj, bill: Obj) -> list[Obj]:
        """The lines of one item's usage, measured now: those that there are, and more where more tiers are reached."""
        old = [line for line in invoice["_lines"] if line["_usage"] is bill]
        subscription = self.kernel.get("subscription", invoice["_subscription"])
        used = self.of_item(subscription, bill["price"], bill["start"], bill["end"])
        made: list[Obj] = []
        for number, part in enumerate(pricing.parts(bill["price"], used)):
            if number < len(old):
                line = old[number]
            else:
                line = {**old[0], "id": self.kernel.new_id("il")}
            line["amount"] = line["subtotal"] = part.amount
            line["description"] = wording.cycle(self.kernel, bill["price"], part)
            unit_text = None if part.unit is None else decimal_text(part.unit)
            line["pricing"] = shapes.price_details(bill["price"], unit_text)
            lines.set_quantity(line, part.quantity)
            made.append(line)
        return made


def _one_a_window(readings: list[Obj], window: str | None) -> list[Obj]:
    """Of a meter that takes sums by the hour or day only the last reading received for each counts."""
    if window is None:
        return readings
    latest = {reading["timestamp"] // _WINDOWS_S[window]: reading for reading in readings}
    return list(latest.values())
