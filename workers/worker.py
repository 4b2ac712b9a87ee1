"""`tandem worker`: reserved threads for each lane, rung by the doorbell, and claims of its own, so that a lost ring costs only time.

One process runs one dramatiq `Worker` a lane, each with a broker of its own on one shared pool of connections.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import redis
import structlog
from dramatiq import Worker

from sync.ports import Lane
from sync.run.pipeline import Pipeline
from workers.broker import make_broker, make_client
from workers.loops import Loop
from workers.tasks import Tasks

log = structlog.get_logger()

#: Machine milliseconds an idle consumer sleeps at most: dramatiq's default of 1,000 is felt as latency (reference: runtime, 4).
WORKER_TIMEOUT_MS = 100
#: Messages fetched ahead, a thread. Rings are alike, so few are enough, and what one process holds another can't hear.
PREFETCH_A_THREAD = 2
#: Machine seconds between two looks of a worker that nobody rang.
CLAIM_EVERY_S = 1.0
#: What is left of a stop for closing connections, in machine seconds.
CLOSING_S = 5.0


@dataclass(frozen=True)
class LaneThreads:
    """How many dramatiq threads each lane has for itself."""

    deal: int = 4
    mirror: int = 2
    bulk: int = 1

    def each(self) -> Mapping[Lane, int]:
        """By lane."""
        return {"deal": self.deal, "mirror": self.mirror, "bulk": self.bulk}


def run_worker(
    pipeline: Pipeline, redis_url: str, stop: threading.Event, *, threads: LaneThreads, within_s: float
) -> None:
    """Work until ``stop`` is set; then return once what runs has ended, at the latest after ``within_s`` machine seconds.

    ``within_s`` is the longest deadline of a call. What has not ended by then keeps its lease until it runs out, and
    the next taker looks before it acts, so ending is safe (DESIGN 3, Leases).
    """
    client = make_client(redis_url, connections=2 * (threads.deal + threads.mirror + threads.bulk) + 8)
    tasks = Tasks(pipeline, stop.is_set)
    lanes = [lane_worker(client, tasks, lane, count) for lane, count in threads.each().items()]
    loops = own_claims(pipeline, stop)
    for worker in lanes:
        worker.start()
    for loop in loops:
        loop.start()
    log.info("worker_started", deal=threads.deal, mirror=threads.mirror, bulk=threads.bulk)
    stop.wait()
    _wind_up(lanes, loops, within_s)
    client.close()


def lane_worker(client: redis.Redis, tasks: Tasks, lane: Lane, threads: int) -> Worker:
    """A dramatiq worker, not started, that hears this lane's bell only. It has a broker of its own, as dramatiq wants one worker a broker."""
    broker = make_broker(client)
    tasks.declare(broker, lane)
    worker = Worker(broker, queues={lane}, worker_timeout=WORKER_TIMEOUT_MS, worker_threads=threads)
    worker.queue_prefetch = PREFETCH_A_THREAD * threads
    worker.delay_prefetch = 1  # nothing is ever delayed in Redis
    return worker


def own_claims(pipeline: Pipeline, stop: threading.Event) -> list[Loop]:
    """One loop for each kind of work, so that no kind waits for another: intake, the three lanes and usage of each Stripe
    account, and rows for Salesforce.
    """
    steps: dict[str, Callable[[], int]] = {"intake": pipeline.take_in, "flush": pipeline.flusher.run_once}
    for one in pipeline.everywhere:  # a Stripe account that does not answer holds up no other
        behind = f":{one.name}" if one.name else ""
        steps |= {
            f"deal{behind}": one.run_deal,
            f"mirror{behind}": one.run_mirror,
            f"bulk{behind}": partial(one.run_mirror, "bulk"),
            f"usage{behind}": one.send_usage,
        }
    return [Loop(name, step, stop, idle_s=CLAIM_EVERY_S) for name, step in steps.items()]


def _wind_up(lanes: Sequence[Worker], loops: Sequence[Loop], within_s: float) -> None:
    log.info("worker_stopping", within_s=within_s)
    deadline = time.monotonic() + within_s
    stops = [threading.Thread(target=w.stop, args=(int(within_s * 1000),), daemon=True) for w in lanes]
    for thread in stops:
        thread.start()
    late = [loop.name for loop in loops if not loop.join(deadline - time.monotonic())]
    for thread in stops:
        thread.join(max(deadline + CLOSING_S - time.monotonic(), 0.0))
    if late or any(thread.is_alive() for thread in stops):
        log.warning("worker_stopped_late", loops=late)
    else:
        log.info("worker_stopped")
