"""Sending usage: what was taken in goes to Stripe's meters once, whatever dies in between (docs/decisions/0016).

A row is marked just before its call, so at most one of a customer and meter is in doubt after a death. Stripe refuses an
identifier that it has seen within a day, and that refusal is as good as an answer. After a day it has forgotten, so then
the meter's own sum is looked at instead.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import structlog

from sync import catalogue
from sync.clock import Clock
from sync.errors import AlreadyExists, OutcomeUnknown, SyncError, Transient
from sync.facts import Meter
from sync.ports import Cursors, Facts, Links, NewLink, Outbox
from sync.ports.usage import Metering, NewUsage, StoredUsage, UsageGroup, UsageStore
from sync.run.rows import ISSUE, Rows
from sync.run.usage_intake import UsageIntake
from sync.shown import BillingIssue
from sync.usage.rows import Refusal
from sync.words import counted

log = structlog.get_logger()

ROLE = "usage"
CODE, UNSURE, BROKE = "DATA-235", "BUG-503", "BUG-502"
#: Stripe remembers an identifier for a rolling day at least; after this it is not relied on any more.
REMEMBERED = timedelta(hours=23)
#: Rows of one batch, and how many customers are reported for at the same time: one call at a time for each of them and meter.
BATCH, THREADS = 200, 4
#: Machine seconds before rows that our key may not report are tried again.
NO_RIGHT_S = 300.0
MINUTE = timedelta(minutes=1)
HAS_IT = (
    "It was refused before, and Stripe says now that it has it. Look there whether it counts; if it does not, report it"
    " under another identifier and drop this one."
)
_holders = count(1)


@dataclass(frozen=True)
class UsageRun:
    """The sender: one at a time for each Stripe account, by the lease called ``role``; any process may be it."""

    intake: UsageIntake
    metering: Metering
    store: UsageStore
    cursors: Cursors
    links: Links
    facts: Facts
    outbox: Outbox
    rows: Rows
    clock: Clock
    lease_s: float = 120.0
    batch: int = BATCH
    role: str = ROLE
    pause_cap_s: float | None = None
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{next(_holders)}")

    def run_once(self) -> int:
        """One batch is sent, or set aside, or waits with its reason; returns how many rows are settled."""
        waiting, next_s = self.store.waiting()
        if not waiting or next_s or not self.cursors.lead(self.role, self.holder, self.lease_s):
            return 0
        try:
            return self._batch()
        finally:
            self.cursors.resign(self.role, self.holder)

    def waiting(self) -> tuple[int, float | None]:
        """How many rows are still to be sent, and in how many machine seconds the next may go."""
        return self.store.waiting()

    def tell(self, customers: Iterable[str] | None = None) -> None:
        """An issue stands in the CRM for each group that waits for a person; those of groups that are settled are closed."""
        fence, now = self.facts.fence(), self.clock.now()
        groups = self.store.set_aside_of(customers)
        told = {link.stripe_id: link.salesforce_id for link in self._accounts({g.customer for g in groups})}
        self.outbox.put([self.rows.issue(_issue(g, told.get(g.customer), now)) for g in groups], fence)

    def settled(self, decided: Iterable[StoredUsage]) -> None:
        """People have decided about these rows: issues of groups that hold none any more are closed."""
        fence, now = self.facts.fence(), self.clock.now()
        before = {(row.customer, row.event) for row in decided}
        left = {_key(g.code, g.customer, g.event) for g in self.store.set_aside_of({c for c, _ in before})}
        keys = {_key(code, c, e): c for c, e in before for code in (CODE, UNSURE, BROKE)}
        there = self.outbox.salesforce_ids(ISSUE, list(keys))
        told = {link.stripe_id: link.salesforce_id for link in self._accounts({c for c, _ in before})}
        closed = [
            self.rows.closed_issue(k, told.get(c, k), now) for k, c in keys.items() if k in there and k not in left
        ]
        self.outbox.put(closed, fence)

    # ------------------------------------------------------------------

    def _batch(self) -> int:
        now = self.clock.now()
        claimed = self.store.claim(self.batch)
        old = [row for row in claimed if row.first_sent_at and now - row.first_sent_at >= REMEMBERED]
        fresh = [row for row in claimed if not row.first_sent_at or now - row.first_sent_at < REMEMBERED]
        try:
            settled = sum(self._looked(row) for row in old)
            good = self._still_billable(fresh, now)
            settled += len(fresh) - len(good)
            stop = threading.Event()
            groups = defaultdict(list)
            for row in good:
                groups[row.customer, row.event].append(row)
            with ThreadPoolExecutor(THREADS, thread_name_prefix="usage") as pool:
                settled += sum(pool.map(lambda some: self._send(some, stop), groups.values()))
        except Transient as error:
            self.store.again([row.id for row in claimed if row.state == "sending"], error, fresh=False)
            log.warning("usage_postponed", code=error.code, reason=error.message)
            return 0
        if settled:
            log.info("usage_sent", rows=settled)
        return settled

    def _still_billable(self, rows: Sequence[StoredUsage], now: datetime) -> list[StoredUsage]:
        """Those whose period is still open; the others are set aside. What may be in Stripe already is not judged again."""
        judged = self.intake.judged({r.id: r.row for r in rows if not r.first_sent_at}, now, accepted=True)
        good = []
        for row in rows:
            why = judged.get(row.id)
            if isinstance(why, Refusal):
                self._set_aside(row, CODE, why.message)
            elif isinstance(why, NewUsage) or why is None:
                good.append(row)
        return good

    def _send(self, rows: Sequence[StoredUsage], stop: threading.Event) -> int:
        """Rows of one customer and meter, one after the other, until something says that no call will come through."""
        settled = 0
        for number, row in enumerate(rows):
            if stop.is_set():
                self.store.given_back([r.id for r in rows[number:]])
                break
            try:
                settled += self._sent(row, self.intake.meter(row.event))
            except Transient as error:
                unknown = isinstance(error, OutcomeUnknown)
                self.store.again([row.id], error, fresh=isinstance(error, OutcomeUnknown) and error.answered)
                log.warning("usage_postponed", code=error.code, reason=error.message)
                if not unknown:
                    stop.set()
        return settled

    def _sent(self, row: StoredUsage, meter: Meter | None) -> int:
        if meter is None:
            self._set_aside(row, CODE, f'Stripe has no active meter for the event "{row.event}" any more.')
            return 1
        self.store.calling(row.id, self.clock.now())
        try:
            request_id = self.metering.report(meter, row.customer, row.row, row.row.idempotency_key(row.revision))
        except AlreadyExists:
            if row.revision and row.tries == 1:  # nothing was sent since a person decided: Stripe means what it refused
                self._set_aside(row, UNSURE, HAS_IT)
                return 1
            request_id = ""  # an earlier try of ours, whose answer was lost
        except Transient:
            raise
        except SyncError as error:
            if error.code == "CONF-305":
                wait_s = NO_RIGHT_S if self.pause_cap_s is None else min(NO_RIGHT_S, self.pause_cap_s)
                raise Transient(error.code, error.message, retry_after_s=wait_s) from error
            self._set_aside(row, CODE, error.message)
            return 1
        except Exception:
            log.exception("usage_broke", code=BROKE)
            self._set_aside(row, BROKE, catalogue.message(BROKE, "", charged="", system="Stripe"))
            return 1
        self.store.sent(row.id, request_id, self.clock.now())
        return 1

    def _looked(self, row: StoredUsage) -> int:
        """Whether a row that Stripe may have taken long ago is counted, by the meter's sum of its minute: then it is sent.
        If it is surely not there it goes again; if that can't be told, a person has to say.
        """
        start = row.row.happened_at.replace(second=0, microsecond=0)
        meter = self.intake.meter(row.event)
        sums = meter is not None and meter.formula == "sum"
        counted = self.metering.counted(meter, row.customer, start, start + MINUTE) if meter and sums else None
        beside = self.store.around(row.customer, row.event, start, start + MINUTE)
        sure = sum(r.row.quantity for r in beside if r.state == "sent")
        unsure = sum(r.row.quantity for r in beside if r.state in ("sending", "unknown") and r.first_sent_at)
        if counted is not None and unsure and counted == sure + unsure:
            self.store.sent(row.id, "", self.clock.now())
        elif counted is not None and counted == sure:
            self.store.not_there(row.id)
            return 0
        else:
            words = f"Stripe counted {counted} in that minute, {sure} of which we know, {unsure} are in doubt."
            self._set_aside(
                row, UNSURE, f"No answer came when this was sent, and Stripe has forgotten it since. {words}"
            )
        return 1

    def _set_aside(self, row: StoredUsage, code: str, message: str) -> None:
        log.error(
            "usage_refused", code=code, stripe_id=row.customer, event_name=row.event, identifier=row.row.identifier
        )
        self.store.set_aside(row.id, state="refused" if code == CODE else "unknown", code=code, message=message)
        self.tell([row.customer])

    def _accounts(self, customers: set[str]) -> Iterable[NewLink]:
        return self.links.by_stripe_id(customers).values() if customers else ()


def _key(code: str, customer: str, event: str) -> str:
    return f"usage:{code}:{customer}:{event}"


def _issue(group: UsageGroup, account: str | None, now: datetime) -> BillingIssue:
    were = "was" if group.many == 1 else "were"
    what = f"{counted(group.many, 'event')} of {group.event}, {group.quantity} in all, {were} not billed to {group.customer}"
    detail = f"{what}. The first: {group.example}, {group.oldest:%Y-%m-%d}: {group.message}"
    if not group.customer:  # it stands for events that nobody can name
        detail = f"{group.event}: {group.message}"
    return BillingIssue(
        billing_key=_key(group.code, group.customer, group.event),
        code=group.code,
        title="Usage was not billed" if group.code == CODE else "Usage may have been billed or not",
        detail=f"{detail} {catalogue.entry(group.code).fix}",
        record=account or "",
        quote=None,
        account=account,
        sum=None,
        status="Open",
        audience="Billing Operations",
        reference=group.example,
        opened_at=now,
        currency="",
    )
