"""The port `Identities`: what people are asked about who is who, and the pairs that they keep apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Apart, Asked
from sync.store.engine import storable
from sync.store.tables import kept_apart, questions

_q, _k = questions.c, kept_apart.c


class StoredIdentities:
    """`sync.ports.Identities` in PostgreSQL, for one Stripe account. ``now`` gives business time."""

    def __init__(self, engine: Engine, *, stripe_account: str, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._account = stripe_account
        self._now = now

    def ask(self, asked: Asked) -> None:
        said = {
            "accounts": {i: storable(name) for i, name in asked.accounts.items()},
            "customers": {i: storable(name) for i, name in asked.customers.items()},
            "evidence": storable(asked.evidence),
        }
        store = insert(questions).values(stripe_account=self._account, subject=asked.subject, **said)
        with self._engine.begin() as connection:
            connection.execute(store.on_conflict_do_update(index_elements=[_q.stripe_account, _q.subject], set_=said))

    def asked(self, subjects: Iterable[str]) -> Mapping[str, Asked]:
        wanted = select(questions).where(_q.subject.in_(list(subjects)))
        with self._engine.begin() as connection:
            return {
                row.subject: Asked(row.subject, row.accounts, row.customers, row.evidence)
                for row in connection.execute(wanted)
            }

    def keep_apart(self, account_id: str, customers: Iterable[str], *, by: str, why: str) -> int:
        rows = [
            {**self._pair(account_id, customer), "by": by, "why": storable(why), "decided_at": self._now()}
            for customer in sorted(set(customers))
        ]
        if not rows:
            return 0
        with self._engine.begin() as connection:
            added = insert(kept_apart).values(rows).on_conflict_do_nothing().returning(_k.customer_id)
            return len(connection.execute(added).all())

    def allow(self, account_id: str, customer_id: str) -> bool:
        mine = (_k.stripe_account == self._account) & (_k.account_id == account_id) & (_k.customer_id == customer_id)
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(kept_apart).where(mine).returning(_k.customer_id)).all())

    def apart(self, *, accounts: Iterable[str] = (), customers: Iterable[str] = ()) -> tuple[Apart, ...]:
        either = or_(_k.account_id.in_(list(accounts)), _k.customer_id.in_(list(customers)))
        wanted = select(kept_apart).where(_k.stripe_account == self._account, either)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(_k.account_id, _k.customer_id))
            return tuple(Apart(r.account_id, r.customer_id, r.by, r.why, r.decided_at) for r in rows)

    def followed(self, loser: str, winner: str) -> None:
        columns = ("stripe_account", "customer_id", "by", "why", "decided_at")
        of_loser = (_k.stripe_account == self._account) & (_k.account_id == loser)
        rows = select(*(_k[name] for name in columns), literal(winner)).where(of_loser)
        moved = insert(kept_apart).from_select([*columns, "account_id"], rows).on_conflict_do_nothing()
        with self._engine.begin() as connection:
            connection.execute(moved)
            connection.execute(delete(kept_apart).where(of_loser))

    def _pair(self, account_id: str, customer_id: str) -> dict[str, Any]:
        return {"stripe_account": self._account, "account_id": account_id, "customer_id": customer_id}
