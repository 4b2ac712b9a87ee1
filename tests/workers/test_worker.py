"""The worker process: the doorbell over a real Valkey, its own claims without one, and its end."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from dramatiq import Message

from sync.errors import LeaseLost, Terminal, Transient
from tests.workers.pipelines import CountingPipeline
from tests.workers.processes import eventually
from workers.broker import ACTORS, NAMESPACE, QUEUES, Doorbell, make_broker, make_client
from workers.embedded import Servers
from workers.tasks import LANE_ACTORS, MOST_STEPS, Tasks, work_off
from workers.worker import LaneThreads, lane_worker, own_claims, run_worker

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """A numbered database of the run's Valkey, emptied before and after. Tests that use it run in one process."""
    url = servers.redis_url.replace("db=0", "db=9")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@contextmanager
def working(pipeline: CountingPipeline, redis_url: str, *, within_s: float = 10) -> Iterator[threading.Thread]:
    stop = threading.Event()
    threads = LaneThreads(deal=3, mirror=1, bulk=1)
    process = threading.Thread(
        target=run_worker, args=(pipeline.real, redis_url, stop), kwargs={"threads": threads, "within_s": within_s}
    )
    process.start()
    try:
        yield process
    finally:
        stop.set()
        process.join(within_s + 10)
        assert not process.is_alive(), "the worker did not stop"


def test_a_ring_has_its_lane_worked_off(redis_url: str) -> None:
    pipeline = CountingPipeline(deal=5, mirror=2, bulk=1)
    bell = Doorbell(make_broker(make_client(redis_url)))
    for lane in QUEUES:
        assert bell.ring(lane, lane) == 1
    with working(pipeline, redis_url):
        assert eventually(lambda: pipeline.taken == {"deal": 5, "mirror": 2, "bulk": 1})


def test_a_message_carries_a_name_and_nothing_else(redis_url: str) -> None:
    client = make_client(redis_url)
    Doorbell(make_broker(client)).ring("deal", "unit:001")
    [raw] = client.hvals(f"{NAMESPACE}:deal.msgs")
    message = Message.decode(raw)
    assert (message.queue_name, message.actor_name, list(message.args), message.kwargs) == (
        "deal",
        "run_deal",
        ["unit:001"],
        {},
    )


def test_rings_that_nobody_heard_are_not_rung_again(redis_url: str) -> None:
    bell = Doorbell(make_broker(make_client(redis_url)))
    assert bell.ring("deal", "deal", times=3) == 3
    assert bell.ring("deal", "deal", times=3) == 0
    assert bell.ring("deal", "deal", times=4) == 1


def test_without_redis_everything_is_worked_off_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    pipeline = CountingPipeline(intake=3, deal=4, mirror=2, bulk=1, flush=2)
    caplog.set_level(logging.CRITICAL + 1, logger="dramatiq")  # given back afterwards
    with working(pipeline, NOWHERE):
        assert eventually(lambda: not +pipeline.due)
    assert Doorbell(make_broker(make_client(NOWHERE))).ring("deal", "deal") == 0


def test_flushing_redis_in_mid_run_loses_nothing(redis_url: str) -> None:
    started = threading.Event()

    def during(lane: str) -> None:
        started.set()
        time.sleep(0.002)

    pipeline = CountingPipeline(deal=300, mirror=30, during=during)
    Doorbell(make_broker(make_client(redis_url))).ring("deal", "deal", times=3)
    with working(pipeline, redis_url):
        assert started.wait(10)
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        assert eventually(lambda: not +pipeline.due)
    assert pipeline.taken == {"deal": 300, "mirror": 30}


