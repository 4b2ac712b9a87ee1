"""A loop of its own thread: it repeats a step, rests when there is nothing to do, and rests longer while the step fails."""

from __future__ import annotations

import contextvars
import random
import threading
import time
from collections.abc import Callable

import structlog

from sync.errors import LeaseLost, SyncError

log = structlog.get_logger()

#: The longest rest after repeated failures, in machine seconds.
LONGEST_REST_S = 30.0


class Loop:
    """Repeats ``step`` (which says how much it did) until ``stopping`` is set. No failure ends it; each is logged with its code."""

    def __init__(self, name: str, step: Callable[[], int], stopping: threading.Event, *, idle_s: float) -> None:
        self.name = name
        self._step = step
        self._stopping = stopping
        self._idle_s = idle_s
        self._failures = 0
        context = contextvars.copy_context()  # log lines of the thread name the process too
        self._thread = threading.Thread(target=lambda: context.run(self.run), name=name, daemon=True)

    def start(self) -> None:
        """The loop runs in its own thread."""
        self._thread.start()

    def join(self, within_s: float) -> bool:
        """Whether the loop has ended within so many machine seconds."""
        self._thread.join(max(within_s, 0.0))
        return not self._thread.is_alive()

    def run(self) -> None:
        """Return once ``stopping`` is set and the step under way has ended."""
        while not self._stopping.is_set():
            moved = self.turn()
            if not moved:
                self._stopping.wait(self.rest_s())

    def turn(self) -> int:
        """One step; 0 when it did nothing or failed."""
        began = time.monotonic()
        try:
            moved = self._step()
        except LeaseLost as error:
            log.warning("lease_lost", loop=self.name, reason=error.message)
            return 0
        except SyncError as error:
            self._failures += 1
            log.warning(
                "loop_step_failed", loop=self.name, code=error.code, reason=error.message, failures=self._failures
            )
            return 0
        except Exception as error:
            self._failures += 1
            known = self._failures > 1
            said = log.error if known else log.exception
            said("loop_step_broke", loop=self.name, code="BUG-502", error=type(error).__name__, failures=self._failures)
            return 0
        self._failures = 0
        log.debug("loop_step", loop=self.name, moved=moved, duration_s=round(time.monotonic() - began, 3))
        return moved

    def rest_s(self) -> float:
        """The idle rest, with jitter so that processes don't ask in step; doubled with each failure in a row."""
        base = self._idle_s * 2**self._failures if self._failures < 16 else LONGEST_REST_S
        return min(base, LONGEST_REST_S) * random.uniform(0.8, 1.2)
