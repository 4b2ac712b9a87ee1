"""Pacing of calls to Stripe, with a real Redis and without one."""

from __future__ import annotations

import time

import pytest
import redis

from sync.clock import Deadline
from sync.errors import Transient
from sync.gateways.stripe_budget import ALONE, Budget, LocalBuckets, Rate, RedisBuckets

LISTS = "GET /v1/invoices"


def budget(client: redis.Redis | None, *, per_s: float = 50, max_wait_s: float = 3.0, name: str = "acct_1") -> Budget:
    return Budget(
        account=Rate(1000, 1000), endpoint=Rate(per_s, per_s), name=name, client=client, max_wait_s=max_wait_s
    )


def took_s(budget: Budget, calls: int, endpoint: str = LISTS) -> float:
    begun = time.monotonic()
    for _ in range(calls):
        budget.turn(endpoint, Deadline(30))
    return time.monotonic() - begun


def test_a_bucket_that_is_missing_starts_empty(bell: redis.Redis) -> None:
    assert took_s(budget(bell, per_s=10), 3) >= 0.28


def test_two_processes_share_one_rate(bell: redis.Redis) -> None:
    one, other = budget(bell), budget(bell)
    begun = time.monotonic()
    for _ in range(10):
        took_s(one, 1)
        took_s(other, 1)
    assert time.monotonic() - begun >= 0.36  # twenty calls at fifty a second, the first not before its turn


def test_accounts_and_endpoint_classes_have_buckets_of_their_own(bell: redis.Redis) -> None:
    slow = budget(bell, per_s=1)
    took_s(slow, 1)
    assert took_s(budget(bell, per_s=50, name="acct_2"), 1) < 0.5
    assert took_s(budget(bell, per_s=50), 1, "POST /v1/customers") < 0.5


def test_a_burst_is_saved_up_but_no_more_than_that(bell: redis.Redis) -> None:
    buckets = RedisBuckets(bell, "t", {"account": Rate(100, 5)})
    assert buckets.take(("account",), 1.0) > 0
    end = time.monotonic() + 5
    while buckets.take(("account",), 0.0) < 0:  # refill: one token after ten milliseconds
        assert time.monotonic() < end
    time.sleep(0.2)  # machine time itself is what is tested
    granted = sum(buckets.take(("account",), 0.0) == 0 for _ in range(50))
    assert 5 <= granted < 20


def test_a_wait_that_is_too_long_is_told_and_takes_nothing(bell: redis.Redis) -> None:
    slow = budget(bell, per_s=1, max_wait_s=0.1)
    with pytest.raises(Transient, match="TEMP-401") as caught:
        slow.turn(LISTS, Deadline(30))
    assert caught.value.retry_after_s == pytest.approx(1.0, abs=0.05)
    with pytest.raises(Transient) as again:
        slow.turn(LISTS, Deadline(30))
    assert again.value.retry_after_s == pytest.approx(1.0, abs=0.05)


def test_a_429_holds_the_class_for_every_process(bell: redis.Redis) -> None:
    one, other = budget(bell, max_wait_s=0.1), budget(bell, max_wait_s=0.1)
    one.slow_down(LISTS, 2.0)
    with pytest.raises(Transient) as caught:
        other.turn(LISTS, Deadline(30))
    assert caught.value.retry_after_s is not None
    assert 1.5 < caught.value.retry_after_s < 2.5


def test_without_redis_an_eighth_of_the_rate_is_kept(tmp_path: object) -> None:
    nobody = redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    assert took_s(budget(nobody, per_s=80), 4) >= 3 / (80 * ALONE) * 0.9


def test_redis_that_fails_in_mid_run_does_not_stop_the_work(tmp_path: object) -> None:
    nobody = redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    alone = budget(nobody, per_s=800)
    alone.slow_down(LISTS, 0.01)
    took_s(alone, 2)


def test_a_local_bucket_starts_empty_too() -> None:
    buckets = LocalBuckets({"account": Rate(10, 10)})
    assert buckets.take(("account",), 1.0) == pytest.approx(0.1, abs=0.01)
    assert buckets.take(("account",), 0.05) < 0


def test_a_turn_leaves_time_for_the_call_itself(bell: redis.Redis) -> None:
    with pytest.raises(Transient):
        budget(bell, per_s=1).turn(LISTS, Deadline(1.0))  # a second's wait of a second's deadline
