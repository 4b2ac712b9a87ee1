"""Holding what was claimed. A lease ends for its holder when somebody else takes it, not by the clock alone (DESIGN 3, Leases)."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection, Update, bindparam, select, update

from sync.errors import LeaseLost
from sync.ports import Claim
from sync.store.sql import in_seconds
from sync.store.tables import subjects, units

LEASE_S = 45.0
CALL_DEADLINE_S = 30.0
_of_unit, _of_subject = units.c.lease_token == bindparam("token"), subjects.c.lease_token == bindparam("token")
_MY_UNITS = select(units.c.unit).where(_of_unit).order_by(units.c.unit).with_for_update(key_share=True)
_MY_SUBJECTS = select(subjects.c.key).where(_of_subject).order_by(subjects.c.key).with_for_update()
_FREE_UNITS = update(units).where(_of_unit).values(lease_token=None, lease_until_machine_at=None)


def check_durations(lease_s: float, call_deadline_s: float) -> None:
    """A lease renewed when a call starts must outlast the call: who takes it later finds nothing on the wire. ValueError if not."""
    if lease_s <= call_deadline_s:
        raise ValueError(f"A lease of {lease_s} s does not outlast a call of {call_deadline_s} s.")


def confirm(connection: Connection, claim: Claim) -> None:
    """The claim still stands and keeps standing until this transaction ends; LeaseLost when another holds any of it."""
    wanted = {claim.unit, *claim.others} - {""}
    if wanted and (lost := wanted - set(connection.scalars(_MY_UNITS, {"token": claim.token}))):
        raise LeaseLost(min(lost))
    kept = set(connection.scalars(_MY_SUBJECTS, {"token": claim.token}))
    if kept != {due.key for due in claim.subjects}:
        raise LeaseLost(claim.unit or f"{len(claim.subjects)} subjects of lane {claim.lane}")


def renew(connection: Connection, claim: Claim, lease_s: float) -> None:
    """The claim lasts ``lease_s`` seconds of machine time from now; LeaseLost when another holds any of it."""
    confirm(connection, claim)
    for longer in _lasting(lease_s):
        connection.execute(longer, {"token": claim.token})


@lru_cache(maxsize=8)
def _lasting(lease_s: float) -> tuple[Update, Update]:
    until = {"lease_until_machine_at": in_seconds(lease_s)}
    return update(units).where(_of_unit).values(until), update(subjects).where(_of_subject).values(until)


def let_go(connection: Connection, claim: Claim) -> None:
    """The units that this claim still holds are free again."""
    connection.execute(_FREE_UNITS, {"token": claim.token})
