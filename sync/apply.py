"""The only code that writes to Stripe: one operation after the other, each written to the ledger before it is sent
(DESIGN 3, 4).

There is no resume code: a run that died is run again, its plan is what is left, and the ledger says under which key a
step may be repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from sync.clock import Clock
from sync.desired.keys import OF_PLAN
from sync.errors import OutcomeUnknown, SyncError, Terminal, Transient, Unsafe
from sync.ports import Claim, Ledger, NewLink, OpState, StripeGateway
from sync.records import Operation, Ref, Sent, Value, Verb

log = structlog.get_logger()

#: Stripe remembers an idempotency key at least this long (reference: Stripe, Idempotent requests).
KEY_LIFE = timedelta(hours=24)
#: Answers after which nothing was executed: the same key is right (DESIGN 4, outcome rules).
NOT_EXECUTED = frozenset({"TEMP-401", "TEMP-402"})
#: Kinds whose Stripe id is kept as a link of ours.
LINKED = frozenset({"customer", "schedule", "subscription", "invoice", "product"})


@dataclass(frozen=True)
class Applied:
    """What an apply did: the Stripe id of every object by our key, and the answers in order."""

    ids: Mapping[Ref, str]
    sent: Sequence[tuple[Operation, Sent]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Writer:
    """Everything an apply needs of the outside."""

    stripe: StripeGateway
    ledger: Ledger
    clock: Clock
    installation: tuple[str, int]

    def apply(
        self,
        operations: Sequence[Operation],
        *,
        claim: Claim,
        run_id: int,
        known: Mapping[Ref, str],
        salesforce_ids: Mapping[Ref, str],
    ) -> Applied:
        """Every operation has taken effect, in order, each recorded with its request id and linked.

        ``known`` are Stripe ids of objects that exist already; ``salesforce_ids`` are kept in the links. Raises the
        first
        failure (Transient, OutcomeUnknown, Terminal, Unsafe) after recording it; what was done before it stays done.
        """
        ids = dict(known)
        sent: list[tuple[Operation, Sent]] = []
        for operation in operations:
            answer = self._send(
                operation, ids, claim=claim, run_id=run_id, salesforce_id=salesforce_ids.get(operation.ref, "")
            )
            ids[operation.ref] = answer.remote_id
            sent.append((operation, answer))
        return Applied(ids, tuple(sent))

    def _send(
        self, operation: Operation, ids: Mapping[Ref, str], *, claim: Claim, run_id: int, salesforce_id: str
    ) -> Sent:
        digest = payload_hash(operation)
        last = self.ledger.last(operation.ref, operation.verb, operation.action, digest)
        now = self.clock.now()
        revision = next_revision(last, self.ledger.revision(operation.ref), now)
        key = idempotency_key(operation, revision, self.installation)
        op_id = self.ledger.plan_operation(run_id, operation, revision=revision, key=key, payload_hash=digest)
        payload = resolve(operation.payload, ids)
        assert isinstance(payload, Mapping)
        self.ledger.sent(op_id, claim, now=now)
        try:
            answer = self.stripe.send(operation, payload, key)
        except OutcomeUnknown as error:
            self.ledger.unknown(
                op_id, answered=error.answered, code=error.code, message=error.message, request_id=error.request_id
            )
            raise
        except (Transient, Terminal, Unsafe) as error:
            self._record_failure(op_id, error)
            raise
        self.ledger.done(op_id, claim, answer, link=self._link(operation, answer, salesforce_id))
        log.info(
            "operation_applied", ref=str(operation.ref), verb=str(operation.verb), action=operation.action or None,
            stripe_id=answer.remote_id, stripe_request_id=answer.request_id, salesforce_id=salesforce_id or None,
            idempotency_key=key, replayed=answer.replayed,
        )  # fmt: skip
        return answer

    def _record_failure(self, op_id: int, error: SyncError) -> None:
        request_id = error.request_id if isinstance(error, Terminal) else None
        self.ledger.failed(op_id, code=error.code, message=error.message, request_id=request_id)

    def _link(self, operation: Operation, answer: Sent, salesforce_id: str) -> NewLink | None:
        if operation.ref.kind not in LINKED or operation.verb is Verb.ACT or OF_PLAN in operation.ref.key:
            return None  # a plan that a deal takes over was made by somebody else, and stays what it is
        return NewLink(
            key=str(operation.ref), salesforce_id=salesforce_id, stripe_kind=operation.ref.kind, stripe_id=answer.remote_id,
            livemode=self.stripe.livemode,
        )  # fmt: skip


def next_revision(last: OpState | None, highest: int, now: datetime) -> int:
    """Which revision the next sending of this very operation carries (DESIGN 4, outcome rules).

    The caller has looked: the object is not there (else there would be no operation). So a lost answer keeps its
    revision, and with it its key, only while Stripe still remembers the key and nothing else was asked of the object
    since; an answer of any kind but 409 or 429 ends it.
    """
    if last is None or last.state == "done":
        return highest + 1
    if last.state == "failed":
        return last.revision if last.error_code in NOT_EXECUTED else highest + 1
    if last.state == "planned":
        return last.revision
    within = last.first_sent_at is not None and now - last.first_sent_at < KEY_LIFE
    # 3 (lost), 4, 3 again: under its old key the last would be answered with the first one's answer, and 4 would stay.
    newest = last.revision == highest
    return last.revision if within and newest and not last.answered else highest + 1


def idempotency_key(operation: Operation, revision: int, installation: tuple[str, int]) -> str:
    """Stripe's Idempotency-Key: never of the content alone, which would swallow 3, 4, 3, 4 within a day (DESIGN 8.1)."""
    parts = [operation.verb, operation.action, str(operation.ref), str(revision), installation[0], str(installation[1])]
    return "tdm-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]


def payload_hash(operation: Operation) -> str:
    """Hash of what would be sent, with our keys in place of Stripe ids, so that it is the same before and after an
    object exists.
    """
    body = json.dumps(plain(operation.payload), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(f"{operation.remote_id}\n{body}".encode()).hexdigest()


def plain(value: Value) -> object:
    """``value`` as JSON types: Refs as text, Decimals in plain notation."""
    if isinstance(value, Ref):
        return f"@{value}"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(v) for v in value]
    return value


def resolve(value: Value, ids: Mapping[Ref, str]) -> object:
    """``value`` with every Ref replaced by its Stripe id. A Ref without one is a fault in the order of the plan:
    BUG-502.
    """
    if isinstance(value, Ref):
        if value not in ids:
            raise Terminal(
                "BUG-502", f"The plan uses {value} before it exists; this deal is set aside and nothing more was sent."
            )
        return ids[value]
    if isinstance(value, Mapping):
        return {k: resolve(v, ids) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [resolve(v, ids) for v in value]
    return value
