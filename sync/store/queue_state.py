"""Looking at the queue: one subject, the failures, the counts. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from sync.ports import Failing, Lane, QueueCounts, SubjectState
from sync.store import claims, inbox
from sync.store.marks import QUOTE
from sync.store.references import number_of, reference_of
from sync.store.sql import machine_now, seconds_until
from sync.store.tables import LANES, subjects, units

_s = subjects.c
_PENDING = _s.revision > _s.done_revision
_FAILED = _s.failed_at.is_not(None) & (_s.revision == _s.done_revision)
_FAILED_BY_CODE = (
    select(_s.error_code, func.count().label("n")).where(_FAILED).group_by(_s.error_code).order_by(_s.error_code)
)
_FAILING = (
    select(
        _s.error_code, _s.currency, func.count().label("many"), func.sum(_s.sum_minor).label("total"),
        func.min(_s.failed_at).label("oldest"),
    ).where(_FAILED).group_by(_s.error_code, _s.currency).order_by(_s.error_code, _s.currency)
)  # fmt: skip
_NEXT_WAKE = select(func.min(_s.wake_at)).where(_s.wake_at > bindparam("now"))


def state(connection: Connection, key: str, account: str = "") -> SubjectState | None:
    """One subject of this Stripe account as it stands, a quote of any; None when it was never heard of."""
    mine = (_s.stripe_account == account) | _s.key.startswith(QUOTE)
    row = connection.execute(select(subjects).where(_s.key == key, mine)).one_or_none()
    return _state(row) if row else None


def states(connection: Connection, keys: list[str]) -> dict[str, SubjectState]:
    """These subjects as they stand, by key; those never heard of are absent."""
    rows = connection.execute(select(subjects).where(_s.key.in_(keys)))
    return {row.key: _state(row) for row in rows}


def by_reference(connection: Connection, reference: str) -> SubjectState | None:
    """The subject with this reference, or None."""
    number = number_of(reference)
    if number is None:
        return None
    row = connection.execute(select(subjects).where(_s.number == number)).one_or_none()
    return _state(row) if row else None


def failures(
    connection: Connection, *, code: str | None, keys: Sequence[str], since: datetime | None, limit: int | None = None
) -> list[SubjectState]:
    """Failed subjects that are not due again already."""
    wanted = select(subjects).where(_FAILED)
    if code is not None:
        wanted = wanted.where(_s.error_code == code)
    if since is not None:
        wanted = wanted.where(_s.failed_at >= since)
    if keys:
        numbers = [number for key in keys if (number := number_of(key)) is not None]
        wanted = wanted.where(or_(_s.key.in_(keys), _s.number.in_(numbers)))
    return [_state(row) for row in connection.execute(wanted.order_by(_s.failed_at, _s.key).limit(limit))]


def failing(connection: Connection) -> list[Failing]:
    """Failed subjects that are not due again already, a row a code: the most first."""
    found: dict[str, Failing] = {}
    for row in connection.execute(_FAILING):
        code, before = row.error_code or "BUG-502", found.get(row.error_code or "BUG-502")
        sums = dict(before.sums) if before else {}
        if row.currency and row.total is not None:
            sums[row.currency.upper()] = sums.get(row.currency.upper(), 0) + int(row.total)
        oldest = min(row.oldest, before.oldest) if before and before.oldest else row.oldest
        found[code] = Failing(code, row.many + (before.many if before else 0), dict(sorted(sums.items())), oldest)
    return sorted(found.values(), key=lambda one: (-one.many, one.code))


def counts(connection: Connection, now: datetime) -> QueueCounts:
    """As `sync.ports.QueueCounts` says; ``now`` is business time. A subject whose wake has come counts as due, marked or not."""
    totals = connection.execute(_totals()).one()
    return QueueCounts(
        due=_due_by_lane(connection, now),
        retrying=totals.retrying,
        next_retry_in_s=max(0.0, totals.next_retry_in_s) if totals.retrying else None,
        leased=totals.leased,
        settling=totals.settling,
        failed=_failed_by_code(connection),
        next_wake_at=connection.scalar(_NEXT_WAKE, {"now": now}),
        notices=inbox.waiting(connection),
    )


@lru_cache(maxsize=1)
def _totals() -> Select[Any]:
    free = ~_leased()
    retrying = _PENDING & free & (_s.retry_machine_at > machine_now())
    settling = _PENDING & free & _s.retry_machine_at.is_(None) & (_s.ready_machine_at > machine_now())
    return select(
        func.count().filter(retrying).label("retrying"),
        seconds_until(func.min(_s.retry_machine_at).filter(retrying)).label("next_retry_in_s"),
        func.count().filter(_leased()).label("leased"),
        func.count().filter(settling).label("settling"),
    ).where(_PENDING | _s.lease_token.is_not(None))


def by_account(connection: Connection) -> Mapping[str, tuple[int, int]]:
    """(due or retrying, failed) by Stripe account; accounts of which nothing was ever said are absent."""
    wanted = select(
        _s.stripe_account, func.count().filter(_PENDING).label("open"), func.count().filter(_FAILED).label("failed")
    )
    rows = connection.execute(wanted.group_by(_s.stripe_account))
    return {row.stripe_account: (row.open, row.failed) for row in rows}


def oldest_due_s(connection: Connection) -> Mapping[Lane, float]:
    """Machine seconds since the oldest claimable subject of each lane became ready."""
    age = func.date_part("epoch", machine_now() - func.min(_s.ready_machine_at))
    rows = connection.execute(select(_s.lane, age.label("age")).where(claims.claimable()).group_by(_s.lane))
    return {cast("Lane", row.lane): float(row.age) for row in rows}


def _leased() -> ColumnElement[bool]:
    return _s.lease_token.is_not(None) & (_s.lease_until_machine_at > machine_now())


def _due_by_lane(connection: Connection, now: datetime) -> dict[str, int]:
    """What can run now. A deal whose unit is being worked on can't, and is not counted: it is behind what is leased."""
    found = {row.lane: row.n for row in connection.execute(_can_run(), {"now": now})}
    return {lane: found.get(lane, 0) for lane in LANES}


@lru_cache(maxsize=1)
def _can_run() -> Select[Any]:
    busy = select(1).where(units.c.unit == _s.unit, ~claims.unit_free()).exists()
    claimable = claims.claimable() & ((_s.lane == "mirror") | ~busy)
    woken = ~_PENDING & (_s.wake_at <= bindparam("now")) & ~_leased()
    return select(_s.lane, func.count().label("n")).where(claimable | woken).group_by(_s.lane)


def _failed_by_code(connection: Connection) -> dict[str, int]:
    return {str(row.error_code): row.n for row in connection.execute(_FAILED_BY_CODE)}


def _state(row: Row[Any]) -> SubjectState:
    return SubjectState(
        key=row.key,
        lane=row.lane,
        unit=row.unit,
        revision=row.revision,
        done_revision=row.done_revision,
        attempts=row.attempts,
        error_code=row.error_code,
        error_message=row.error_message,
        blocked_on=tuple(row.blocked_on),
        sum_minor=row.sum_minor,
        currency=row.currency,
        wake_at=row.wake_at,
        retry_machine_at=row.retry_machine_at,
        failed_at=row.failed_at,
        reference=reference_of(row.number),
        stripe_account=row.stripe_account,
    )
