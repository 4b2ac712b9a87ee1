"""Runs and their operations: the audit and the timeline of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync.ports.knowledge import NewLink
from sync.ports.queue import Claim
from sync.records import Operation, Ref, Sent


@dataclass(frozen=True)
class OpState:
    """One row of `operations`. ``state``: planned sent done failed unknown. ``answered``: for unknown, whether a 5xx
    came.
    """

    id: int
    run_id: int
    ref: Ref
    verb: str
    action: str
    revision: int
    key: str
    payload_hash: str
    state: str
    answered: bool
    first_sent_at: datetime | None  # business time, for the 24 h of idempotency keys
    remote_id: str | None
    error_code: str | None
    request_id: str | None


class Ledger(Protocol):
    """Runs and their operations, each written before it is sent: the audit and the timeline of a record."""

    def open_run(
        self, *, claim: Claim, subject: str, trigger: str, as_of: datetime, digest: str, plan: Mapping[str, object]
    ) -> int: ...

    def last(self, ref: Ref, verb: str, action: str, payload_hash: str) -> OpState | None:
        """The newest operation on this object with this verb, action and content, whatever run it was in."""

    def revision(self, ref: Ref) -> int:
        """The highest revision used for this ref, 0 if none."""

    def plan_operation(self, run_id: int, operation: Operation, *, revision: int, key: str, payload_hash: str) -> int:
        """Write the operation as planned; returns its id. BUG-501 (Unsafe) when the key exists with another payload
        hash.
        """

    def sent(self, op_id: int, claim: Claim, *, now: datetime) -> None:
        """Mark it sent and renew the unit's lease, in one transaction; LeaseLost when the token is stale."""

    def done(self, op_id: int, claim: Claim, sent: Sent, *, link: NewLink | None) -> None:
        """Mark it done and store the link, in one transaction, conditional on the token (LeaseLost leaves it `sent`)."""

    def failed(self, op_id: int, *, code: str, message: str, request_id: str | None) -> None: ...

    def unknown(self, op_id: int, *, answered: bool, code: str, message: str, request_id: str | None) -> None: ...

    def adopted(self, op_id: int, remote_id: str) -> None:
        """A `sent` or `unknown` operation was found to have taken effect: done, by looking."""

    def close_run(
        self, run_id: int, *, outcome: str, error_code: str | None = None, crm_request_id: str | None = None
    ) -> None: ...

    def open_operations(self, refs: Iterable[Ref]) -> Sequence[OpState]:
        """Those of these refs that are `sent` or `unknown`."""

    def timeline(self, subject_or_id: str, limit: int = 200) -> Sequence[Mapping[str, object]]:
        """Runs and operations touching a subject key, Salesforce id, Stripe id or reference, newest first."""
