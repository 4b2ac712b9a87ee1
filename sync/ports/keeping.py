"""Cursors, leadership, realm, pauses, budgets: what an installation keeps about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sync.ports.queue import Lane


@dataclass(frozen=True)
class Backup:
    """What a file holds, as its manifest says. ``rows`` are counted by table, stamps are machine time."""

    version: str
    schema: str
    realm: Mapping[str, str]
    epoch: int
    made_at: str
    rows: Mapping[str, int]


class Cursors(Protocol):
    """How far each change source was read, who leads, whose store this is."""

    def get(self, name: str) -> Mapping[str, object] | None: ...

    def put(self, name: str, value: Mapping[str, object]) -> None: ...

    def seen(self, object_: str, digests: Mapping[str, str]) -> set[str]:
        """Of record id -> digest of its inputs: the ids whose digest differs from the one last acted on (unknown ids
        included).
        """

    def act_on(self, object_: str, digests: Mapping[str, str]) -> None:
        """Remember these digests as acted on. Call in the same breath as storing the notices they caused."""

    def lead(self, role: str, holder: str, lease_s: float) -> bool:
        """Take or renew the named lease (scheduler leader, poller); True while ``holder`` has it."""

    def resign(self, role: str, holder: str) -> None: ...

    def pin_realm(self, realm: Mapping[str, str]) -> None:
        """Stamp an empty store with org id, Stripe account and livemode; Unsafe CONF-308 when it belongs to another."""

    def installation(self) -> tuple[str, int]:
        """(installation id, epoch): part of every idempotency key; restoring a backup raises the epoch."""

    def paused(self) -> Mapping[str, str]:
        """Scopes that are paused now ("stripe", "salesforce", "all") with the reason given."""


class Budgets(Protocol):
    """Salesforce's daily allowance, shared out by lane."""

    def may_spend(self, name: str, lane: Lane, calls: int = 1) -> bool:
        """Whether a call for this lane leaves the shares of the more urgent lanes, and the reserve for people,
        untouched.
        """

    def spent(self, name: str, lane: Lane, calls: int = 1) -> None: ...

    def told(self, name: str, *, used: int, allowed: int) -> None:
        """What the other side last said of the last 24 hours."""
