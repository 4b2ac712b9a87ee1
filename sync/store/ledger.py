"""The port `Ledger`: runs, and every operation written before it is sent. Operations are never deleted: they are the audit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from sync.errors import Unsafe
from sync.ports import Claim, NewLink, OpState
from sync.records import Operation, Ref, Sent
from sync.store import leases, timeline
from sync.store.engine import storable
from sync.store.links import StoredLinks
from sync.store.sql import in_seconds, machine_now
from sync.store.tables import operations, runs

_o = operations.c
_OPEN = ("sent", "unknown")


class StoredLedger:
    """`sync.ports.Ledger` in PostgreSQL. ``links`` stores the link of a finished operation in the operation's own transaction."""

    def __init__(
        self,
        engine: Engine,
        links: StoredLinks,
        *,
        lease_s: float = leases.LEASE_S,
        call_deadline_s: float = leases.CALL_DEADLINE_S,
        stripe_account: str = "",
    ) -> None:
        """Of the operations of one Stripe account: '' for the one that the store began with, others by their ids."""
        leases.check_durations(lease_s, call_deadline_s)
        self._engine = engine
        self._links = links
        self._account = stripe_account
        self._lease_s = lease_s
        self._call_deadline_s = call_deadline_s

    # ---------------------------------------------------------------- runs

    def open_run(
        self, *, claim: Claim, subject: str, trigger: str, as_of: datetime, digest: str, plan: Mapping[str, object]
    ) -> int:
        row = {
            "subject": subject,
            "stripe_account": self._account,
            "unit": claim.unit,
            "lane": claim.lane,
            "token": claim.token,
            "trigger": trigger,
            "as_of_at": as_of,
            "digest": digest,
            "plan": dict(plan),
        }
        with self._engine.begin() as connection:
            return int(connection.execute(insert(runs).values(row).returning(runs.c.id)).scalar_one())

    def close_run(
        self, run_id: int, *, outcome: str, error_code: str | None = None, crm_request_id: str | None = None
    ) -> None:
        values = {
            "outcome": outcome,
            "error_code": error_code,
            "crm_request_id": func.coalesce(crm_request_id, runs.c.crm_request_id),
            "closed_machine_at": machine_now(),
        }
        with self._engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))

    # ---------------------------------------------------------------- operations

    def last(self, ref: Ref, verb: str, action: str, payload_hash: str) -> OpState | None:
        same = (self._of(ref)) & (_o.verb == verb) & (_o.action == action) & (_o.payload_hash == payload_hash)
        with self._engine.begin() as connection:
            row = connection.execute(select(operations).where(same).order_by(_o.id.desc()).limit(1)).one_or_none()
        return _op_state(row) if row else None

    def revision(self, ref: Ref) -> int:
        with self._engine.begin() as connection:
            return connection.scalar(select(func.max(_o.revision)).where(self._of(ref))) or 0

    def plan_operation(self, run_id: int, operation: Operation, *, revision: int, key: str, payload_hash: str) -> int:
        row = {
            "run_id": run_id,
            "stripe_account": self._account,
            "ref_kind": operation.ref.kind,
            "ref_key": operation.ref.key,
            "verb": str(operation.verb),
            "action": operation.action,
            "revision": revision,
            "key": key,
            "payload_hash": payload_hash,
            "payload": dict(operation.payload),
            "before": dict(operation.before),
            "remote_id": operation.remote_id,
        }
        with self._engine.begin() as connection:
            self._refuse_other_content(connection, key, payload_hash, operation.ref)
            return int(connection.execute(insert(operations).values(row).returning(_o.id)).scalar_one())

    def sent(self, op_id: int, claim: Claim, *, now: datetime) -> None:
        """As the port says. ``first_sent_at`` is when this *key* was first sent, in whatever row: Stripe remembers the key, not our row."""
        with self._engine.begin() as connection:
            leases.renew(connection, claim, self._lease_s)
            key = select(_o.key).where(_o.id == op_id).scalar_subquery()
            other = operations.alias("other")
            same = (other.c.key == key) & (other.c.stripe_account == self._account)
            first = select(func.min(other.c.first_sent_at)).where(same).scalar_subquery()
            values = {
                "state": "sent",
                "first_sent_at": func.coalesce(first, now),
                "sent_machine_at": machine_now(),
                "call_ends_machine_at": in_seconds(self._call_deadline_s),
            }
            if not _move(connection, op_id, ("planned", *_OPEN), values):
                raise Unsafe("BUG-501", "We were about to repeat a step that is closed already and stopped.")

    def done(self, op_id: int, claim: Claim, sent: Sent, *, link: NewLink | None) -> None:
        with self._engine.begin() as connection:
            leases.confirm(connection, claim)
            self._done(connection, op_id, sent.remote_id, request_id=sent.request_id, replayed=sent.replayed)
            if link is not None:
                self._links.add_on(connection, link)

    def adopted(self, op_id: int, remote_id: str) -> None:
        with self._engine.begin() as connection:
            self._done(connection, op_id, remote_id, request_id=None, replayed=False)

    def failed(self, op_id: int, *, code: str, message: str, request_id: str | None) -> None:
        with self._engine.begin() as connection:
            values = {"state": "failed", "closed_machine_at": machine_now(), **_error(code, message, request_id)}
            _move(connection, op_id, ("planned", *_OPEN), values)

    def unknown(self, op_id: int, *, answered: bool, code: str, message: str, request_id: str | None) -> None:
        with self._engine.begin() as connection:
            values = {"state": "unknown", "answered": answered, **_error(code, message, request_id)}
            _move(connection, op_id, ("planned", *_OPEN), values)

    def open_operations(self, refs: Iterable[Ref]) -> Sequence[OpState]:
        pairs = sorted({(ref.kind, ref.key) for ref in refs})
        if not pairs:
            return ()
        still_open = select(operations).where(
            _o.stripe_account == self._account, _o.state.in_(_OPEN), tuple_(_o.ref_kind, _o.ref_key).in_(pairs)
        )
        with self._engine.begin() as connection:
            return tuple(_op_state(row) for row in connection.execute(still_open.order_by(_o.id)))

    def timeline(self, subject_or_id: str, limit: int = 200) -> Sequence[Mapping[str, object]]:
        """As the port says: each row has ``what`` (run, operation), ``machine_at`` and the columns of its table that are not empty."""
        with self._engine.begin() as connection:
            return timeline.of(connection, subject_or_id, limit)

    # ---------------------------------------------------------------- of this Stripe account

    def _of(self, ref: Ref) -> Any:
        return (_o.ref_kind == ref.kind) & (_o.ref_key == ref.key) & (_o.stripe_account == self._account)

    def _keyed(self, key: Any) -> Any:
        """Stripe keeps idempotency keys for each account by itself."""
        return (_o.key == key) & (_o.stripe_account == self._account)

    def _refuse_other_content(self, connection: Connection, key: str, payload_hash: str, ref: Ref) -> None:
        """BUG-501 when this key was planned for other content. The lock makes two planners of one key look one after the other."""
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
        other = select(_o.id).where(self._keyed(key), _o.payload_hash != payload_hash).limit(1)
        if connection.scalar(other) is not None:
            raise Unsafe("BUG-501", f"We were about to repeat a step for {ref} with different content and stopped.")

    def _done(
        self, connection: Connection, op_id: int, remote_id: str, *, request_id: str | None, replayed: bool
    ) -> None:
        """The operation took effect. Earlier tries under the same key had that same effect, so they are closed with it."""
        values = {"state": "done", "remote_id": remote_id, "closed_machine_at": machine_now(), "error_code": None}
        own = {**values, "request_id": func.coalesce(request_id, _o.request_id), "replayed": replayed}
        _move(connection, op_id, ("planned", *_OPEN), own)
        key = select(_o.key).where(_o.id == op_id).scalar_subquery()
        earlier = update(operations).where(self._keyed(key), _o.id != op_id, _o.state.in_(_OPEN))
        connection.execute(earlier.values(values))


def _move(connection: Connection, op_id: int, states: tuple[str, ...], values: dict[str, Any]) -> bool:
    """Change the row if it is in one of ``states``; says whether it was. What is done or failed stays so: a late word undoes nothing."""
    moved = update(operations).where(_o.id == op_id, _o.state.in_(states)).values(values).returning(_o.id)
    return connection.scalar(moved) is not None


def _error(code: str, message: str, request_id: str | None) -> dict[str, Any]:
    return {
        "error_code": code,
        "error_message": storable(message),
        "request_id": func.coalesce(request_id, _o.request_id),
    }


def _op_state(row: Row[Any]) -> OpState:
    return OpState(
        id=row.id,
        run_id=row.run_id,
        ref=Ref(row.ref_kind, row.ref_key),
        verb=row.verb,
        action=row.action,
        revision=row.revision,
        key=row.key,
        payload_hash=row.payload_hash,
        state=row.state,
        answered=row.answered,
        first_sent_at=row.first_sent_at,
        remote_id=row.remote_id,
        error_code=row.error_code,
        request_id=row.request_id,
    )
