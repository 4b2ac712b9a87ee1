"""The port `Facts`: the last read of each Stripe object. A newer read is never overwritten by an older one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import BigInteger, Boolean, Connection, Engine, Row, Select, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from sync.desired.keys import ACCOUNT
from sync.errors import Terminal
from sync.facts import FACT_TYPES, Customer, Fact
from sync.store.engine import storable_json
from sync.store.recognised import recognised
from sync.store.sql import machine_now, unnested
from sync.store.tables import facts, fences

_f = facts.c
_NEXT_FENCE = select(fences.next_value())
_OF_KIND = (
    select(_f.kind, _f.id, _f.body)
    .where(_f.stripe_account == bindparam("of_account"), _f.kind == bindparam("of_kind"))
    .order_by(_f.id)
)
_BY_ID = _OF_KIND.where(_f.id == func.any(bindparam("ids", type_=ARRAY(Text))))
_OF_CUSTOMERS = _OF_KIND.where(_f.customer == func.any(bindparam("customers", type_=ARRAY(Text))), ~_f.deleted)
_WITH_EMAIL = _OF_KIND.where(
    func.lower(_f.body["email"].astext) == func.lower(bindparam("email", type_=Text)), ~_f.deleted
)
_WITH_ANY = _OF_KIND.where(
    func.lower(_f.body["email"].astext).op("=")(func.any(bindparam("emails", type_=ARRAY(Text)))), ~_f.deleted
)
_CARRYING = _OF_KIND.where(_f.body[("metadata", ACCOUNT)].astext == bindparam("carried", type_=Text), ~_f.deleted)


class StoredFacts:
    """`sync.ports.Facts` in PostgreSQL, for one Stripe account."""

    def __init__(self, engine: Engine, *, stripe_account: str) -> None:
        self._engine = engine
        self._account = stripe_account

    def fence(self) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(_NEXT_FENCE).scalar_one())

    def recognised(self, facts_: Iterable[Fact]) -> Sequence[Fact]:
        with self._engine.begin() as connection:
            return recognised(connection, list(facts_), self._account)

    def put(self, facts_: Iterable[Fact], fence: int) -> None:
        with self._engine.begin() as connection:
            self.put_on(connection, facts_, fence)

    def put_on(self, connection: Connection, facts_: Iterable[Fact], fence: int) -> None:
        """`put` inside the caller's transaction."""
        newest = {(fact.KIND, fact.id): fact for fact in recognised(connection, list(facts_), self._account)}
        if not newest:
            return
        # In the order of their keys, so that two writers never wait for each other.
        ordered = [newest[key] for key in sorted(newest)]
        given = unnested(
            "given",
            kind=(Text(), [fact.KIND for fact in ordered]),
            id=(Text(), [fact.id for fact in ordered]),
            customer=(Text(), [_customer(fact) for fact in ordered]),
            deleted=(Boolean(), [fact.deleted for fact in ordered]),
            body=(Text(), [storable_json(fact.model_dump_json()) for fact in ordered]),
            fence=(BigInteger(), [fence for _ in ordered]),
        )
        columns = ["kind", "id", "customer", "deleted", "body", "fence"]
        values = [cast(given.c.body, JSONB) if name == "body" else given.c[name] for name in columns]
        account = cast(self._account, Text)
        rows = select(account, *values).order_by(given.c.kind, given.c.id)
        store = insert(facts).from_select(["stripe_account", *columns], rows)
        replaced = {name: store.excluded[name] for name in ("customer", "deleted", "body", "fence")}
        connection.execute(
            store.on_conflict_do_update(
                index_elements=[_f.stripe_account, _f.kind, _f.id],
                set_={**replaced, "stored_machine_at": machine_now()},
                where=_f.fence <= store.excluded.fence,
            )
        )

    def get(self, kind: str, ids: Iterable[str]) -> Mapping[str, Fact]:
        return {fact.id: fact for fact in self._find(_BY_ID, kind, ids=list(ids))}

    def of_customers(self, kind: str, customers: Iterable[str]) -> Sequence[Fact]:
        return self._find(_OF_CUSTOMERS, kind, customers=list(customers))

    def customers_with(self, email: str) -> Sequence[str]:
        return [fact.id for fact in self._find(_WITH_EMAIL, "customer", email=email)]

    def customers_with_any(self, emails: Iterable[str]) -> Sequence[str]:
        plain = sorted({email.lower() for email in emails})
        return [fact.id for fact in self._find(_WITH_ANY, "customer", emails=plain)]

    def customers_carrying(self, account_id: str) -> Sequence[str]:
        return [fact.id for fact in self._find(_CARRYING, "customer", carried=account_id)]

    def _find(self, wanted: Select[Any], kind: str, **wanted_of: Any) -> list[Fact]:
        with self._engine.begin() as connection:
            rows = connection.execute(wanted, {"of_account": self._account, "of_kind": kind, **wanted_of})
            return [_fact(row) for row in rows]


def _customer(fact: Fact) -> str | None:
    return fact.id if isinstance(fact, Customer) else getattr(fact, "customer", None) or None


def _fact(row: Row[*tuple[Any, ...]]) -> Fact:
    try:
        return FACT_TYPES[row.kind].model_validate(row.body)
    except ValidationError as fault:
        # Written by a release that knew other fields. Guessing would put wrong sums on an account.
        raise Terminal("BUG-502", f"What was stored of {row.kind} {row.id} can't be read by this release.") from fault
