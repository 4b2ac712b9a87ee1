"""Billing Meters: what is reported to them, and what they have counted (https://docs.stripe.com/api/billing/meter-event)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sync.facts import Meter
from sync.gateways.stripe_facts import facts_of
from sync.gateways.stripe_http import StripeHttp
from sync.gateways.stripe_operations import METER_EVENT, READS
from sync.usage.rows import UsageRow


class Meters:
    """`sync.ports.usage.Metering` for one Stripe account."""

    def __init__(self, http: StripeHttp) -> None:
        self._http = http

    def meters(self) -> Sequence[Meter]:
        found = facts_of(self._http.listed(READS["meters"], {"status": "active"}))
        return [meter for meter in found if isinstance(meter, Meter)]

    def report(self, meter: Meter, customer: str, row: UsageRow, key: str) -> str:
        params = {
            "event_name": meter.event_name,
            "identifier": row.stripe_identifier,
            "timestamp": int(row.happened_at.timestamp()),
            "payload": {meter.customer_key: customer, meter.value_key: str(row.quantity)},
        }
        answer = self._http.write(METER_EVENT, params, key=key)
        return answer.headers.get("request-id", "")

    def counted(self, meter: Meter, customer: str, start: datetime, end: datetime) -> int:
        window = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        found = self._http.listed(READS["meter_summaries"], {"customer": customer, **window}, id=meter.id)
        return int(sum((Decimal(str(one.get("aggregated_value") or 0)) for one in found), Decimal(0)))
