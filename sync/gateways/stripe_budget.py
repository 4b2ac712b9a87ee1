"""How fast Stripe may be asked: token buckets in Redis, shared by all workers of one Stripe account (DESIGN 4).

A bucket that is missing starts empty, so a flushed Redis never causes a burst. With Redis down each process keeps an
eighth of the rate by itself. All of it is machine time: Redis' own clock, and `time.monotonic`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
import structlog

from sync.clock import Deadline
from sync.errors import Transient

log = structlog.get_logger()

#: Longest wait for a turn; beyond it the work goes back to the queue.
MAX_WAIT_S = 3.0
#: Share of the rate that a process keeps when Redis can't be asked.
ALONE = 1 / 8
#: How long Redis is left alone after it failed, in machine seconds.
_REDIS_REST_S = 5.0
_KEY_LIFE_MS = 120_000

# KEYS: buckets. ARGV: longest wait in ms, life in ms, then rate and burst of each bucket. Tokens go below zero: that
# is the queue.
# Answers the wait in ms when a turn was taken from every bucket, else minus the wait that would be needed (nothing
# taken).
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local longest = tonumber(ARGV[1])
local wait, tokens = 0, {}
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local seen = redis.call('HMGET', key, 'tokens', 'at')
  local have = tonumber(seen[1] or 0)
  if seen[2] then have = math.min(burst, have + math.max(0, now - tonumber(seen[2])) * rate / 1000) end
  tokens[i] = have - 1
  if tokens[i] < 0 then wait = math.max(wait, math.ceil(-tokens[i] * 1000 / rate)) end
end
if wait > longest then return -wait end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'tokens', tostring(tokens[i]), 'at', tostring(now))
  redis.call('PEXPIRE', key, ARGV[2])
end
return wait
"""

# KEYS: one bucket. ARGV: debt in tokens, life in ms. Stripe said 429: nobody goes on before the debt is worked off.
_HOLD = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local have = tonumber(redis.call('HGET', KEYS[1], 'tokens') or 0)
redis.call('HSET', KEYS[1], 'tokens', tostring(math.min(have, -tonumber(ARGV[1]))), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Rate:
    """``per_s`` calls a second in the long run, ``burst`` at once."""

    per_s: float
    burst: float


class LocalBuckets:
    """The buckets of one process."""

    def __init__(self, rates: dict[str, Rate], *, share: float = 1.0) -> None:
        self._rates = rates
        self._share = share
        self._state: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, classes: Sequence[str], longest_s: float) -> float:
        """Seconds to wait before going on (a turn is taken in each class), or minus the seconds needed when that is too
        long.
        """
        with self._lock:
            now = time.monotonic()
            after = {name: self._tokens(name, now) - 1 for name in classes}
            wait = max((-tokens / self._per_s(name) for name, tokens in after.items() if tokens < 0), default=0.0)
            if wait > longest_s:
                return -wait
            self._state.update({name: (tokens, now) for name, tokens in after.items()})
            return wait

    def hold(self, name: str, seconds: float) -> None:
        with self._lock:
            now = time.monotonic()
            self._state[name] = (min(self._tokens(name, now), -seconds * self._per_s(name)), now)

    def _tokens(self, name: str, now: float) -> float:
        tokens, at = self._state.get(name, (0.0, now))
        return min(max(1.0, _rate_of(self._rates, name).burst * self._share), tokens + (now - at) * self._per_s(name))

    def _per_s(self, name: str) -> float:
        return _rate_of(self._rates, name).per_s * self._share


class RedisBuckets:
    """The buckets that all processes share. Raises `redis.RedisError` when Redis can't be asked."""

    def __init__(self, client: redis.Redis, prefix: str, rates: dict[str, Rate]) -> None:
        self._prefix = prefix
        self._rates = rates
        self._take = client.register_script(_TAKE)
        self._hold = client.register_script(_HOLD)

    def take(self, classes: Sequence[str], longest_s: float) -> float:
        rates = [_rate_of(self._rates, c) for c in classes]
        args: list[str | int | float] = [
            int(longest_s * 1000),
            _KEY_LIFE_MS,
            *(x for r in rates for x in (r.per_s, r.burst)),
        ]
        answer = cast(int, self._take(keys=[f"{self._prefix}:{c}" for c in classes], args=args))
        return answer / 1000

    def hold(self, name: str, seconds: float) -> None:
        debt = seconds * _rate_of(self._rates, name).per_s
        self._hold(keys=[f"{self._prefix}:{name}"], args=[debt, _KEY_LIFE_MS])


def _rate_of(rates: Mapping[str, Rate], bucket: str) -> Rate:
    """``endpoint GET /v1/invoices`` has the rate of ``endpoint``, unless it has one of its own."""
    return rates.get(bucket) or rates[bucket.partition(" ")[0]]


class Budget:
    """Every call to Stripe takes a turn here first: one of the account and one of its endpoint class (method and path)."""

    def __init__(
        self,
        *,
        account: Rate,
        endpoint: Rate,
        name: str,
        client: redis.Redis | None = None,
        max_wait_s: float = MAX_WAIT_S,
        own: Mapping[str, Rate] | None = None,
    ) -> None:
        """``own``: rates of single endpoints, by ``"POST /v1/invoices"``."""
        rates = {"account": account, "endpoint": endpoint}
        rates |= {f"endpoint {each}": rate for each, rate in (own or {}).items()}
        self._shared = RedisBuckets(client, f"tandem:bucket:{name}", rates) if client is not None else None
        self._alone = LocalBuckets(rates, share=1.0 if client is None else ALONE)
        self._max_wait_s = max_wait_s
        self._rest_until = 0.0

    def turn(self, endpoint: str, deadline: Deadline) -> None:
        """It is our turn to call ``endpoint`` (``"GET /v1/invoices"``). Waits a few seconds at most, else raises
        Transient TEMP-401 with the wait that is needed.
        """
        longest_s = min(self._max_wait_s, deadline.left_s() / 2)
        wait_s = self._take(("account", f"endpoint {endpoint}"), longest_s)
        if wait_s < 0:
            raise Transient(
                "TEMP-401", "Our own limit for calls to Stripe is used up for the moment.", retry_after_s=-wait_s
            )
        if wait_s:
            time.sleep(wait_s)

    def slow_down(self, endpoint: str, seconds: float) -> None:
        """Stripe said 429: no process calls this endpoint class for ``seconds`` (five at most)."""
        held_s = min(seconds, 5.0)
        self._alone.hold(f"endpoint {endpoint}", held_s)
        if self._shared is None:
            return
        try:
            self._shared.hold(f"endpoint {endpoint}", held_s)
        except redis.RedisError as error:
            log.warning("redis_unavailable", for_what="stripe_budget", error=type(error).__name__)

    def _take(self, classes: Sequence[str], longest_s: float) -> float:
        if self._shared is not None and time.monotonic() >= self._rest_until:
            try:
                return self._shared.take(classes, longest_s)
            except redis.RedisError as error:
                self._rest_until = time.monotonic() + _REDIS_REST_S
                log.warning("redis_unavailable", for_what="stripe_budget", error=type(error).__name__)
        return self._alone.take(classes, longest_s)
