"""What a backfill keeps: each page that it read in one transaction with the cursor of the next, and how far it is.

A store that is stopped anywhere knows exactly the pages that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, String, bindparam, cast, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from sync.crm import CrmRow
from sync.facts import Customer, Fact
from sync.ports import FoundRow, Held, Keyed, Lane, NewLink, RowCounts
from sync.store.crm_content import SEEN, content_of
from sync.store.engine import storable
from sync.store.facts import StoredFacts
from sync.store.outbox_put import lock_rows, queued_rows
from sync.store.sql import machine_now, seconds_until
from sync.store.tables import crm_rows, crm_writes, cursors, facts, fences, links, promises, signatures, subjects, units

_f, _l, _r, _w = facts.c, links.c, crm_rows.c, crm_writes.c


_WITHOUT_COUPON = text(
    """
    SELECT DISTINCT f.kind, f.id
    FROM facts AS f, LATERAL (
        SELECT jsonb_path_query(f.body, '$.coupons[*]') AS named
        UNION SELECT jsonb_path_query(f.body, '$.items[*].coupons[*]')
        UNION SELECT jsonb_path_query(f.body, '$.coupon')
    ) AS standing
    WHERE f.stripe_account = :of_account AND NOT f.deleted
      AND (f.kind = 'customer' OR (f.kind = 'subscription' AND f.body->>'ended_at_s' IS NULL))
      AND jsonb_typeof(named) = 'string'
      AND NOT EXISTS (
        SELECT FROM facts AS c
        WHERE c.stripe_account = :of_account AND c.kind = 'coupon' AND c.id = named #>> '{}'
      )
    ORDER BY f.kind, f.id
    """
)


class StoredAdoption:
    """`sync.ports.Adoption` in PostgreSQL."""

    def __init__(self, engine: Engine, stored_facts: StoredFacts, *, stripe_account: str) -> None:
        self._engine = engine
        self._facts = stored_facts
        self._account = stripe_account

    # ------------------------------------------------------------ how far it is

    def progress(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every cursor whose name begins so, by name."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(cursors.c.name, cursors.c.value).where(_begins(prefix)))
            return {row.name: dict(row.value) for row in rows}

    def clear(self, prefix: str) -> None:
        """Nothing is known of how far it was."""
        with self._engine.begin() as connection:
            connection.execute(delete(cursors).where(_begins(prefix)))

    def keep(self, progress: Mapping[str, Mapping[str, object]]) -> None:
        """These cursors stand."""
        with self._engine.begin() as connection:
            _put(connection, progress)

    def begin(self) -> tuple[int, float]:
        """A new fence, and machine time in unix seconds."""
        with self._engine.begin() as connection:
            epoch = select(fences.next_value(), func.date_part("epoch", func.clock_timestamp()))
            fence, second = connection.execute(epoch).one()
            return int(fence), float(second)

    # ------------------------------------------------------------ pages

    def facts_page(self, found: Iterable[Fact], fence: int, progress: Mapping[str, Mapping[str, object]]) -> None:
        """The page's facts and the cursor behind it."""
        with self._engine.begin() as connection:
            self._facts.put_on(connection, found, fence)
            _put(connection, progress)

    def rows_page(self, found: Sequence[FoundRow], progress: Mapping[str, Mapping[str, object]]) -> None:
        """What stands in the CRM is known of every row of the page of which nothing is known yet, and the cursor behind
        it. What we wrote, or are about to write, is left as it is.
        """
        names = [(row.sobject, row.key) for row in found if row.key]
        with self._engine.begin() as connection:
            known = lock_rows(connection, names, create=True)
            queued = queued_rows(connection, names)
            new = [
                r for r in found if r.key and known[r.sobject, r.key].hash is None and (r.sobject, r.key) not in queued
            ]
            _see(connection, new)
            _put(connection, progress)

    def of_quotes(self, ids: Sequence[str]) -> tuple[set[str], Mapping[str, datetime]]:
        """Those of these quotes that are frozen, and when each was first seen signed, where it was."""
        p, g = promises.c, signatures.c
        frozen = select(p.quote_id).where(p.quote_id.in_(list(ids)), p.frozen_at.is_not(None))
        stamps = select(g.quote_id, g.signed_at).where(g.quote_id.in_(list(ids)))
        with self._engine.begin() as connection:
            return (
                {str(i) for i in connection.scalars(frozen)},
                {row.quote_id: row.signed_at for row in connection.execute(stamps)},
            )

    def quotes_page(self, found: Sequence[FoundRow], held: Sequence[Held], now: datetime) -> None:
        """What stands on these quotes and lines is known; the quotes held wait for a decision, as failures that stand
        since ``now``, unless somebody looks at them already.
        """
        self.rows_page(found, {})
        with self._engine.begin() as connection:
            for one in sorted(held, key=lambda h: h.quote_id):
                seen = {"quote_id": one.quote_id, "signed_at": one.seen_at}
                connection.execute(insert(signatures).values(seen).on_conflict_do_nothing())
                connection.execute(insert(units).values(unit=one.unit).on_conflict_do_nothing())
                failed = {
                    "key": f"quote:{one.quote_id}", "lane": "deal", "unit": one.unit, "reason": "backfill",
                    "revision": 1, "done_revision": 1, "error_code": one.code, "error_message": storable(one.message),
                    "blocked_on": [one.quote_id], "sum_minor": one.sum_minor, "currency": one.currency, "failed_at": now,
                }  # fmt: skip
                connection.execute(insert(subjects).values(failed).on_conflict_do_nothing())

    def link(self, new: Sequence[NewLink]) -> int:
        """Those of these links that clash with none that stands are there; returns how many are new."""
        added = 0
        with self._engine.begin() as connection:
            for one in sorted(new, key=lambda link: (link.key, link.stripe_id)):
                row = {
                    "stripe_account": self._account, "key": one.key, "salesforce_id": one.salesforce_id,
                    "stripe_kind": one.stripe_kind, "stripe_id": one.stripe_id, "livemode": one.livemode,
                }  # fmt: skip
                stored = insert(links).values(row).on_conflict_do_nothing().returning(_l.key)
                added += connection.execute(stored).one_or_none() is not None
        return added

    # ------------------------------------------------------------ whose they are

    def unlinked_customers(self, after: str, limit: int) -> Sequence[Customer]:
        """Living customers without a link, by id, behind this one."""
        linked = select(1).where(_l.stripe_account == self._account, _l.stripe_id == _f.id).exists()
        wanted = select(_f.body).where(self._of("customer"), ~_f.deleted, ~linked, _f.id > after)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(_f.id).limit(limit))
            return [Customer.model_validate(row.body) for row in rows]

    def without_coupon(self) -> Mapping[str, Sequence[str]]:
        """By kind the ids of customers and of subscriptions that have not ended, on which a coupon stands that is not known:
        no list has it, because it was deleted.
        """
        found: dict[str, list[str]] = {}
        with self._engine.begin() as connection:
            for row in connection.execute(_WITHOUT_COUPON, {"of_account": self._account}):
                found.setdefault(row.kind, []).append(row.id)
        return found

    def emails(self, among: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The ids of all living customers with these e-mails, by the e-mail in lower case."""
        email = func.lower(_f.body["email"].astext)
        wanted = select(email.label("email"), _f.id).where(
            self._of("customer"), ~_f.deleted, email.in_(sorted({e.lower() for e in among}))
        )
        found: dict[str, list[str]] = {}
        with self._engine.begin() as connection:
            for row in connection.execute(wanted.order_by(_f.id)):
                found.setdefault(row.email, []).append(row.id)
        return found

    def with_business(self, customers: Iterable[str]) -> set[str]:
        """Those of these customers to whom something was ever sold or billed."""
        kinds = ("subscription", "schedule", "invoice")
        wanted = select(_f.customer).distinct().where(
            _f.stripe_account == self._account, _f.customer.in_(list(customers)), _f.kind.in_(kinds), ~_f.deleted
        )  # fmt: skip
        with self._engine.begin() as connection:
            return {str(row.customer) for row in connection.execute(wanted)}

    def linked_accounts(self, after: str, limit: int) -> Sequence[str]:
        """Ids of Accounts that have a customer, by id, behind this one."""
        wanted = select(_l.salesforce_id).distinct().where(
            _l.stripe_account == self._account, _l.stripe_kind == "customer", _l.salesforce_id > after
        )  # fmt: skip
        with self._engine.begin() as connection:
            return [str(i) for i in connection.scalars(wanted.order_by(_l.salesforce_id).limit(limit))]

    def keyed(self, kind: str, name: str) -> Sequence[Keyed]:
        """Everything of this kind that carries this key in its metadata, the newest first."""
        status, told = _f.body["status"].astext.label("status"), _f.body["metadata"].label("metadata")
        carrying = _f.body["metadata"].has_key(name)
        wanted = select(_f.id, status, told).where(self._of(kind), carrying, ~_f.deleted)
        newest_first = (cast(_f.body["created_s"].astext, BigInteger).desc(), _f.id)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(*newest_first))
            return [Keyed(kind, row.id, row.status or "", row.metadata) for row in rows]

    # ------------------------------------------------------------ what came of it

    def counts_of(self, kind: str) -> tuple[int, int]:
        """How many living objects of this kind are known, and how many of them belong to a linked customer."""
        linked = select(1).where(_l.stripe_account == self._account, _l.stripe_id == _f.customer).exists()
        counted = select(func.count(), func.count().filter(linked)).where(self._of(kind), ~_f.deleted)
        with self._engine.begin() as connection:
            found, mine = connection.execute(counted).one()
        return int(found), int(mine)

    def unfinished(self, lane: Lane) -> tuple[int, float | None]:
        """How many subjects of this lane are due, retrying or in somebody's hands, and the machine seconds until the
        first may be claimed.
        """
        pending = (subjects.c.lane == lane) & (subjects.c.revision > subjects.c.done_revision)
        first_s = seconds_until(func.min(func.greatest(subjects.c.ready_machine_at, subjects.c.lease_until_machine_at)))
        with self._engine.begin() as connection:
            count, in_s = connection.execute(select(func.count(), first_s).where(pending)).one()
        return int(count), max(0.0, float(in_s)) if in_s is not None else None

    def row_counts(self, fence: int, since_machine_s: float) -> RowCounts:
        """What became of the rows that were worked out since ``fence``."""
        mine = _r.fence > fence
        acknowledged = func.date_part("epoch", _r.acknowledged_machine_at) >= since_machine_s
        unsettled = select(1).where(_w.sobject == _r.sobject, _w.key == _r.key).exists()
        counted = select(func.count(), func.count().filter(acknowledged & ~unsettled)).where(mine)
        failed = select(_w.error_code, func.count().label("n")).where(_w.state == "failed").group_by(_w.error_code)
        waiting = select(func.count()).select_from(crm_writes).where(_w.state != "failed")
        with self._engine.begin() as connection:
            expected, written = connection.execute(counted).one()
            refused = {str(row.error_code): int(row.n) for row in connection.execute(failed)}
            left = int(connection.execute(waiting).scalar_one())
        unchanged = max(0, expected - written - sum(refused.values()) - left)
        return RowCounts(int(expected), int(written), unchanged, refused, left)

    def shown_invoices(self) -> tuple[int, int]:
        """Invoices of linked customers, and how many of them have a row in the CRM that was acknowledged or seen."""
        linked = select(1).where(_l.stripe_account == self._account, _l.stripe_id == _f.customer).exists()
        there = select(1).where(_r.sobject == "Billing_Invoice__c", _r.key == _f.id, _r.hash.is_not(None)).exists()
        counted = select(func.count(), func.count().filter(there)).where(self._of("invoice"), ~_f.deleted, linked)
        with self._engine.begin() as connection:
            wanted, shown = connection.execute(counted).one()
        return int(wanted), int(shown)

    def _of(self, kind: str) -> Any:
        return (_f.stripe_account == self._account) & (_f.kind == kind)


def _begins(prefix: str) -> Any:
    return func.starts_with(cursors.c.name, cast(literal(prefix), String))


def _put(connection: Connection, progress: Mapping[str, Mapping[str, object]]) -> None:
    for name, value in sorted(progress.items()):
        moved = {"value": dict(value), "moved_machine_at": machine_now()}
        store = insert(cursors).values(name=name, **moved)
        connection.execute(store.on_conflict_do_update(index_elements=[cursors.c.name], set_=moved))


def _see(connection: Connection, found: Sequence[FoundRow]) -> None:
    """These rows are known to stand so; sent together."""
    here = (_r.sobject == bindparam("of_sobject")) & (_r.key == bindparam("of_key"))
    content = bindparam("stands", type_=_r.content.type)
    seen = crm_rows.update().where(here).values(hash=SEEN, salesforce_id=bindparam("id"), content=content)
    rows = [{"of_sobject": r.sobject, "of_key": r.key, "id": r.id, "stands": content_of(_as_row(r))} for r in found]
    if rows:
        connection.execute(seen, rows)


def _as_row(row: FoundRow) -> CrmRow:
    key_field = "Id" if row.key == row.id else "Billing_Key__c"
    parents = {
        relation: ("Billing_Invoice__c" if relation == "Billing_Invoice__r" else "Billing_Subscription__c", "Billing_Key__c", key)
        for relation, key in row.parents.items()
    }  # fmt: skip
    group = str(row.fields.get("Account__c") or (row.id if row.sobject == "Account" else row.key))
    return CrmRow(row.sobject, key_field, row.key, row.fields, group, parents)
