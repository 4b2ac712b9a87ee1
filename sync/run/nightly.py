"""The reconcile of every night: in the lane bulk, at an hour of business time, picked up again where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sync.clock import Clock
from sync.ports import EVERY, Claim, Cursors, Done, Due, Mark, Outcome, Subjects
from sync.run.sweep import Sweep

KIND, NAME = "reconcile", "nightly"
DAY = "reconcile:day"


@dataclass(frozen=True)
class Nightly:
    """Makes the reconcile due once a day from ``at`` on (in ``zone``; None: never by itself), and runs it."""

    sweep: Sweep
    subjects: Subjects
    cursors: Cursors
    clock: Clock
    at: time | None
    zone: str
    part: str = ""  # of several Stripe accounts

    def mark_when_due(self) -> bool:
        """Today's reconcile is due, if it was not yet and its hour has come; whether it was made due just now.

        An installation that was never asked before begins with the next day.
        """
        if self.at is None:
            return False
        local = self.clock.now().astimezone(ZoneInfo(self.zone))
        last = self.cursors.get(DAY)
        if last is None:
            self.cursors.put(DAY, {"day": _day_before(local, self.at)})
            last = self.cursors.get(DAY)
        assert last is not None
        if str(last["day"]) >= local.date().isoformat() or local.time() < self.at:
            return False
        self.subjects.mark([Mark(f"{KIND}:{NAME}", "bulk", "", stripe_account=EVERY)], reason="nightly")
        self.cursors.put(DAY, {"day": local.date().isoformat()})
        return True

    def run(self, claim: Claim, due: Due) -> Outcome:
        """Everything was compared and what is ours put right. Raises what a reading raises: the next try goes on."""
        self.sweep.run(
            name_of(NAME, self.part), heal=True, resume=due.attempts > 1, keep=lambda: self.subjects.renew(claim)
        )
        return Done()


def name_of(name: str, part: str) -> str:
    """What a reconcile of one of several Stripe accounts is known by, so that each goes on from where it was."""
    return f"{name}@{part}" if part else name


def _day_before(local: datetime, at: time) -> str:
    """The day that counts as done when an installation begins: today once its hour has passed."""
    return local.date().isoformat() if local.time() >= at else ""
