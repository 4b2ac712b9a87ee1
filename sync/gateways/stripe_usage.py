"""Billing Meters: what is reported to them, and what they have counted (https://docs.stripe.com/api/billing/meter-event)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sync.facts import Meter
from sync.gateways.stripe_facts import facts_of
from sync.gateways.stripe_http import PAGE, StripeHttp
from sync.gateways.stripe_operations import METER_EVENT, READS
from sync.usage.reports import REPORT_TYPES
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

    def error_reports(self, since: datetime | None) -> Sequence[Mapping[str, Any]]:
        params: Mapping[str, object] = {"limit": PAGE, "types": list(REPORT_TYPES)}
        if since is not None:
            params = {**params, "created": {"gte": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}}
        found: list[Mapping[str, Any]] = []
        while True:
            page = self._http.get(READS["usage_reports"], params)
            found += [event for event in page.get("data") or () if isinstance(event, dict)]
            following = page.get("next_page_url")
            if not following:
                return found
            params = dict(parse_qsl(urlsplit(str(following)).query))

    def error_report(self, id: str) -> Mapping[str, Any] | None:
        return self._http.find(READS["usage_report"], id=id)

    def counted(self, meter: Meter, customer: str, start: datetime, end: datetime) -> int:
        window = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        found = self._http.listed(READS["meter_summaries"], {"customer": customer, **window}, id=meter.id)
        return int(sum((Decimal(str(one.get("aggregated_value") or 0)) for one in found), Decimal(0)))
