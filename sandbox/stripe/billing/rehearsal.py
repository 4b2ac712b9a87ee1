"""Running the engine without consequences: a copy-on-read store over the real one, no events, a clock of its own.

A preview is made by doing the thing itself in a rehearsal, so that it can't differ from what later happens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from sandbox.stripe.kernel import Kernel, Obj
from sandbox.stripe.store import Store

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing


class RehearsalStore(Store):
    """Objects are copied when first read; what is added or deleted stays here."""

    def __init__(self, real: Store) -> None:
        super().__init__()
        self._real = real
        self._copies: dict[tuple[str, str], Obj] = {}
        self._gone: set[tuple[str, str]] = set()
        self._added: dict[str, list[Obj]] = {}

    def add(self, obj: Obj) -> None:
        """Keep a new object here only."""
        self._copies[(obj["object"], obj["id"])] = obj
        self._added.setdefault(obj["object"], []).append(obj)

    def get(self, type: str, id: str) -> Obj | None:
        """The object as it is in the rehearsal."""
        key = (type, id)
        if key in self._gone:
            return None
        if key not in self._copies:
            found = self._real.get(type, id)
            if found is None:
                return None
            self._copies[key] = deepcopy(found)
        return self._copies[key]

    def grave(self, type: str, id: str) -> Obj | None:
        """As in the real store."""
        return self._real.grave(type, id)

    def buried(self, type: str, id: str) -> Obj | None:
        """As in the real store."""
        return self.get(type, id) or self._real.buried(type, id)

    def bury(self, obj: Obj) -> Obj:
        """Delete it here only."""
        self._gone.add((obj["object"], obj["id"]))
        return {"id": obj["id"], "object": obj["object"], "deleted": True}

    def newest_first(
        self, type: str, *, of: tuple[str, str] | None = None, below: int | None = None, above: int | None = None
    ) -> Iterator[Obj]:
        """What was added here, then the real ones."""
        for obj in reversed(self._added.get(type, [])):
            if (of is None or obj.get(of[0]) == of[1]) and (type, obj["id"]) not in self._gone:
                yield obj
        for real in self._real.newest_first(type, of=of):
            found = self.get(type, real["id"])
            if found is not None:
                yield found


class _NoWebhooks:
    """Nothing is delivered and nothing holds an invoice up."""

    def holds(self, event: Obj) -> bool:
        return False


class RehearsalKernel(Kernel):
    """A kernel whose changes nobody sees."""

    def __init__(self, real: Kernel) -> None:
        self.world = real.world
        self.store = RehearsalStore(real.store)
        self.webhooks = _NoWebhooks()  # type: ignore[assignment]
        self.timers = []
        self.before_customer_deleted = []
        self.account_id = real.account_id
        self.current = None
        self._clock = None
        self.at = real.now_s()
        self._names = random.Random(0)

    def now_s(self) -> int:
        """The rehearsal's own clock."""
        return self.at

    def timeline_of(self, type: str, id: str) -> str | None:
        """There is one time only: that of whoever asked for the rehearsal."""
        return None

    def new_id(self, prefix: str) -> str:
        """Ids do not matter here, and the world's own sequence must not move."""
        return f"{prefix}_{self._names.randrange(10**20):020d}"

    def touch(self) -> None:
        """A rehearsal has no effect."""

    def emit(self, type: str, obj: Obj, previous_attributes: dict[str, Any] | None = None) -> Obj:
        """Nobody is told."""
        return {"id": "", "object": "event", "type": type}


def rehearsal(billing: Billing) -> Billing:
    """An engine over a rehearsal of this engine's world. It knows the real wakes that are named to it, no others."""
    return type(billing)(RehearsalKernel(billing.kernel))