def test_a_full_bulk_lane_does_not_keep_a_deal_waiting(redis_url: str) -> None:
    release = threading.Event()
    pipeline = CountingPipeline(
        bulk=10, deal=1, during=lambda lane: release.wait(20) and None if lane == "bulk" else None
    )
    bell = Doorbell(make_broker(make_client(redis_url)))
    bell.ring("bulk", "bulk", times=8)
    bell.ring("deal", "deal")
    with working(pipeline, redis_url):
        try:
            assert eventually(lambda: pipeline.taken["deal"] == 1)
            assert pipeline.taken["bulk"] <= 2  # one thread of its own, and its own claims
        finally:
            release.set()


def test_what_runs_is_finished_before_the_worker_ends(redis_url: str) -> None:
    began, finished = threading.Event(), threading.Event()

    def during(lane: str) -> None:
        began.set()
        time.sleep(0.5)
        finished.set()

    with working(CountingPipeline(deal=1, during=during), redis_url):
        assert began.wait(10)
    assert finished.is_set()


def test_what_does_not_end_in_time_is_left_to_its_lease(redis_url: str) -> None:
    hanging = threading.Event()
    pipeline = CountingPipeline(deal=1, during=lambda lane: hanging.wait(60) and None)
    began = time.monotonic()
    with working(pipeline, redis_url, within_s=0.5):
        assert eventually(lambda: pipeline.taken["deal"] == 1)
    hanging.set()
    assert time.monotonic() - began < 20


def test_nothing_new_is_begun_once_the_worker_is_asked_to_stop() -> None:
    pipeline = CountingPipeline(deal=10)
    stop = threading.Event()
    tasks = Tasks(pipeline.real, stop.is_set)
    stop.set()
    tasks.run_deal("deal")
    assert pipeline.taken["deal"] == 0


@pytest.mark.parametrize(
    "error", [Transient("TEMP-406", "away"), Terminal("DATA-201", "no e-mail"), RuntimeError("a bug"), KeyError("x")]
)
def test_an_actor_raises_nothing_whatever_its_step_raises(error: Exception) -> None:
    pipeline = CountingPipeline(deal=1)
    pipeline.failing["deal"] = error
    assert work_off(pipeline.run_deal, lambda: False, what="deal") == 0


def test_a_lost_lease_is_dropped_and_the_next_unit_taken() -> None:
    answers: list[int | Exception] = [LeaseLost("unit:1"), 2, 0]

    def step() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert work_off(step, lambda: False, what="deal") == 2
    assert answers == []


def test_one_ring_does_not_occupy_a_thread_for_ever() -> None:
    steps = iter(range(1, 10_000))
    work_off(lambda: next(steps), lambda: False, what="deal")
    assert next(steps) == MOST_STEPS + 1


def test_each_lane_has_an_actor_of_its_own_that_is_declared() -> None:
    client = make_client(NOWHERE)
    tasks = Tasks(CountingPipeline().real, lambda: False)
    for lane in QUEUES:
        broker = make_broker(client)
        tasks.declare(broker, lane)
        assert broker.get_declared_queues() == {lane}
        assert broker.get_declared_actors() == set(LANE_ACTORS[lane])
        assert ACTORS[lane] in LANE_ACTORS[lane]
        assert broker.middleware == []


def test_prefetch_and_time_out_are_ours_not_the_librarys() -> None:
    worker = lane_worker(make_client(NOWHERE), Tasks(CountingPipeline().real, lambda: False), "deal", 4)
    assert (worker.worker_timeout, worker.queue_prefetch, worker.worker_threads) == (100, 8, 4)


def test_own_claims_cover_every_kind_of_work() -> None:
    loops = own_claims(CountingPipeline().real, threading.Event())
    assert {loop.name for loop in loops} == {"intake", "deal", "mirror", "bulk", "usage", "flush"}


def test_an_address_that_no_client_understands_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        make_client("http://127.0.0.1:6379")


def test_a_server_that_hangs_costs_a_ring_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.broker.CALL_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bell = Doorbell(make_broker(make_client(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")))
        began = time.monotonic()
        assert bell.ring("deal", "deal") == 0
    assert time.monotonic() - began < 5
