"""Claiming what is due: a unit with all its due subjects, or a batch of subjects whatever their unit.

Idle workers and each step of a drain ask this, mostly for nothing, so statements are made once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.sql.elements import ColumnElement

from sync.ports import Claim, Due, Lane
from sync.store.sql import in_seconds, machine_now
from sync.store.tables import fences, subjects, units

_NEXT_TOKEN = select(fences.next_value())
_HELD = ("key", "revision", "attempts", "hint_created_s", "error_code")


def claimable() -> ColumnElement[bool]:
    """Pending, settled, past its back-off, and held by nobody whose lease still runs."""
    s = subjects.c
    free = s.lease_until_machine_at.is_(None) | (s.lease_until_machine_at <= machine_now())
    return (s.revision > s.done_revision) & (s.ready_machine_at <= machine_now()) & free


def unit_free() -> ColumnElement[bool]:
    """The unit is held by nobody whose lease still runs."""
    return units.c.lease_until_machine_at.is_(None) | (units.c.lease_until_machine_at <= machine_now())


def claim_unit(connection: Connection, lane: Lane, lease_s: float, unit: str | None, account: str = "") -> Claim | None:
    """Lease the unit due longest on this Stripe account; None when every unit with something due in this lane is busy, or none is due.

    The unit that looked due may have been finished by another between our look and our lock: then the next one is tried.
    """
    passed_over: list[str] = []
    while (chosen := connection.scalar(_longest_due(lane, account, unit, tuple(passed_over)))) is not None:
        rows = connection.execute(_due_of_unit(), {"chosen": chosen, "of_lane": lane, "on": account}).all()
        if rows:
            token = next_token(connection)
            lease = {"lease_token": token, "lease_until_machine_at": in_seconds(lease_s)}
            connection.execute(update(units).where(units.c.unit == chosen).values(lease))
            return Claim(lane, chosen, token, _hold(connection, token, [row.number for row in rows], lease_s))
        passed_over.append(chosen)
    return None


def with_company(
    connection: Connection, claim: Claim, kind: str, limit: int, lease_s: float, account: str = ""
) -> Claim:
    """The claim with up to ``limit`` more free units of its lane in which nothing but subjects of ``kind`` is due, all on
    this Stripe account.
    """
    units_ = list(dict.fromkeys(connection.scalars(_with_only(claim.lane, f"{kind}:", limit, account))))
    if not units_:
        return claim
    s = subjects.c
    mine = s.unit.in_(units_) & (s.lane == claim.lane) & (s.stripe_account == account) & claimable()
    rows = connection.execute(select(s.key, s.number).where(mine).order_by(s.key).with_for_update()).all()
    if not rows or not all(row.key.startswith(f"{kind}:") for row in rows):
        return claim  # something else became due since: whoever asks next finds it
    lease = {"lease_token": claim.token, "lease_until_machine_at": in_seconds(lease_s)}
    connection.execute(update(units).where(units.c.unit.in_(units_)).values(lease))
    more = _hold(connection, claim.token, [row.number for row in rows], lease_s)
    return replace(claim, subjects=(*claim.subjects, *more), others=(*claim.others, *units_))


def _with_only(lane: Lane, prefix: str, limit: int, account: str) -> Select[Any]:
    s, other = subjects.c, subjects.alias("other")
    something_else = (
        select(1)
        .where(
            other.c.unit == units.c.unit, other.c.lane == lane, other.c.revision > other.c.done_revision,
            (other.c.stripe_account != account) | ~other.c.key.startswith(prefix, autoescape=True),
        )
        .exists()
    )  # fmt: skip
    return (
        select(units.c.unit)
        .join(subjects, s.unit == units.c.unit)
        .where(s.lane == lane, s.stripe_account == account, s.key.startswith(prefix, autoescape=True))
        .where(claimable(), unit_free(), ~something_else)
        .order_by(s.ready_machine_at)
        .limit(limit)
        .with_for_update(of=units, skip_locked=True, key_share=True)
    )


def claim_batch(connection: Connection, lane: Lane, limit: int, lease_s: float, account: str = "") -> Claim | None:
    """Lease up to ``limit`` subjects due on this Stripe account, those due longest first; None when none is due."""
    rows = connection.execute(_due_longest_first(lane, account, limit)).all()
    if not rows:
        return None
    token = next_token(connection)
    return Claim(lane, "", token, _hold(connection, token, [row.number for row in rows], lease_s))


@lru_cache(maxsize=32)
def _due_longest_first(lane: Lane, account: str, limit: int) -> Select[Any]:
    return (
        select(subjects.c.number)
        .where(subjects.c.lane == lane, subjects.c.stripe_account == account, claimable())
        .order_by(subjects.c.ready_machine_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


@lru_cache(maxsize=1)
def _due_of_unit() -> Select[Any]:
    return (
        select(subjects.c.number)
        .where(subjects.c.unit == bindparam("chosen"), subjects.c.lane == bindparam("of_lane"))
        .where(subjects.c.stripe_account == bindparam("on"), claimable())
        .order_by(subjects.c.key)
        .with_for_update()
    )


@lru_cache(maxsize=32)
def _longest_due(lane: Lane, account: str, unit: str | None, passed_over: tuple[str, ...]) -> Select[Any]:
    wanted = (
        select(units.c.unit)
        .join(subjects, subjects.c.unit == units.c.unit)
        .where(subjects.c.lane == lane, subjects.c.stripe_account == account, claimable(), unit_free())
        .order_by(subjects.c.ready_machine_at)
        .limit(1)
        .with_for_update(of=units, skip_locked=True, key_share=True)
    )
    if unit is not None:
        wanted = wanted.where(units.c.unit == unit)
    return wanted.where(units.c.unit.not_in(passed_over)) if passed_over else wanted


def next_token(connection: Connection) -> int:
    """A fence newer than every other."""
    return int(connection.scalar(_NEXT_TOKEN) or 0)


def _hold(connection: Connection, token: int, numbers: list[int], lease_s: float) -> tuple[Due, ...]:
    """Lease these locked subjects; the try is counted before anything is called."""
    rows = connection.execute(_leased(lease_s), {"numbers": numbers, "token": token})
    return tuple(_due(row) for row in sorted(rows, key=lambda row: str(row.key)))


@lru_cache(maxsize=8)
def _leased(lease_s: float) -> ReturningUpdate[Any]:
    s = subjects.c
    return (
        update(subjects)
        .where(s.number == func.any(bindparam("numbers", type_=ARRAY(BigInteger))))
        .values(
            attempts=s.attempts + 1,
            lease_token=bindparam("token"),
            lease_revision=s.revision,
            lease_until_machine_at=in_seconds(lease_s),
        )
        .returning(*(subjects.c[name] for name in _HELD))
    )


def _due(row: Row[Any]) -> Due:
    return Due(row.key, row.revision, row.attempts, row.hint_created_s, row.error_code)
