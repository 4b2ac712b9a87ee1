"""The two change sources, read to their head: Salesforce by polling, Stripe by its list of events (DESIGN 4, 5)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from sync.notices import notice_of_change
from sync.ports import Change, Cursors, NewNotice, SalesforceGateway, StripeGateway, Subjects

log = structlog.get_logger()

#: Under the object's name with this is kept what its fields that people may correct said when somebody was told last.
AWAITED = "/awaited"


@dataclass(frozen=True)
class Changes:
    """Reads what changed on both sides into notices. Cursors move only after the notices are stored, so nothing is
    lost.
    """

    stripe: StripeGateway
    salesforce: SalesforceGateway
    subjects: Subjects
    cursors: Cursors
    #: Reads what Stripe tells apart from its list of events; how many notices of it were new.
    apart: Callable[[], int] = lambda: 0
    #: Told of Accounts that changed, so that customers whom nobody knew before may be known by them.
    met: Callable[[Sequence[Change]], object] = lambda _: None

    def poll_stripe(self, *, undelivered_only: bool = False) -> int:
        """Every event up to the head is a stored notice; returns how many were new."""
        name = f"stripe:{self.stripe.account}:events"
        new, more = 0, True
        while more:
            known = self.cursors.get(name)
            page = self.stripe.events(known, undelivered_only=undelivered_only)
            new += self.subjects.add_notices(page.notices)
            if page.cursor != known:
                self.cursors.put(name, page.cursor)
            more = page.more
        return new if undelivered_only else new + self.apart()

    def begin_with_what_comes(self) -> None:
        """Of Stripe's events only those from now on are read; nothing where they were read before. For who reads every list
        afterwards: what older events told of stands in the lists.
        """
        name = f"stripe:{self.stripe.account}:events"
        if self.cursors.get(name) is None:
            self.cursors.put(name, self.stripe.events_head())

    def poll_salesforce(self, heat: Literal["hot", "cold"]) -> int:
        """Every changed record up to the head is a stored notice, or known to look as it did when last acted on.
        Returns how many were new.
        """
        name = f"salesforce:{self.salesforce.organization_id}:{heat}"
        new, more = 0, True
        while more:
            known = self.cursors.get(name)
            page = self.salesforce.changes(heat, known)
            new += self._take(page.changes)
            if page.cursor != known:
                self.cursors.put(name, page.cursor)
            more = page.more
        return new

    def read_first(self, wanted: Callable[[Change], bool]) -> None:
        """What the CRM holds was read once, and only records that are ``wanted`` are notices. Nothing where a side was
        read before: then it is known already.
        """
        heats: tuple[Literal["hot", "cold"], ...] = ("hot", "cold")
        for heat in heats:
            name = f"salesforce:{self.salesforce.organization_id}:{heat}"
            more = self.cursors.get(name) is None
            while more:
                page = self.salesforce.changes(heat, self.cursors.get(name))
                self._take(page.changes, wanted)
                self.cursors.put(name, page.cursor)
                more = page.more

    def _take(self, changes: Sequence[Change], wanted: Callable[[Change], bool] = lambda _: True) -> int:
        by_object: dict[str, dict[str, Change]] = defaultdict(dict)
        for change in changes:
            by_object[change.object][change.id] = change
        corrected = self._tell_who_waits(by_object, wanted)
        fresh: list[Change] = []
        for name, rows in by_object.items():
            digests = {i: _digest(c) for i, c in rows.items()}
            fresh += [rows[i] for i in sorted(self.cursors.seen(name, digests))]
        self.met([c for c in (*fresh, *corrected) if wanted(c)])
        if not fresh:
            return 0
        self.subjects.add_notices([self._notice(c) for c in fresh if wanted(c)])
        self.subjects.mark_blocked_on([c.id for c in fresh if wanted(c)], reason="record_changed")
        for name in by_object:
            self.cursors.act_on(name, {c.id: _digest(c) for c in fresh if c.object == name})
        log.info("crm_changes", records=len(fresh))
        return len(fresh)

    def _tell_who_waits(
        self, by_object: Mapping[str, Mapping[str, Change]], wanted: Callable[[Change], bool]
    ) -> list[Change]:
        """Who waits for a record in which somebody corrected a field of ours is due again, and nothing else. Returns these
        records.
        """
        corrected: list[Change] = []
        for name, rows in by_object.items():
            said = {i: c.awaited for i, c in rows.items() if c.awaited and wanted(c)}
            new = self.cursors.seen(f"{name}{AWAITED}", said)
            if new:
                self.subjects.mark_blocked_on(sorted(new), reason="record_corrected")
                self.cursors.act_on(f"{name}{AWAITED}", {i: said[i] for i in new})
                corrected += [rows[i] for i in sorted(new)]
        return corrected

    def _notice(self, change: Change) -> NewNotice:
        """A notice of its own for each change that was not acted on yet. A record that went from A to B and back to A
        in one second looks as it did the first time, so content and stamp alone would name a notice that is known.
        """
        notice = notice_of_change(change, f"salesforce:{self.salesforce.organization_id}")
        return replace(notice, external_id=f"{notice.external_id}:{time.time_ns()}")


def _digest(change: Change) -> str:
    return change.digest + ("/deleted" if change.deleted else "")
