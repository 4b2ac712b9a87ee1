"""The doorbell: a dramatiq broker on the Redis protocol. A message says "look again" and carries a name, nothing else (DESIGN 3).

Retries, delays and dead letters live in the tables, so the broker has no middleware that could keep work to itself. Whatever
Redis loses, the claims that workers make by themselves find in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import redis
import structlog
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerError
from redis.backoff import NoBackoff
from redis.retry import Retry

from sync.ports import Lane

log = structlog.get_logger()

#: One queue a lane, so that a long reconcile never stands in front of a quote.
QUEUES: tuple[Lane, ...] = ("deal", "mirror", "bulk")
#: The actor that a ring of a lane's bell calls.
ACTORS: Mapping[Lane, str] = MappingProxyType({"deal": "run_deal", "mirror": "run_mirror", "bulk": "run_bulk"})
NAMESPACE = "tandem"

#: Machine seconds until an unanswered call counts as lost; the client's own default would end long polls of a busy server.
CALL_WITHIN_S = 15.0
CONNECT_WITHIN_S = 3.0
#: Calls out of a million that also look for messages of dead processes. The default of 1,000 leaves them for a quarter of an hour.
MAINTENANCE_CHANCE = 20_000


def make_client(redis_url: str, *, connections: int = 32) -> redis.Redis:
    """A client that connects when first used, with at most ``connections`` connections, and retries nothing by itself.

    ``redis_url`` is ``redis://``, ``rediss://`` or ``unix://``; ValueError for anything else.
    """
    pool = redis.BlockingConnectionPool.from_url(
        redis_url,
        max_connections=connections,
        timeout=CALL_WITHIN_S,
        socket_timeout=CALL_WITHIN_S,
        socket_connect_timeout=CONNECT_WITHIN_S,
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis(connection_pool=pool)


def make_broker(client: redis.Redis) -> RedisBroker:
    """A broker on ``client``, which several may share. It has no middleware: no retries, no delays, no time limits."""
    return RedisBroker(  # type: ignore[no-untyped-call]
        client=client, middleware=[], namespace=NAMESPACE, maintenance_chance=MAINTENANCE_CHANCE
    )


class Doorbell:
    """Rings for workers. Nothing depends on a ring being heard, so a failure is logged and costs only time."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._silent = False

    def ring(self, lane: Lane, name: str, *, times: int = 1) -> int:
        """Put up to ``times`` messages into the lane's queue, less those still unheard there; returns how many were put."""
        try:
            unheard = int(self._broker.do_qsize(lane))
            wanted = max(times - unheard, 0)
            for _ in range(wanted):
                self._broker.enqueue(Message(lane, ACTORS[lane], (name,), {}, {}))
        except (redis.RedisError, BrokerError) as error:
            if not self._silent:
                log.warning("doorbell_silent", lane=lane, error=type(error).__name__)
            self._silent = True
            return 0
        if self._silent:
            log.info("doorbell_rings_again", lane=lane)
        self._silent = False
        return wanted
