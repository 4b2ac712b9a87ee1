"""The port `Cursors`: how far each source was read, what was acted on, who leads, and whose store this is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Engine, Text, bindparam, cast, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert

from sync.store import pauses, realm
from sync.store.sql import in_seconds, machine_now, unnested
from sync.store.tables import cursors, inputs_acted_on, leaders

_a = inputs_acted_on.c
_VALUE = select(cursors.c.value).where(cursors.c.name == bindparam("of"))
_ACTED_ON = (
    select(_a.record_id, _a.digest)
    .where(_a.object == bindparam("of"))
    .where(_a.record_id == func.any(bindparam("ids", type_=ARRAY(Text))))
)


@lru_cache(maxsize=1)
def _store() -> Insert:
    store = insert(cursors).values(moved_machine_at=machine_now())
    moved = {"value": store.excluded.value, "moved_machine_at": store.excluded.moved_machine_at}
    return store.on_conflict_do_update(index_elements=[cursors.c.name], set_=moved)


class StoredCursors:
    """`sync.ports.Cursors` in PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, name: str) -> Mapping[str, object] | None:
        with self._engine.begin() as connection:
            row = connection.execute(_VALUE, {"of": name}).one_or_none()
        return dict(row.value) if row else None

    def put(self, name: str, value: Mapping[str, object]) -> None:
        with self._engine.begin() as connection:
            connection.execute(_store(), {"name": name, "value": dict(value)})

    def seen(self, object_: str, digests: Mapping[str, str]) -> set[str]:
        if not digests:
            return set()
        with self._engine.begin() as connection:
            known = connection.execute(_ACTED_ON, {"of": object_, "ids": list(digests)})
            acted_on = {row.record_id: row.digest for row in known}
        return {record_id for record_id, digest in digests.items() if acted_on.get(record_id) != digest}

    def act_on(self, object_: str, digests: Mapping[str, str]) -> None:
        if not digests:
            return
        ordered = sorted(digests)
        given = unnested("given", record_id=(Text(), ordered), digest=(Text(), [digests[i] for i in ordered]))
        rows = select(cast(object_, Text), given.c.record_id, given.c.digest).order_by(given.c.record_id)
        a = inputs_acted_on.c
        store = insert(inputs_acted_on).from_select(["object", "record_id", "digest"], rows)
        replace = store.on_conflict_do_update(
            index_elements=[a.object, a.record_id], set_={"digest": store.excluded.digest}
        )
        with self._engine.begin() as connection:
            connection.execute(replace)

    def lead(self, role: str, holder: str, lease_s: float) -> bool:
        led = {"holder": holder, "until_machine_at": in_seconds(lease_s)}
        mine_or_over = (leaders.c.holder == holder) | (leaders.c.until_machine_at <= machine_now())
        take = (
            insert(leaders)
            .values(role=role, **led)
            .on_conflict_do_update(index_elements=[leaders.c.role], set_=led, where=mine_or_over)
            .returning(leaders.c.holder)
        )
        with self._engine.begin() as connection:
            return connection.scalar(take) is not None

    def resign(self, role: str, holder: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(leaders).where(leaders.c.role == role, leaders.c.holder == holder))

    def pin_realm(self, realm_: Mapping[str, str]) -> None:
        with self._engine.begin() as connection:
            realm.pin(connection, realm_)

    def realm(self) -> Mapping[str, str]:
        """What this store was pinned to; empty before the first pin."""
        with self._engine.begin() as connection:
            return realm.realm_of(connection)

    def installation(self) -> tuple[str, int]:
        with self._engine.begin() as connection:
            return realm.installation_of(connection)

    def started_at(self, now: datetime) -> datetime:
        """When this installation began, in business time: now, when it is asked for the first time."""
        with self._engine.begin() as connection:
            return realm.started_at(connection, now)

    def raise_epoch(self) -> int:
        """A backup was restored: every idempotency key from now on differs from those used before. Returns the new epoch."""
        with self._engine.begin() as connection:
            return realm.raise_epoch(connection)

    def paused(self) -> Mapping[str, str]:
        with self._engine.begin() as connection:
            return {pause.scope: pause.reason for pause in pauses.standing(connection)}
