"""Writing down how claimed subjects came out. Every write here is made while the claim is confirmed and locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Float, bindparam, case, func, literal, select, update
from sqlalchemy.sql.elements import ColumnElement

from sync.ports import Again, Claim, Done, Failed, Moved, Outcome
from sync.store.backoff import Backoff
from sync.store.engine import storable
from sync.store.sql import in_seconds, machine_now, seconds
from sync.store.tables import operations, runs, subjects

_FREE: dict[str, Any] = {"lease_token": None, "lease_revision": None, "lease_until_machine_at": None}
_NOTHING_WRONG: dict[str, Any] = {
    "retry_machine_at": None,
    "retrying_machine_at": None,
    "error_code": None,
    "error_message": None,
    "blocked_on": [],
    "sum_minor": None,
    "currency": None,
    "failed_at": None,
}


def record(
    connection: Connection, claim: Claim, outcomes: Mapping[str, Outcome], *, backoff: Backoff, now: datetime
) -> None:
    """Store each outcome; a claimed subject without one is given back undone. ``now`` is business time."""
    claimed = {due.key for due in claim.subjects}
    if strangers := outcomes.keys() - claimed:
        raise ValueError(f"outcomes for subjects that were not claimed: {', '.join(sorted(strangers))}")
    _done(connection, claim, {k: o for k, o in outcomes.items() if isinstance(o, Done)})
    _failed(connection, claim, {k: o for k, o in outcomes.items() if isinstance(o, Failed)}, now)
    _moved(connection, claim, {k: o for k, o in outcomes.items() if isinstance(o, Moved)})
    _again(connection, claim, {k: o for k, o in outcomes.items() if isinstance(o, Again)}, backoff, now)
    give_back(connection, claim, sorted(claimed - outcomes.keys()))


def give_back(connection: Connection, claim: Claim, keys: Sequence[str]) -> None:
    """These subjects of the claim are as before it: the try is not counted."""
    if keys:
        s = subjects.c
        fewer = {"attempts": func.greatest(s.attempts - 1, 0), **_FREE}
        mine = (s.key == func.any(list(keys))) & (s.lease_token == claim.token)
        connection.execute(update(subjects).where(mine).values(fewer))


def _moved(connection: Connection, claim: Claim, outcomes: Mapping[str, Moved]) -> None:
    """Due as it is, on another Stripe account, as if it had been marked there."""
    values = {**_FREE, **_NOTHING_WRONG, "attempts": 0, "stripe_account": bindparam("there")}
    for key, moved in sorted(outcomes.items()):
        connection.execute(_one().values(values), {"of": key, "by": claim.token, "there": moved.stripe_account})


def _done(connection: Connection, claim: Claim, outcomes: Mapping[str, Done]) -> None:
    if outcomes:
        values = {"done_revision": subjects.c.lease_revision, "attempts": 0, **_NOTHING_WRONG, **_FREE}
        statement = _one().values(**values, wake_at=bindparam("wakes"))
        said = [{"of": key, "by": claim.token, "wakes": done.wake_at} for key, done in sorted(outcomes.items())]
        connection.execute(statement, said)


def _failed(connection: Connection, claim: Claim, outcomes: Mapping[str, Failed], now: datetime) -> None:
    if not outcomes:
        return
    statement = _one().values(
        {
            **_FREE,
            "done_revision": subjects.c.lease_revision,
            "retry_machine_at": None,
            "retrying_machine_at": None,
            "error_code": bindparam("code"),
            "error_message": bindparam("message"),
            "blocked_on": bindparam("blocked"),
            "sum_minor": bindparam("sum"),
            "currency": bindparam("money"),
            "wake_at": bindparam("wakes"),
            "failed_at": _stands_since(bindparam("code"), now),
        }
    )
    parameters = [
        {
            "of": key,
            "by": claim.token,
            "code": failed.code,
            "message": storable(failed.message),
            "blocked": [storable(record_id) for record_id in failed.blocked_on],
            "sum": failed.sum_minor,
            "money": failed.currency,
            "wakes": failed.wake_at,
        }
        for key, failed in sorted(outcomes.items())
    ]
    connection.execute(statement, parameters)


def _again(
    connection: Connection, claim: Claim, outcomes: Mapping[str, Again], backoff: Backoff, now: datetime
) -> None:
    """Due again after its pause, or at once when it was marked meanwhile; after a day of trying it waits for a person.

    A try in which Stripe took a step counts as the first: a deal of many steps gets on through a bad hour.
    """
    if not outcomes:
        return
    s = subjects.c
    tries = {row.key: row for row in connection.execute(_series(sorted(outcomes), claim, backoff.give_up_s))}
    spent = {key: again for key, again in outcomes.items() if tries[key].spent}
    _failed(connection, claim, {key: Failed(again.code, again.message) for key, again in spent.items()}, now)
    moved_on = s.revision > s.lease_revision
    later = in_seconds(bindparam("pause", type_=Float()))
    statement = _one().values(
        {
            **_FREE,
            "attempts": bindparam("tries"),
            "retry_machine_at": case((moved_on, None), else_=later),
            "ready_machine_at": case((moved_on, s.ready_machine_at), else_=later),
            "retrying_machine_at": func.coalesce(s.retrying_machine_at, machine_now()),
            "error_code": bindparam("code"),
            "error_message": bindparam("message"),
            "failed_at": None,
        }
    )
    parameters = [
        {
            "of": key,
            "by": claim.token,
            "tries": tries[key].attempts,
            "pause": backoff.pause_s(tries[key].attempts, again.after_s),
            "code": again.code,
            "message": storable(again.message),
        }
        for key, again in sorted(outcomes.items())
        if key not in spent
    ]
    if parameters:
        connection.execute(statement, parameters)


def _one() -> Any:
    return update(subjects).where(subjects.c.key == bindparam("of"), subjects.c.lease_token == bindparam("by"))


def _series(keys: Sequence[str], claim: Claim, give_up_s: float) -> Any:
    s = subjects.c
    spent = func.coalesce(s.retrying_machine_at + seconds(give_up_s) <= machine_now(), literal(False))
    took_a_step = (
        select(operations.c.id)
        .join(runs, runs.c.id == operations.c.run_id)
        .where(runs.c.subject == s.key, runs.c.token == claim.token, operations.c.state == "done")
        .exists()
    )
    tries = case((took_a_step, func.least(s.attempts, 1)), else_=s.attempts)
    mine = (s.key == func.any(list(keys))) & (s.lease_token == claim.token)
    return select(s.key, tries.label("attempts"), spent.label("spent")).where(mine)


def _stands_since(code: ColumnElement[Any], now: datetime) -> ColumnElement[Any]:
    """The same failure again has stood since it was first seen."""
    s = subjects.c
    same = s.failed_at.is_not(None) & (s.error_code == code)
    return case((same, s.failed_at), else_=literal(now))
