"""A reconcile of everything that is stopped and goes on: nothing that it found, and nobody whom it left for later, is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from sync.desired.differences import Cure, Difference, Kind
from sync.run.reconcile import Compared
from sync.run.sweep import BATCH, KEPT, Progress, Sweep
from sync.store.adoption import StoredAdoption
from tests.sync.run.conftest import Place

NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
Begin = Callable[[bool], Progress]


@pytest.fixture
def begin(place: Place) -> Begin:
    adoption = StoredAdoption(place.engine, place.facts, stripe_account="")
    return lambda resume: Progress(place.cursors, adoption, "test", NOW, resume=resume)


def difference(number: int, cure: Cure = Cure.SAFE) -> Difference:
    return Difference(Kind.OVERWRITTEN, "account:001A", "001A", f"Account {number}", "Name", "a", "b", cure=cure)


def compared(accounts: Sequence[str], found: Sequence[Difference] = (), busy: Sequence[str] = ()) -> Compared:
    return Compared(tuple(found), tuple(accounts), tuple(busy), 1)


def test_what_was_found_before_a_stop_is_there_after_it_however_much(begin: Begin) -> None:
    healed, left = [difference(n) for n in range(KEPT)], difference(KEPT, Cure.PERSON)
    first = begin(False)
    first.report.add(compared(["001A"], healed), frozenset(d.fingerprint for d in healed))
    first.save()
    first.report.add(compared(["001B"], [left]))
    first.save()

    again = begin(True)

    assert again.report.differences == [*healed, left]
    assert again.report.left == [left]
    assert len(cast("list[object]", again.report.to_json()["differences"])) == KEPT
    assert begin(False).report.differences == []


def test_a_reconcile_that_goes_on_twice_counts_nothing_twice(begin: Begin) -> None:
    for number in range(3):
        progress = begin(number > 0)
        progress.report.add(compared([f"00{number}"], [difference(number)]))
        progress.save()
        progress.save()

    assert begin(True).report.differences == [difference(n) for n in range(3)]


@dataclass
class Comparing:
    """Stands in for the comparison: every Account is free now, but for those that are ``busy``."""

    busy: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    stops_at: int = 10**9

    @property
    def salesforce(self) -> Any:
        return self

    calls = 0

    def compare(self, accounts: Sequence[str], claimed: object) -> Compared:
        if len(self.asked) >= self.stops_at:
            raise ConnectionError
        self.asked += accounts
        return compared(accounts, busy=sorted(self.busy & set(accounts)))


class Budget:
    def may_spend(self, *_: object) -> bool:
        return True

    def spent(self, *_: object) -> None: ...


def test_accounts_left_for_later_are_still_looked_at_when_that_was_stopped(begin: Begin) -> None:
    accounts = [f"{n:03}" for n in range(BATCH + 5)]
    before = begin(False)
    before.report.busy = list(accounts)
    comparing = Comparing(stops_at=BATCH)
    sweep = cast("Any", Sweep)(comparing, None, None, None, None, Budget())
    with pytest.raises(ConnectionError):
        sweep._again(before, False)

    going_on = begin(True)
    comparing.stops_at, comparing.busy = 10**9, {accounts[-1]}
    sweep._again(going_on, False)

    assert comparing.asked == accounts
    assert going_on.report.busy == [accounts[-1]]
    assert going_on.report.accounts == len(accounts) - 1
