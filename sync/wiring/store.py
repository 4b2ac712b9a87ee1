"""The store as a process has it: every table behind its port, one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import structlog
from sqlalchemy import Engine, func, select

from sync.clock import Clock, RemoteClock, SystemClock
from sync.config import Settings
from sync.ports import Backup
from sync.run.flush import SALESFORCE
from sync.store import backup as backups
from sync.store import schema
from sync.store.audit import StoredAudit
from sync.store.budgets import StoredBudgets
from sync.store.cohorts import StoredCohorts
from sync.store.comparing import StoredComparing, StoredDecisions
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine
from sync.store.facts import StoredFacts
from sync.store.identities import StoredIdentities
from sync.store.inbox import last_received
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.outbox import StoredOutbox
from sync.store.pauses import StoredPauses
from sync.store.promises import StoredPromises
from sync.store.retention import forget
from sync.store.subjects import StoredSubjects
from sync.store.tallies import tally
from sync.store.usage import StoredUsageEvents
from sync.store.usage_windows import StoredUsageWindows
from sync.wiring.vendors import build_version

#: A drain waits for what passes by itself, so its back-off is short (DESIGN 6).
DRAIN_BACKOFF_S = 2.0
#: Turns of the counters that one tidying has at most.
MOST_TALLIES = 50

log = structlog.get_logger()


@dataclass(frozen=True)
class Store:
    """What PostgreSQL keeps, behind its ports. Opened without asking either vendor anything. `close` disconnects."""

    settings: Settings
    engine: Engine
    clock: Clock
    subjects: StoredSubjects
    ledger: StoredLedger
    links: StoredLinks
    facts: StoredFacts
    promises: StoredPromises
    identities: StoredIdentities
    outbox: StoredOutbox
    cursors: StoredCursors
    budgets: StoredBudgets
    audit: StoredAudit
    cohorts: StoredCohorts
    pauses: StoredPauses
    comparing: StoredComparing
    decisions: StoredDecisions
    usage: StoredUsageEvents
    windows: StoredUsageWindows

    def close(self) -> None:
        """Disconnect from PostgreSQL."""
        self.engine.dispose()

    def last_notices(self) -> Mapping[str, datetime]:
        """Machine instant of the newest notice by source."""
        return last_received(self.engine)

    def tidy(self) -> None:
        """What is over for good is counted, and what may be forgotten is gone, as far as one turn goes."""
        for _ in range(MOST_TALLIES):
            if not tally(self.engine):
                break
        if self.settings.history_days:
            notices, runs = forget(self.engine, self.settings.history_days)
            if notices or runs:
                log.info("history_forgotten", notices=notices, runs=runs, days=self.settings.history_days)

    def machine_now(self) -> datetime:
        """PostgreSQL's clock."""
        with self.engine.connect() as connection:
            return cast(datetime, connection.scalar(select(func.clock_timestamp())))

    def salesforce_calls(self) -> tuple[int, int] | None:
        """(used, allowed) of Salesforce's day as it last told; None when it has not yet."""
        return self.budgets.standing(SALESFORCE)


def open_store(
    settings: Settings, *, database_url: str, drain: bool = False, stripe_account: str | None = None
) -> Store:
    """The store alone, its schema checked (SchemaNotOurs otherwise). Without ``stripe_account``, for the one it was
    pinned to.
    """
    engine = make_engine(database_url)
    schema.check_schema(engine)
    clock: Clock = (
        RemoteClock(f"{settings.tandem_sandbox_url.rstrip('/')}/clock")
        if settings.tandem_sandbox_url
        else SystemClock()
    )
    account = stripe_account or StoredCursors(engine).realm().get("stripe", "")
    return store_of(settings, engine, clock, account, drain=drain)


def store_of(
    settings: Settings,
    engine: Engine,
    clock: Clock,
    account: str,
    *,
    drain: bool = False,
    part: str = "",
    parts: Sequence[str] = ("",),
) -> Store:
    """What the store keeps of one Stripe account. ``part`` of all ``parts`` is what its own work is kept under: '' for the
    account that the store began with, the id of any other.
    """
    cursors, audit = StoredCursors(engine), StoredAudit(engine, now=clock.now)
    lease_s, deadline_s = settings.lease_s, settings.call_deadline_s
    backoff = DRAIN_BACKOFF_S if drain else None
    links = StoredLinks(engine, stripe_account=account)
    return Store(
        settings=settings,
        engine=engine,
        clock=clock,
        subjects=StoredSubjects(
            engine,
            now=clock.now,
            backoff_cap_s=backoff,
            lease_s=lease_s,
            call_deadline_s=deadline_s,
            stripe_account=part,
            stripe_accounts=parts,
        ),
        ledger=StoredLedger(engine, links, lease_s=lease_s, call_deadline_s=deadline_s, stripe_account=part),
        links=links,
        facts=StoredFacts(engine, stripe_account=account),
        promises=StoredPromises(engine, now=clock.now),
        identities=StoredIdentities(engine, stripe_account=account, now=clock.now),
        outbox=StoredOutbox(
            engine,
            flush_every_s=0.0 if drain else settings.flush_every_s,
            backoff_cap_s=backoff,
            lease_s=lease_s,
            call_deadline_s=deadline_s,
        ),
        cursors=cursors,
        budgets=StoredBudgets(engine),
        cohorts=StoredCohorts(engine),
        pauses=StoredPauses(engine),
        audit=audit,
        comparing=StoredComparing(engine, stripe_account=account, now=clock.now, part=part),
        decisions=StoredDecisions(engine, audit),
        usage=StoredUsageEvents(engine, backoff_cap_s=backoff, stripe_account=part),
        windows=StoredUsageWindows(engine),
    )


def upgrade(database_url: str) -> str:
    """The database has the schema of this release; returns its version."""
    return schema.upgrade(database_url)


def backup(store: Store, path: Path) -> Backup:
    """The store is in the file."""
    return backups.write(store.engine, path, version=build_version())


def restore(store: Store, path: Path) -> Backup:
    """The empty store holds what the file has."""
    restored = backups.restore(store.engine, path)
    store.audit.write(
        actor="operator",
        action="restore",
        target=path.name,
        detail={"made_at": restored.made_at, "epoch": restored.epoch + 1},
    )
    return restored
