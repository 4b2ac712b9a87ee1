"""Queueing rows for the CRM: what is there already is not queued, and what is newer is not replaced.

The row of `crm_rows` is locked first by everybody, in the order of object and key: it is the one lock of a CRM row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import Insert, insert

from sync.crm import CrmRow
from sync.ports import Opening
from sync.store import openings
from sync.store.crm_content import SEEN, content_of, hash_of, parents_of, says_the_same
from sync.store.sql import machine_now, told, unnested
from sync.store.tables import crm_rows, crm_writes

Name = tuple[str, str]  # object, key

_w = crm_writes.c
#: A queue row that was never tried.
FRESH: Mapping[str, Any] = {
    "state": "waiting",
    "attempts": 0,
    "retry_machine_at": None,
    "failing_machine_at": None,
    "flush_token": None,
    "sent_hash": None,
    "error_code": None,
    "error_message": None,
    "error_status": None,
}


@dataclass(frozen=True)
class Wanted:
    """A row as it should stand, ready to be stored."""

    name: Name
    content: Mapping[str, Any]
    hash: str
    fence: int

    def values(self) -> dict[str, Any]:
        return {
            "sobject": self.name[0],
            "key": self.name[1],
            "group": self.content["group"],
            "content": self.content,
            "parents": parents_of(self.content),
            "hash": self.hash,
            "fence": self.fence,
        }


def wanted_from(rows: Iterable[CrmRow], fence: int) -> dict[Name, Wanted]:
    """The rows by object and key; of two for one, the later."""
    wanted = {}
    for row in rows:
        content = content_of(row)
        wanted[row.sobject, row.key] = Wanted((row.sobject, row.key), content, hash_of(content), fence)
    return wanted


def put(connection: Connection, rows: Iterable[CrmRow], fence: int, told: Mapping[Name, Opening] | None = None) -> int:
    """As `sync.ports.Outbox.put` says. A fence older than any put for the row before is passed over, sent or not. Where a
    row begins to stand open, what ``told`` says of it is queued in the same transaction.
    """
    wanted = wanted_from(rows, fence)
    known = lock_rows(connection, wanted, create=True)
    current = [row for name, row in sorted(wanted.items()) if known[name].fence <= fence]
    queued = queued_rows(connection, [row.name for row in current])
    along = openings.opened(connection, [row.name for row in current], known, told or {})
    added, replaced, dropped, refreshed = [], [], [], []
    for row in current:
        there = queued.get(row.name)
        same_as_crm = known[row.name].hash == row.hash or _was_seen(connection, known[row.name], row)
        if there is None:
            if not same_as_crm:
                added.append(row)
        elif there.state == "sent":
            refreshed.append(row)
        elif same_as_crm:
            dropped.append(there.id)
        elif there.hash == row.hash and (there.state == "waiting" or there.fence == fence):
            refreshed.append(row)
        else:
            replaced.append(row)
    _write(connection, added, replaced, refreshed, dropped)
    _remember_fence(connection, [row.name for row in current], fence)
    changed_on_wire = [row for row in refreshed if queued[row.name].hash != row.hash]
    more = put(connection, along, fence) if along else 0
    return len(added) + len(replaced) + len(changed_on_wire) + more


def _was_seen(connection: Connection, known: Row[Any], row: Wanted) -> bool:
    """Whether the row was read in the CRM and stands there as it is wanted; then it is known as if it had been sent."""
    if known.hash != SEEN or not says_the_same(known.content, row.content):
        return False
    there = (crm_rows.c.sobject == row.name[0]) & (crm_rows.c.key == row.name[1])
    connection.execute(update(crm_rows).where(there).values(hash=row.hash, content=row.content))
    return True


def lock_rows(connection: Connection, names: Iterable[Name], *, create: bool = False) -> dict[Name, Row[Any]]:
    """The rows of `crm_rows` with these names, locked until the transaction ends; ``create`` makes those that are missing."""
    ordered = sorted(set(names))
    if not ordered:
        return {}
    made, locked = _made_and_locked()
    if create:
        connection.execute(made, _given(ordered))
    return {(row.sobject, row.key): row for row in connection.execute(locked, _given(ordered))}


def _given(names: Sequence[Name]) -> dict[str, list[str]]:
    return {"given_sobject": [n[0] for n in names], "given_key": [n[1] for n in names]}


@lru_cache(maxsize=1)
def _made_and_locked() -> tuple[Insert, Select[Any]]:
    given = told("given", sobject=Text(), key=Text())
    same = (crm_rows.c.sobject == given.c.sobject) & (crm_rows.c.key == given.c.key)
    missing = select(given.c.sobject, given.c.key).where(~select(1).where(same).exists())
    rows = missing.order_by(given.c.sobject, given.c.key)
    made = insert(crm_rows).from_select(["sobject", "key"], rows).on_conflict_do_nothing()
    ordered = select(crm_rows).join(given, same).order_by(crm_rows.c.sobject, crm_rows.c.key)
    return made, ordered.with_for_update(of=crm_rows)


def queued_rows(connection: Connection, names: Sequence[Name]) -> dict[Name, Row[*tuple[Any, ...]]]:
    """What is queued under these names, locked."""
    if not names:
        return {}
    return {(row.sobject, row.key): row for row in connection.execute(_queued(), _given(names))}


@lru_cache(maxsize=1)
def _queued() -> Select[Any]:
    given = told("given", sobject=Text(), key=Text())
    same = (_w.sobject == given.c.sobject) & (_w.key == given.c.key)
    columns = (_w.id, _w.sobject, _w.key, _w.hash, _w.fence, _w.state, _w.flush_token, _w.sent_hash)
    return select(*columns).join(given, same).with_for_update(of=crm_writes)


def forget(connection: Connection, names: Sequence[Name]) -> None:
    """It is no longer known what stands in the CRM for these rows."""
    if names:
        given = unnested("given", sobject=(Text(), [n[0] for n in names]), key=(Text(), [n[1] for n in names]))
        same = (crm_rows.c.sobject == given.c.sobject) & (crm_rows.c.key == given.c.key)
        connection.execute(update(crm_rows).where(same).values(hash=None))


def not_there(connection: Connection, names: Sequence[Name]) -> None:
    """These rows are not in the CRM: nothing is known to stand there, and what belongs to them has to wait for them."""
    if names:
        given = unnested("given", sobject=(Text(), [n[0] for n in names]), key=(Text(), [n[1] for n in names]))
        same = (crm_rows.c.sobject == given.c.sobject) & (crm_rows.c.key == given.c.key)
        connection.execute(update(crm_rows).where(same).values(hash=None, salesforce_id=None))


def _write(
    connection: Connection,
    added: Sequence[Wanted],
    replaced: Sequence[Wanted],
    refreshed: Sequence[Wanted],
    dropped: Sequence[int],
) -> None:
    if added:
        connection.execute(insert(crm_writes), [row.values() for row in added])
    if replaced:
        connection.execute(_change(FRESH), [_prefixed(row) for row in replaced])
    if refreshed:
        connection.execute(_change({}), [_prefixed(row) for row in refreshed])
    if dropped:
        connection.execute(delete(crm_writes).where(_w.id.in_(dropped)))


def _change(extra: Mapping[str, Any]) -> Any:
    changed: dict[str, Any] = {
        name: bindparam(f"new_{name}") for name in ("group", "content", "parents", "hash", "fence")
    }
    again = {"queued_machine_at": machine_now()} if extra else {}
    same = (_w.sobject == bindparam("new_sobject")) & (_w.key == bindparam("new_key"))
    return update(crm_writes).where(same).values({**changed, **again, **extra})


def _prefixed(row: Wanted) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in row.values().items()}


def _remember_fence(connection: Connection, names: Sequence[Name], fence: int) -> None:
    if names:
        given = unnested("given", sobject=(Text(), [n[0] for n in names]), key=(Text(), [n[1] for n in names]))
        same = (crm_rows.c.sobject == given.c.sobject) & (crm_rows.c.key == given.c.key)
        connection.execute(update(crm_rows).where(same, crm_rows.c.fence < fence).values(fence=fence))
