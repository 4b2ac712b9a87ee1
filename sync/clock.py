"""Business time. Everything that means a day, a due date or a renewal asks this clock; leases and back-off never do
(DESIGN 3).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import requests


class Clock(Protocol):
    """Where business time comes from."""

    def now(self) -> datetime:
        """The present business instant, aware, in UTC."""


class SystemClock:
    """Business time is the time of day: production."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RemoteClock:
    """Business time is what ``url`` answers (``{"now": "2026-03-01T00:00:00Z"}``): simulated time that others move.

    An answer is reused for ``fresh_for_s`` of machine time, so that one step of work sees one instant.
    """

    def __init__(self, url: str, *, fresh_for_s: float = 0.05) -> None:
        self._url = url
        self._fresh_for_s = fresh_for_s
        self._session = requests.Session()
        self._read_at = float("-inf")
        self._now = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        if time.monotonic() - self._read_at > self._fresh_for_s:
            answer = self._session.get(self._url, timeout=(3, 10))
            answer.raise_for_status()
            self._now = datetime.fromisoformat(answer.json()["now"])
            self._read_at = time.monotonic()
        return self._now
