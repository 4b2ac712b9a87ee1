"""What /metrics says: counters of this process, and the state of the whole installation as the store tells it.

Prometheus' habits: a prefix, base units, ``_total`` for counters, no id in a label (reference: users, 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True)
class Told:
    """One metric that the store tells. A counter's ``name`` ends in ``_total``."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    def family(self) -> Metric:
        """The metric without samples."""
        families = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily, "histogram": HistogramMetricFamily}
        found: Metric = families[self.kind](self.name, self.help, labels=self.labels)
        return found


#: Metrics of the whole installation, by what the store calls them.
TOLD: Mapping[str, Told] = MappingProxyType(
    {
        "jobs": Told("tandem_queue_jobs", "gauge", "Subjects by lane and state.", ("lane", "state")),
        "oldest": Told("tandem_queue_oldest_age_seconds", "gauge", "Age of the oldest due subject.", ("lane",)),
        "failed": Told("tandem_failed_records", "gauge", "Subjects that wait for a person.", ("class", "code")),
        "ended": Told("tandem_jobs_total", "counter", "Recorded runs by outcome.", ("lane", "kind", "outcome")),
        "job_seconds": Told(
            "tandem_job_duration_seconds", "histogram", "From the plan of a recorded run to its end.", ("lane", "kind")
        ),
        "quote_seconds": Told(
            "tandem_quote_to_subscription_seconds", "histogram", "Business time from signature to subscription."
        ),
        "unbilled": Told("tandem_won_not_billed_deals", "gauge", "Signed quotes without anything in Stripe."),
        "unbilled_late": Told(
            "tandem_won_not_billed_late_deals",
            "gauge",
            "Signed quotes that nothing bills, older than WON_NOT_BILLED_H.",
        ),
        "drift": Told(
            "tandem_drift_records", "gauge", "Differences that the last reconcile left.", ("field", "severity")
        ),
        "reconciled": Told(
            "tandem_reconcile_last_success_timestamp_seconds",
            "gauge",
            "Machine time at which the last reconcile ended.",
        ),
        "requests": Told(
            "tandem_upstream_requests_total", "counter", "Writes by how they ended.", ("system", "operation", "status")
        ),
        "open_requests": Told(
            "tandem_upstream_open_requests", "gauge", "Writes whose outcome is not known yet.", ("system", "state")
        ),
        "request_seconds": Told(
            "tandem_upstream_request_duration_seconds", "histogram", "Answered writes.", ("system", "operation")
        ),
        "rows": Told("tandem_crm_rows", "gauge", "Rows on their way to Salesforce.", ("state",)),
        "usage": Told("tandem_usage_events", "gauge", "Usage that Stripe has not taken, by state.", ("state",)),
        "write_lag": Told("tandem_writeback_lag_seconds", "gauge", "Age of the oldest row on its way to Salesforce."),
        "unlike": Told("tandem_preview_mismatch_total", "counter", "Invoices found unlike what was promised."),
        "migrated": Told(
            "tandem_migrated_subscribers_ratio", "gauge", "Part of the contracts in cohorts that is cut over."
        ),
        "migrated_money": Told(
            "tandem_migrated_revenue_ratio",
            "gauge",
            "Part of the money in cohorts that is cut over, by what the old system would bill next.",
            ("currency",),
        ),
        "quota": Told("tandem_salesforce_quota_used_ratio", "gauge", "Used part of Salesforce's daily allowance."),
        "last_event": Told(
            "tandem_last_event_timestamp_seconds", "gauge", "Machine time of the newest notice.", ("source",)
        ),
        "paused": Told("tandem_paused", "gauge", "1 while writes of the scope are paused.", ("scope",)),
    }
)

#: A row as the store tells it: metric, values of its labels, upper bound (histograms), value, sum (histograms).
Row = tuple[str, Sequence[str], float | None, float, float | None]


class Metrics:
    """The metrics of one web process. ``version`` are the labels of its build."""

    def __init__(self, version: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._webhooks = Counter(
            "tandem_webhooks_total",
            "Webhooks received, by type and result.",
            ["type", "result"],
            registry=self._registry,
        )
        build = Gauge(
            "tandem_build_info", "Always 1; the labels say what runs.", list(version), registry=self._registry
        )
        build.labels(**version).set(1)

    def count_webhook(self, type_: str, result: str) -> None:
        """One more webhook of this type came to this end."""
        self._webhooks.labels(type=type_, result=result).inc()

    def text(self, rows: Iterable[Row]) -> bytes:
        """Prometheus text of this process's own metrics and of what the store told; what it did not tell is absent."""
        told = CollectorRegistry()
        told.register(_Rows(rows))
        return generate_latest(self._registry) + generate_latest(told)


@dataclass
class _Histogram:
    buckets: list[tuple[float, float]] = field(default_factory=list)
    total: float = 0.0


class _Rows(Collector):
    """The store's rows as metrics, once."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = list(rows)

    def collect(self) -> Iterator[Metric]:
        families = {metric: TOLD[metric].family() for metric in dict.fromkeys(row[0] for row in self._rows)}
        histograms: dict[tuple[str, tuple[str, ...]], _Histogram] = {}
        for metric, labels, upto, value, total in self._rows:
            if upto is None:
                families[metric].add_metric(labels, value)  # type: ignore[attr-defined]
            else:
                one = histograms.setdefault((metric, tuple(labels)), _Histogram())
                one.buckets.append((upto, value))
                one.total = total or 0.0
        for (metric, names), one in histograms.items():
            buckets = [(_bound(upto), value) for upto, value in sorted(one.buckets)]
            families[metric].add_metric(names, buckets, one.total)  # type: ignore[attr-defined]
        yield from families.values()


def _bound(upto: float) -> str:
    return "+Inf" if upto == float("inf") else f"{upto}"


def row_of(record: Any) -> Row:
    """A record of the store's statement as a row."""
    metric, labels, upto, value, total = record
    return metric, labels, upto, value, total
