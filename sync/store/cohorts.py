"""The port `Cohorts`: one row for each contract that is moved from another billing system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, Row, select
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Member, Stage
from sync.store.tables import cohorts


class StoredCohorts:
    """`sync.ports.Cohorts` in PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, members: Sequence[Member]) -> None:
        if not members:
            return
        store = insert(cohorts)
        new = {name: value for name, value in store.excluded.items() if name != "quote_id"}
        rows = [{**asdict(m), "stage": str(m.stage)} for m in members]
        with self._engine.begin() as connection:
            connection.execute(store.on_conflict_do_update(index_elements=[cohorts.c.quote_id], set_=new), rows)

    def of(self, cohort: str | None = None) -> Sequence[Member]:
        wanted = select(cohorts).order_by(cohorts.c.cohort, cohorts.c.quote_id)
        if cohort is not None:
            wanted = wanted.where(cohorts.c.cohort == cohort)
        with self._engine.begin() as connection:
            return [_member(row) for row in connection.execute(wanted)]

    def member(self, quote_id: str) -> Member | None:
        return self.members([quote_id]).get(quote_id)

    def members(self, quote_ids: Sequence[str]) -> Mapping[str, Member]:
        if not quote_ids:
            return {}
        wanted = select(cohorts).where(cohorts.c.quote_id.in_(quote_ids))
        with self._engine.begin() as connection:
            return {row.quote_id: _member(row) for row in connection.execute(wanted)}


def _member(row: Row[Any]) -> Member:
    return Member(
        cohort=row.cohort,
        quote_id=row.quote_id,
        paid_through=row.paid_through,
        legacy_minor=row.legacy_minor,
        currency=row.currency,
        stage=Stage(row.stage),
        ours_minor=row.ours_minor,
        digest=row.digest,
        code=row.code,
        detail=row.detail,
        moved_at=row.moved_at,
    )
