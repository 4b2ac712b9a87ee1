"""Writing down what came of a flush, and putting right what a flusher that lost its lease may have done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Flush, OutRow, RowResult
from sync.store import outbox_put
from sync.store.backoff import Backoff
from sync.store.crm_content import content_of, hash_of, parents_of
from sync.store.engine import storable
from sync.store.outbox_put import FRESH, Name, Wanted
from sync.store.sql import in_seconds, machine_now, seconds
from sync.store.tables import crm_rows, crm_writes, flushers

_log = structlog.get_logger(__name__)
_w = crm_writes.c
_f = flushers.c

#: A refusal by the org's own rules: tried again hourly for a day, because whoever changes the rule does not tell us.
HOURLY_CODE = "DATA-220"
HOUR_S = 3600.0
#: A record is gone, the row's own or one that it belongs to: nothing more is sent until its Account is looked at again.
GONE_CODE = "DATA-223"


def finish(
    connection: Connection,
    org: str,
    flush: Flush,
    results: Mapping[int, RowResult],
    *,
    request_id: str | None,
    backoff: Backoff,
) -> None:
    """As `sync.ports.Outbox.finish_flush` says."""
    if not _still_held(connection, org, flush):
        send_present_values(connection, flush)
        return
    names = [_name(row) for row in flush.rows]
    missing = _missing_parents(flush, results)
    known = outbox_put.lock_rows(connection, [*names, *missing])
    queued = outbox_put.queued_rows(connection, [*names, *missing])
    mine = {name: row for name, row in queued.items() if row.flush_token == flush.token}
    good, bad = _sorted_out(flush, results)
    unknown = {row.id for row in bad if row.id in results and results[row.id].unknown}
    outbox_put.forget(connection, [_name(row) for row in bad if row.id in unknown or row.id not in results])
    _acknowledge(connection, [row for row in good if _name(row) in mine], results, mine, request_id)
    _hold_children(connection, [row.id for row in bad if _waits_for_parent(row, bad)])
    refused = [row for row in bad if not _waits_for_parent(row, bad)]
    gone = [_name(row) for row in bad if row.id in results and results[row.id].code == GONE_CODE]
    outbox_put.not_there(connection, [*gone, *missing])
    _send_again(connection, [known[name] for name in missing if name in known and name not in queued])
    _put_back(connection, [(row, results.get(row.id)) for row in refused], backoff)
    _let_go(connection, org, keep_wire=bool(unknown))


def abandon(
    connection: Connection,
    org: str,
    flush: Flush,
    *,
    code: str,
    message: str,
    after_s: float | None,
    unknown: bool,
    backoff: Backoff,
) -> None:
    """As `sync.ports.Outbox.abandon_flush` says."""
    if not _still_held(connection, org, flush):
        if unknown:
            send_present_values(connection, flush)
        return
    names = [_name(row) for row in flush.rows]
    outbox_put.lock_rows(connection, names)
    if unknown:
        outbox_put.forget(connection, names)
    fewest = min((row.attempts for row in flush.rows), default=1)
    pause_s = backoff.pause_s(fewest, after_s)
    values = _waits_again(bindparam("pause"), backoff.give_up_s) | _said(code, message, None)
    mine = _w.flush_token == flush.token
    connection.execute(update(crm_writes).where(mine).values(values), {"pause": pause_s})
    _let_go(connection, org, keep_wire=unknown, not_before_s=after_s)


def send_present_values(connection: Connection, flush: Flush) -> None:
    """A flusher without its lease may have put older values into the CRM: what should stand there is queued again."""
    _log.warning("flush_lease_lost", rows=len(flush.rows), token=flush.token)
    names = sorted({_name(row) for row in flush.rows})
    known = outbox_put.lock_rows(connection, names)
    queued = outbox_put.queued_rows(connection, names)
    outbox_put.forget(connection, names)
    # On the wire with somebody else: what that one is told will not count, so the row is sent once more after it.
    in_flight = [row.id for row in queued.values() if row.state == "sent"]
    connection.execute(update(crm_writes).where(_w.id.in_(in_flight)).values(sent_hash=None))
    refused = [row.id for row in queued.values() if row.state == "failed"]
    connection.execute(update(crm_writes).where(_w.id.in_(refused)).values(dict(FRESH)))
    _send_again(connection, [known[name] for name in names if name not in queued])


def _missing_parents(flush: Flush, results: Mapping[int, RowResult]) -> list[Name]:
    """Rows of ours that are not in the CRM after all, though they were acknowledged: what belongs to them was refused."""
    orphans = [row for row in flush.rows if row.id in results and results[row.id].no_parent]
    parents = {(sobject, key) for row in orphans for sobject, _, key in row.row.parents.values()}
    return sorted(parents - {_name(row) for row in flush.rows})


def _send_again(connection: Connection, acknowledged: Iterable[Row[Any]]) -> None:
    values = [_as_acknowledged(row).values() for row in acknowledged if row.content is not None]
    if values:
        connection.execute(insert(crm_writes), values)


def _still_held(connection: Connection, org: str, flush: Flush) -> bool:
    token = connection.scalar(select(_f.lease_token).where(_f.org == org).with_for_update())
    return token == flush.token


def _sorted_out(flush: Flush, results: Mapping[int, RowResult]) -> tuple[list[OutRow], list[OutRow]]:
    good = [row for row in flush.rows if row.id in results and results[row.id].ok]
    taken = {row.id for row in good}
    return good, [row for row in flush.rows if row.id not in taken]


def _waits_for_parent(row: OutRow, bad: Iterable[OutRow]) -> bool:
    refused = {f"{other.row.sobject}:{other.row.key}" for other in bad}
    return any(parent in refused for parent in parents_of(content_of(row.row)))


def _acknowledge(
    connection: Connection,
    rows: list[OutRow],
    results: Mapping[int, RowResult],
    mine: Mapping[Name, Row[*tuple[Any, ...]]],
    request_id: str | None,
) -> None:
    """These stand in the CRM as they were sent. One that was wanted otherwise meanwhile goes on waiting."""
    if not rows:
        return
    same = (crm_rows.c.sobject == bindparam("of_object")) & (crm_rows.c.key == bindparam("of_key"))
    values: dict[str, Any] = {
        "hash": bindparam("sent"),
        "salesforce_id": func.coalesce(bindparam("sf_id"), crm_rows.c.salesforce_id),
        "content": bindparam("sent_content"),
        "request_id": request_id,
        "acknowledged_machine_at": machine_now(),
    }
    parameters = [
        {
            "of_object": row.row.sobject,
            "of_key": row.row.key,
            "sent": mine[_name(row)].sent_hash,
            "sf_id": results[row.id].salesforce_id,
            "sent_content": content_of(row.row),
        }
        for row in rows
    ]
    connection.execute(update(crm_rows).where(same).values(values), parameters)
    ids = [row.id for row in rows]
    connection.execute(delete(crm_writes).where(_w.id.in_(ids), _w.hash == _w.sent_hash))
    connection.execute(update(crm_writes).where(_w.id.in_(ids)).values(dict(FRESH)))


def _hold_children(connection: Connection, ids: list[int]) -> None:
    """Their parent was refused, which says nothing of them: they wait until it is there, and the try is not counted."""
    values: dict[str, Any] = {**FRESH, "attempts": func.greatest(_w.attempts - 1, 0)}
    connection.execute(update(crm_writes).where(_w.id.in_(ids), _w.state == "sent").values(values))


def _put_back(connection: Connection, refused: list[tuple[OutRow, RowResult | None]], backoff: Backoff) -> None:
    """A refused row retries alone: what will pass after its pause, what needs a person once there is other content."""
    for row, result in refused:
        # Without an answer of its own the row counts as one that will pass.
        passing = result is None or result.transient
        code = (result.code if result else None) or "TEMP-406"
        message = (result.message if result else None) or "Salesforce gave no answer for this row."
        said = _said(code, message, result.status_code if result else None)
        pause_s = backoff.pause_s(row.attempts) if passing else HOUR_S if code == HOURLY_CODE else None
        values = (_waits_again if passing else _needs_a_person)(literal(pause_s), backoff.give_up_s) | said
        sent = (_w.id == row.id) & (_w.state == "sent")
        changed = _w.hash.is_distinct_from(_w.sent_hash)
        connection.execute(update(crm_writes).where(sent, ~changed).values(values))
        connection.execute(update(crm_writes).where(sent, changed).values(dict(FRESH)))


def _waits_again(pause_s: Any, give_up_s: float) -> dict[str, Any]:
    """Waiting after a pause, or failed after a day of trying."""
    spent = func.coalesce(_w.failing_machine_at + seconds(give_up_s) <= machine_now(), literal(False))
    return {
        "state": case((spent, "failed"), else_="waiting"),
        "retry_machine_at": case((spent, None), else_=in_seconds(pause_s)),
        "failing_machine_at": func.coalesce(_w.failing_machine_at, machine_now()),
        "flush_token": None,
        "sent_hash": None,
    }


def _needs_a_person(pause_s: Any, give_up_s: float) -> dict[str, Any]:
    return _waits_again(pause_s, give_up_s) | {"state": "failed"}


def _said(code: str, message: str, status: str | None) -> dict[str, Any]:
    return {"error_code": code, "error_message": storable(message), "error_status": status}


def _let_go(connection: Connection, org: str, *, keep_wire: bool = False, not_before_s: float | None = None) -> None:
    """The flusher is free. ``keep_wire``: what was sent may still arrive, so nothing is sent before its deadline."""
    values: dict[str, Any] = {"lease_token": None, "lease_until_machine_at": None}
    if not keep_wire:
        values["wire_until_machine_at"] = None
    if not_before_s is not None:
        values["not_before_machine_at"] = in_seconds(not_before_s)
    connection.execute(update(flushers).where(_f.org == org).values(values))


def _name(row: OutRow) -> Name:
    return row.row.sobject, row.row.key


def _as_acknowledged(row: Row[Any]) -> Wanted:
    return Wanted((row.sobject, row.key), row.content, hash_of(row.content), row.fence)
