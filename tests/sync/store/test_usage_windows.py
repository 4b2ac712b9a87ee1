"""Times that are over whose use we bill ourselves: kept by deal, and what is still on its way to Stripe of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from sync.ports.usage import NewUsage
from sync.store.usage import StoredUsageEvents
from sync.store.usage_windows import StoredUsageWindows
from sync.usage.rows import UsageRow
from sync.usage.windows import Window

FIRST, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE = Window("Q1:Q2:use:1", "Q1", "cus_1", "call", FIRST, END, END + HOUR)


@pytest.fixture
def windows(engine: Engine) -> StoredUsageWindows:
    return StoredUsageWindows(engine)


def test_of_a_deal_there_are_those_that_were_said_last_and_those_that_were_stated(windows: StoredUsageWindows) -> None:
    other, stated = replace(ONE, key="Q9:use:1", deal="Q9"), replace(ONE, key="Q1:Q3:use:1", stated=True)
    windows.keep("Q1", [ONE, stated])
    windows.keep("Q9", [other])
    assert windows.of_customers(["cus_1"]) == [ONE, stated, other]
    later = replace(ONE, key="Q1:Q4:use:1", closes_at=END + 2 * HOUR)
    windows.keep("Q1", [later])
    assert windows.of_customers(["cus_1"]) == [stated, later, other]
    windows.keep("Q1", [replace(later, stated=True)])
    windows.keep("Q1", [])
    assert windows.of_customers(["cus_1", "cus_2"]) == [stated, replace(later, stated=True), other]
    assert windows.of_customers([]) == []


def test_a_use_is_on_its_way_until_stripe_has_had_the_time_to_sum_it(
    windows: StoredUsageWindows, engine: Engine
) -> None:
    def on_its_way(since: datetime = END, customer: str = "cus_1") -> bool:
        return windows.unsettled(customer, "call", FIRST, END, since)

    events = StoredUsageEvents(engine)
    rows = [UsageRow("s", name, 1, at, event="call", customer="cus_1") for name, at in (("in", FIRST), ("out", END))]
    assert not on_its_way()
    events.add([NewUsage(row, "call", "cus_1") for row in rows])
    assert on_its_way()
    assert not on_its_way(customer="cus_2")
    for row in events.claim(10):
        assert on_its_way()
        events.sent(row.id, "req_1", END + HOUR)
    assert on_its_way(since=END)
    assert not on_its_way(since=END + HOUR)
