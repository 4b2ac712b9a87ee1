"""What goes by business time: the reconcile of the night, and the clock of what is signed and not billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sync import mapping
from sync.errors import Terminal, Transient
from sync.ports import Done, Failed, Mark, Member, Outcome, Stage
from sync.run.nightly import Nightly
from sync.run.rows import ISSUE, Rows
from sync.run.won import CODE, STANDING, WonNotBilled
from sync.store.cohorts import StoredCohorts
from sync.store.comparing import StoredComparing
from sync.store.promises import StoredPromises
from tests.sync.run.conftest import Place

QUOTE = "0Q0AA0000000001AAA"


class Sweeps:
    """Remembers how it was run; fails as it is told."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, bool, bool]] = []
        self.failing: Exception | None = None

    def run(self, name: str, *, heal: bool, resume: bool, **_: Any) -> None:
        self.runs.append((name, heal, resume))
        if self.failing:
            raise self.failing


def nightly(place: Place, sweep: Any, at: time | None = time(2, 30)) -> Nightly:
    return Nightly(sweep, place.subjects, place.cursors, place.clock, at, "Europe/Madrid")


def test_the_reconcile_is_due_once_a_day_from_its_hour_on(place: Place) -> None:
    one = nightly(place, Sweeps())
    marked = []
    for at in ("2026-03-01T12:00", "2026-03-02T01:00", "2026-03-02T01:31", "2026-03-02T09:00", "2026-03-04T12:00"):
        place.clock.at = datetime.fromisoformat(at).replace(tzinfo=UTC)
        marked.append(one.mark_when_due())

    assert marked == [False, False, True, False, True]  # 01:31 in UTC is 02:31 in Madrid; the first day was half over
    assert place.due() == {"reconcile:nightly": "bulk"}


def test_without_an_hour_it_is_never_due(place: Place) -> None:
    assert not nightly(place, Sweeps(), at=None).mark_when_due()


def test_it_runs_in_the_lane_bulk_and_goes_on_after_a_failure_that_passes(place: Place) -> None:
    sweeps = Sweeps()
    one = nightly(place, sweeps)
    mirror = place.mirror(apart={"reconcile": one.run})
    place.mark("reconcile:nightly", lane="bulk")

    sweeps.failing = Transient("TEMP-406", "away", retry_after_s=0)
    assert mirror.run_once("bulk") == 1
    sweeps.failing = None
    with place.engine.begin() as connection:  # its back-off is over
        connection.execute(text("UPDATE subjects SET ready_machine_at = now(), retry_machine_at = NULL"))
    assert mirror.run_once("bulk") == 1
    assert mirror.run_once("bulk") == 0

    assert sweeps.runs == [("nightly", True, False), ("nightly", True, True)]


def test_what_can_not_be_compared_waits_for_a_person(place: Place) -> None:
    sweeps = Sweeps()
    sweeps.failing = Terminal("CONF-307", "no log-in")
    place.mark("reconcile:nightly", lane="bulk")

    place.mirror(apart={"reconcile": nightly(place, sweeps).run}).run_once("bulk")

    assert place.code("reconcile:nightly") == "CONF-307"


def won(place: Place) -> WonNotBilled:
    comparing = StoredComparing(place.engine, stripe_account="acct_1", now=place.clock.now)
    rows = Rows(mapping.load(None))
    return WonNotBilled(comparing, place.outbox, place.facts, place.cursors, rows, place.clock, timedelta(hours=2))


@pytest.mark.parametrize("code", ["DATA-201", None])
def test_a_signed_quote_that_nothing_bills_is_told_after_its_hours_and_closed_once_billed(
    place: Place, code: str | None
) -> None:
    signed = StoredPromises(place.engine, now=place.clock.now)
    signed.signed(QUOTE, place.clock.now())
    place.subjects.mark([Mark(f"quote:{QUOTE}", "deal", "unit:001A")], reason="test")
    if code:
        claim = place.subjects.claim_unit("deal")
        assert claim is not None
        place.subjects.finish(claim, {f"quote:{QUOTE}": Failed(code, "No e-mail.", sum_minor=1000, currency="USD")})

    assert won(place).look() == []
    place.clock.at += timedelta(hours=3)
    [late] = won(place).look()

    assert (late.quote_id, late.code) == (QUOTE, code)
    [issue] = place.rows(ISSUE).values()
    assert (issue["Code__c"], issue["Status__c"], issue["Quote__c"]) == (code or CODE, "Open", QUOTE)
    standing = place.cursors.get(STANDING)
    assert standing is not None
    assert (standing["late"], standing["sums_minor"]) == (1, {"USD": 1000} if code else {})
    place.written()
    won(place).look()
    assert place.rows(ISSUE) == {}  # told once

    with place.engine.begin() as connection:  # its deal was un-accepted
        connection.execute(text("UPDATE subjects SET failed_at = NULL, error_code = NULL, done_revision = revision"))
    assert won(place).look() == []
    assert [row["Status__c"] for row in place.rows(ISSUE).values()] == ["Closed"]


def test_quotes_of_before_the_start_are_not_told_as_late(place: Place) -> None:
    StoredPromises(place.engine, now=place.clock.now).signed(QUOTE, place.clock.now() - timedelta(days=400))
    place.subjects.mark([Mark(f"quote:{QUOTE}", "deal", "unit:001A")], reason="test")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    place.subjects.finish(claim, {f"quote:{QUOTE}": Failed("DATA-229", "signed before")})

    assert won(place).look() == []


def came_through(place: Place, quote: str, outcome: Outcome) -> None:
    """A quote signed three hours ago has had its run."""
    StoredPromises(place.engine, now=place.clock.now).signed(quote, place.clock.now() - timedelta(hours=3))
    place.subjects.mark([Mark(f"quote:{quote}", "deal", f"unit:{quote}")], reason="test")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    place.subjects.finish(claim, {f"quote:{quote}": outcome})


def test_what_waits_on_purpose_or_is_looked_at_just_now_is_not_told(place: Place) -> None:
    waiting, edited, held, stuck = (f"0Q0AA000000000{n}AAA" for n in range(4))
    came_through(place, waiting, Done(place.clock.now() + timedelta(days=3)))
    for quote in (edited, held, stuck):
        came_through(place, quote, Done())
    for quote in (edited, held, stuck):
        place.subjects.mark([Mark(f"quote:{quote}", "deal", f"unit:{quote}")], reason="test")
    contract = Member("C2", held, date(2026, 10, 14), 480_000, "USD")
    StoredCohorts(place.engine).put([contract])
    with place.engine.begin() as connection:  # due for a quarter of an hour, and nobody came
        connection.execute(
            text("UPDATE subjects SET marked_machine_at = now() - interval '15 min' WHERE key IN (:one, :other)"),
            {"one": f"quote:{stuck}", "other": f"quote:{held}"},
        )

    assert [late.quote_id for late in won(place).look()] == [stuck]

    StoredCohorts(place.engine).put([replace(contract, stage=Stage.CUT)])
    assert {late.quote_id for late in won(place).look()} == {stuck, held}
    place.clock.at += timedelta(days=4)
    assert {late.quote_id for late in won(place).look()} == {stuck, held, waiting}
