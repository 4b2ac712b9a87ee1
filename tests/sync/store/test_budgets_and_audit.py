"""The daily allowance is shared out by lane; what people did by hand stays on record."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from sync.ports import Lane
from sync.store.audit import StoredAudit
from sync.store.budgets import StoredBudgets
from tests.sync.store.samples import NOW


def test_calls_are_counted_by_lane_for_a_day(engine: Engine, time_passes: Callable[[float], None]) -> None:
    budgets = StoredBudgets(engine)
    budgets.spent("salesforce", "deal")
    budgets.spent("salesforce", "mirror", 4)
    budgets.spent("salesforce", "mirror")
    budgets.spent("other", "bulk", 9)

    assert budgets.used("salesforce") == {"deal": 1, "mirror": 5, "bulk": 0}
    time_passes(26 * 3600)
    budgets.spent("salesforce", "deal")
    assert budgets.used("salesforce") == {"deal": 1, "mirror": 0, "bulk": 0}


def test_many_counting_at_once_lose_no_call(engine: Engine) -> None:
    budgets = StoredBudgets(engine)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: budgets.spent("salesforce", "mirror", 2), range(40)))
    assert budgets.used("salesforce")["mirror"] == 80


@pytest.mark.parametrize(
    ("used", "allowed_lanes"),
    [(0, {"deal", "mirror", "bulk"}), (700, {"deal", "mirror"}), (850, {"deal"}), (950, set())],
)
def test_display_stops_before_billing_and_bulk_before_both(engine: Engine, used: int, allowed_lanes: set[str]) -> None:
    budgets = StoredBudgets(engine)
    budgets.told("salesforce", used=5, allowed=1000)
    budgets.told("salesforce", used=used, allowed=1000)

    lanes: tuple[Lane, ...] = ("deal", "mirror", "bulk")
    assert {lane for lane in lanes if budgets.may_spend("salesforce", lane)} == allowed_lanes


def test_nothing_is_held_back_while_the_allowance_is_not_known(engine: Engine) -> None:
    assert StoredBudgets(engine).may_spend("salesforce", "bulk", 10_000)


def test_what_was_done_by_hand_is_on_record_newest_first(engine: Engine) -> None:
    audit = StoredAudit(engine, now=lambda: NOW)
    audit.write(actor="ann", action="replay", target="quote:0Q0A", detail={"code": "CONF-301", "count": 2})
    last = audit.write(actor="bob", action="pause", target="stripe", detail={})

    newest, first = audit.entries()
    assert (newest["id"], newest["actor"]) == (last, "bob")
    assert first["detail"] == {"code": "CONF-301", "count": 2}
    assert first["happened_at"] == NOW
    assert [entry["actor"] for entry in audit.entries("quote:0Q0A")] == ["ann"]
    assert len(audit.entries(limit=1)) == 1


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "TRUNCATE audit"])
def test_nobody_changes_the_record(engine: Engine, change: str) -> None:
    audit = StoredAudit(engine, now=lambda: NOW)
    audit.write(actor="ann", action="replay", target="x", detail={})

    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))
    assert [entry["actor"] for entry in audit.entries()] == ["ann"]
