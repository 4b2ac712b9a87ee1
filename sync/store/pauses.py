"""Stopping writes by hand: towards Stripe or one of its accounts, towards Salesforce, or both. Intake and reading go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from sync.store.sql import in_seconds, machine_now
from sync.store.tables import pauses

#: "stripe", "salesforce", "all", or "stripe:NAME" for one of several Stripe accounts.
Scope = str


@dataclass(frozen=True)
class Pause:
    """A pause that stands. Both instants are machine time: a pause lasts real hours, whatever the business clock says."""

    scope: str
    reason: str
    owner: str
    since_machine_at: datetime
    until_machine_at: datetime | None


class StoredPauses:
    """Who paused what, why and for how long."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pause(self, scope: Scope, *, reason: str, owner: str, for_s: float | None) -> None:
        """Writes of ``scope`` are paused, for ``for_s`` seconds or until resumed; a pause of that scope is replaced."""
        said = {
            "reason": reason,
            "owner": owner,
            "since_machine_at": machine_now(),
            "until_machine_at": None if for_s is None else in_seconds(for_s),
        }
        store = insert(pauses).values(scope=scope, **said)
        with self._engine.begin() as connection:
            connection.execute(store.on_conflict_do_update(index_elements=[pauses.c.scope], set_=said))

    def resume(self, scope: Scope) -> bool:
        """Writes of ``scope`` go on; False when they were not paused."""
        with self._engine.begin() as connection:
            gone = delete(pauses).where(pauses.c.scope == scope).returning(pauses.c.scope)
            return connection.scalar(gone) is not None

    def standing(self) -> list[Pause]:
        """The pauses that are not over."""
        with self._engine.begin() as connection:
            return standing(connection)


def standing(connection: Connection) -> list[Pause]:
    """The pauses that are not over, by scope."""
    p = pauses.c
    lasting = or_(p.until_machine_at.is_(None), p.until_machine_at > machine_now())
    rows = connection.execute(select(pauses).where(lasting).order_by(p.scope))
    return [Pause(row.scope, row.reason, row.owner, row.since_machine_at, row.until_machine_at) for row in rows]
