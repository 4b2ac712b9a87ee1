"""For how long use may still be reported of a time that is over and that we bill ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Window:
    """What ``customer`` used of ``event`` from ``start_at`` until ``end_at`` (exclusive) stands, or will, on an invoice of
    ours; what is reported from ``closes_at`` on is too late for it. ``stated``: it has been measured. ``key`` is the
    natural key of the invoice's item, ``deal`` the key of the deal. Business time.
    """

    key: str
    deal: str
    customer: str
    event: str
    start_at: datetime
    end_at: datetime
    closes_at: datetime
    stated: bool = False

    def covers(self, event: str, at: datetime) -> bool:
        """Whether a use belongs into it."""
        return self.event == event and self.start_at <= at < self.end_at

    def takes(self, now: datetime, *, accepted: bool) -> bool:
        """Whether a use is still billed by it; ``accepted``: it was taken in before, and the invoice waits for it."""
        return not self.stated and (accepted or now < self.closes_at)
