"""Drain: everything that can be done now is done, what passes is waited for, and the answer says what is left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from sync.crm import CrmRow
from sync.errors import Transient
from sync.ports import Again, Claim, Done, Due, Failed, Outcome, OutRow, RowResult
from sync.run import drain as module
from sync.run.drain import drain
from sync.run.flush import Flusher
from sync.run.pausing import Pausing
from sync.run.pipeline import Pipeline
from sync.store.budgets import StoredBudgets
from tests.sync.run.conftest import Place


@dataclass
class Runs:
    """Answers each run of a subject with the next of its outcomes, the last one for ever."""

    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    before: Callable[[Due], object] = lambda due: None
    ran: Counter[str] = field(default_factory=Counter)

    def run(self, claim: Claim, due: Due) -> Outcome:
        self.ran[due.key] += 1
        self.before(due)
        left = self.outcomes.get(due.key, [Done()])
        return left.pop(0) if len(left) > 1 else left[0]


@dataclass
class Sources:
    """Change sources that have nothing new; ``away`` are the errors of the next readings."""

    away: list[Transient] = field(default_factory=list)
    reads: int = 0

    def poll_salesforce(self, heat: str) -> int:
        self.reads += 1
        if self.away and heat == "hot":
            raise self.away.pop(0)
        return 0

    def poll_stripe(self) -> int:
        return 0


class NoFlusher:
    """Nothing is ever written."""

    def run_once(self) -> int:
        return 0

    def note_allowance(self) -> None: ...


def pipeline(place: Place, runs: Runs, sources: Sources | None = None) -> Pipeline:
    parts: Any = {"subjects": place.subjects, "outbox": place.outbox, "clock": place.clock, "mirror": place.mirror()}
    parts["pausing"] = Pausing(place.cursors)
    return Pipeline(
        **parts,
        changes=sources or Sources(),
        flusher=NoFlusher(),
        nightly=runs,
        won=runs,
        quotes=runs,
        identity=runs,
        products=runs,
    )


def due(place: Place, *ids: str) -> None:
    for id_ in ids:
        place.mark(f"quote:{id_}", lane="deal", unit=f"unit:{id_}")


def again(times: int, last: Outcome) -> list[Outcome]:
    return [*(Again("TEMP-401", "slow down") for _ in range(times)), last]


def test_nothing_to_do_is_clean(place: Place) -> None:
    done = drain(pipeline(place, Runs()))

    assert (done.clean, done.runs, done.failed, done.waiting) == (True, 0, (), 0)


def test_what_passes_is_waited_for(place: Place) -> None:
    runs = Runs({"quote:A": again(3, Done())})
    due(place, "A")

    done = drain(pipeline(place, runs))

    assert (done.clean, runs.ran["quote:A"], done.by_kind) == (True, 4, {"quote": 4})


def test_each_has_its_tries_whatever_the_others_took(place: Place) -> None:
    """Six subjects that pass one after the other need more waits in all than one subject has tries."""
    runs = Runs({f"quote:{n}": again(n, Done()) for n in range(1, 7)} | {"quote:9": again(7, Done())})
    runs.outcomes["quote:9"] = again(7, Done())
    due(place, *(str(n) for n in range(1, 7)), "9")

    assert drain(pipeline(place, runs)).clean


def test_what_does_not_pass_is_left_and_said(place: Place) -> None:
    runs = Runs({"quote:A": again(0, Again("TEMP-406", "away"))})
    due(place, "A")

    done = drain(pipeline(place, runs))

    assert (done.clean, done.waiting, done.failed) == (False, 1, ())
    assert module.TRIES <= runs.ran["quote:A"] <= module.TRIES + 3


def test_what_failed_is_said_with_its_words_and_not_run_again(place: Place) -> None:
    runs = Runs({"quote:A": [Failed("DATA-201", "no e-mail")]})
    due(place, "A", "B")

    done = drain(pipeline(place, runs))

    assert done.failed == (("quote:A", "DATA-201", "no e-mail"),)
    assert (done.clean, runs.ran) == (False, {"quote:A": 1, "quote:B": 1})


def test_a_circle_is_stopped_and_said(place: Place) -> None:
    runs = Runs(before=lambda found: due(place, found.id))
    due(place, "A")

    done = drain(pipeline(place, runs))

    assert [(key, code) for key, code, _ in done.failed] == [("quote:A", "BUG-503")]
    assert runs.ran["quote:A"] == module.CIRCLE


def test_a_wake_in_the_future_is_not_due_and_is_told(place: Place) -> None:
    tomorrow = place.clock.at + timedelta(days=1)
    due(place, "A")

    done = drain(pipeline(place, Runs({"quote:A": [Done(tomorrow)]})))

    assert (done.clean, done.next_wake_at) == (True, tomorrow)


def test_what_another_process_holds_is_waited_for(place: Place) -> None:
    due(place, "A")
    claim = place.subjects.claim_unit("deal")
    assert claim is not None
    timer = threading.Timer(0.5, lambda: place.subjects.finish(claim, {"quote:A": Failed("DATA-201", "no e-mail")}))
    timer.start()

    done = drain(pipeline(place, Runs()))
    timer.join()

    assert [code for _, code, _ in done.failed] == ["DATA-201"]


def test_a_lease_that_runs_out_after_the_last_look_leaves_nothing_undone(place: Place) -> None:
    due(place, "A")
    assert place.subjects.claim_unit("deal") is not None
    found = pipeline(place, Runs())

    class DiesNow(NoFlusher):
        """Just after the lanes were looked at, the holder's lease has run out."""

        def run_once(self) -> int:
            with place.engine.begin() as connection:
                long_ago = "clock_timestamp() - interval '1 hour'"
                connection.execute(
                    text(f"UPDATE units SET lease_until_machine_at = {long_ago} WHERE lease_token IS NOT NULL")
                )
                connection.execute(
                    text(f"UPDATE subjects SET lease_until_machine_at = {long_ago} WHERE lease_token IS NOT NULL")
                )
            return 0

    done = drain(replace(found, flusher=DiesNow()))

    assert (done.clean, done.runs) == (True, 1)


