"""Rows of usage as Stripe names them, and what becomes of those that it did not count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from sync.ports.usage import NewUsage
from sync.store.usage import StoredUsageEvents
from sync.usage.rows import UsageRow

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
NAMES = ("plain", "with:colon", "Zoë", "x" * 200)
WHY = {"code": "DATA-235", "message": "no such customer"}


@pytest.fixture
def store(engine: Engine) -> StoredUsageEvents:
    """Four rows of two customers, sent at noon; one of them under its second key."""
    store = StoredUsageEvents(engine)
    rows = [UsageRow("default", name, 5, NOON) for name in NAMES]
    store.add([NewUsage(row, "calls", f"cus_{n % 2}") for n, row in enumerate(rows)])
    claimed = {row.row.identifier: row for row in store.claim(10)}
    store.not_there(claimed.pop("plain").id)
    for row in [*claimed.values(), *store.claim(10)]:
        store.sent(row.id, "req_1", NOON)
    return store


def states(store: StoredUsageEvents) -> dict[str, str]:
    return {str(row["identifier"]): str(row["state"]) for row in store.listed(state=None, customer=None, limit=10)}


@pytest.mark.parametrize("by", ["identifier", "key"])
def test_each_row_is_found_by_its_identifier_and_by_the_key_under_which_it_was_sent(
    store: StoredUsageEvents, by: str
) -> None:
    rows = [UsageRow("default", name, 5, NOON) for name in NAMES]
    keys = [row.idempotency_key(1 if row.identifier == "plain" else 0) for row in rows]
    names = keys if by == "key" else [row.stripe_identifier for row in rows]

    found = store.reported([*names, "default:unknown", "nobody"], NOON + timedelta(minutes=1), **WHY)

    assert {row.row.identifier for row in found} == set(NAMES)
    assert set(states(store).values()) == {"refused"}
    assert [(g.customer, g.many, g.message) for g in store.set_aside_of()] == [
        ("cus_0", 2, "no such customer"), ("cus_1", 2, "no such customer"),
    ]  # fmt: skip


def test_a_report_that_comes_again_leaves_what_was_decided_or_sent_since(store: StoredUsageEvents) -> None:
    names, at = ["default:plain", "default:with:colon"], NOON + timedelta(minutes=1)
    store.reported(names, at, **WHY)
    store.decided([("default", "plain")], "waiting")
    store.decided([("default", "with:colon")], "dropped")
    again = NOON + timedelta(hours=1)
    for row in store.claim(10):
        store.sent(row.id, "req_2", again)

    found = store.reported(names, at, **WHY)

    assert len(found) == 2
    assert [states(store)[name] for name in ("plain", "with:colon")] == ["sent", "dropped"]


def test_a_row_stands_in_once_for_what_nobody_can_name(engine: Engine) -> None:
    store = StoredUsageEvents(engine)
    assert store.any() is False

    for _ in range(2):
        store.stand_in("stripe", "evt_1:no_meter", "calls", NOON, **WHY)

    assert store.any() is True
    [group] = store.set_aside_of({""})
    assert (group.customer, group.many, group.quantity, group.example) == ("", 1, 0, "stripe:evt_1:no_meter")
    store.decided([("stripe", "evt_1:no_meter")], "dropped")
    store.stand_in("stripe", "evt_1:no_meter", "calls", NOON, **WHY)
    assert store.set_aside_of() == []


def test_one_file_that_two_shells_take_in_at_once_is_there_once_and_another_customers_identifier_differs(
    engine: Engine,
) -> None:
    rows = [NewUsage(UsageRow("file", str(n), 5, NOON), "calls", "cus_1") for n in range(300)]
    both = [StoredUsageEvents(engine), StoredUsageEvents(engine)]
    with ThreadPoolExecutor(2) as shells:
        became = list(shells.map(lambda one: one[0].add(one[1]), zip(both, (rows, rows[::-1]), strict=True)))

    assert sorted(word for some in became for word in some) == ["known"] * 300 + ["new"] * 300
    assert both[0].counts() == {"waiting": (300, 1_500)}
    assert both[0].add([NewUsage(rows[0].row, "calls", "cus_2")]) == ["differs"]
