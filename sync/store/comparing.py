"""The ports `Comparing` and `Decisions`. Decisions are entries of the audit: the newest on a subject holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, and_, exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from sync.crm import CrmRow
from sync.ports.cohorts import Stage
from sync.ports.comparing import Accepted, LateQuote
from sync.ports.queue import SubjectState
from sync.store import queue_state
from sync.store.audit import StoredAudit
from sync.store.crm_content import row_from
from sync.store.sql import machine_now, seconds
from sync.store.tables import audit, cohorts, crm_rows, crm_writes, links, promises, runs, signatures, subjects

PUT_BACK, WAS_PUT_BACK, ACCEPT = "reconcile.put_back", "reconcile.was_put_back", "reconcile.accept"
TANDEM = "tandem"
#: Machine seconds within which a quote that is due is usually looked at.
LOOKED_AT_WITHIN_S = 600.0
#: Signed before Tandem was started: it waits for a decision of its own (`sync.run.start`).
BEFORE_START = "DATA-229"

_s = subjects.c


class StoredComparing:
    """`sync.ports.comparing.Comparing` in PostgreSQL, for one Stripe account. ``now`` gives business time."""

    def __init__(self, engine: Engine, *, stripe_account: str, now: Callable[[], datetime], part: str = "") -> None:
        self._engine, self._account, self._now, self._part = engine, stripe_account, now, part

    def states(self, keys: Iterable[str]) -> Mapping[str, SubjectState]:
        with self._engine.begin() as connection:
            return queue_state.states(connection, list(keys))

    def busy(self, units: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
        wanted, named = set(units), set(ids)
        woken = (_s.wake_at <= self._now()) & (_s.revision == _s.done_revision)
        working = (_s.revision > _s.done_revision) | woken
        mine = _s.unit.in_(list(wanted)) | (_s.unit == "")
        with self._engine.begin() as connection:
            rows = connection.execute(select(_s.unit, _s.key).where(working, mine)).all()
        keys = {row.key.partition(":")[2] for row in rows}
        return frozenset({row.unit for row in rows} & wanted | keys & named)

    def under_way(self, groups: Iterable[str]) -> frozenset[tuple[str, str]]:
        w = crm_writes.c
        rows = select(w.sobject, w.key).where(w.group.in_(list(groups)), w.state != "failed")
        with self._engine.begin() as connection:
            return frozenset((row.sobject, row.key) for row in connection.execute(rows))

    def acknowledged(self, sobject: str, keys: Iterable[str], *, standing: bool = False) -> Sequence[CrmRow]:
        wanted = list(keys)
        found: dict[str, CrmRow] = {}
        with self._engine.begin() as connection:
            for table in (crm_rows,) if standing else (crm_rows, crm_writes):
                rows = select(table.c.key, table.c.content).where(
                    table.c.sobject == sobject, table.c.key.in_(wanted), table.c.content.is_not(None)
                )
                found |= {row.key: row_from(sobject, row.key, row.content) for row in connection.execute(rows)}
        return [found[key] for key in sorted(found)]

    def linked_accounts(self) -> Sequence[str]:
        mine = (links.c.stripe_account == self._account) & (links.c.stripe_kind == "customer")
        with self._engine.begin() as connection:
            rows = select(links.c.salesforce_id).where(mine).distinct().order_by(links.c.salesforce_id)
            return [str(id_) for id_ in connection.scalars(rows)]

    def late(self, signed_before: datetime) -> Sequence[LateQuote]:
        key = "quote:" + signatures.c.quote_id
        p, link = promises.c, links.c
        frozen = and_(p.quote_id == signatures.c.quote_id, p.frozen_at.is_not(None))
        made = and_(
            link.salesforce_id == p.deal_key, link.stripe_kind.in_(("schedule", "subscription"))
        )  # fmt: skip
        billed = exists(select(1).select_from(promises.join(links, made)).where(frozen))
        # Somebody else bills what a cohort has not been cut over for.
        elsewhere = exists(
            select(1).where(cohorts.c.quote_id == signatures.c.quote_id, cohorts.c.stage != Stage.CUT.value)
        )
        rows = (
            select(signatures, _s.error_code, _s.error_message, _s.sum_minor, _s.currency)
            .select_from(signatures.outerjoin(subjects, _s.key == key))
            .where(signatures.c.signed_at < signed_before, ~billed, ~elsewhere, self._stuck())
            .where(_s.error_code.is_distinct_from(BEFORE_START))
            .order_by(signatures.c.signed_at, signatures.c.quote_id)
        )
        with self._engine.begin() as connection:
            return [
                LateQuote(
                    row.quote_id, row.signed_at, row.error_code, row.error_message, row.sum_minor, row.currency
                )
                for row in connection.execute(rows)
            ]  # fmt: skip

    def _stuck(self) -> ColumnElement[bool]:
        """Whether a quote never came through, or not for a while. One that ended well and is looked at again just now, waits
        for a moment to come, or was un-accepted before anything was billed, is not.
        """
        never = (_s.done_revision == 0) | _s.error_code.is_not(None)
        long = _s.marked_machine_at <= machine_now() - seconds(LOOKED_AT_WITHIN_S)
        pending = (_s.revision > _s.done_revision) & (never | long)
        return or_(_s.key.is_(None), _s.failed_at.is_not(None), pending, _s.wake_at <= self._now())

    def last_report(self) -> tuple[datetime, Mapping[str, object]] | None:
        mine = (runs.c.subject == "reconcile:all") & (runs.c.outcome == "done") & (runs.c.stripe_account == self._part)
        newest = select(runs.c.closed_machine_at, runs.c.plan).where(mine).order_by(runs.c.id.desc()).limit(1)
        with self._engine.begin() as connection:
            row = connection.execute(newest).one_or_none()
        return (row.closed_machine_at, row.plan) if row else None

    def told(self, sobject: str, prefix: str) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        with self._engine.begin() as connection:
            for table in (crm_rows, crm_writes):
                rows = select(table.c.key, table.c.content).where(
                    table.c.sobject == sobject,
                    table.c.key.startswith(prefix, autoescape=True),
                    table.c.content.is_not(None),
                )
                for row in connection.execute(rows):
                    found[row.key] = row.content["fields"].get("Status__c") == "Open"
        return found


class StoredDecisions:
    """`sync.ports.comparing.Decisions` in the audit."""

    def __init__(self, engine: Engine, trail: StoredAudit) -> None:
        self._engine, self._trail = engine, trail

    def put_back(self, subject: str, drift: str, *, actor: str, reason: str) -> None:
        self._trail.write(actor=actor, action=PUT_BACK, target=subject, detail={"drift": drift, "reason": reason})

    def may_put_back(self, subject: str, drift: str) -> bool:
        newest = (
            select(audit.c.action, audit.c.detail)
            .where(audit.c.target == subject, audit.c.action.in_((PUT_BACK, WAS_PUT_BACK)))
            .order_by(audit.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(newest).one_or_none()
        return row is not None and row.action == PUT_BACK and row.detail.get("drift") == drift

    def was_put_back(self, subject: str, drift: str) -> None:
        self._trail.write(actor=TANDEM, action=WAS_PUT_BACK, target=subject, detail={"drift": drift})

    def accept(self, accepted: Accepted) -> None:
        detail = {
            "fingerprint": accepted.fingerprint,
            "reason": accepted.reason,
            "until": accepted.until.isoformat() if accepted.until else None,
        }
        self._trail.write(actor=accepted.actor, action=ACCEPT, target=accepted.subject, detail=detail)

    def accepted(self, subjects_: Iterable[str], today: date) -> Mapping[str, Accepted]:
        entries = select(audit.c.target, audit.c.actor, audit.c.detail).where(
            audit.c.target.in_(list(subjects_)), audit.c.action == ACCEPT
        )
        with self._engine.begin() as connection:
            rows = connection.execute(entries.order_by(audit.c.id)).all()
        found = {one.fingerprint: one for one in (_accepted(row.target, row.actor, row.detail) for row in rows)}
        return {fingerprint: one for fingerprint, one in found.items() if one.until is None or today <= one.until}


def _accepted(subject: str, actor: str, detail: Mapping[str, Any]) -> Accepted:
    until = detail.get("until")
    day = date.fromisoformat(until) if until else None
    return Accepted(subject, str(detail["fingerprint"]), actor, str(detail.get("reason") or ""), day)
