"""A load of webhooks over connections that stay open, as cheap for the machine as a client can be."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.bodies import Delivery


@dataclass(frozen=True)
class Load:
    """What came of it: acknowledgements a second, and the latencies in milliseconds. Every answer was 200."""

    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Refused(RuntimeError):
    """An answer was not 200: then the rate means nothing."""


def run(port: int, deliveries: Sequence[Delivery], *, concurrency: int) -> Load:
    """Deliver everything, ``concurrency`` at a time. Raises Refused at the first answer that is not 200."""
    return uvloop.run(_run(port, deliveries, concurrency))


async def _run(port: int, deliveries: Sequence[Delivery], concurrency: int) -> Load:
    waiting, latencies = deque(deliveries), []
    began = time.perf_counter()
    lanes = [_lane(port, waiting, latencies) for _ in range(concurrency)]
    await asyncio.gather(*lanes)
    elapsed = time.perf_counter() - began
    ordered = sorted(latencies)

    def percentile(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 2)

    return Load(round(len(ordered) / elapsed, 1), percentile(0.50), percentile(0.95), percentile(0.99))


async def _lane(port: int, waiting: deque[Delivery], latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while waiting:
            delivery = waiting.popleft()
            began = time.perf_counter()
            writer.write(delivery.request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise Refused(head.split(b"\r\n", 1)[0].decode())
            length = _content_length(head)
            if length:
                await reader.readexactly(length)
            latencies.append(time.perf_counter() - began)
    finally:
        writer.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
