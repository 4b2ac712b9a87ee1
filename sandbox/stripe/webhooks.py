"""Signed webhook deliveries: the first at once and outside of any request, two more in the hours after.

Business time rules the retries, machine time the signature and the time-outs. A sandbox account's endpoint gets three
tries within a few hours (https://docs.stripe.com/webhooks); nothing is promised about order.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import hmac
import json
import time
from collections import deque
from dataclasses import dataclass

from sandbox.stripe.post import Poster
from sandbox.stripe.rendering import shown
from sandbox.stripe.store import Obj, Store
from sandbox.world import World

PAUSES_S = (30 * 60, 3 * 60 * 60)
"""Business time from the first try to the second, and from the second to the third."""
_RECEIVERS = {"event": "webhook_endpoint", "v2.core.event": "v2.core.event_destination"}
"""Who takes which events."""
_AT_ONCE = 8
_ANSWER_WITHIN_S = 10.0


@dataclass(eq=False)
class Delivery:
    """One event on its way to one endpoint. ``next_at_s`` is set while a retry waits."""

    event: Obj
    endpoint_id: str
    tries: int = 0
    done: bool = False
    next_at_s: int | None = None


def signature_header(payload: bytes, secret: str, at_s: int) -> str:
    """``t=...,v1=...`` over ``t.payload`` by HMAC-SHA256 (https://docs.stripe.com/webhooks/signature)."""
    digest = hmac.new(secret.encode(), str(at_s).encode() + b"." + payload, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


class Webhooks:
    """The deliveries of one kernel; also one of its timers."""

    def __init__(self, store: Store, world: World, first_secret: str | None) -> None:
        self._store = store
        self._world = world
        self._first_secret = first_secret
        self._by_event: dict[str, list[Delivery]] = {}
        self._queue: deque[Delivery] = deque()
        self._waiting: list[tuple[int, int, Delivery]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._poster = Poster()
        self._count = 0

    def take_first_secret(self) -> str | None:
        """The secret that the ready file names, once; ``None`` for every later endpoint."""
        secret, self._first_secret = self._first_secret, None
        return secret

    def hand_over(self, event: Obj) -> None:
        """Queue the event for each enabled endpoint that wants it and set ``pending_webhooks``."""
        for endpoint in self._store.all(_RECEIVERS[event["object"]]):
            if _wants(endpoint, event["type"]):
                delivery = Delivery(event, endpoint["id"])
                self._by_event.setdefault(event["id"], []).append(delivery)
                _count(event, 1)
                self._enqueue(delivery)

    def holds(self, event: Obj) -> bool:
        """Whether an endpoint wants the event and has not taken it: it refused it, or it refused its last delivery."""
        return any(self._stuck(delivery) for delivery in self._by_event.get(event["id"], ()))

    def _stuck(self, delivery: Delivery) -> bool:
        endpoint = self._receiver(delivery)
        if delivery.done or endpoint is None or endpoint["status"] != "enabled":
            return False
        return delivery.tries > 0 or bool(endpoint.get("_failing"))

    def all_taken(self, event: Obj) -> bool:
        """Stripe's ``delivery_success``: no endpoint still waits for the event."""
        return all(delivery.done for delivery in self._by_event.get(event["id"], ()))

    def next_due_s(self) -> int | None:
        """When the next retry is due."""
        return self._waiting[0][0] if self._waiting else None

    def run_due(self, at_s: int) -> None:
        """Queue the retries due by now."""
        while self._waiting and self._waiting[0][0] <= at_s:
            self._enqueue(heapq.heappop(self._waiting)[2])

    async def delivered(self) -> None:
        """Return when nothing is queued or under way."""
        while self._queue or self._tasks:
            self._start()
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def close(self) -> None:
        """Stop delivering."""
        self._queue.clear()
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        self._poster.close()

    def _enqueue(self, delivery: Delivery) -> None:
        delivery.next_at_s = None
        self._queue.append(delivery)
        self._start()

    def _start(self) -> None:
        while self._queue and len(self._tasks) < _AT_ONCE:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # nothing serves yet; delivered() starts the queue
            task = loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while self._queue:
            await self._attempt(self._queue.popleft())

    async def _attempt(self, delivery: Delivery) -> None:
        endpoint = self._receiver(delivery)
        if endpoint is None or endpoint["status"] != "enabled":
            self._finish(delivery)
            return
        payload = json.dumps(shown(delivery.event), ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*",
            "Stripe-Signature": signature_header(payload, endpoint["_secret"], int(time.time())),
        }
        status = await self._poster.post(endpoint["url"], payload, headers, _ANSWER_WITHIN_S)
        delivery.tries += 1
        taken = status is not None and 200 <= status < 300
        endpoint["_failing"] = not taken
        if taken:
            self._finish(delivery)
        elif delivery.tries <= len(PAUSES_S):
            delivery.next_at_s = self._world.now_s() + PAUSES_S[delivery.tries - 1]
            self._count += 1
            heapq.heappush(self._waiting, (delivery.next_at_s, self._count, delivery))

    def _finish(self, delivery: Delivery) -> None:
        delivery.done = True
        _count(delivery.event, -1)

    def _receiver(self, delivery: Delivery) -> Obj | None:
        return self._store.get(_RECEIVERS[delivery.event["object"]], delivery.endpoint_id)


def _count(event: Obj, more: int) -> None:
    """Only events of v1 say how many deliveries are still to come."""
    if "pending_webhooks" in event:
        event["pending_webhooks"] += more


def _wants(endpoint: Obj, type: str) -> bool:
    wanted = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in wanted or type in wanted)
