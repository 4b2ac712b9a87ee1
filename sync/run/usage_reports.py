"""Usage that Stripe took and did not count is set aside, with its reason, so that a person looks at it.

Stripe tells of it by a thin event that names some of the events only. Each that it names is found again by its
identifier, or by the key under which it was sent. For those that it does not name, one row stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from sync.errors import Terminal
from sync.notices import notice_of_event
from sync.ports import Claim, Cursors, Done, Due, Outcome, Subjects
from sync.ports.usage import Metering, UsageStore
from sync.run.usage import CODE, UsageRun
from sync.usage.reports import ErrorReport, NoReport, Wrong, report_of

log = structlog.get_logger()

#: How far a read of the list goes back behind the newest report: what Stripe lists late is still seen.
OVERLAP = timedelta(minutes=5)
#: Reports of usage name this counting system in the rows that stand for what they don't name.
SOURCE = "stripe"


@dataclass(frozen=True)
class UsageReports:
    """Reads the reports of one Stripe account."""

    metering: Metering
    store: UsageStore
    usage: UsageRun
    subjects: Subjects
    cursors: Cursors
    source: str  # of the notices: stripe:<account id>

    def poll(self) -> int:
        """Every report that no webhook brought is a stored notice; returns how many were new. Nothing is asked before
        any usage was taken in. A key without the right to list them waits for the webhooks (`tandem check` says so).
        """
        if not self.store.any():
            return 0
        name = f"{self.source}:usage_reports"
        since = (self.cursors.get(name) or {}).get("created")
        start = datetime.fromisoformat(str(since)) - OVERLAP if since else None
        try:
            found = self.metering.error_reports(start)
        except Terminal as error:
            if error.code != "CONF-305":
                raise
            log.warning("usage_reports_not_listed", code=error.code, reason=error.message)
            return 0
        if not found:
            return 0
        new = self.subjects.add_notices([notice_of_event(event, self.source) for event in found])
        newest = max(str(event["created"]) for event in found)
        if newest != since:
            self.cursors.put(name, {"created": newest})
        return new

    def run(self, claim: Claim, due: Due) -> Outcome:
        """What the report tells of is set aside; a second look at it changes nothing. Terminal BUG-502 for one that has
        another shape than we know.
        """
        id = due.key.partition(":")[2]
        event = self.metering.error_report(id)
        if event is None:  # Stripe keeps events for thirty days
            log.warning("usage_report_gone", event_id=id)
            return Done()
        try:
            report = report_of(event)
        except NoReport as error:
            raise Terminal("BUG-502", f"Unexpected answer from Stripe: the report {id} of a meter: {error}.") from error
        event_name = self._event_name(report)
        for wrong in report.wrong:
            self._set_aside(report, wrong, event_name)
        return Done()

    def _set_aside(self, report: ErrorReport, wrong: Wrong, event_name: str) -> None:
        found = self.store.reported(wrong.named, report.at, code=CODE, message=wrong.words)
        unnamed = wrong.many - len(found)
        if unnamed > 0:
            words = (
                f"{unnamed} events that Stripe's report {report.id} counts and that are none of those that we know by"
                f" name. {wrong.words} Compare what the meter counted with what was reported, then drop this row."
            )
            name = f"{report.id}:{wrong.code}"
            self.store.stand_in(SOURCE, name, event_name, report.at, code=CODE, message=words)
        log.error("usage_not_counted", code=CODE, reason=wrong.code, rows=len(found), unnamed=max(0, unnamed))
        customers = {row.customer for row in found} | ({""} if unnamed > 0 else set())
        self.usage.tell(customers)

    def _event_name(self, report: ErrorReport) -> str:
        """What the meter listens to; its id where it is not there any more."""
        meters = (m for m in self.metering.meters() if m.id == report.meter)
        return next((meter.event_name for meter in meters), report.meter or "no meter")
