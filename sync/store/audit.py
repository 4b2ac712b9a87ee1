"""Who did what by hand: replays, pauses, reconciles. Append-only: the database refuses to change or delete a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, insert, select

from sync.store.tables import audit


class StoredAudit:
    """The audit trail. ``now`` gives business time; the machine's time is written beside it."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def write(self, *, actor: str, action: str, target: str, detail: Mapping[str, object]) -> int:
        """It is on record that ``actor`` did ``action`` to ``target``; returns the entry's number."""
        row = {"happened_at": self._now(), "actor": actor, "action": action, "target": target, "detail": dict(detail)}
        with self._engine.begin() as connection:
            return int(connection.execute(insert(audit).values(row).returning(audit.c.id)).scalar_one())

    def entries(self, target: str | None = None, limit: int = 200) -> Sequence[Mapping[str, object]]:
        """The newest entries first, of one target or of all."""
        wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if target is not None:
            wanted = wanted.where(audit.c.target == target)
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]
