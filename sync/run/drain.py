"""Drain: run all that is due at business now, until a full round does nothing (DESIGN 6)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from sync.errors import Transient
from sync.ports import QueueCounts
from sync.run.pipeline import Pipeline

log = structlog.get_logger()

#: A subject that comes due this often in one drain goes round in circles: BUG-503.
CIRCLE = 20
#: How long a drain waits in all (machine seconds) for work that other processes hold.
OTHERS_S = 120.0
#: Tries of something transient before a drain leaves it to later.
TRIES = 8
#: Steps after which waiting rows go to Salesforce although there is more to run.
FLUSH_AFTER_STEPS = 50
#: Machine seconds before a side that did not answer is asked again; doubled with each try.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


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
    usage_waiting: int = 0
    rows_refused: int = 0  # by Salesforce, until somebody mends what is wrong
    accounts: tuple[str, ...] = ()  # of several Stripe accounts the name of each failure's, in the order of ``failed``

    @property
    def clean(self) -> bool:
        """True when nothing failed and nothing waits."""
        return not (self.failed or self.waiting or self.rows_waiting or self.rows_refused or self.usage_waiting)


def drain(pipeline: Pipeline, *, progress: Callable[[str], None] = lambda _: None) -> Drained:
    """Nothing is due any more at the business instant of return, unless the answer says what waits and why.

    Raises the Transient of a side that could not be read for changes in so many tries.
    """
    runs, again, flushed, rounds = Counter[str](), Counter[str](), 0, 0
    waits, unread, fewest, deadline = 0, 0, None, time.monotonic() + OTHERS_S
    while True:
        rounds += 1
        done, sent, away = _round(pipeline, runs, again, progress)
        flushed += sent
        unread = unread + 1 if away is not None else 0
        if away is None and (done or sent):
            continue
        if away is not None and unread >= TRIES:
            raise away
        counts = pipeline.subjects.counts(pipeline.clock.now())
        rows, rows_in_s = pipeline.outbox.waiting()
        usage, usage_in_s = pipeline.usage.waiting() if pipeline.usage else (0, None)
        if away is None and any(one.pausing.any for one in pipeline.everywhere):
            break  # what waits does so until somebody resumes
        pause_s = _pause(
            counts.next_retry_in_s if counts.retrying else None,
            rows_in_s if rows else None,
            usage_in_s,
            _back_off_s(away, unread) if away is not None else None,
        )
        # What became due since the round began (a dead process's lease ran out, say) is this drain's too.
        in_hand = counts.leased or counts.settling or counts.notices or any(counts.due.values())
        if in_hand and time.monotonic() < deadline:
            pause_s = 0.1
        elif away is None:
            left = counts.retrying + rows + usage
            if fewest is None or left < fewest:
                waits, fewest = 0, left  # something came through: what is left has its tries still
            if pause_s is None or waits >= TRIES:
                break
            waits += 1
        time.sleep(max(pause_s or 0.0, 0.02))
    return _summary(pipeline, counts, rows, usage, runs, flushed, rounds)


def _pause(*candidates_s: float | None) -> float | None:
    waits = [c for c in candidates_s if c is not None]
    return min(waits) if waits else None


def _back_off_s(away: Transient, tries: int) -> float:
    return away.retry_after_s if away.retry_after_s is not None else min(FIRST_PAUSE_S * 2**tries, LONGEST_PAUSE_S)


def _read_hot(pipeline: Pipeline) -> int:
    """What changed in Salesforce; the answer also tells the allowance, which no scheduler may be there to note."""
    new = pipeline.changes.poll_salesforce("hot")
    pipeline.flusher.note_allowance()
    return new


def _poll(pipeline: Pipeline) -> tuple[int, Transient | None]:
    """Both sides are read for changes, each whatever the other does; returns how many were new, and what kept one
    from being read.
    """
    changes = pipeline.changes
    reads: tuple[Callable[[], int], ...] = (
        lambda: _read_hot(pipeline),
        lambda: changes.poll_salesforce("cold"),
        *(one.changes.poll_stripe for one in pipeline.everywhere),
    )
    new, away = 0, None
    for read in reads:
        try:
            new += read()
        except Transient as error:
            log.warning("changes_not_read", code=error.code, reason=error.message)
            away = error
    return new, away


def _round(
    pipeline: Pipeline, runs: Counter[str], again: Counter[str], progress: Callable[[str], None]
) -> tuple[int, int, Transient | None]:
    """One pass over everything; returns how much came through, how many rows went out, and what kept a side from being
    read. What has to be tried again is tried once in a pass, however long the others take.
    """
    done, away = _poll(pipeline)
    sent, steps, tried = 0, 0, set[str]()
    while True:
        steps += 1
        before = Counter(again)
        ran = pipeline.step(runs, stop_at=CIRCLE, again=again)
        postponed = again - before
        repeated = sum(times for key, times in postponed.items() if key in tried)
        tried |= postponed.keys()
        # Rows of many runs fill a call; a long drain shows now and then how far it is.
        rows = pipeline.flusher.run_once() if ran == repeated or steps % FLUSH_AFTER_STEPS == 0 else 0
        sent += rows
        done += ran - postponed.total()
        if ran == repeated and not rows:
            return done, sent, away
        progress(f"{sum(runs.values())} runs, {sent} rows written to Salesforce")


def _summary(
    pipeline: Pipeline, counts: QueueCounts, rows: int, usage: int, runs: Counter[str], flushed: int, rounds: int
) -> Drained:
    states = pipeline.subjects.failures()
    failed = tuple((s.key, s.error_code or "", s.error_message or "") for s in states)
    names = {one.part: one.name for one in pipeline.everywhere} if pipeline.others else {}
    by_kind = Counter(key.partition(":")[0] for key in runs.elements())
    return Drained(
        runs=sum(runs.values()), flushed=flushed, rounds=rounds, failed=failed, waiting=sum(counts.due.values()) + counts.retrying + counts.leased,
        rows_waiting=rows, next_wake_at=counts.next_wake_at, by_kind=dict(by_kind),
        usage_waiting=usage, rows_refused=sum(one.many for one in pipeline.outbox.refused()),
        accounts=tuple(names.get(s.stripe_account, s.stripe_account) for s in states) if names else (),
    )  # fmt: skip
