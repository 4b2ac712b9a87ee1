"""The port `Subjects`: notices come in, subjects fall due, claims lease them, outcomes close them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy import Engine

from sync.errors import LeaseLost
from sync.ports import Claim, Failing, Lane, Mark, NewNotice, Notice, Outcome, QueueCounts, SubjectState
from sync.store import claims, inbox, joining, leases, marks, outcomes, queue_state, unit_merge
from sync.store.backoff import Backoff

_log = structlog.get_logger(__name__)


class StoredSubjects:
    """`sync.ports.Subjects` in PostgreSQL.

    ``now`` gives business time (it stamps failures); every duration is seconds of machine time. ``lease_s`` must outlast ``call_deadline_s``.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], datetime],
        lease_s: float = leases.LEASE_S,
        call_deadline_s: float = leases.CALL_DEADLINE_S,
        settle_max_s: float = 5.0,
        backoff: Backoff | None = None,
        backoff_cap_s: float | None = None,
        stripe_account: str = "",
        stripe_accounts: Sequence[str] = ("",),
    ) -> None:
        """Claims and marks what is due on ``stripe_account`` ('' for the one that the store began with), of ``stripe_accounts``."""
        leases.check_durations(lease_s, call_deadline_s)
        self._engine = engine
        self._account, self._accounts = stripe_account, tuple(stripe_accounts)
        self._now = now
        self._lease_s = lease_s
        self._settle_max_s = settle_max_s
        self._backoff = backoff or Backoff(cap_s=backoff_cap_s)

    # ---------------------------------------------------------------- coming in

    def add_notices(self, notices: Sequence[NewNotice]) -> int:
        with self._engine.begin() as connection:
            return inbox.add(connection, notices)

    def intake(self, route: Callable[[Notice], Iterable[Mark]], limit: int = 500) -> int:
        """As the port says. A notice that ``route`` can make no sense of is kept with the reason in ``notices.fault`` and holds up no other."""
        with self._engine.begin() as connection:
            taken = inbox.take(connection, limit)
            if not taken:
                return 0
            wanted, faults = _routed(taken, route)
            marks.raise_due(connection, self._placed(wanted), reason="notice", settle_max_s=self._settle_max_s)
            inbox.processed(connection, [notice.id for notice in taken], faults)
            return len(taken)

    def mark(self, marks_: Iterable[Mark], *, reason: str) -> int:
        with self._engine.begin() as connection:
            return marks.raise_due(connection, self._placed(marks_), reason=reason, settle_max_s=self._settle_max_s)

    def wake_due(self, now: datetime) -> int:
        with self._engine.begin() as connection:
            return marks.raise_where_woken(connection, now)

    def wake(self, mark: Mark, at: datetime) -> None:
        with self._engine.begin() as connection:
            for one in self._placed([mark]):
                marks.set_wake(connection, one, at)

    def mark_blocked_on(self, record_ids: Iterable[str], *, reason: str) -> int:
        with self._engine.begin() as connection:
            return marks.raise_where_blocked_on(connection, list(record_ids), reason)

    def _placed(self, marks_: Iterable[Mark]) -> list[Mark]:
        return marks.placed(marks_, self._account, self._accounts)

    # ---------------------------------------------------------------- holding

    def claim_unit(self, lane: Lane, unit: str | None = None) -> Claim | None:
        """As the port says; ``unit`` asks for that one only."""
        with self._engine.begin() as connection:
            return claims.claim_unit(connection, lane, self._lease_s, unit, self._account)

    def with_company(self, claim: Claim, kind: str, limit: int) -> Claim:
        with self._engine.begin() as connection:
            leases.confirm(connection, claim)
            return claims.with_company(connection, claim, kind, limit, self._lease_s, self._account)

    def claim_batch(self, lane: Lane, limit: int = 200) -> Claim | None:
        with self._engine.begin() as connection:
            return claims.claim_batch(connection, lane, limit, self._lease_s, self._account)

    def renew(self, claim: Claim) -> None:
        with self._engine.begin() as connection:
            leases.renew(connection, claim, self._lease_s)

    def finish(self, claim: Claim, outcomes_: Mapping[str, Outcome]) -> None:
        with self._engine.begin() as connection:
            leases.confirm(connection, claim)
            outcomes.record(connection, claim, outcomes_, backoff=self._backoff, now=self._now())
            leases.let_go(connection, claim)

    def release(self, claim: Claim) -> None:
        with self._engine.begin() as connection:
            try:
                leases.confirm(connection, claim)
            except LeaseLost:
                # Whoever took it counts its own tries; there is nothing of ours left to give back.
                _log.info("lease_lost_before_release", unit=claim.unit, lane=claim.lane)
                return
            outcomes.give_back(connection, claim, [due.key for due in claim.subjects])
            leases.let_go(connection, claim)

    def hold(self, claim: Claim, units: Sequence[str]) -> tuple[Claim, frozenset[str]]:
        with self._engine.begin() as connection:
            return joining.hold(connection, claim, units, self._lease_s)

    def merge_units(self, into: str, other: str, *, claim: Claim | None = None) -> None:
        """All that belonged to unit ``other`` belongs to ``into``, now and later (a customer was linked to an account).

        Both are held in sorted order while it happens. Transient TEMP-402 when somebody other than ``claim`` works on either.
        """
        with self._engine.begin() as connection:
            unit_merge.merge(connection, into, other, token=claim.token if claim else None)

    def take_merged(self, into: str, other: str) -> Claim:
        with self._engine.begin() as connection:
            token = claims.next_token(connection)
            unit = unit_merge.take(connection, into, other, token=token, lease_s=self._lease_s)
            return Claim("deal", unit, token, ())

    # ---------------------------------------------------------------- looking

    def state(self, key: str) -> SubjectState | None:
        with self._engine.begin() as connection:
            return queue_state.state(connection, key, self._account)

    def by_reference(self, reference: str) -> SubjectState | None:
        """The subject that people know by this reference ("7F3K")."""
        with self._engine.begin() as connection:
            return queue_state.by_reference(connection, reference)

    def failures(
        self,
        *,
        code: str | None = None,
        keys: Sequence[str] = (),
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[SubjectState]:
        """Subjects that wait for a person, the longest standing first; ``keys`` may be keys or references, ``since`` is business time."""
        with self._engine.begin() as connection:
            return queue_state.failures(connection, code=code, keys=keys, since=since, limit=limit)

    def failing(self) -> Sequence[Failing]:
        with self._engine.begin() as connection:
            return queue_state.failing(connection)

    def counts(self, now: datetime) -> QueueCounts:
        with self._engine.begin() as connection:
            return queue_state.counts(connection, now)

    def by_account(self) -> Mapping[str, tuple[int, int]]:
        """Of each Stripe account, how much is not done and how much waits for a person."""
        with self._engine.begin() as connection:
            return queue_state.by_account(connection)

    def oldest_due_s(self) -> Mapping[Lane, float]:
        """Machine seconds that the oldest claimable subject of each lane has been ready; lanes with none are absent."""
        with self._engine.begin() as connection:
            return queue_state.oldest_due_s(connection)


def _routed(
    taken: Sequence[Notice], route: Callable[[Notice], Iterable[Mark]]
) -> tuple[list[Mark], list[tuple[int, str]]]:
    """The marks of all notices, and the notices that no sense could be made of, each with why."""
    wanted: list[Mark] = []
    faults: list[tuple[int, str]] = []
    for notice in taken:
        try:
            wanted += marks.checked(route(notice))
        except (LookupError, TypeError, ValueError, AttributeError) as fault:
            # What is wrong with the text of one notice must not stop the others; a store or vendor that fails must stop all.
            _log.exception(
                "notice_not_understood", notice_id=notice.id, type=notice.type, external_id=notice.external_id
            )
            faults.append((notice.id, f"{type(fault).__name__}: {fault}"))
    return wanted, faults
