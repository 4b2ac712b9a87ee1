"""Lives of a process that end where a test has armed a point: each sends usage, or drains, and is over.

Unlike the worker of an installation it does nothing until it is called, so that business time can pass while it is dead.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.context
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sync.run.drain import drain
from sync.wiring import build
from tests.crash.mortal_worker import IN_CALLS, mortal
from tests.crash.points import Point, Points
from tests.e2e.tandem import Tandem, settings_for_url

#: Machine seconds: a life is over before the next begins, so what a dead one held as the sender is nobody's.
SENDER_LEASE_S = 0.2
#: So few rows of usage in a batch that a life can die between two.
BATCH = 2
WITHIN_S = 60.0


@dataclass(frozen=True)
class Lives:
    """Processes on the database of ``tandem``, with the same settings, one after the other."""

    tandem: Tandem
    points: Points

    def send_usage(self) -> None:
        """One life that only reports what was taken in."""
        assert not self._killed("send")

    def drain(self) -> None:
        """One life that does all that is due."""
        assert not self._killed("drain")

    def die(self, what: str, at: list[Point], meanwhile: Callable[[], object]) -> None:
        """Lives that ``send`` or ``drain``, until one has died at each of these points; after each death comes ``meanwhile``."""
        for point in at:
            self.points.arm(point)
        while left := self.points.still_armed():
            assert self._killed(what), f"nobody came by {left}"
            meanwhile()

    def _killed(self, what: str) -> bool:
        of = self.tandem
        given = (what, str(self.points.folder), of.world.control_url, of.database_url, of.redis_url, of.given)
        life = _forks().Process(target=_lived, args=given)
        life.start()
        life.join(WITHIN_S)
        if life.is_alive():
            life.kill()
            raise AssertionError(f"{what} was not over in {WITHIN_S:.0f} s")
        assert life.exitcode in (0, -signal.SIGKILL), life.exitcode
        return life.exitcode != 0


def _forks() -> multiprocessing.context.ForkServerContext:
    """What makes lives out of a process that has imported everything and runs nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _lived(
    what: str, folder: str, control_url: str, database_url: str, redis_url: str | None, settings: dict[str, Any]
) -> None:
    IN_CALLS.install()
    given = settings_for_url(control_url, **settings)
    with contextlib.closing(build(given, database_url=database_url, redis_url=redis_url, drain=True)) as services:
        real = mortal(services, Points(Path(folder)))
        assert real.usage is not None
        usage = replace(real.usage, lease_s=SENDER_LEASE_S, batch=BATCH)
        pipeline = replace(real, usage=usage)
        if what == "drain":
            drain(pipeline)
        else:
            while usage.waiting()[0]:
                if not usage.run_once():
                    time.sleep(SENDER_LEASE_S / 4)
