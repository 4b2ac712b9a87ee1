"""Drain: run all that is due at business now, until a full round does nothing (DESIGN 6)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from sync.run.pipeline import Pipeline

log = structlog.get_logger()

#: A subject that comes due this often in one drain goes round in circles: BUG-503.
CIRCLE = 20
#: How long a drain waits in all (machine seconds) for work that other processes hold.
OTHERS_S = 120.0
#: Tries of something transient before a drain leaves it to later.
TRIES = 8


@dataclass(frozen=True)
class Drained:
    """What a drain did and what is left. ``failed`` are (subject, code, message) standing now."""

    runs: int
    flushed: int
    rounds: int
    failed: tuple[tuple[str, str, str], ...]
    waiting: int
    rows_waiting: int
    next_wake_at: datetime | None
    by_kind: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """True when nothing failed and nothing waits."""
        return not (self.failed or self.waiting or self.rows_waiting)


def drain(pipeline: Pipeline, *, progress: Callable[[str], None] = lambda _: None) -> Drained:
    """Nothing is due any more at the business instant of return, unless the answer says what waits and why."""
    runs, flushed, rounds = Counter[str](), 0, 0
    waits, deadline = 0, time.monotonic() + OTHERS_S
    while True:
        rounds += 1
        done, sent = _round(pipeline, runs, progress)
        flushed += sent
        if done or sent:
            continue
        counts = pipeline.subjects.counts(pipeline.clock.now())
        rows, rows_in_s = pipeline.outbox.waiting()
        pause_s = _pause(counts.next_retry_in_s if counts.retrying else None, rows_in_s if rows else None)
        in_hand = counts.leased or counts.settling or counts.notices
        if in_hand and time.monotonic() < deadline:
            pause_s = 0.1
        elif pause_s is None or waits >= TRIES:
            break
        else:
            waits += 1
        time.sleep(max(pause_s, 0.02))
    return _summary(pipeline, runs, flushed, rounds)


def _pause(*candidates_s: float | None) -> float | None:
    waits = [c for c in candidates_s if c is not None]
    return min(waits) if waits else None


def _round(pipeline: Pipeline, runs: Counter[str], progress: Callable[[str], None]) -> tuple[int, int]:
    """One pass over everything; returns how much was done and how many rows went out."""
    done = pipeline.poll()
    sent = 0
    moved = True
    while moved:
        ran = pipeline.step(runs, stop_at=CIRCLE)
        rows = pipeline.flusher.run_once()
        sent += rows
        done += ran
        moved = bool(ran or rows)
        if moved:
            progress(f"{sum(runs.values())} runs, {sent} rows written to Salesforce")
    return done, sent


def _summary(pipeline: Pipeline, runs: Counter[str], flushed: int, rounds: int) -> Drained:
    counts = pipeline.subjects.counts(pipeline.clock.now())
    rows, _ = pipeline.outbox.waiting()
    failed = tuple((s.key, s.error_code or "", s.error_message or "") for s in pipeline.subjects.failures())
    by_kind = Counter(key.partition(":")[0] for key in runs.elements())
    return Drained(
        runs=sum(runs.values()), flushed=flushed, rounds=rounds, failed=failed, waiting=sum(counts.due.values()) + counts.retrying + counts.leased,
        rows_waiting=rows, next_wake_at=counts.next_wake_at, by_kind=dict(by_kind),
    )  # fmt: skip
