"""`tandem scheduler`: one leader, by a lease row, that keeps things moving: intake, wakes, rings, and the reading of both change sources.

Any number may run; those that do not lead only try to. Two that lead for a moment do no harm, because every notice is
stored once and every claim is leased (DESIGN 3).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import structlog

from sync.clock import Clock
from sync.errors import SyncError
from sync.ports import Cursors, Mark, SubjectState
from sync.run.configured import Configured
from sync.run.pipeline import Pipeline
from workers.broker import QUEUES, Doorbell
from workers.loops import Loop

log = structlog.get_logger()

ROLE = "scheduler"
#: Machine seconds. The lease is renewed with each sweep; a dead leader is replaced when it has run out.
LEASE_S = 10.0
SWEEP_EVERY_S = 1.0
OVERLAP_EVERY_S = 300.0
#: Seconds of Salesforce's clock that the overlap goes back: longer than any transaction of an org stays open, and than the pause between two.
OVERLAP_S = 600
REFUSED_EVERY_S = 600.0
ALL_EVENTS_EVERY_S = 900.0
#: Rings a sweep sends a lane at most; each one has its lane worked off by one thread.
MOST_RINGS = 8
#: Refusals that a change in the CRM may have cured without our seeing it: data and configuration, not safety stops.
CURABLE = ("DATA-", "CONF-")

Heat = Literal["hot", "cold"]


class PolledSalesforce(Protocol):
    """What the scheduler itself needs of the Salesforce gateway."""

    @property
    def organization_id(self) -> str: ...
    def limits(self) -> Mapping[str, int]: ...
    def configuration(self) -> str: ...
    def rewound(self, cursor: Mapping[str, object] | None, seconds: int) -> Mapping[str, object]: ...


class Installation(Protocol):
    """What the scheduler needs of the wired installation."""

    @property
    def pipeline(self) -> Pipeline: ...
    @property
    def cursors(self) -> Cursors: ...
    @property
    def salesforce(self) -> PolledSalesforce: ...
    @property
    def clock(self) -> Clock: ...


@dataclass(frozen=True)
class Pace:
    """Machine seconds between two readings of each source."""

    hot_s: float = 30.0
    cold_s: float = 120.0
    events_s: float = 60.0
    all_events_s: float = ALL_EVENTS_EVERY_S
    overlap_s: float = OVERLAP_EVERY_S
    refused_s: float = REFUSED_EVERY_S
    configured_s: float = 60.0
    nightly_s: float = 30.0
    won_s: float = 300.0
    tidy_s: float = 600.0


@dataclass
class Timer:
    """Something to be done every so many machine seconds, for the first time at once (or after one interval)."""

    name: str
    every_s: float
    run: Callable[[], object]
    at_once: bool = True
    next_machine_s: float = field(init=False, default=float("-inf"))

    def start(self, now_s: float) -> None:
        """The timer begins to count; what is done at once is due."""
        self.next_machine_s = now_s if self.at_once else now_s + self.every_s

    def turn(self, now_s: float) -> bool:
        """Run it if its time has come; whether it ran. A failure is logged with its code, and its time comes again."""
        if now_s < self.next_machine_s:
            return False
        self.next_machine_s = now_s + self.every_s
        try:
            self.run()
        except SyncError as error:
            log.warning("schedule_failed", job=self.name, code=error.code, reason=error.message)
        except Exception:
            log.exception("schedule_broke", job=self.name, code="BUG-502")
        return True


class Scheduler:
    """One scheduler process. `run` returns when ``stop`` is set.

    ``tell_calls`` is told how much of Salesforce's daily allowance is used, each time Salesforce was asked for changes;
    ``tidy`` counts what is over and forgets what may be.
    """

    def __init__(
        self,
        installation: Installation,
        doorbell: Doorbell,
        pace: Pace,
        *,
        tell_calls: Callable[[Mapping[str, int]], None] = lambda _: None,
        tidy: Callable[[], None] = lambda: None,
        holder: str = "",
    ) -> None:
        self._pipeline = installation.pipeline
        self._cursors = installation.cursors
        self._salesforce = installation.salesforce
        self._clock = installation.clock
        self._doorbell = doorbell
        self._pace = pace
        self._tell_calls = tell_calls
        self._tidy = tidy
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        self._leading = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Lead when nobody else does, until ``stop``; then hand the lease back."""
        loops = [
            Loop("sweep", self.sweep, stop, idle_s=SWEEP_EVERY_S),
            Loop("salesforce", self._timed(self.salesforce_timers()), stop, idle_s=0.5),
            *(
                Loop(
                    f"stripe:{one.name}" if one.name else "stripe",
                    self._timed(self.stripe_timers(one)),
                    stop,
                    idle_s=0.5,
                )
                for one in self._pipeline.everywhere
            ),
            Loop("clocks", self._timed(self.clock_timers()), stop, idle_s=0.5),
            Loop("tidy", self._timed([Timer("tidy", self._pace.tidy_s, self._tidy)]), stop, idle_s=0.5),
        ]
        for loop in loops[1:]:
            loop.start()
        loops[0].run()
        for loop in loops[1:]:
            loop.join(within_s=5.0)
        self._cursors.resign(ROLE, self._holder)
        log.info("scheduler_stopped", holder=self._holder)

    def sweep(self) -> int:
        """Lead, take in what was stored, wake what is due and ring for it. Always 0: one sweep a second is enough."""
        if not self.lead():
            return 0
        self._pipeline.take_in()
        self.ring_what_is_due()
        return 0

    def lead(self) -> bool:
        """Whether this process leads now, with the lease taken or renewed. When that can't be known, it does not."""
        try:
            leads = self._cursors.lead(ROLE, self._holder, LEASE_S)
        except Exception:
            self._leading.clear()
            raise
        if leads != self._leading.is_set():
            log.info("leading" if leads else "following", holder=self._holder)
        (self._leading.set if leads else self._leading.clear)()
        return leads

    def ring_what_is_due(self) -> None:
        """Each lane with due work has been rung for, as often as there is work, at most `MOST_RINGS` times."""
        counts = self._pipeline.subjects.counts(self._clock.now())
        for lane in QUEUES:
            due = counts.due.get(lane, 0)
            if due:
                # A mirror batch holds up to 200 subjects: one ring is enough for it.
                self._doorbell.ring(lane, lane, times=min(due, MOST_RINGS) if lane == "deal" else 1)

    def salesforce_timers(self) -> list[Timer]:
        """Reading Salesforce: hot and cold objects, the overlap of each, refused quotes."""
        pace, pipeline = self._pace, self._pipeline
        configured = Configured(pipeline.subjects, pipeline.outbox, self._salesforce)
        return [
            Timer("overlap_hot", pace.overlap_s, lambda: self.go_back("hot")),
            Timer("overlap_cold", pace.overlap_s, lambda: self.go_back("cold")),
            Timer("salesforce_hot", pace.hot_s, lambda: self.poll("hot")),
            Timer("salesforce_cold", pace.cold_s, lambda: self.poll("cold")),
            Timer("refused_quotes", pace.refused_s, self.look_again_at_refused, at_once=False),
            Timer("org_configured", pace.configured_s, configured.look, at_once=False),
        ]

    def stripe_timers(self, of: Pipeline | None = None) -> list[Timer]:
        """Reading a Stripe account's events: all at start and from time to time, in between those that no webhook took."""
        changes, pace = (of or self._pipeline).changes, self._pace
        return [
            Timer("stripe_events", pace.all_events_s, changes.poll_stripe),
            Timer(
                "stripe_undelivered", pace.events_s, lambda: changes.poll_stripe(undelivered_only=True), at_once=False
            ),
        ]

    def clock_timers(self) -> list[Timer]:
        """What goes by business time: the reconcile of the night, and how long signed quotes wait for billing."""
        pipeline, pace = self._pipeline, self._pace
        return [
            Timer("nightly_reconcile", pace.nightly_s, lambda: pipeline.nightly.mark_when_due()),
            Timer("won_not_billed", pace.won_s, lambda: pipeline.won.look()),
        ]

    def poll(self, heat: Heat) -> None:
        """Changes up to the head are stored notices; what the calls cost, by the header of the last answer, is told."""
        self._pipeline.changes.poll_salesforce(heat)
        self._tell_calls(self._salesforce.limits())

    def go_back(self, heat: Heat) -> None:
        """The next poll begins some minutes earlier: rows that Salesforce committed late are seen (DESIGN 8.9).

        It costs no call of its own, and what the poll finds again is known by its digest.
        """
        name = f"salesforce:{self._salesforce.organization_id}:{heat}"
        reached = self._cursors.get(name)
        if reached is not None:
            self._cursors.put(name, self._salesforce.rewound(reached, OVERLAP_S))

    def look_again_at_refused(self) -> int:
        """Every quote refused and every question open for data or configuration is due again, to be read whole; returns how many."""
        refused = [f for f in self._pipeline.subjects.failures() if is_curable(f)]
        marks = [Mark(f.key, f.lane, f.unit, stripe_account=f.stripe_account) for f in refused]
        return self._pipeline.subjects.mark(marks, reason="refused_looked_at_again") if marks else 0

    def _timed(self, timers: list[Timer]) -> Callable[[], int]:
        """A step that turns the timers while this process leads; they start anew with each time it begins to lead."""
        led = False

        def step() -> int:
            nonlocal led
            leads = self._leading.is_set()
            if leads and not led:
                for timer in timers:
                    timer.start(time.monotonic())
            led = leads
            return sum(timer.turn(time.monotonic()) for timer in timers if leads and self._leading.is_set())

        return step


def is_curable(failure: SubjectState) -> bool:
    """Whether a change that we did not see may have cured it."""
    return failure.key.startswith(("quote:", "customer:")) and (failure.error_code or "").startswith(CURABLE)
