"""The four actors. Each takes its lane's work from the tables until there is none, whatever its message says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker

from sync.errors import LeaseLost, SyncError
from sync.ports import Lane
from sync.run.pipeline import Pipeline

log = structlog.get_logger()

#: The actors that listen to each lane's queue.
LANE_ACTORS: Mapping[Lane, tuple[str, ...]] = MappingProxyType(
    {"deal": ("run_deal",), "mirror": ("run_mirror", "flush"), "bulk": ("run_bulk",)}
)
#: Steps that one ring may take before it makes room for the next message of its queue.
MOST_STEPS = 100


class Tasks:
    """What the actors do with ``pipeline``. They stop between two steps once ``stopping`` says so."""

    def __init__(self, pipeline: Pipeline, stopping: Callable[[], bool]) -> None:
        self._pipeline = pipeline
        self._stopping = stopping
        # dramatiq's threads begin with an empty context; log lines should name the process all the same.
        self._context = structlog.contextvars.get_contextvars()

    def declare(self, broker: RedisBroker, lane: Lane) -> None:
        """The lane's queue and actors are known to the broker."""
        for name in LANE_ACTORS[lane]:
            dramatiq.actor(actor_name=name, queue_name=lane, broker=broker)(getattr(self, name))

    def run_deal(self, unit: str) -> None:
        """No unit of the deal lane is due and free any more. ``unit`` is why the bell rang; the longest due goes first."""
        for one in self._pipeline.everywhere:
            self._work_off(one.run_deal, "deal")

    def run_mirror(self, name: str) -> None:
        """Nothing of the mirror lane is due and settled any more, and what it queued for Salesforce is on its way."""
        for one in self._pipeline.everywhere:
            self._work_off(one.run_mirror, "mirror")
        self.flush(name)

    def run_bulk(self, name: str) -> None:
        """Nothing of the bulk lane is due any more."""
        for one in self._pipeline.everywhere:
            self._work_off(partial(one.run_mirror, "bulk"), "bulk")

    def flush(self, name: str) -> None:
        """No row may go to Salesforce any more, or another process sends them."""
        self._work_off(self._pipeline.flusher.run_once, "flush")

    def _work_off(self, step: Callable[[], int], what: str) -> None:
        with structlog.contextvars.bound_contextvars(**self._context):
            work_off(step, self._stopping, what=what)


def work_off(step: Callable[[], int], stopping: Callable[[], bool], *, what: str) -> int:
    """Take ``step`` until it does nothing, fails, or somebody wants us to stop; returns how much was done. Raises nothing.

    What failed is in the tables with its back-off already, or its lease runs out and another takes it (DESIGN 3).
    """
    done = 0
    for _ in range(MOST_STEPS):
        if stopping():
            break
        try:
            moved = step()
        except LeaseLost as error:
            log.warning("lease_lost", lane=what, reason=error.message)
            continue
        except SyncError as error:
            log.warning("step_postponed", lane=what, code=error.code, reason=error.message)
            break
        except Exception:
            log.exception("step_broke", lane=what, code="BUG-502")
            break
        if not moved:
            break
        done += moved
    return done
