"""What people see of the installation as a whole, whoever shows it: how it stands, what waits, one record's story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync.ports import Asked, Failing, Lane, QueueCounts, SubjectState
from sync.ports.outbox import RefusedRows
from sync.ports.usage import UsageGroup

LANES: tuple[Lane, ...] = ("deal", "mirror", "bulk")


#: The last comparison of both sides: when it ended (machine time), and what it came to.
Report = tuple[datetime, Mapping[str, object]]


@dataclass(frozen=True)
class Standing:
    """How the installation stands. ``events`` are machine instants by source; ``calls`` is (used, allowed) of Salesforce's day.

    ``late`` is what is signed and not billed, ``compared`` the last comparison of both sides and when it ended (machine
    time); either is None while nobody has looked.
    """

    now: datetime
    machine_now: datetime
    counts: QueueCounts
    oldest_s: Mapping[Lane, float]
    rows: int
    rows_in_s: float | None
    rows_refused: int
    events: Mapping[str, datetime]
    calls: tuple[int, int] | None
    paused: Mapping[str, str]
    late: Mapping[str, object] | None
    compared: Report | None

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        counts = self.counts
        return {
            "business_now": self.now,
            "lanes": {n: {"due": counts.due.get(n, 0), "oldest_s": self.oldest_s.get(n)} for n in LANES},
            "retrying": counts.retrying,
            "next_retry_in_s": counts.next_retry_in_s,
            "running": counts.leased,
            "settling": counts.settling,
            "notices": counts.notices,
            "failed": dict(counts.failed),
            "next_wake_at": counts.next_wake_at,
            "rows_waiting": self.rows,
            "rows_in_s": self.rows_in_s,
            "rows_refused": self.rows_refused,
            "last_event_machine_at": dict(self.events),
            "salesforce_calls": {"used": self.calls[0], "allowed": self.calls[1]} if self.calls else None,
            "paused": dict(self.paused),
            "won_not_billed": dict(self.late) if self.late else None,
            "last_reconcile": compared_to_json(self.compared),
        }


def compared_to_json(compared: Report | None) -> dict[str, object] | None:
    """The last comparison of both sides, for other programs."""
    if compared is None:
        return None
    at, report = compared
    return {"ended_machine_at": at, **{name: report.get(name) for name in ("accounts", "found", "healed", "left")}}


@dataclass(frozen=True)
class Question:
    """Somebody is asked who a customer is."""

    state: SubjectState
    asked: Asked | None


@dataclass(frozen=True)
class Home:
    """The installation at a glance."""

    standing: Standing
    failing: Sequence[Failing]
    refused: Sequence[RefusedRows]
    usage: Sequence[UsageGroup]
    questions: Sequence[Question]
    compared: Mapping[str, Report | None]  # by Stripe account, "" where there is only one


@dataclass(frozen=True)
class OfCode:
    """What waits under one code: in all, and those that have waited longest."""

    failing: Failing
    states: Sequence[SubjectState]


@dataclass(frozen=True)
class Story:
    """One record: how it stands (None when it was never due) and what was done, newest first."""

    state: SubjectState | None
    entries: Sequence[Mapping[str, object]]


class Overview(Protocol):
    """Looks into the store, and nowhere else; every look reads a bounded number of rows. Transient while it is away."""

    def home(self) -> Home: ...

    def of_code(self, code: str) -> OfCode: ...

    def story(self, name: str) -> Story | None:
        """Of a subject key, an id of either side, or a reference; None when nothing was ever done under that name."""
