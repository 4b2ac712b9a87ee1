"""Holding what was claimed. A lease ends for its holder when somebody else takes it, not by the clock alone (DESIGN 3, Leases)."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from sync.errors import LeaseLost
from sync.ports import Claim
from sync.store.sql import in_seconds
from sync.store.tables import subjects, units

LEASE_S = 45.0
CALL_DEADLINE_S = 30.0


def check_durations(lease_s: float, call_deadline_s: float) -> None:
    """A lease renewed when a call starts must outlast the call: who takes it later finds nothing on the wire. ValueError if not."""
    if lease_s <= call_deadline_s:
        raise ValueError(f"A lease of {lease_s} s does not outlast a call of {call_deadline_s} s.")


def confirm(connection: Connection, claim: Claim) -> None:
    """The claim still stands and keeps standing until this transaction ends; LeaseLost when another holds any of it."""
    if claim.unit:
        mine = select(units.c.unit).where(units.c.lease_token == claim.token).order_by(units.c.unit)
        if claim.unit not in set(connection.scalars(mine.with_for_update(key_share=True))):
            raise LeaseLost(claim.unit)
    rows = (
        select(subjects.c.key).where(subjects.c.lease_token == claim.token).order_by(subjects.c.key).with_for_update()
    )
    kept = set(connection.scalars(rows))
    if kept != {due.key for due in claim.subjects}:
        raise LeaseLost(claim.unit or f"{len(claim.subjects)} subjects of lane {claim.lane}")


def renew(connection: Connection, claim: Claim, lease_s: float) -> None:
    """The claim lasts ``lease_s`` seconds of machine time from now; LeaseLost when another holds any of it."""
    confirm(connection, claim)
    until = {"lease_until_machine_at": in_seconds(lease_s)}
    connection.execute(update(units).where(units.c.lease_token == claim.token).values(until))
    connection.execute(update(subjects).where(subjects.c.lease_token == claim.token).values(until))


def let_go(connection: Connection, claim: Claim) -> None:
    """The units that this claim still holds are free again."""
    mine = units.c.lease_token == claim.token
    connection.execute(update(units).where(mine).values(lease_token=None, lease_until_machine_at=None))