def test_the_bulk_lane_is_drained_too(place: Place) -> None:
    place.mark("account:001A", lane="bulk")

    assert drain(pipeline(place, Runs())).clean
    assert place.due() == {}


def test_a_side_that_comes_back_is_read(place: Place) -> None:
    sources = Sources([Transient("TEMP-406", "away", retry_after_s=0.01)] * 3)

    assert drain(pipeline(place, Runs(), sources)).clean
    assert sources.away == []


def test_a_side_that_stays_away_is_the_drains_own_failure_after_the_work_was_done(place: Place) -> None:
    runs, sources = Runs(), Sources([Transient("TEMP-406", "away", retry_after_s=0.01)] * 50)
    due(place, "A")

    with pytest.raises(Transient, match="TEMP-406"):
        drain(pipeline(place, runs, sources))

    assert runs.ran["quote:A"] == 1


class Allowing:
    """A Salesforce that takes every row, and says how much of its allowance is used today."""

    def __init__(self, used: int) -> None:
        self.used = used

    def limits(self) -> dict[str, int]:
        return {"used": self.used, "allowed": 100}

    def flush(self, rows: Sequence[OutRow], deadline: object) -> tuple[dict[int, RowResult], str]:
        return {row.id: RowResult(ok=True, salesforce_id=row.row.key) for row in rows}, "req_1"


def test_rows_go_on_once_the_allowance_has_renewed_though_no_scheduler_ran(place: Place) -> None:
    budgets, salesforce = StoredBudgets(place.engine), Allowing(used=90)
    flusher = Flusher(cast("Any", salesforce), place.outbox, budgets, Pausing(place.cursors))
    place.outbox.put(
        [CrmRow("Quote", "Id", "0Q0000000000001AAA", {"Billing_Code__c": None}, "001A")], place.facts.fence()
    )
    work = replace(pipeline(place, Runs()), flusher=flusher)

    assert drain(work).rows_waiting == 1  # the display stops at 85 %
    salesforce.used = 10
    assert drain(work).flushed == 1
