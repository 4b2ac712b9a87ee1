"""The port `UsageStore`: every use that was taken, once for each (source, identifier), and how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    Row,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.elements import ColumnElement

from sync.errors import Transient
from sync.ports.usage import NewUsage, StoredUsage, UsageGroup, UsageState
from sync.store.backoff import Backoff
from sync.store.engine import storable
from sync.store.sql import in_seconds, machine_now, seconds_until, unnested
from sync.store.tables import crm_rows, usage_events
from sync.usage.rows import LONGEST_IDENTIFIER, UsageRow

_u = usage_events.c
_SUBSCRIPTIONS = "Billing_Subscription__c"
_WAITS: dict[str, Any] = {"state": "waiting"}
#: How long after it was sent Stripe may still report that something was not counted.
REPORTED_WITHIN = timedelta(days=3)
SET_ASIDE: tuple[UsageState, ...] = ("refused", "unknown")


class StoredUsageEvents:
    """`sync.ports.usage.UsageStore` in PostgreSQL. ``backoff_cap_s`` shortens every pause but one that was asked for."""

    def __init__(self, engine: Engine, *, backoff_cap_s: float | None = None, stripe_account: str = "") -> None:
        """Takes in and sends what is counted on ``stripe_account`` ('' for the one that the store began with)."""
        self._engine = engine
        self._account = stripe_account
        self._backoff = Backoff(cap_s=backoff_cap_s)

    def add(self, found: Sequence[NewUsage]) -> Sequence[Literal["new", "known", "differs"]]:
        first: dict[tuple[str, str], NewUsage] = {}
        for new in found:
            first.setdefault(new.row.key, new)
        ordered = [first[key] for key in sorted(first)]  # two writers never wait for each other
        given = unnested(
            "given",
            source=(Text(), [n.row.source for n in ordered]),
            identifier=(Text(), [n.row.identifier for n in ordered]),
            event=(Text(), [n.event for n in ordered]),
            customer=(Text(), [n.customer for n in ordered]),
            quantity=(BigInteger(), [n.row.quantity for n in ordered]),
            happened_at=(DateTime(timezone=True), [n.row.happened_at for n in ordered]),
            named=(Text(), [n.row.account or n.row.subscription or n.row.customer for n in ordered]),
        )
        names = ["source", "identifier", "event", "customer", "quantity", "happened_at", "named"]
        rows = select(literal(self._account), *(given.c[name] for name in names))
        rows = rows.order_by(given.c.source, given.c.identifier)
        store = insert(usage_events).from_select(["stripe_account", *names], rows)
        unless = store.on_conflict_do_nothing(index_elements=[_u.source, _u.identifier])
        with self._engine.begin() as connection:
            added = connection.execute(unless.returning(_u.source, _u.identifier))
            fresh = {(row.source, row.identifier) for row in added}
        there = self._stored([n.row.key for n in found])
        same = [_same(there[n.row.key], n) for n in found]
        return [
            "differs" if not s else "new" if n.row.key in fresh else "known" for n, s in zip(found, same, strict=True)
        ]

    def known(self, rows: Sequence[UsageRow]) -> Sequence[bool]:
        there = self._stored([row.key for row in rows])
        return [row.key in there and _same_row(there[row.key], row) for row in rows]

    def claim(self, limit: int) -> Sequence[StoredUsage]:
        may_go = or_(_u.retry_machine_at.is_(None), _u.retry_machine_at <= machine_now())
        unsent = _u.state.in_(("waiting", "sending"))
        mine = _u.stripe_account == self._account
        chosen = (
            select(_u.id).where(mine, unsent, may_go).order_by(_u.id).limit(limit).with_for_update(skip_locked=True)
        )
        taken = {"state": "sending", "tries": _u.tries + 1}
        take = update(usage_events).where(_u.id.in_(chosen)).values(**taken).returning(*usage_events.c)
        with self._engine.begin() as connection:
            return sorted((_usage(row) for row in connection.execute(take)), key=lambda usage: usage.id)

    def calling(self, id: int, now: datetime) -> None:
        self._change([id], {"first_sent_at": func.coalesce(_u.first_sent_at, now)})

    def sent(self, id: int, request_id: str, now: datetime) -> None:
        done = {"state": "sent", "sent_at": now, "request_id": request_id, "error_code": None, "error_message": None}
        self._change([id], {**done, "retry_machine_at": None})

    def again(self, ids: Sequence[int], error: Transient, *, fresh: bool) -> None:
        told = {"error_code": error.code, "error_message": storable(error.message)}
        more = {"revision": _u.revision + 1} if fresh else {}
        with self._engine.begin() as connection:
            for row in connection.execute(select(_u.id, _u.tries).where(_u.id.in_(list(ids)), _u.state == "sending")):
                pause_s = self._backoff.pause_s(row.tries, error.retry_after_s)
                values = {**_WAITS, **told, **more, "retry_machine_at": in_seconds(pause_s)}
                connection.execute(update(usage_events).where(_u.id == row.id).values(**values))

    def given_back(self, ids: Sequence[int]) -> None:
        self._change(ids, {**_WAITS, "tries": func.greatest(_u.tries - 1, 0)})

    def not_there(self, id: int) -> None:
        self._change([id], {**_WAITS, "first_sent_at": None, "revision": _u.revision + 1})

    def set_aside(self, id: int, *, state: UsageState, code: str, message: str) -> None:
        values = {"state": state, "error_code": code, "error_message": storable(message), "retry_machine_at": None}
        self._change([id], values)

    def any(self) -> bool:
        with self._engine.begin() as connection:
            return bool(connection.execute(select(exists(select(_u.id)))).scalar_one())

    def reported(self, names: Sequence[str], at: datetime, *, code: str, message: str) -> Sequence[StoredUsage]:
        keys = [(source, identifier) for source, colon, identifier in (n.partition(":") for n in names) if colon]
        recent = and_(_u.sent_at > at - REPORTED_WITHIN, or_(_at_stripe().in_(names), _sent_under().in_(names)))
        named = or_(tuple_(_u.source, _u.identifier).in_(keys), recent)
        counts = and_(_u.state == "sent", _u.sent_at <= at)
        values = {"state": "refused", "error_code": code, "error_message": storable(message)}
        with self._engine.begin() as connection:
            rows = connection.execute(select(usage_events).where(named).order_by(_u.id).with_for_update()).all()
            mine = _u.id.in_([row.id for row in rows])
            connection.execute(update(usage_events).where(mine, counts).values(**values))
        return [_usage(row) for row in rows]

    def stand_in(
        self, source: str, identifier: str, event: str, happened_at: datetime, *, code: str, message: str
    ) -> None:
        row = {"source": source, "identifier": identifier, "event": event, "happened_at": happened_at, "customer": ""}
        row |= {"stripe_account": self._account}
        told = {"state": "refused", "error_code": code, "error_message": storable(message), "quantity": 0, "named": ""}
        store = insert(usage_events).values(**row, **told)
        with self._engine.begin() as connection:
            connection.execute(store.on_conflict_do_nothing(index_elements=[_u.source, _u.identifier]))

    def around(self, customer: str, event: str, start: datetime, end: datetime) -> Sequence[StoredUsage]:
        these = (_u.customer == customer, _u.event == event, _u.happened_at >= start, _u.happened_at < end)
        with self._engine.begin() as connection:
            rows = connection.execute(select(usage_events).where(*these).order_by(_u.id))
            return [_usage(row) for row in rows]

    def set_aside_of(
        self, customers: Iterable[str] | None = None, *, newest: int | None = None
    ) -> Sequence[UsageGroup]:
        mine: ColumnElement[bool] = true() if customers is None else _u.customer.in_(list(customers))
        if newest is not None:
            mine &= _u.id.in_(select(_u.id).where(_u.state.in_(SET_ASIDE)).order_by(_u.id.desc()).limit(newest))
        by = (_u.customer, _u.event, _u.error_code)
        wanted = (
            select(
                *by,
                func.count().label("many"),
                func.sum(_u.quantity).label("quantity"),
                func.min(_u.error_message).label("message"),
                func.min(_u.happened_at).label("oldest"),
                func.min(_u.source + ":" + _u.identifier).label("example"),
            )
            .where(_u.state.in_(SET_ASIDE), mine)
            .group_by(*by)
            .order_by(*by)
        )
        with self._engine.begin() as connection:
            return [
                UsageGroup(
                    row.customer, row.event, row.error_code or "", row.many, int(row.quantity), row.message or "",
                    row.oldest, row.example,
                )
                for row in connection.execute(wanted)
            ]  # fmt: skip

    def waiting(self) -> tuple[int, float | None]:
        soonest = func.min(func.coalesce(seconds_until(_u.retry_machine_at), 0.0))
        wanted = select(func.count(), soonest).where(_u.state.in_(("waiting", "sending")))
        with self._engine.begin() as connection:
            many, next_s = connection.execute(wanted).one()
        return many, None if next_s is None else max(0.0, float(next_s))

    def accounts_of_rows(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted, c = list(names), crm_rows.c
        account = c.content[("fields", "Account__c")].astext
        mine = and_(c.sobject == _SUBSCRIPTIONS, or_(c.key.in_(wanted), c.salesforce_id.in_(wanted)))
        with self._engine.begin() as connection:
            rows = connection.execute(select(c.key, c.salesforce_id, account.label("account")).where(mine)).all()
        return {name: row.account for row in rows for name in (row.key, row.salesforce_id) if name and row.account}

    # ------------------------------------------------------------------ what people ask and decide

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How many rows are in each state, and what their quantities come to."""
        wanted = select(_u.state, func.count(), func.sum(_u.quantity)).group_by(_u.state)
        with self._engine.begin() as connection:
            return {state: (many, int(quantity)) for state, many, quantity in connection.execute(wanted)}

    def listed(self, *, state: str | None, customer: str | None, limit: int) -> Sequence[Mapping[str, object]]:
        """The newest rows first."""
        shown = [c for c in usage_events.c if c.name not in ("revision", "tries", "retry_machine_at", "id")]
        wanted = select(*shown).order_by(_u.id.desc()).limit(limit)
        if state:
            wanted = wanted.where(_u.state == state)
        if customer:
            wanted = wanted.where(or_(_u.customer == customer, _u.named == customer))
        with self._engine.begin() as connection:
            return [dict(row) for row in connection.execute(wanted).mappings()]

    def set_aside_keys(self, keys: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """Those of the keys whose rows wait for a person."""
        return [key for key, row in self._stored(keys).items() if row.state in SET_ASIDE]

    def decided(self, keys: Sequence[tuple[str, str]], state: UsageState) -> Sequence[StoredUsage]:
        """Of these, those that waited for a person: they are to be sent once more (``waiting``) or never (``dropped``)."""
        mine = _u.stripe_account == self._account
        chosen = and_(mine, tuple_(_u.source, _u.identifier).in_(list(keys)), _u.state.in_(SET_ASIDE))
        values: dict[str, Any] = {"state": state, "tries": 0, "revision": _u.revision + 1, "first_sent_at": None}
        if state == "waiting":
            values |= {"error_code": None, "error_message": None}
        change = update(usage_events).where(chosen).values(**values).returning(*usage_events.c)
        with self._engine.begin() as connection:
            return [_usage(row) for row in connection.execute(change)]

    # ------------------------------------------------------------------

    def _change(self, ids: Sequence[int], values: Mapping[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(usage_events).where(_u.id.in_(list(ids))).values(**values))

    def _stored(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
        given = unnested("given", source=(Text(), [k[0] for k in keys]), identifier=(Text(), [k[1] for k in keys]))
        same: ColumnElement[bool] = and_(_u.source == given.c.source, _u.identifier == given.c.identifier)
        with self._engine.begin() as connection:
            rows = connection.execute(select(usage_events).join(given, same)).all()
        return {(row.source, row.identifier): row for row in rows}


def _at_stripe() -> ColumnElement[str]:
    """`UsageRow.stripe_identifier` of a row, in SQL."""
    name = _u.source + ":" + _u.identifier
    hashed = _u.source + ":#" + func.left(_sha256(name), 48)
    return case((func.length(name) <= LONGEST_IDENTIFIER, name), else_=hashed)


def _sent_under() -> ColumnElement[str]:
    """The idempotency key under which a row was sent last: `UsageRow.idempotency_key`, in SQL."""
    return _sha256("usage|" + _at_stripe() + "|" + cast(_u.revision, Text))


def _sha256(text: ColumnElement[str]) -> ColumnElement[str]:
    return func.encode(func.sha256(func.convert_to(text, "UTF8")), "hex")


def _same(there: Row[Any], new: NewUsage) -> bool:
    said = (new.event, new.customer, new.row.quantity, new.row.happened_at)
    return (there.event, there.customer, there.quantity, there.happened_at) == said


def _same_row(there: Row[Any], row: UsageRow) -> bool:
    """Whether the stored use is what the row says, as far as can be told without asking whose it is."""
    named = row.account or row.subscription or row.customer
    whose = named in (there.named, there.customer)
    what = not row.event or row.event == there.event
    return whose and what and (there.quantity, there.happened_at) == (row.quantity, row.happened_at)


def _usage(row: Row[Any]) -> StoredUsage:
    of = UsageRow(row.source, row.identifier, row.quantity, row.happened_at, event=row.event, customer=row.customer)
    return StoredUsage(row.id, of, row.event, row.customer, row.state, row.tries, row.revision, row.first_sent_at)
