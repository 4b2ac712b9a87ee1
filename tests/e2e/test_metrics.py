"""What /metrics tells after real work."""

from __future__ import annotations

from typing import Any

import psycopg

from sync.store.engine import plain_dsn
from sync.store.gauges import GAUGES_SQL
from tests.e2e.looks import settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from workers.metrics import Metrics, row_of

TERM: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_metrics_tell_what_was_won_billed_and_refused(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10T08:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    sell(world.crm, [(seat, 4, "30.00", {})], Signed_At__c="2026-02-10T07:30:00Z", **TERM)
    settled(tandem)
    nobody = world.crm.create("Account", Name="No Mail Ltd")
    refused = sell(world.crm, [(seat, 1, "30.00", {})], account=nobody, Signed_At__c="2026-02-10T07:00:00Z", **TERM)
    tandem.drain()

    text = _text(tandem)

    for line in (
        'tandem_jobs_total{kind="quote",lane="deal",outcome="done"} 1.0',
        'tandem_job_duration_seconds_count{kind="quote",lane="deal"} 1.0',
        'tandem_quote_to_subscription_seconds_bucket{le="1800.0"} 1.0',
        "tandem_quote_to_subscription_seconds_sum 1800.0",
        'tandem_upstream_requests_total{operation="schedule.create",status="done",system="stripe"} 1.0',
        'tandem_upstream_request_duration_seconds_count{operation="customer.create",system="stripe"} 1.0',
        'tandem_failed_records{class="DATA",code="DATA-201"} 1.0',
        "tandem_won_not_billed_deals 1.0",
        "tandem_writeback_lag_seconds 0.0",
    ):
        assert line in text, f"{line}\n{text}"
    assert 0 < _value(text, "tandem_salesforce_quota_used_ratio") < 1

    world.crm.change("Account", nobody, Billing_Email__c="ap@nomail.example")
    settled(tandem)

    text = _text(tandem)
    assert "tandem_won_not_billed_deals 0.0" in text
    assert "tandem_failed_records{" not in text
    assert refused not in text
    assert nobody not in text


def _text(tandem: Tandem) -> str:
    with psycopg.connect(plain_dsn(tandem.database_url)) as connection:
        rows = connection.execute(GAUGES_SQL.encode()).fetchall()
    return Metrics({"version": "1"}).text(row_of(row) for row in rows).decode()


def _value(text: str, name: str) -> float:
    [value] = [line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(value)
