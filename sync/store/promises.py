"""The port `Promises`: when a quote was first seen signed, and what was agreed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Promise, SignedOn
from sync.store.tables import promises, signatures


class StoredPromises:
    """`sync.ports.Promises` in PostgreSQL. ``now`` gives business time: it stamps a promise that brings no stamp of its own."""

    def __init__(self, engine: Engine, *, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def signed(self, quote_id: str, when: datetime) -> datetime:
        with self._engine.begin() as connection:
            first = insert(signatures).values(quote_id=quote_id, signed_at=when).on_conflict_do_nothing()
            connection.execute(first)
            stamp = select(signatures.c.signed_at).where(signatures.c.quote_id == quote_id)
            first_seen: datetime = connection.execute(stamp).scalar_one()
            return first_seen

    def decided(self, quote_id: str, when: datetime) -> None:
        kept = insert(signatures).values(quote_id=quote_id, signed_at=when)
        with self._engine.begin() as connection:
            connection.execute(
                kept.on_conflict_do_update(index_elements=[signatures.c.quote_id], set_={"signed_at": when})
            )

    def freeze(self, promise: Promise) -> Promise:
        kept: dict[str, Any] = {
            "graph": dict(promise.graph),
            "preview": dict(promise.preview),
            "signed_at": promise.signed_at,
            "frozen_at": promise.frozen_at or self._now(),
            "deal_key": promise.deal_key or promise.quote_id,
        }
        names = {"quote_id": promise.quote_id, "input_digest": promise.input_digest}
        with self._engine.begin() as connection:
            # One freezing of a quote at a time, so that the second sees the first.
            lock = func.pg_advisory_xact_lock(func.hashtextextended("promise:" + promise.quote_id, 0))
            connection.execute(select(lock))
            first = _in_force(connection, promise.quote_id)
            if first is not None:
                return first
            kept["frozen_at"] = _after_the_last(connection, [kept["deal_key"], promise.follows], kept["frozen_at"])
            store = insert(promises).values({**names, **kept})
            keys = [promises.c.quote_id, promises.c.input_digest]
            frozen = store.on_conflict_do_update(index_elements=keys, set_=kept).returning(promises)
            return _promise(connection.execute(frozen).one())

    def frozen(self, quote_id: str) -> Promise | None:
        with self._engine.begin() as connection:
            return _in_force(connection, quote_id)

    def followed(self, loser: str, winner: str) -> Sequence[str]:
        p = promises.c
        moved = func.jsonb_set(p.graph, text("'{account,id}'"), func.to_jsonb(literal(winner)))
        moved = func.jsonb_set(moved, text("'{quote,account_id}'"), func.to_jsonb(literal(winner)))
        signed_for = p.graph[("account", "id")].astext == loser
        with self._engine.begin() as connection:
            rows = connection.execute(update(promises).where(signed_for).values(graph=moved).returning(p.quote_id))
            return sorted({row.quote_id for row in rows})

    def signed_on(self, deal_keys: Iterable[str]) -> Sequence[SignedOn]:
        p = promises.c
        data = {
            n: p.preview[("data", *n.split("."))].astext for n in ("billed", "credited", "last_day", "change.total")
        }
        columns = [p.quote_id, p.deal_key, p.graph[("quote", "opportunity_id")].astext, *data.values()]
        frozen = select(*columns).where(p.deal_key.in_(list(deal_keys)), p.frozen_at.is_not(None))
        with self._engine.begin() as connection:
            rows = connection.execute(frozen.order_by(p.frozen_at, p.quote_id)).all()
        return [
            SignedOn(
                quote,
                deal,
                opportunity,
                Decimal(billed) - Decimal(credited or 0) if billed and last else None,
                Decimal(change) if change else None,
            )
            for quote, deal, opportunity, billed, credited, last, change in rows
        ]

    def of_deal(self, deal_key: str) -> Sequence[Promise]:
        return self.of_deals([deal_key]).get(deal_key, [])

    def of_deals(self, deal_keys: Iterable[str]) -> Mapping[str, Sequence[Promise]]:
        frozen = select(promises).where(promises.c.deal_key.in_(list(deal_keys)), promises.c.frozen_at.is_not(None))
        found: dict[str, list[Promise]] = {}
        with self._engine.begin() as connection:
            for row in connection.execute(frozen.order_by(promises.c.frozen_at, promises.c.quote_id)):
                found.setdefault(row.deal_key, []).append(_promise(row))
        return found


def _after_the_last(connection: Connection, deal_keys: Sequence[str], at: datetime) -> datetime:
    """``at``, or just after the newest promise of these deals: quotes that are taken in at one instant keep their order."""
    frozen_at = promises.c.frozen_at
    newest = connection.execute(select(func.max(frozen_at)).where(promises.c.deal_key.in_(deal_keys))).scalar_one()
    return at if newest is None or newest < at else newest + timedelta(microseconds=1)


def _in_force(connection: Connection, quote_id: str) -> Promise | None:
    frozen = select(promises).where(promises.c.quote_id == quote_id, promises.c.frozen_at.is_not(None))
    row = connection.execute(frozen).one_or_none()
    return _promise(row) if row else None


def _promise(row: Row[Any]) -> Promise:
    return Promise(row.quote_id, row.input_digest, row.graph, row.preview, row.signed_at, row.frozen_at, row.deal_key)
