"""The port `Outbox`: rows on their way to Salesforce, one flusher at a time, and what Salesforce last acknowledged."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Engine, Text, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

from sync.clock import Deadline
from sync.crm import CrmRow
from sync.ports import Announce, Flush, OutRow, RowResult
from sync.ports.outbox import RefusedRows
from sync.store import flush_claim, flush_results, leases, outbox_follow, outbox_put
from sync.store.backoff import Backoff
from sync.store.crm_content import row_from
from sync.store.tables import crm_rows, crm_writes

BURST_ROWS = 1000
CALLS_A_COMPOSITE = 5


class StoredOutbox:
    """`sync.ports.Outbox` in PostgreSQL, for one org. Durations are seconds of machine time.

    Flushes start at least ``flush_every_s`` apart (0 in a drain), or at once when 1,000 rows may go: few calls, each full.
    A flush never holds more than one Composite carries: ``calls_per_flush`` calls of 200 rows of one object each.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        org: str = "",
        lease_s: float = leases.LEASE_S,
        call_deadline_s: float = leases.CALL_DEADLINE_S,
        flush_every_s: float = 10.0,
        calls_per_flush: int = CALLS_A_COMPOSITE,
        backoff: Backoff | None = None,
        backoff_cap_s: float | None = None,
    ) -> None:
        leases.check_durations(lease_s, call_deadline_s)
        self._engine = engine
        self._org = org
        self._backoff = backoff or Backoff(cap_s=backoff_cap_s)
        self._pace = flush_claim.Pace(lease_s, call_deadline_s, flush_every_s, BURST_ROWS, calls_per_flush)
        self._announce: Announce | None = None

    def announcing(self, announce: Announce) -> StoredOutbox:
        """The same outbox, in which whatever is put with it also tells of the rows that begin to stand open."""
        other = copy.copy(self)
        other._announce = announce
        return other

    def put(self, rows: Iterable[CrmRow], fence: int) -> int:
        wanted = list(rows)
        told = self._announce(wanted) if self._announce else {}
        with self._engine.begin() as connection:
            return outbox_put.put(connection, wanted, fence, told)

    def claim_flush(self, limit: int = 1000) -> Flush | None:
        # Begun before the store's own: whoever finds the wire free in the store knows that this one is past its end.
        deadline = Deadline(self._pace.call_deadline_s)
        with self._engine.begin() as connection:
            return flush_claim.claim(connection, self._org, limit, self._pace, deadline)

    def finish_flush(self, flush: Flush, results: Mapping[int, RowResult], *, request_id: str | None) -> None:
        with self._engine.begin() as connection:
            flush_results.finish(connection, self._org, flush, results, request_id=request_id, backoff=self._backoff)

    def abandon_flush(self, flush: Flush, *, code: str, message: str, after_s: float | None, unknown: bool) -> None:
        """As the port says. With ``after_s`` no flush of any rows starts before; with ``unknown`` none before the call's deadline."""
        with self._engine.begin() as connection:
            flush_results.abandon(
                connection,
                self._org,
                flush,
                code=code,
                message=message,
                after_s=after_s,
                unknown=unknown,
                backoff=self._backoff,
            )

    def waiting(self) -> tuple[int, float | None]:
        """As the port says. Rows that only wait for a parent which needs a person count, but never give a time."""
        with self._engine.begin() as connection:
            return flush_claim.waiting_in_s(connection, self._org, self._pace)

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._engine.begin() as connection:
            names = sorted(set(keys))
            outbox_put.lock_rows(connection, names)
            outbox_put.forget(connection, names)

    def drop(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._engine.begin() as connection:
            names = sorted(set(keys))
            outbox_put.lock_rows(connection, names)
            outbox_put.not_there(connection, names)
            same = tuple_(crm_writes.c.sobject, crm_writes.c.key).in_(names)
            connection.execute(delete(crm_writes).where(same, crm_writes.c.state != "sent"))

    def followed(self, loser: str, winner: str) -> int:
        with self._engine.begin() as connection:
            return outbox_follow.followed(connection, loser, winner)

    def retry_failed(self, code: str | None = None) -> int:
        wanted = crm_writes.c.state == "failed"
        return self._retry(wanted if code is None else wanted & (crm_writes.c.error_code == code))

    def retry_gone(self, groups: Iterable[str]) -> int:
        gone = (crm_writes.c.state == "failed") & (crm_writes.c.error_code == flush_results.GONE_CODE)
        return self._retry(gone & crm_writes.c.group.in_(list(groups)))

    def _retry(self, wanted: ColumnElement[bool]) -> int:
        with self._engine.begin() as connection:
            names = connection.execute(select(crm_writes.c.sobject, crm_writes.c.key).where(wanted)).all()
            outbox_put.lock_rows(connection, [(row.sobject, row.key) for row in names])
            changed = update(crm_writes).where(wanted).values(dict(outbox_put.FRESH)).returning(crm_writes.c.id)
            return len(connection.execute(changed).all())

    def children(self, object_: str, relationship: str, parents: Iterable[str]) -> Sequence[CrmRow]:
        found: dict[str, CrmRow] = {}
        with self._engine.begin() as connection:
            for table in (crm_rows, crm_writes):  # what waits says more than what stands
                parent = table.c.content[("parents", relationship, "2")].astext
                rows = select(table.c.key, table.c.content).where(table.c.sobject == object_, parent.in_(list(parents)))
                found |= {row.key: row_from(object_, row.key, row.content) for row in connection.execute(rows)}
        return [found[key] for key in sorted(found)]

    def standing(self, object_: str, keys: Iterable[str]) -> Sequence[CrmRow]:
        found: dict[str, CrmRow] = {}
        wanted = list(keys)
        with self._engine.begin() as connection:
            for table in (crm_rows, crm_writes):  # what waits says more than what stands
                mine = table.c.key == func.any(literal(wanted, ARRAY(Text)))  # one parameter, however many keys
                rows = select(table.c.key, table.c.content).where(table.c.sobject == object_, mine)
                found |= {
                    row.key: row_from(object_, row.key, row.content) for row in connection.execute(rows) if row.content
                }
        return [found[key] for key in sorted(found)]

    def salesforce_ids(self, object_: str, keys: Iterable[str]) -> Mapping[str, str]:
        c = crm_rows.c
        known = select(c.key, c.salesforce_id).where(
            c.sobject == object_, c.key.in_(list(keys)), c.salesforce_id.is_not(None)
        )
        with self._engine.begin() as connection:
            return {row.key: row.salesforce_id for row in connection.execute(known)}

    def refused(self, code: str | None = None) -> Sequence[RefusedRows]:
        w = crm_writes.c
        wanted = w.state == "failed" if code is None else (w.state == "failed") & (w.error_code == code)
        many = func.count().label("many")
        groups = (
            select(w.error_code, w.sobject, many, func.min(w.error_message).label("message"))
            .where(wanted)
            .group_by(w.error_code, w.sobject)
            .order_by(many.desc(), w.error_code, w.sobject)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(groups).all()
        return [RefusedRows(row.error_code or "", row.sobject, row.many, row.message or "") for row in rows]

    def failed_rows(self) -> Sequence[tuple[OutRow, str, str]]:
        failed = select(crm_writes).where(crm_writes.c.state == "failed").order_by(crm_writes.c.id)
        with self._engine.begin() as connection:
            return [
                (
                    OutRow(row.id, row_from(row.sobject, row.key, row.content), row.hash, row.fence, row.attempts),
                    row.error_code or "",
                    row.error_message or "",
                )
                for row in connection.execute(failed)
            ]
