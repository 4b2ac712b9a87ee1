"""The story of one record: the runs and operations that touched it, whichever of its names is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from sync.store.references import number_of
from sync.store.tables import links, operations, runs, subjects

_LARGE = {"plan", "payload", "before"}


def of(connection: Connection, name: str, limit: int) -> list[Mapping[str, object]]:
    """Runs and operations, newest first. ``name``: subject key, unit, Salesforce id, Stripe id, our key or a reference.

    A run of the record comes with all its operations; an operation on the record comes with its run.
    """
    ids = sorted(_names(connection, name.strip()))
    own = _newest(connection, runs.c.id, _run_of(ids), limit)
    told_in = _newest(connection, operations.c.run_id, _operation_of(ids), limit)
    found = [
        *_runs(connection, runs.c.id.in_({*own, *told_in}), limit),
        *_operations(connection, or_(_operation_of(ids), operations.c.run_id.in_(own)), limit),
    ]
    found.sort(key=lambda entry: (entry["machine_at"], entry["what"], entry["id"]), reverse=True)
    return list(found[:limit])


def _names(connection: Connection, name: str) -> set[str]:
    """The name and those that links and subjects tie to it, without their kinds: "001…" and "cus_…" tell one story."""
    bare = name.rpartition(":")[2]
    names = {name, bare}
    number = number_of(name)
    if number is not None:
        key = connection.scalar(select(subjects.c.key).where(subjects.c.number == number))
        names |= {key, key.partition(":")[2]} if key else set()
    linked = connection.execute(
        select(links.c.key, links.c.stripe_id).where(
            or_(
                links.c.salesforce_id.in_(names),
                links.c.stripe_id.in_(names),
                links.c.key.in_(names),
                func.split_part(links.c.key, ":", 2).in_(names),
            )
        )
    )
    for row in linked:
        names |= {row.key.partition(":")[2], row.stripe_id}
    return {known for known in names if known}


def _newest(connection: Connection, wanted: ColumnElement[int], condition: Any, limit: int) -> list[int]:
    return list(connection.scalars(select(wanted).where(condition).order_by(wanted.desc()).limit(limit)))


def _runs(connection: Connection, condition: Any, limit: int) -> list[dict[str, Any]]:
    rows = connection.execute(select(runs).where(condition).order_by(runs.c.id.desc()).limit(limit))
    return [_entry("run", row["opened_machine_at"], row) for row in rows.mappings()]


def _operations(connection: Connection, condition: Any, limit: int) -> list[dict[str, Any]]:
    rows = connection.execute(select(operations).where(condition).order_by(operations.c.id.desc()).limit(limit))
    return [_entry("operation", row["sent_machine_at"] or row["planned_machine_at"], row) for row in rows.mappings()]


def _run_of(ids: list[str]) -> Any:
    """Of this subject or unit; both read kind:id, and what follows the first colon is the id."""
    named = (runs.c.subject, runs.c.unit)
    return or_(*(name.in_(ids) | func.substring(name, func.strpos(name, ":") + 1).in_(ids) for name in named))


def _operation_of(ids: list[str]) -> Any:
    o = operations.c
    full = o.ref_kind + ":" + o.ref_key
    # "0Q0…#2" is the second object of the deal 0Q0….
    return or_(o.remote_id.in_(ids), func.split_part(o.ref_key, "#", 1).in_(ids), full.in_(ids))


def _entry(what: str, machine_at: Any, row: Mapping[Any, Any]) -> dict[str, Any]:
    said = {k: v for k, v in row.items() if v is not None and v != "" and k not in _LARGE}
    return {"what": what, "machine_at": machine_at, **said}
