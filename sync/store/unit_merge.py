"""Two units become one: what belongs to a customer belongs to the account that it was linked to."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from sync.errors import Transient
from sync.store.claims import unit_free
from sync.store.sql import in_seconds
from sync.store.tables import subjects, units


def merge(connection: Connection, into: str, other: str, *, token: int | None) -> None:
    """Move all subjects of ``other``, and all that is said of it later, to ``into``. Merged already, or the same unit: nothing to do.

    ``token`` is the caller's own claim, on either of them. Raises Transient TEMP-402 when another holds one of them.
    """
    pair = sorted({into, other})
    if "" in pair:
        raise ValueError("a unit without a name can't be merged")
    connection.execute(insert(units).values([{"unit": unit} for unit in pair]).on_conflict_do_nothing())
    target, source = _taken(connection, into, other, token)
    if target == source:
        return
    if token is not None:
        _hold_both(connection, [target, source], token)
    _move(connection, target, source)


def take(connection: Connection, into: str, other: str, *, token: int, lease_s: float) -> str:
    """The one unit that both are from now on, held by ``token``. Raises Transient TEMP-402 when anybody holds either."""
    merge(connection, into, other, token=None)
    target = _living(connection, into)
    _take_both(connection, [target], None)  # of two that were one already nobody has looked whether it is free
    lease = {"lease_token": token, "lease_until_machine_at": in_seconds(lease_s)}
    connection.execute(update(units).where(units.c.unit == target).values(lease))
    return target


def _move(connection: Connection, target: str, source: str) -> None:
    connection.execute(update(units).where(units.c.merged_into == source).values(merged_into=target))
    connection.execute(update(units).where(units.c.unit == source).values(merged_into=target))
    of_source = select(subjects.c.number).where(subjects.c.unit == source)
    moved = list(connection.scalars(of_source.order_by(subjects.c.key, subjects.c.stripe_account).with_for_update()))
    connection.execute(update(subjects).where(subjects.c.number.in_(moved)).values(unit=target))


def _taken(connection: Connection, into: str, other: str, token: int | None) -> tuple[str, str]:
    """The living units of both, locked. While we waited for a lock one of them may have been merged into a third."""
    named: tuple[str, str] | None = None
    while (found := (_living(connection, into), _living(connection, other))) != named and len(set(found)) > 1:
        _take_both(connection, sorted(found), token)
        named = found
    return found


def _living(connection: Connection, unit: str) -> str:
    merged_into = connection.scalar(select(units.c.merged_into).where(units.c.unit == unit))
    return merged_into or unit


def _take_both(connection: Connection, pair: list[str], token: int | None) -> None:
    rows = connection.execute(
        select(units.c.unit, units.c.lease_token, unit_free().label("free"))
        .where(units.c.unit.in_(pair))
        .order_by(units.c.unit)
        .with_for_update()
    )
    for row in rows:
        if not row.free and row.lease_token != token:
            raise Transient("TEMP-402", f"Somebody else is working on {row.unit}; it is linked afterwards.")


def _hold_both(connection: Connection, pair: list[str], token: int) -> None:
    """The caller's claim, if it holds one of the two, holds the other as long: nobody starts on it before the caller ends."""
    until = select(func.max(units.c.lease_until_machine_at)).where(units.c.lease_token == token).scalar_subquery()
    held = select(1).where(units.c.lease_token == token).exists()
    lease = {"lease_token": token, "lease_until_machine_at": until}
    if connection.scalar(select(held)):
        connection.execute(update(units).where(units.c.unit.in_(pair)).values(lease))
