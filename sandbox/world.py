"""The one state of a sandbox: its identity, its business clock, its faults, its log and its two halves.

One process, one asyncio loop. Handlers are plain code called on the loop without an ``await`` in it, so each
request is atomic. The clock stands still between two moves; moving it makes everything that falls due happen, each
at its own virtual second and in order over both halves.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from sandbox.faults import Faults
from sandbox.traffic import TrafficLog

_SAME_SECOND_LIMIT = 10_000
FIRST_ACCOUNT = "main"
"""What the Stripe account is called that every sandbox has."""


class ClockRefused(ValueError):
    """The asked for time can't be reached; the text says why, in words for the caller of the control port."""


class FaultAnswer(Protocol):
    """What a vendor says instead of doing the work."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class Half(Protocol):
    """One of the two services. ``app`` is an ASGI application that calls its handlers on the loop."""

    name: str
    """``stripe`` or ``salesforce``: the ``system`` of the log and of the faults."""

    @property
    def app(self) -> Any:
        """The ASGI application."""

    def ready(self, base_url: str) -> dict[str, Any]:
        """Its part of the ready file."""

    def reset(self) -> None:
        """Forget all state. The credentials of the ready file stay valid."""

    def next_due_s(self) -> int | None:
        """The earliest instant (unix seconds, business time) at which something happens by itself."""

    def run_due(self, at_s: int) -> None:
        """Do everything due at exactly this second; ``world.now()`` is already there."""

    async def deliver(self) -> None:
        """Attempt what waits to be delivered once. Salesforce: nothing."""

    def decode_params(self, query: str, content_type: str, body: bytes) -> Any:
        """The request's parameters for the log. Must not raise; secrets are struck out afterwards."""

    def fault_answer(self, kind: str, method: str, path: str, headers: Mapping[str, str]) -> FaultAnswer | None:
        """The vendor's answer to a fault of this kind, in place of the work.

        Asked for ``rate_limit error_500 lock quota expire_token``. ``None``: let the request run, with the kind in
        ``scope["state"]["fault"]`` (so that, say, a lock is reported for each row of a batch).
        """


class World:
    """Everything both halves share. ``add`` the halves, then serve them."""

    def __init__(self, seed: int | None = None) -> None:
        self.rng = random.Random(secrets.randbits(64) if seed is None else seed)
        self.halves: list[Half] = []
        self.faults = Faults(self.rng)
        self.traffic = TrafficLog()
        self._begin()

    def _begin(self) -> None:
        self.id = f"sbx_{secrets.token_hex(8)}"
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._clock_was_set = False

    def add(self, half: Half) -> None:
        """Make the half part of the world. The order of adding is the order within one second."""
        self.halves.append(half)

    def now(self) -> datetime:
        """Business time, aware UTC, whole seconds. Before the first move: the real time at the start, frozen."""
        return self._now

    def now_s(self) -> int:
        """Business time in unix seconds."""
        return int(self._now.timestamp())

    def move_to(self, target: datetime) -> None:
        """Move the business clock and let everything that falls due happen.

        The first move after start or reset may set any time, also an earlier one; later moves only go forward.
        Fractions of a second are cut off. Raises :class:`ClockRefused`.
        """
        if target.tzinfo is None:
            raise ClockRefused("now must carry a time zone, for example 2026-03-01T00:00:00Z")
        target = target.astimezone(UTC).replace(microsecond=0)
        if self._clock_was_set and target < self._now:
            raise ClockRefused(f"the clock only moves forward: it is {stamp(self._now)}, asked for {stamp(target)}")
        self._clock_was_set = True
        self._now = min(self._now, target)
        self._run_until(int(target.timestamp()))
        self._now = target

    def _run_until(self, target_s: int) -> None:
        seen, repeats = -1, 0
        while (due := self._next_due(target_s)) is not None:
            at = max(due, self.now_s())
            repeats = repeats + 1 if at == seen else 0
            seen = at
            if repeats > _SAME_SECOND_LIMIT:
                raise RuntimeError(f"something stays due at {at} after it was done")
            self._now = datetime.fromtimestamp(at, UTC)
            for half in self.halves:
                half.run_due(at)

    def _next_due(self, target_s: int) -> int | None:
        dues = [due for half in self.halves if (due := half.next_due_s()) is not None and due <= target_s]
        return min(dues, default=None)

    async def deliver(self) -> None:
        """Return when every delivery that is waiting now was attempted once."""
        for half in self.halves:
            await half.deliver()

    def reset(self) -> None:
        """Start anew: another id, real time, no faults, empty log, empty halves."""
        self._begin()
        self.faults.clear()
        self.traffic.clear()
        for half in self.halves:
            half.reset()


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC with a Z, whole seconds: ``2026-03-01T00:00:00Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
