"""`tandem status`: how the installation is doing, from the store alone, so that it answers while a vendor is away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sync.cli import places
from sync.cli.options import Json, Yes
from sync.cli.output import Out, duration, instant, table
from sync.ports import Lane, QueueCounts

if TYPE_CHECKING:
    from sync.wiring import Store

LANES: tuple[Lane, ...] = ("deal", "mirror", "bulk")


@dataclass(frozen=True)
class Standing:
    """What there is to say. ``events`` are machine instants by source; ``calls`` is (used, allowed) of Salesforce's day."""

    now: datetime
    counts: QueueCounts
    oldest_s: Mapping[Lane, float]
    rows: int
    rows_in_s: float | None
    rows_refused: int
    events: Mapping[str, datetime]
    calls: tuple[int, int] | None
    paused: Mapping[str, str]
    late: Mapping[str, object] | None
    compared: tuple[datetime, Mapping[str, object]] | None

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
            "last_reconcile": self._compared(),
        }

    def _compared(self) -> dict[str, object] | None:
        if self.compared is None:
            return None
        at, report = self.compared
        return {"ended_machine_at": at, **{name: report.get(name) for name in ("accounts", "found", "healed", "left")}}


def status(json: Json = False, yes: Yes = False) -> int:
    """Show the queue by lane, failures by code, the next wake, rows on their way to Salesforce, and the daily allowance.

    For example:
      tandem status
      tandem status --json | jq .failed
    """
    with places.store() as store:
        found = standing(store)
    Out(json).answer("status", found.to_json(), [table(("", ""), _lines(found))])
    return 0


def standing(store: Store) -> Standing:
    """How the installation stands now."""
    now = store.clock.now()
    rows, rows_in_s = store.outbox.waiting()
    return Standing(
        now=now,
        counts=store.subjects.counts(now),
        oldest_s=store.subjects.oldest_due_s(),
        rows=rows,
        rows_in_s=rows_in_s,
        rows_refused=len(store.outbox.failed_rows()),
        events=store.last_notices(),
        calls=store.salesforce_calls(),
        paused=store.cursors.paused(),
        late=store.cursors.get("won_not_billed"),
        compared=store.comparing.last_report(),
    )


def _lines(found: Standing) -> list[tuple[str, str]]:
    counts = found.counts
    lines = [("business time", instant(found.now))]
    for lane in LANES:
        due = counts.due.get(lane, 0)
        age = f", oldest {duration(found.oldest_s.get(lane))}" if due else ""
        lines.append((f"due, {lane}", f"{due}{age}"))
    retry = f", next in {duration(counts.next_retry_in_s)}" if counts.retrying else ""
    lines += [
        ("retrying", f"{counts.retrying}{retry}"),
        ("running, settling", f"{counts.leased}, {counts.settling}"),
        ("notices to take in", str(counts.notices)),
        ("failed", ", ".join(f"{n} {code}" for code, n in counts.failed.items()) or "none"),
        ("next wake", instant(counts.next_wake_at)),
        ("rows for Salesforce", f"{found.rows} waiting, {found.rows_refused} refused"),
        ("signed, not billed", _late(found.late)),
        ("last reconcile", _last(found.compared)),
        ("Salesforce calls today", f"{found.calls[0]} of {found.calls[1]}" if found.calls else "not told yet"),
    ]
    lines += [(f"last heard, {source}", f"{instant(at)} (machine time)") for source, at in sorted(found.events.items())]
    return lines + [(f"paused, {scope}", reason) for scope, reason in found.paused.items()]


def _late(late: Mapping[str, object] | None) -> str:
    """How many signed quotes have waited too long for billing; "not looked at" until a scheduler ran."""
    if late is None:
        return "not looked at yet"
    oldest = late.get("oldest_signed_at")
    return f"{late.get('late')} late{f', the oldest since {oldest}' if oldest else ''}"


def _last(compared: tuple[datetime, Mapping[str, object]] | None) -> str:
    if compared is None:
        return "never"
    at, report = compared
    told = f"{report.get('found')} differences, {report.get('healed')} healed, {report.get('left')} left"
    return f"{instant(at)} (machine time): {told}"
