"""A pipeline that only counts: how much is due by lane, who took it, and how it can fail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from sync.ports import QueueCounts
from sync.run.pipeline import Pipeline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class CountingPipeline:
    """`Pipeline` as the workers use it: each step takes one unit of what is due in its lane."""

    def __init__(self, *, during: Callable[[str], None] = lambda lane: None, **due: int) -> None:
        self.due = Counter(due)
        self.taken: Counter[str] = Counter()
        self.threads: dict[str, set[str]] = {}
        self.failing: dict[str, Exception] = {}
        self._during = during
        self._lock = threading.Lock()
        self.flusher = SimpleNamespace(run_once=lambda: self.step("flush"))
        self.subjects = SimpleNamespace(counts=lambda now: self.counts(), failures=lambda code=None: [])
        self.outbox = SimpleNamespace(refused=lambda code: [])
        self.polls: Counter[str] = Counter()
        self.nightly = SimpleNamespace(mark_when_due=lambda: self.poll("nightly"))
        self.won = SimpleNamespace(look=lambda: self.poll("won"))
        self.changes = SimpleNamespace(poll_salesforce=self.poll, poll_stripe=self.poll_stripe)

    name = ""

    @property
    def everywhere(self) -> tuple[CountingPipeline, ...]:
        return (self,)

    def step(self, lane: str) -> int:
        if lane in self.failing:
            raise self.failing[lane]
        with self._lock:
            if not self.due[lane]:
                return 0
            self.due[lane] -= 1
            self.taken[lane] += 1
            self.threads.setdefault(lane, set()).add(threading.current_thread().name)
        self._during(lane)
        return 1

    def take_in(self) -> int:
        return self.step("intake")

    def run_deal(self) -> int:
        return self.step("deal")

    def send_usage(self) -> int:
        return self.step("usage")

    def run_mirror(self, lane: str = "mirror") -> int:
        return self.step(lane)

    def poll(self, heat: str) -> int:
        self.polls[heat] += 1
        if heat in self.failing:
            raise self.failing[heat]
        return 0

    def poll_stripe(self, *, undelivered_only: bool = False) -> int:
        return self.poll("undelivered" if undelivered_only else "events")

    def counts(self) -> QueueCounts:
        due = {lane: self.due[lane] for lane in ("deal", "mirror", "bulk")}
        return QueueCounts(due, 0, None, 0, 0, {}, None, 0)

    @property
    def real(self) -> Pipeline:
        return cast("Pipeline", self)


class Bell:
    """Remembers how often it was rung."""

    def __init__(self) -> None:
        self.rung: Counter[str] = Counter()

    def ring(self, lane: str, name: str, *, times: int = 1) -> int:
        self.rung[lane] += times
        return times


def any_of(value: object) -> Any:
    """For handing a stand-in to what wants the real type."""
    return value
