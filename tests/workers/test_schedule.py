"""The scheduler: one leads, everything is read in its time, and no failure ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from sync.errors import Terminal, Transient
from sync.ports import Claim, Done, Failed, Mark
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine
from sync.store.subjects import StoredSubjects
from tests.workers.pipelines import NOON, Bell, CountingPipeline, any_of
from tests.workers.processes import eventually
from workers.schedule import MOST_RINGS, OVERLAP_S, Pace, Scheduler, Timer

ORG = "00D000000000001AAA"
FAST = Pace(hot_s=0.05, cold_s=0.05, events_s=0.05, all_events_s=0.05, overlap_s=0.05, refused_s=0.05)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = make_engine(database)
    yield made
    made.dispose()


class Salesforce:
    organization_id = ORG

    def rewound(self, cursor: Mapping[str, object] | None, seconds: int) -> Mapping[str, object]:
        return {**(cursor or {}), "rewound_by": seconds}

    def configuration(self) -> str:
        return "as it is"

    def limits(self) -> Mapping[str, int]:
        return {"used": 7, "allowed": 100}


def scheduler(engine: Engine, pipeline: CountingPipeline, *, holder: str, **more: Any) -> tuple[Scheduler, Bell]:
    bell = Bell()
    installation = SimpleNamespace(
        pipeline=pipeline,
        cursors=StoredCursors(engine),
        salesforce=Salesforce(),
        clock=SimpleNamespace(now=lambda: NOON),
    )
    return Scheduler(any_of(installation), any_of(bell), FAST, holder=holder, **more), bell


def running(one: Scheduler) -> tuple[threading.Thread, threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=one.run, args=(stop,), daemon=True)
    thread.start()
    return thread, stop


def ended(thread: threading.Thread, stop: threading.Event) -> bool:
    stop.set()
    thread.join(15)
    return not thread.is_alive()


def test_a_leader_takes_in_rings_and_reads_both_sides(engine: Engine) -> None:
    pipeline = CountingPipeline(intake=2, deal=3, mirror=500)
    told: list[Mapping[str, int]] = []
    tidied = threading.Event()
    one, bell = scheduler(engine, pipeline, holder="one", tell_calls=told.append, tidy=tidied.set)
    thread, stop = running(one)

    assert eventually(lambda: all(pipeline.polls[name] > 1 for name in ("hot", "cold", "events", "undelivered")))
    assert eventually(lambda: pipeline.taken["intake"] == 2 and bell.rung["deal"] >= 3)
    assert bell.rung["mirror"] >= 1
    assert bell.rung["bulk"] == 0
    assert told[0] == {"used": 7, "allowed": 100}
    assert tidied.wait(10)
    assert ended(thread, stop)


def test_a_follower_does_nothing_until_the_leader_has_gone(engine: Engine) -> None:
    first, second = CountingPipeline(intake=1), CountingPipeline(intake=1)
    leader, leading = running(scheduler(engine, first, holder="one")[0])
    assert eventually(lambda: first.polls["hot"] > 0)
    follower, following = running(scheduler(engine, second, holder="two")[0])
    polls = first.polls["hot"]
    assert eventually(lambda: first.polls["hot"] > polls + 3)
    assert not second.polls
    assert second.taken["intake"] == 0

    assert ended(leader, leading)

    assert eventually(lambda: second.polls["hot"] > 0)
    assert ended(follower, following)


def test_a_failing_source_does_not_stop_the_others(engine: Engine) -> None:
    pipeline = CountingPipeline()
    pipeline.failing = {"hot": Transient("TEMP-406", "away"), "events": ValueError("a bug"), "intake": OSError("gone")}
    one, _ = scheduler(engine, pipeline, holder="one")
    thread, stop = running(one)
    assert eventually(lambda: all(pipeline.polls[n] > 2 for n in ("hot", "cold", "events", "undelivered")))
    assert ended(thread, stop)


def test_a_store_that_does_not_answer_ends_nothing_and_nobody_leads() -> None:
    nowhere = make_engine("postgresql://tandem@127.0.0.1:9/nowhere", pooled=False)
    pipeline = CountingPipeline(intake=1)
    one, _ = scheduler(nowhere, pipeline, holder="one")
    with pytest.raises(Transient, match="TEMP-406"):
        one.lead()
    assert one.salesforce_timers()
    assert not pipeline.polls


def test_the_overlap_sends_the_cursor_back_and_costs_no_call(engine: Engine) -> None:
    cursors = StoredCursors(engine)
    pipeline = CountingPipeline()
    one, _ = scheduler(engine, pipeline, holder="one")
    one.go_back("hot")
    assert cursors.get(f"salesforce:{ORG}:hot") is None

    cursors.put(f"salesforce:{ORG}:hot", {"Quote": "x"})
    one.go_back("hot")

    assert cursors.get(f"salesforce:{ORG}:hot") == {"Quote": "x", "rewound_by": OVERLAP_S}
    assert not pipeline.polls


def test_refused_quotes_and_open_questions_are_looked_at_again_and_safety_stops_left_alone(engine: Engine) -> None:
    pipeline = CountingPipeline()
    subjects = StoredSubjects(engine, now=lambda: NOON)
    pipeline.subjects = any_of(subjects)
    fail(subjects, "quote:0Q01", "DATA-201")
    fail(subjects, "quote:0Q02", "CONF-301")
    fail(subjects, "quote:0Q03", "BUG-503")
    fail(subjects, "customer:cus_1", "DATA-213")
    one, _ = scheduler(engine, pipeline, holder="one")

    assert one.look_again_at_refused() == 3

    due = {key for key in ("quote:0Q01", "quote:0Q02", "quote:0Q03", "customer:cus_1") if is_due(subjects, key)}
    assert due == {"quote:0Q01", "quote:0Q02", "customer:cus_1"}


def test_what_waits_for_the_org_is_looked_at_again_once_and_then_when_the_org_is_another(engine: Engine) -> None:
    pipeline = CountingPipeline()
    subjects = StoredSubjects(engine, now=lambda: NOON)
    pipeline.subjects = any_of(subjects)
    one, _ = scheduler(engine, pipeline, holder="one")
    timer = next(t for t in one.salesforce_timers() if t.name == "org_configured")
    for turn, due in ((0.0, True), (100.0, False)):
        fail(subjects, "payer:001A", "CONF-302")
        assert timer.turn(turn)
        assert is_due(subjects, "payer:001A") is due


def test_a_lane_is_rung_as_often_as_it_has_units_but_not_without_end(engine: Engine) -> None:
    one, bell = scheduler(engine, CountingPipeline(deal=1000, mirror=1000, bulk=1), holder="one")
    one.ring_what_is_due()
    assert bell.rung == {"deal": MOST_RINGS, "mirror": 1, "bulk": 1}


def test_a_timer_keeps_its_pace_whatever_its_job_does() -> None:
    turns: list[int] = []

    def job() -> None:
        turns.append(1)
        raise Terminal("CONF-307", "no log-in")

    timer = Timer("job", 10.0, job)
    timer.start(100.0)
    assert [timer.turn(now) for now in (100.0, 105.0, 110.0, 119.9, 120.0)] == [True, False, True, False, True]
    assert len(turns) == 3

    later = Timer("later", 10.0, job, at_once=False)
    later.start(100.0)
    assert [later.turn(now) for now in (100.0, 110.0)] == [False, True]


def fail(subjects: StoredSubjects, key: str, code: str) -> None:
    subjects.mark([Mark(key, "deal", f"unit:{key}")], reason="test")
    claim = subjects.claim_unit("deal")
    assert isinstance(claim, Claim)
    subjects.finish(claim, {d.key: Failed(code, "why") if d.key == key else Done() for d in claim.subjects})


def is_due(subjects: StoredSubjects, key: str) -> bool:
    state = subjects.state(key)
    assert state is not None
    return state.revision > state.done_revision
