"""The owners of Accounts are told by a Salesforce Task, once for each opening of an issue (OWNER_TASKS)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sync.clock import Clock
from sync.crm import CrmRow
from sync.deal.calendar import business_day
from sync.desired.owner_task import about, owner_task
from sync.ports import Cursors, Opening
from sync.run.rows import ISSUE

SINCE = "owner_tasks"


@dataclass(frozen=True)
class OwnerTasks:
    """`sync.ports.Announce` for issues. Of an issue that was never heard of only one that began since Tasks were switched
    on is told: what stood open before, or came in with an org's history, is no news.
    """

    since: datetime
    clock: Clock
    zone_of: Callable[[Iterable[str]], Mapping[str, str]]

    def __call__(self, rows: Sequence[CrmRow]) -> Mapping[tuple[str, str], Opening]:
        open_ = [(row, what) for row in rows if _is_open(row) and (what := about(row))]
        if not open_:
            return {}
        zones, now = self.zone_of({what for _, what in open_}), self.clock.now()
        return {(row.sobject, row.key): self._opening(row, business_day(now, zones[what])) for row, what in open_}

    def _opening(self, issue: CrmRow, today: date) -> Opening:
        began = datetime.fromisoformat(str(issue.fields["Opened_At__c"]))

        def opening(over: Mapping[str, object] | None) -> CrmRow | None:
            return None if over is None and began < self.since else owner_task(issue, today, over)

        return opening


def switched_on(cursors: Cursors, now: datetime) -> datetime:
    """Since when owners are told: the moment of the first call, whole seconds as stamps in Salesforce have."""
    known = cursors.get(SINCE)
    if known is None:
        cursors.put(SINCE, {"since": now.astimezone(UTC).replace(microsecond=0).isoformat()})
        known = cursors.get(SINCE) or {}
    return datetime.fromisoformat(str(known["since"]))


def _is_open(row: CrmRow) -> bool:
    return row.sobject == ISSUE and row.fields.get("Status__c") == "Open" and bool(row.fields.get("Opened_At__c"))
