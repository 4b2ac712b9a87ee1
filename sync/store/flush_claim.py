"""Taking the flusher's lease and the rows of one call to Salesforce."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, Text, Update, bindparam, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from sync.clock import Deadline
from sync.ports import Flush, OutRow
from sync.store import outbox_put
from sync.store.crm_content import row_from
from sync.store.flush_packing import Candidate, pack
from sync.store.sql import in_seconds, machine_now, seconds, seconds_until, unnested
from sync.store.tables import crm_rows, crm_writes, fences, flushers

_w = crm_writes.c
_f = flushers.c
_NEXT_TOKEN = select(fences.next_value())
_HOW_MANY_WAIT = select(func.count()).where(_w.state.in_(("waiting", "sent")))


@dataclass(frozen=True)
class Pace:
    """Durations in seconds of machine time. ``burst`` waiting rows go without waiting for ``every_s`` to pass."""

    lease_s: float
    call_deadline_s: float
    every_s: float
    burst: int
    calls: int


def claim(connection: Connection, org: str, limit: int, pace: Pace, deadline: Deadline) -> Flush | None:
    """As `sync.ports.Outbox.claim_flush` says. ``deadline`` ends no later than the call of ``pace``."""
    flusher = _take_flusher(connection, org, pace)
    if flusher is None or flusher.busy:
        return None
    if flusher.lease_token is not None:
        _bury(connection, org, flusher.lease_token)
    if flusher.too_soon and _eligible_up_to(connection, pace.burst) < pace.burst:
        return None
    ids = _pick(connection, limit, pace.calls)
    if not ids:
        return None
    token = int(connection.execute(_NEXT_TOKEN).scalar_one())
    _hold(connection, org, token, pace)
    rows = _mark_sent(connection, ids, token)
    return Flush(token, tuple(rows[row_id] for row_id in ids if row_id in rows), deadline)


def eligible(writes: FromClause) -> ColumnElement[bool]:
    """The row itself may go now; nothing is said of its parents."""
    ready = writes.c.retry_machine_at <= machine_now()
    waits = (writes.c.state == "waiting") & (writes.c.retry_machine_at.is_(None) | ready)
    # A refused row is tried again now and then while its retry is set (DATA-220: hourly, for a day).
    return or_(waits, (writes.c.state == "failed") & ready)


def has_parents(writes: FromClause) -> ColumnElement[bool]:
    """Each parent of the row is in the CRM, or could be sent before it now."""
    named = func.unnest(writes.c.parents).table_valued("named", name="parent").render_derived()
    parent = named.c.named
    sobject = func.split_part(parent, ":", 1)
    key = func.substr(parent, func.strpos(parent, ":") + 1)
    queued = crm_writes.alias("queued_parent")
    there = select(1).where(crm_rows.c.sobject == sobject, crm_rows.c.key == key, crm_rows.c.salesforce_id.is_not(None))
    coming = select(1).where(queued.c.sobject == sobject, queued.c.key == key, eligible(queued))
    orphaned = select(1).select_from(named).where(~there.exists(), ~coming.exists())
    return ~orphaned.correlate(writes).exists()


def waiting_in_s(connection: Connection, org: str, pace: Pace) -> tuple[int, float | None]:
    """Rows waiting or on the wire, and seconds until the earliest may go; None when none can go by itself."""
    total = connection.scalar(_HOW_MANY_WAIT) or 0
    if not total:
        return 0, None
    waits = crm_writes.alias("waits")
    soonest = func.min(func.coalesce(waits.c.retry_machine_at, waits.c.queued_machine_at))
    may_go = select(seconds_until(soonest)).where(waits.c.state == "waiting", has_parents(waits))
    row_in_s = connection.scalar(may_go)
    on_wire = connection.scalar(select(func.count()).where(_w.state == "sent")) or 0
    if row_in_s is None and not on_wire:
        return total, None
    flusher = connection.execute(_flusher(org, pace)).one_or_none()
    held_s = (flusher.busy_s or 0.0) if flusher else 0.0
    if flusher and _eligible_up_to(connection, pace.burst) < pace.burst:
        held_s = max(held_s, flusher.next_in_s or 0.0)
    return total, max(0.0, row_in_s or 0.0, held_s)


@lru_cache(maxsize=8)
def _flusher(org: str, pace: Pace) -> Select[Any]:
    busy_until = func.greatest(_f.lease_until_machine_at, _f.wire_until_machine_at, _f.not_before_machine_at)
    next_in_s = seconds_until(_f.flushed_machine_at + seconds(pace.every_s))
    return select(
        _f.lease_token,
        func.coalesce(busy_until > machine_now(), literal(False)).label("busy"),
        seconds_until(busy_until).label("busy_s"),
        func.coalesce(next_in_s > 0, literal(False)).label("too_soon"),
        next_in_s.label("next_in_s"),
    ).where(_f.org == org)


def _take_flusher(connection: Connection, org: str, pace: Pace) -> Row[Any] | None:
    """The flusher's row, locked until the transaction ends; None while another transaction has it."""
    locked = _locked_flusher(org, pace)
    row = connection.execute(locked).one_or_none()
    if row is None:
        connection.execute(insert(flushers).values(org=org).on_conflict_do_nothing())
        row = connection.execute(locked).one_or_none()
    return row


