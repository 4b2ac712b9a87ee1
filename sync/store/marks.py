"""Making subjects due: revisions, settling, wakes. A mark says "look again", never what happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Text,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.sql.elements import ColumnElement

from sync.ports import EVERY, Mark
from sync.store.sql import machine_now, seconds, told
from sync.store.tables import LANES, subjects, units

_URGENCY = {lane: rank for rank, lane in enumerate(LANES)}
_s = subjects.c
#: Everybody locks subjects in this order: nobody waits in a circle.
IN_ORDER = (_s.key, _s.stripe_account)
#: A quote has one subject, on the Stripe account that bills it, so it is known by its key alone.
QUOTE = "quote:"
#: Asked by every step and every read of changes, mostly for nothing, so made once.
_WOKEN = select(_s.number).where(_s.wake_at <= bindparam("now")).order_by(*IN_ORDER).with_for_update()
_LOCKED = (
    select(_s.number)
    .where(_s.key == func.any(bindparam("keys", type_=ARRAY(Text))))
    .order_by(*IN_ORDER)
    .with_for_update()
)
_LIVING = (
    select(units.c.unit, units.c.merged_into)
    .where(units.c.unit == func.any(bindparam("units", type_=ARRAY(Text))))
    .order_by(units.c.unit)
    .with_for_update(read=True, key_share=True)
)
_BLOCKED = (
    select(_s.number)
    .where(_s.failed_at.is_not(None), _s.revision == _s.done_revision)
    .where(_s.blocked_on.op("&&")(bindparam("ids", type_=ARRAY(Text))))
    .order_by(*IN_ORDER)
    .with_for_update()
)


def checked(marks: Iterable[Mark]) -> list[Mark]:
    """The marks, each of them sound; ValueError for one that names no subject, or a deal without its unit."""
    sound = list(marks)
    for mark in sound:
        kind, _, name = mark.key.partition(":")
        if not kind or not name or "\x00" in mark.key:
            raise ValueError(f"{mark.key!r} names no subject; a key reads kind:id.")
        if mark.lane not in _URGENCY:
            raise ValueError(f"{mark.key} is marked in the unknown lane {mark.lane!r}.")
        if mark.lane == "deal" and not mark.unit:
            raise ValueError(f"{mark.key} is marked in the deal lane without a unit.")
        if mark.settle_s < 0:
            raise ValueError(f"{mark.key} settles for {mark.settle_s} s.")
    return sound


def placed(marks: Iterable[Mark], own: str, all_: Sequence[str]) -> list[Mark]:
    """The marks, each naming its Stripe account: ``own`` where it says none, every one where it says so."""
    return [
        replace(mark, stripe_account=account)
        for mark in marks
        for account in (
            all_ if mark.stripe_account == EVERY else [own if mark.stripe_account is None else mark.stripe_account]
        )
    ]


def together(marks: Sequence[Mark]) -> list[Mark]:
    """One mark a subject, by key: the most urgent lane, the shortest settling, whatever unit and hint are known."""
    merged: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        name = (mark.key, "" if mark.key.startswith(QUOTE) else mark.stripe_account or "")
        known = merged.get(name)
        merged[name] = mark if known is None else _both(known, mark)
    return [merged[name] for name in sorted(merged)]


def raise_due(connection: Connection, marks: Iterable[Mark], *, reason: str, settle_max_s: float) -> int:
    """Raise the revision of each subject, creating those that are new; returns how many subjects were marked. A mark that
    names no Stripe account is for the one that the store began with; a known quote is marked where it is.
    """
    wanted = together(checked(marks))
    if not wanted:
        return 0
    _create_units(connection, {mark.unit for mark in wanted if mark.unit})
    wanted = _under_living_units(connection, wanted)
    _create_subjects(connection, wanted)
    _lock(connection, [mark.key for mark in wanted])
    _raise(connection, wanted, reason, settle_max_s)
    return len(wanted)


def raise_where_woken(connection: Connection, now: datetime) -> int:
    """Mark every subject whose wake has come and clear that wake."""
    woken = list(connection.scalars(_WOKEN, {"now": now}))
    return _again(connection, woken, "wake", uses_wake=True)


def set_wake(connection: Connection, mark: Mark, at: datetime) -> None:
    """The subject, created if it is new, wakes at this business instant unless it wakes earlier already.

    It is not made due, unless somebody holds it: what that one will say of the next wake may rest on less than is known here,
    so the subject is looked at once more.
    """
    wanted = checked([mark])
    _create_units(connection, {mark.unit for mark in wanted if mark.unit})
    _create_subjects(connection, _under_living_units(connection, wanted))
    s = subjects.c
    mine = _is(s.key, s.stripe_account, literal(mark.key), literal(mark.stripe_account or ""))
    leased = select(s.number).where(mine, s.lease_token.is_not(None)).with_for_update()
    _again(connection, list(connection.scalars(leased)), "wake told during a run", uses_wake=False)
    connection.execute(update(subjects).where(mine).values(wake_at=func.least(s.wake_at, at)))


def raise_where_blocked_on(connection: Connection, record_ids: Sequence[str], reason: str) -> int:
    """Mark every subject that failed and waits for one of these records."""
    numbers = list(connection.scalars(_BLOCKED, {"ids": sorted(set(record_ids))}))
    return _again(connection, numbers, reason, uses_wake=False)


def _again(connection: Connection, numbers: Sequence[int], reason: str, *, uses_wake: bool) -> int:
    """Raise known, locked subjects in the lane and unit that they have."""
    if not numbers:
        return 0
    s = subjects.c
    pending = s.revision > s.done_revision
    connection.execute(
        update(subjects)
        .where(s.number == func.any(list(numbers)))
        .values(
            revision=s.revision + 1,
            reason=reason,
            attempts=case((pending, s.attempts), else_=0),
            marked_machine_at=machine_now(),
            ready_machine_at=machine_now(),
            retry_machine_at=None,
            wake_at=None if uses_wake else s.wake_at,
        )
    )
    return len(numbers)


def _is(key: ColumnElement[str], account: ColumnElement[str], of: Any, on: Any) -> ColumnElement[bool]:
    """Whether this subject is the one called ``of`` on the Stripe account ``on``."""
    return and_(key == of, or_(account == on, key.startswith(QUOTE)))


def _both(first: Mark, second: Mark) -> Mark:
    return replace(
        first,
        lane=min(first.lane, second.lane, key=lambda lane: _URGENCY[lane]),
        unit=first.unit or second.unit,
        settle_s=min(first.settle_s, second.settle_s),
        hint_created_s=first.hint_created_s if second.hint_created_s is None else second.hint_created_s,
    )


def _under_living_units(connection: Connection, marks: list[Mark]) -> list[Mark]:
    """A unit that was merged into another stands for that other; none is merged until this transaction ends."""
    named = sorted({mark.unit for mark in marks if mark.unit})
    if not named:
        return marks
    rows = connection.execute(_LIVING, {"units": named})
    now_in = {row.unit: row.merged_into for row in rows if row.merged_into}
    return [replace(mark, unit=now_in.get(mark.unit, mark.unit)) for mark in marks]


def _create_units(connection: Connection, names: set[str]) -> None:
    if names:
        connection.execute(_new_units(), {"given_unit": sorted(names)})


@lru_cache(maxsize=1)
def _new_units() -> Insert:
    given = told("given", unit=Text())
    missing = ~select(1).where(units.c.unit == given.c.unit).exists()
    rows = select(given.c.unit).where(missing).order_by(given.c.unit)
    return insert(units).from_select(["unit"], rows).on_conflict_do_nothing()


def _create_subjects(connection: Connection, marks: Sequence[Mark]) -> None:
    """Subjects never heard of, with nothing due yet. Known ones are filtered first, so that they use up no number."""
    given = {
        "given_key": [mark.key for mark in marks],
        "given_account": [mark.stripe_account or "" for mark in marks],
        "given_lane": [mark.lane for mark in marks],
        "given_unit": [mark.unit for mark in marks],
    }
    connection.execute(_new_subjects(), given)


@lru_cache(maxsize=1)
def _new_subjects() -> Insert:
    s, given = subjects.c, told("given", key=Text(), account=Text(), lane=Text(), unit=Text())
    missing = ~select(1).where(_is(s.key, s.stripe_account, given.c.key, given.c.account)).exists()
    rows = select(given.c.key, given.c.account, given.c.lane, given.c.unit).where(missing)
    rows = rows.order_by(given.c.key, given.c.account)
    names = ["key", "stripe_account", "lane", "unit"]
    return insert(subjects).from_select(names, rows).on_conflict_do_nothing()


def _lock(connection: Connection, keys: Sequence[str]) -> None:
    """Locked on whatever Stripe account, so that a quote that moves meanwhile is waited for."""
    connection.execute(_LOCKED, {"keys": list(keys)})


def _raise(connection: Connection, marks: Sequence[Mark], reason: str, settle_max_s: float) -> None:
    said = {
        "said_key": [mark.key for mark in marks],
        "said_account": [mark.stripe_account or "" for mark in marks],
        "said_lane": [mark.lane for mark in marks],
        "said_unit": [mark.unit for mark in marks],
        "said_settle_s": [float(min(mark.settle_s, settle_max_s)) for mark in marks],
        "said_hint": [mark.hint_created_s for mark in marks],
    }
    connection.execute(_raised(settle_max_s), {**said, "why": reason})


@lru_cache(maxsize=8)
def _raised(settle_max_s: float) -> Update:
    s = subjects.c
    said = told("said", key=Text(), account=Text(), lane=Text(), unit=Text(), settle_s=Float(), hint=BigInteger())
    now = machine_now()
    pending = s.revision > s.done_revision
    unseen = s.revision > func.greatest(s.done_revision, func.coalesce(s.lease_revision, 0))
    first_said = case((unseen, s.marked_machine_at), else_=now)
    at_once = said.c.settle_s == 0
    settled = func.least(now + seconds(said.c.settle_s), s.marked_machine_at + seconds(settle_max_s))
    ready = case(
        (unseen & (s.ready_machine_at <= now), s.ready_machine_at),
        (at_once, now),
        (unseen, settled),
        else_=now + seconds(said.c.settle_s),
    )
    more_urgent = case(_URGENCY, value=said.c.lane) < case(_URGENCY, value=s.lane)
    return (
        update(subjects)
        .where(_is(s.key, s.stripe_account, said.c.key, said.c.account))
        .values(
            revision=s.revision + 1,
            reason=bindparam("why", type_=Text),
            lane=case((~pending | more_urgent, said.c.lane), else_=s.lane),
            unit=case((said.c.unit == "", s.unit), else_=said.c.unit),
            attempts=case((pending, s.attempts), else_=0),
            hint_created_s=func.coalesce(said.c.hint, s.hint_created_s),
            marked_machine_at=first_said,
            ready_machine_at=ready,
            retry_machine_at=None,
        )
    )
