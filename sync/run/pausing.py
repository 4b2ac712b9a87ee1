"""Writes that an operator has stopped by hand. Intake and reading go on; what waits is done after the pause."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sync.ports import Cursors

#: Machine seconds for which an answer of the store is good: a pause takes effect within that.
FRESH_S = 1.0
STRIPE = "stripe"


def scope_of(name: str) -> str:
    """What a pause of one of several Stripe accounts is kept under."""
    return f"{STRIPE}:{name}"


class Pausing:
    """Which writes are paused now, asked of the store once a second at most. ``name`` is that of the Stripe account whose
    writes are meant, where there are several.
    """

    def __init__(self, cursors: Cursors, name: str = "") -> None:
        self._cursors = cursors
        self._own = scope_of(name) if name else ""
        self._known: Mapping[str, str] = {}
        self._read_at = float("-inf")

    def stands(self, side: str) -> bool:
        """Whether writes to ``side`` (stripe, salesforce) are paused, alone or with everything."""
        if time.monotonic() - self._read_at > FRESH_S:
            self._known, self._read_at = self._cursors.paused(), time.monotonic()
        return side in self._known or "all" in self._known or (side == STRIPE and self._own in self._known)

    @property
    def any(self) -> bool:
        """Whether anything is paused."""
        return self.stands(STRIPE) or self.stands("salesforce")