@lru_cache(maxsize=8)
def _locked_flusher(org: str, pace: Pace) -> Select[Any]:
    return _flusher(org, pace).with_for_update(skip_locked=True)


def _bury(connection: Connection, org: str, token: int) -> None:
    """A flusher died with rows on the wire: nobody knows what stands in the CRM, so they wait again and nothing counts as acknowledged."""
    sent = select(_w.sobject, _w.key).where(_w.flush_token == token)
    names = [(row.sobject, row.key) for row in connection.execute(sent)]
    outbox_put.lock_rows(connection, names)
    outbox_put.forget(connection, names)
    values = {"state": "waiting", "flush_token": None, "sent_hash": None, "retry_machine_at": None}
    connection.execute(update(crm_writes).where(_w.flush_token == token).values(values))
    free = {"lease_token": None, "lease_until_machine_at": None, "wire_until_machine_at": None}
    connection.execute(update(flushers).where(_f.org == org).values(free))


def _eligible_up_to(connection: Connection, most: int) -> int:
    return connection.scalar(_how_many_may_go(most)) or 0


@lru_cache(maxsize=8)
def _how_many_may_go(most: int) -> Select[Any]:
    some = select(_w.id).where(eligible(crm_writes)).limit(most).subquery()
    return select(func.count()).select_from(some)


def _pick(connection: Connection, limit: int, calls: int) -> list[int]:
    """Ids of the rows for one call, in the order in which they are sent. The oldest rows choose the groups; their groups come along."""
    oldest = connection.execute(_oldest(limit)).all()
    if not oldest:
        return []
    groups = sorted({row.group for row in oldest if row.group})
    rows = connection.execute(_of_groups(limit * 5), {"groups": groups, "ids": [row.id for row in oldest]})
    candidates = [Candidate(row.id, row.sobject, row.key, row.group, tuple(row.parents)) for row in rows]
    in_crm = _known_in_crm(connection, {parent for row in candidates for parent in row.parents})
    return [row.id for row in pack(candidates, in_crm, limit=limit, calls=calls)]


@lru_cache(maxsize=8)
def _oldest(limit: int) -> Select[Any]:
    may_go = eligible(crm_writes) & has_parents(crm_writes)
    return select(_w.id, _w.group).where(may_go).order_by(_w.id).limit(limit)


@lru_cache(maxsize=8)
def _of_groups(limit: int) -> Select[Any]:
    groups, ids = bindparam("groups", type_=ARRAY(Text)), bindparam("ids", type_=ARRAY(BigInteger))
    wanted = (_w.group == func.any(groups)) | (_w.id == func.any(ids))
    columns = (_w.id, _w.sobject, _w.key, _w.group, _w.parents)
    return select(*columns).where(eligible(crm_writes), wanted).order_by(_w.id).limit(limit)


def _known_in_crm(connection: Connection, names: set[str]) -> set[str]:
    if not names:
        return set()
    ordered = [name.partition(":") for name in sorted(names)]
    given = unnested("given", sobject=(Text(), [n[0] for n in ordered]), key=(Text(), [n[2] for n in ordered]))
    same = (crm_rows.c.sobject == given.c.sobject) & (crm_rows.c.key == given.c.key)
    known = select(given.c.sobject, given.c.key).join(crm_rows, same).where(crm_rows.c.salesforce_id.is_not(None))
    return {f"{row.sobject}:{row.key}" for row in connection.execute(known)}


def _hold(connection: Connection, org: str, token: int, pace: Pace) -> None:
    connection.execute(_held(pace), {"of_org": org, "token": token})


@lru_cache(maxsize=8)
def _held(pace: Pace) -> Update:
    values = {
        "lease_token": bindparam("token"),
        "lease_until_machine_at": in_seconds(pace.lease_s),
        "wire_until_machine_at": in_seconds(pace.call_deadline_s),
        "flushed_machine_at": machine_now(),
        "not_before_machine_at": None,
    }
    return update(flushers).where(_f.org == bindparam("of_org")).values(values)


def _mark_sent(connection: Connection, ids: list[int], token: int) -> dict[int, OutRow]:
    """The rows as they stand now, on the wire from here; what changed or went since they were picked is seen."""
    names = connection.execute(select(_w.sobject, _w.key).where(_w.id.in_(ids))).all()
    outbox_put.lock_rows(connection, [(row.sobject, row.key) for row in names])
    values = {
        "state": "sent",
        "flush_token": token,
        "sent_hash": _w.hash,
        "attempts": _w.attempts + 1,
        "retry_machine_at": None,
    }
    sent = update(crm_writes).where(_w.id.in_(ids), _w.state != "sent").values(values)
    columns = (_w.id, _w.sobject, _w.key, _w.content, _w.hash, _w.fence, _w.attempts)
    rows = connection.execute(sent.returning(*columns))
    return {
        row.id: OutRow(row.id, row_from(row.sobject, row.key, row.content), row.hash, row.fence, row.attempts)
        for row in rows
    }
