"""Salesforce's daily allowance, shared out by lane: deals first, the display next, bulk work last, a reserve for people never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlalchemy import Connection, Engine, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Lane
from sync.store.sql import machine_now, seconds
from sync.store.tables import LANES, allowances, budgets

#: Each lane stops when this part of the allowance is used, by us or by others in the org. What is left is the reserve.
CEILINGS: Mapping[Lane, float] = {"deal": 0.95, "mirror": 0.85, "bulk": 0.70}
DAY_S = 86400.0
_TOLD = select(allowances.c.used, allowances.c.allowed).where(allowances.c.name == bindparam("of"))


class StoredBudgets:
    """Counters of calls over the last 24 hours of machine time, and the allowance that the other side last told."""

    def __init__(self, engine: Engine, *, ceilings: Mapping[Lane, float] = CEILINGS) -> None:
        self._engine = engine
        self._ceilings = dict(ceilings)

    def spent(self, name: str, lane: Lane, calls: int = 1) -> None:
        """``calls`` calls were made for this lane."""
        hour = func.date_trunc("hour", machine_now())
        store = insert(budgets).values(name=name, lane=lane, hour_machine_at=hour, used=calls)
        keys = [budgets.c.name, budgets.c.lane, budgets.c.hour_machine_at]
        with self._engine.begin() as connection:
            connection.execute(
                store.on_conflict_do_update(index_elements=keys, set_={"used": budgets.c.used + store.excluded.used})
            )

    def told(self, name: str, *, used: int, allowed: int) -> None:
        """The other side said how much of how much is used in the last 24 hours, by everybody."""
        said = {"used": used, "allowed": allowed, "told_machine_at": machine_now()}
        store = insert(allowances).values(name=name, **said)
        with self._engine.begin() as connection:
            connection.execute(store.on_conflict_do_update(index_elements=[allowances.c.name], set_=said))

    def used(self, name: str) -> Mapping[Lane, int]:
        """Our calls of the last 24 hours, by lane; older counters are removed."""
        b = budgets.c
        day_ago = machine_now() - seconds(DAY_S)
        sums = select(b.lane, func.sum(b.used).label("used")).where(b.name == name).group_by(b.lane)
        with self._engine.begin() as connection:
            connection.execute(delete(budgets).where(b.name == name, b.hour_machine_at < day_ago))
            found = {row.lane: int(row.used) for row in connection.execute(sums)}
        return {cast("Lane", lane): found.get(lane, 0) for lane in LANES}

    def standing(self, name: str) -> tuple[int, int] | None:
        """(used, allowed) as the other side last told; None when it has not."""
        with self._engine.begin() as connection:
            return _told(connection, name)

    def may_spend(self, name: str, lane: Lane, calls: int = 1) -> bool:
        """Whether ``calls`` more calls leave the share of the lanes before it, and the reserve, untouched. Yes while nothing was told."""
        with self._engine.begin() as connection:
            told = _told(connection, name)
        if told is None:
            return True
        used, allowed = told
        return used + calls <= allowed * self._ceilings[lane]


def _told(connection: Connection, name: str) -> tuple[int, int] | None:
    row = connection.execute(_TOLD, {"of": name}).one_or_none()
    return (row.used, row.allowed) if row else None
