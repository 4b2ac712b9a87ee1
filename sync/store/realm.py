"""Whose store this is: one Salesforce org, one Stripe account, live or test. A store never serves another (CONF-308)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert

from sync.errors import Unsafe
from sync.store.tables import installation

#: Before the name of a Stripe account, where there are several.
NAMED = "stripe:"


def pin(connection: Connection, realm: Mapping[str, str]) -> None:
    """The store belongs to ``realm``. Unsafe CONF-308 when it belongs to another, or when a mark that it carries is missing."""
    stored = dict(_row(connection).realm or {})
    differing = sorted(name for name, value in stored.items() if realm.get(name) != value)
    if differing:
        told = "; ".join(_told(name, stored[name], realm.get(name)) for name in differing)
        raise Unsafe("CONF-308", f"This store belongs to another pair of systems: {told}. Nothing is written.")
    if dict(realm) != stored:
        connection.execute(update(installation).values(realm=dict(realm)))


def realm_of(connection: Connection) -> Mapping[str, str]:
    """What the store was pinned to; empty before the first pin."""
    return dict(_row(connection).realm or {})


def installation_of(connection: Connection) -> tuple[str, int]:
    """The installation's id and epoch, made when first asked for."""
    row = _row(connection)
    return row.id, row.epoch


def started_at(connection: Connection, now: datetime) -> datetime:
    """When the installation began, in business time: now, when it is asked for the first time."""
    row = _row(connection)
    if row.started_at is not None:
        return row.started_at  # type: ignore[no-any-return]
    connection.execute(update(installation).values(started_at=now))
    return now


def raise_epoch(connection: Connection) -> int:
    """The epoch is one higher, for good."""
    _row(connection)
    raised = update(installation).values(epoch=installation.c.epoch + 1).returning(installation.c.epoch)
    return int(connection.execute(raised).scalar_one())


def _row(connection: Connection) -> Row[Any]:
    wanted = select(installation).with_for_update()
    row = connection.execute(wanted).one_or_none()
    if row is None:
        connection.execute(insert(installation).values(singleton=True).on_conflict_do_nothing())
        row = connection.execute(wanted).one()
    return row


def _told(mark: str, stored: str, given: str | None) -> str:
    """One difference. The accounts of STRIPE_ACCOUNTS are marked ``stripe:`` and their names."""
    name = mark.removeprefix(NAMED)
    if name == mark:
        return f"{mark} is {stored}, not {given or 'given'}"
    if given is None:
        return f"Stripe account {name} ({stored}) is not given any more; accounts may be added, never taken away or renamed"
    return f"Stripe account {name} is {stored}, not {given}; an account is never exchanged for another"
