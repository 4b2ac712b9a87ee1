"""The port `Links`: our key, Salesforce's id and Stripe's id of one thing, unique both ways on each Stripe account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Text, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from sync.errors import Unsafe
from sync.ports import NewLink
from sync.store.tables import links

_l = links.c
_OURS = select(links).where(_l.stripe_account == bindparam("of_account")).order_by(_l.key)
_BY_KEY, _BY_STRIPE_ID, _BY_SALESFORCE_ID = (
    _OURS.where(column == func.any(bindparam("ids", type_=ARRAY(Text))))
    for column in (_l.key, _l.stripe_id, _l.salesforce_id)
)
#: What may be followed by another of its key: a schedule that let its subscription go is never taken up again.
FOLLOWED = "schedule"


class StoredLinks:
    """`sync.ports.Links` in PostgreSQL, for one Stripe account."""

    def __init__(self, engine: Engine, *, stripe_account: str) -> None:
        self._engine = engine
        self._account = stripe_account

    def add(self, link: NewLink) -> None:
        with self._engine.begin() as connection:
            self.add_on(connection, link)

    def add_on(self, connection: Connection, link: NewLink) -> None:
        """`add` inside the caller's transaction."""
        row = {"stripe_account": self._account, **_columns(link)}
        added = connection.execute(insert(links).values(row).on_conflict_do_nothing().returning(_l.key)).one_or_none()
        if added is not None:
            return
        clash = or_(_l.key == link.key, _l.stripe_id == link.stripe_id)
        stored = [_link(row) for row in connection.execute(select(links).where(self._mine(), clash))]
        if [(other.key, other.stripe_kind) for other in stored] == [(link.key, FOLLOWED)]:
            connection.execute(update(links).where(self._mine(), _l.key == link.key).values(_columns(link)))
        elif stored != [link]:
            there = " and ".join(f"{other.key} = {other.stripe_id}" for other in stored)
            raise Unsafe(
                "BUG-501", f"We were about to link {link.key} to {link.stripe_id}, but {there} is linked already."
            )

    def by_key(self, keys: Iterable[str]) -> Mapping[str, NewLink]:
        return {link.key: link for link in self._find(_BY_KEY, keys)}

    def by_stripe_id(self, ids: Iterable[str]) -> Mapping[str, NewLink]:
        return {link.stripe_id: link for link in self._find(_BY_STRIPE_ID, ids)}

    def by_salesforce_id(self, ids: Iterable[str], stripe_kind: str | None = None) -> Sequence[NewLink]:
        found = self._find(_BY_SALESFORCE_ID, ids)
        return [link for link in found if stripe_kind is None or link.stripe_kind == stripe_kind]

    def elsewhere(self, stripe_id: str) -> bool:
        wanted = select(_l.key).where(_l.stripe_id == stripe_id, _l.stripe_account != self._account).limit(1)
        with self._engine.begin() as connection:
            return connection.scalar(wanted) is not None

    def remove(self, key: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(links).where(self._mine(), _l.key == key))

    def replace(self, links_: Iterable[NewLink]) -> None:
        wanted = list(links_)
        with self._engine.begin() as connection:
            moved = _l.stripe_id.in_([link.stripe_id for link in wanted])
            connection.execute(delete(links).where(self._mine(), moved))
            for link in wanted:
                self.add_on(connection, link)

    def _find(self, wanted: Select[Any], ids: Iterable[str]) -> list[NewLink]:
        with self._engine.begin() as connection:
            rows = connection.execute(wanted, {"of_account": self._account, "ids": list(ids)})
            return [_link(row) for row in rows]

    def _mine(self) -> Any:
        return _l.stripe_account == self._account


def _columns(link: NewLink) -> dict[str, Any]:
    return {
        "key": link.key,
        "salesforce_id": link.salesforce_id,
        "stripe_kind": link.stripe_kind,
        "stripe_id": link.stripe_id,
        "livemode": link.livemode,
    }


def _link(row: Row[Any]) -> NewLink:
    return NewLink(row.key, row.salesforce_id, row.stripe_kind, row.stripe_id, row.livemode)
