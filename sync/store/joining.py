"""Holding further units under a claim that runs: nobody else does what needs one of them before the claim ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from sync.ports import Claim
from sync.store import leases
from sync.store.claims import unit_free
from sync.store.sql import in_seconds
from sync.store.tables import units


def hold(connection: Connection, claim: Claim, wanted: Sequence[str], lease_s: float) -> tuple[Claim, frozenset[str]]:
    """The claim with those of these units that no other holds, and the units that another does.

    It waits for nobody's lease, so that two that want each other's units never stand still; and units are locked in the
    order of their names, as everywhere. Raises LeaseLost where the claim itself is another's by now.
    """
    names = sorted(set(wanted))
    if not names:
        return claim, frozenset()
    connection.execute(insert(units).values([{"unit": name} for name in names]).on_conflict_do_nothing())
    locked = (
        select(units.c.unit, units.c.lease_token, unit_free().label("free"))
        .where(units.c.unit.in_(names))
        .order_by(units.c.unit)
        .with_for_update(key_share=True)
    )
    mine = [row.unit for row in connection.execute(locked) if row.free or row.lease_token == claim.token]
    leases.confirm(connection, claim)
    if mine:
        connection.execute(
            update(units)
            .where(units.c.unit.in_(mine))
            .values(lease_token=claim.token, lease_until_machine_at=in_seconds(lease_s))
        )
        leases.renew(connection, claim, lease_s)
    return replace(claim, others=tuple(dict.fromkeys((*claim.others, *mine)))), frozenset(names) - set(mine)
