"""Business time. Everything that means a day, a due date or a renewal asks this clock; leases and back-off never do
(DESIGN 3). Machine time of a process is here as a `Deadline` only.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol

import requests

from sync.errors import Transient, Unsafe

#: Names the world that a sandbox holds.
WORLD_HEADER = "X-Tandem-Sandbox"


#: Counts on while the machine sleeps, as PostgreSQL's clock does: Linux by CLOCK_BOOTTIME, macOS by CLOCK_MONOTONIC.
_MACHINE = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Deadline:
    """A point in machine time by which a call, its waiting included, has to be over. It also passes while the process
    is stopped or the machine sleeps.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.clock_gettime(_MACHINE) + seconds

    def left_s(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self._end - time.clock_gettime(_MACHINE))


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

    An answer is reused for ``fresh_for_s`` of machine time, so that one step of work sees one instant. Raises
    Transient TEMP-406 while nothing usable answers: it may be busy moving time. Unsafe CONF-308 once the sandbox behind
    it holds another world than at the first answer: what the store knows is not true there.
    """

    def __init__(self, url: str, *, fresh_for_s: float = 0.05) -> None:
        self._url = url
        self._fresh_for_s = fresh_for_s
        self._session = requests.Session()
        self._session.trust_env = False  # the sandbox is on this machine: no proxy is in between
        self._asking = threading.Lock()
        self._read_at = float("-inf")
        self._now = datetime.min.replace(tzinfo=UTC)
        self._world: str | None = None

    def now(self) -> datetime:
        with self._asking:
            if time.monotonic() - self._read_at > self._fresh_for_s:
                self._now = self._ask()
                self._read_at = time.monotonic()
            return self._now

    def _ask(self) -> datetime:
        try:
            answer = self._session.get(self._url, timeout=(3, 10))
            answer.raise_for_status()
            now = datetime.fromisoformat(answer.json()["now"])
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise Transient("TEMP-406", f"The business clock can't be read ({type(error).__name__}).") from None
        if now.tzinfo is None:
            raise Transient("TEMP-406", "The business clock told a time without a zone.")
        self._refuse_another_world(answer.headers.get(WORLD_HEADER))
        return now.astimezone(UTC)

    def _refuse_another_world(self, world: str | None) -> None:
        self._world = self._world or world
        if world != self._world:
            raise Unsafe("CONF-308", "The sandbox was reset: this store belongs to the world that it held before.")
