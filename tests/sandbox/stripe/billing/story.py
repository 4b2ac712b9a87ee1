"""Steps that the billing tests tell their stories with: customers, prices, schedules, time, invoices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import stripe

from tests.sandbox.serving import Served

FLEXIBLE = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}


def stamp(day: str) -> int:
    """Unix seconds of an ISO date or moment in UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def day(seconds: int) -> str:
    """The ISO date of a stamp, with the time where it is not midnight."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%d" if moment.hour == moment.minute == moment.second == 0 else "%Y-%m-%dT%H:%M:%S")


class Story:
    """One test's world: the official SDK as the client, the control port for time."""

    def __init__(self, served: Served, client: stripe.StripeClient) -> None:
        self.served, self.v1 = served, client.v1

    def at(self, moment: str, deliver: bool = False) -> None:
        """Move the business clock to an ISO date or moment (UTC)."""
        self.served.clock(moment + ("Z" if "T" in moment else "T00:00:00Z"), deliver=deliver)

    def customer(self, card: str | None = None, **values: Any) -> str:
        """A customer, with a test card as default if one is named."""
        params: dict[str, Any] = {"email": "pay@oak.example", "name": "Oak", **values}
        if card is not None:
            params.update(payment_method=card, invoice_settings={"default_payment_method": card})
        return self.v1.customers.create(params).id  # type: ignore[arg-type]

    def product(self, name: str = "Seats") -> str:
        return self.v1.products.create({"name": name}).id

    def price(self, minor: str, interval: str = "month", count: int = 1, currency: str = "usd") -> str:
        """A recurring price per unit, `minor` in minor units."""
        made = self.v1.prices.create(
            {
                "product": self.product(),
                "currency": currency,
                "unit_amount_decimal": Decimal(minor),
                "recurring": {"interval": interval, "interval_count": count},  # type: ignore[typeddict-item]
            }
        )
        return made.id

    def meter(self, event_name: str = "resolutions", formula: str = "sum", **values: Any) -> str:
        """A meter that listens to this event name."""
        params = {
            "display_name": event_name.title(),
            "event_name": event_name,
            "default_aggregation": {"formula": formula},
            **values,
        }
        return self.v1.billing.meters.create(params).id  # type: ignore[arg-type]

    def priced(self, meter: str | None = None, interval: str = "month", count: int = 1, **values: Any) -> str:
        """A recurring price with these amounts or tiers; for usage where a meter is named."""
        recurring = {"interval": interval, "interval_count": count}
        if meter is not None:
            recurring |= {"usage_type": "metered", "meter": meter}
        params = {"product": self.product("Resolutions"), "currency": "usd", "recurring": recurring, **values}
        if "tiers" in params:
            params = {"billing_scheme": "tiered", "tiers_mode": "graduated", **params}
        return self.v1.prices.create(params).id  # type: ignore[arg-type]

    def use(self, customer: str, value: int, moment: str | None = None, **values: Any) -> Any:
        """Report usage to the meter of `resolutions`, at an ISO moment or now."""
        params: dict[str, Any] = {
            "event_name": "resolutions",
            "payload": {"stripe_customer_id": customer, "value": str(value)},
            **values,
        }
        if moment is not None:
            params["timestamp"] = stamp(moment)
        return self.v1.billing.meter_events.create(params)  # type: ignore[arg-type]

    def one_time(self, minor: int, currency: str = "usd") -> str:
        made = self.v1.prices.create({"product": self.product("Set-up"), "currency": currency, "unit_amount": minor})
        return made.id

    def coupon(self, percent: str, duration: str = "forever") -> str:
        return self.v1.coupons.create({"percent_off": float(percent), "duration": duration}).id  # type: ignore[typeddict-item]

    def schedule(self, customer: str, phases: list[dict[str, Any]], start: int | str, **values: Any) -> Any:
        """A schedule by invoice, net 30, that ends with its last phase; every phase without prorations."""
        params = {
            "customer": customer,
            "start_date": start,
            "end_behavior": "cancel",
            "billing_mode": FLEXIBLE,
            "default_settings": {
                "collection_method": "send_invoice",
                "invoice_settings": {"days_until_due": 30},
            },
            "phases": [{"proration_behavior": "none", **phase} for phase in phases],
            **values,
        }
        return self.v1.subscription_schedules.create(params)  # type: ignore[arg-type]

    def subscribe(self, customer: str, items: list[dict[str, Any]], **values: Any) -> Any:
        """A subscription made directly, as a web site does."""
        params = {"customer": customer, "items": items, "billing_mode": FLEXIBLE, **values}
        return self.v1.subscriptions.create(params)  # type: ignore[arg-type]

    def invoices(self, customer: str) -> list[Any]:
        """The customer's invoices, oldest first."""
        found = self.v1.invoices.list({"customer": customer, "limit": 100})
        return list(found.data)[::-1]

    def billed(self, customer: str) -> list[tuple[str, int]]:
        """Day and total of each invoice, oldest first."""
        return [(day(invoice.created), invoice.total) for invoice in self.invoices(customer)]

    def lines(self, invoice: Any) -> list[tuple[int | None, int, str, str]]:
        """Quantity, amount, first day and day after the last of each line."""
        found = self.v1.invoices.line_items.list(invoice.id, {"limit": 100}).data
        return [(line.quantity, line.amount, day(line.period.start), day(line.period.end)) for line in found]

    def event_types(self, since: int = 0) -> list[str]:
        """The types of all events since a stamp, oldest first."""
        found = self.v1.events.list({"limit": 100, "created": {"gte": since}})
        return [event.type for event in found.data][::-1]
