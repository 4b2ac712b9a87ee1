"""What was said, exactly as received: stored before it is answered, once by (source, external id)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Select, Text, bindparam, cast, column, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, asyncpg, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from sync.ports import NewNotice, Notice
from sync.store.engine import storable, to_json
from sync.store.sql import machine_now
from sync.store.tables import notices

_BIGGEST = 2**63 - 1
LATELY = 20_000
_HOW_MANY_WAIT = select(func.count()).select_from(notices).where(notices.c.processed_machine_at.is_(None))

#: Columns of the insert, in the order of its parameters.
NOTICE_COLUMNS: tuple[tuple[str, TypeEngine[Any]], ...] = (
    ("source", Text()),
    ("external_id", Text()),
    ("type", Text()),
    ("object_kind", Text()),
    ("object_id", Text()),
    ("object_created_s", BigInteger()),
    ("related", Text()),  # JSON text
    ("body", Text()),
)


def insert_notices_sql() -> str:
    """The multi-row insert for an asyncpg connection: ``$1`` … ``$8`` are the arrays that `notice_arrays` gives, in that order.

    Answers one row, ``id``, for each notice that was new; known ones are passed over. Rows go in by (source, external id),
    so that two inserts of the same notices can't wait for each other.
    """
    compiled = _insert_notices().compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    expected = [name for name, _ in NOTICE_COLUMNS]
    if list(compiled.positiontup or ()) != expected:
        raise AssertionError(f"parameters are {compiled.positiontup}, not {expected}")
    return str(compiled)


def notice_arrays(rows: Sequence[NewNotice]) -> list[list[Any]]:
    """One list a parameter of `insert_notices_sql`. Text that PostgreSQL can't store is cleaned, so that no notice spoils its neighbours."""
    columns: list[list[Any]] = [[] for _ in NOTICE_COLUMNS]
    for notice in rows:
        created = notice.object_created_s
        values = (
            storable(notice.source),
            storable(notice.external_id),
            storable(notice.type),
            storable(notice.object_kind),
            storable(notice.object_id),
            created if created is not None and abs(created) <= _BIGGEST else None,
            to_json(dict(notice.related)),
            storable(notice.body),
        )
        for target, value in zip(columns, values, strict=True):
            target.append(value)
    return columns


def add(connection: Connection, rows: Sequence[NewNotice]) -> int:
    """Store the notices; returns how many were new."""
    if not rows:
        return 0
    names = [name for name, _ in NOTICE_COLUMNS]
    parameters = dict(zip(names, notice_arrays(rows), strict=True))
    return len(connection.execute(_insert_notices(), parameters).all())


def take(connection: Connection, limit: int) -> list[Notice]:
    """The oldest notices not yet processed, locked until the transaction ends; others take different ones."""
    return [Notice(**row) for row in connection.execute(_oldest(limit)).mappings()]


@lru_cache(maxsize=8)
def _oldest(limit: int) -> Select[Any]:
    n = notices.c
    return (
        select(n.id, *(notices.c[name] for name, _ in NOTICE_COLUMNS))
        .where(n.processed_machine_at.is_(None))
        .order_by(n.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


def processed(connection: Connection, ids: Sequence[int], faults: Sequence[tuple[int, str]] = ()) -> None:
    """These are dealt with; ``faults`` say of which no sense could be made, and why."""
    done = update(notices).values(processed_machine_at=machine_now())
    connection.execute(done.where(notices.c.id == func.any(list(ids))))
    for notice_id, why in faults:
        connection.execute(update(notices).where(notices.c.id == notice_id).values(fault=storable(why)[:2000]))


def waiting(connection: Connection) -> int:
    """How many notices are stored and not yet taken in."""
    return connection.scalar(_HOW_MANY_WAIT) or 0


@lru_cache(maxsize=1)
def _insert_notices() -> ReturningInsert[Any]:
    given = func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in NOTICE_COLUMNS))
    told = given.table_valued(*(column(name, kind) for name, kind in NOTICE_COLUMNS)).render_derived(name="told")
    values = [cast(told.c.related, JSONB) if name == "related" else told.c[name] for name, _ in NOTICE_COLUMNS]
    rows = select(*values).order_by(told.c.source, told.c.external_id)
    names = [name for name, _ in NOTICE_COLUMNS]
    return insert(notices).from_select(names, rows).on_conflict_do_nothing().returning(notices.c.id)


def last_received(engine: Engine) -> Mapping[str, datetime]:
    """Machine instant of the newest notice, by source, as far as the newest `LATELY` tell: there may be millions."""
    late = (
        select(notices.c.source, notices.c.received_machine_at).order_by(notices.c.id.desc()).limit(LATELY).subquery()
    )
    newest = select(late.c.source, func.max(late.c.received_machine_at).label("at")).group_by(late.c.source)
    with engine.begin() as connection:
        return {row.source: row.at for row in connection.execute(newest)}
