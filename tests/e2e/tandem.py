"""Tandem as a test runs it: the real thing from `sync.wiring`, on a database of its own, drained in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sync.config import Settings
from sync.ports import QueueCounts
from sync.run.drain import Drained, drain
from sync.wiring import Services, build
from tests.e2e.sandbox import World

FASTER_THAN_ANYBODY_PER_S = 1000.0
CLOCK_WITHIN_S = 5.0


class Tandem:
    """One process's worth of Tandem against a world."""

    def __init__(self, world: World, database_url: str, redis_url: str | None, **settings: Any) -> None:
        self.world = world
        self.database_url, self.redis_url = database_url, redis_url
        self.given = settings
        self.settings = settings_for_url(world.control_url, **settings)
        self.services: Services = build(self.settings, database_url=database_url, redis_url=redis_url, drain=True)
        self._others: list[Tandem] = []

    def drain(self) -> Drained:
        """Everything that is due at business now was done."""
        self.see_clock()
        return drain(self.services.pipeline)

    def again(self) -> Tandem:
        """Another process on the same database: nothing that this one holds in memory."""
        other = Tandem(self.world, self.database_url, self.redis_url, **self.given)
        self._others.append(other)
        return other

    def close(self) -> None:
        """Disconnected."""
        for one in [*self._others, self]:
            one.services.close()

    def see_clock(self) -> None:
        """Our clock may reuse an answer for a moment; a test that has just moved time wants the new one."""
        now, deadline = self.world.now(), time.monotonic() + CLOCK_WITHIN_S
        while self.services.clock.now() != now:
            assert time.monotonic() < deadline, "business time never arrived"
            time.sleep(0.01)


def settings_for_url(control_url: str, **more: Any) -> Settings:
    """Settings of a process in this sandbox, unlike production only in that it never waits for its own rate."""
    values = {"stripe_requests_per_s": FASTER_THAN_ANYBODY_PER_S, "tandem_sandbox_url": control_url}
    values |= {"usage_events_per_s": FASTER_THAN_ANYBODY_PER_S, **more}
    return Settings(_env_file=None, **values)


def writes_of(world: World, work: Callable[[], object]) -> list[str]:
    """What Tandem changed on either side while ``work`` ran, as ``system METHOD /path``."""
    before = world.mark()
    work()
    return [f"{e.system} {e.method} {e.path}" for e in world.writes(before)]


def work_in_parallel(*workers: Tandem, within_s: float = 60.0) -> None:
    """All that was said is done, by these workers at the same time; neither polls, so only what was delivered counts."""
    deadline = time.monotonic() + within_s

    def work(one: Tandem) -> None:
        pipeline = one.services.pipeline
        while time.monotonic() < deadline:
            moved = pipeline.take_in() + sum(of.run_deal() + of.run_mirror() for of in pipeline.everywhere)
            moved += pipeline.flusher.run_once()
            if not moved and _idle(one):
                return
            if not moved:
                time.sleep(0.02)
        raise AssertionError(f"not done within {within_s} s: {_state(one)}")

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work, workers))


def _state(one: Tandem) -> tuple[QueueCounts, int]:
    pipeline = one.services.pipeline
    return pipeline.subjects.counts(one.services.clock.now()), pipeline.outbox.waiting()[0]


def _idle(one: Tandem) -> bool:
    counts, rows = _state(one)
    return not (
        sum(counts.due.values()) or counts.leased or counts.retrying or counts.settling or counts.notices or rows
    )
