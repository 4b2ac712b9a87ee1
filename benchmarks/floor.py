"""Floor S: the least that an honest acknowledgement takes. Signature, JSON, one INSERT that is committed, 200.

`python -m benchmarks.floor DSN`, with the signing secret in STRIPE_WEBHOOK_SECRET; prints its address on stdout.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TABLE = "CREATE TABLE IF NOT EXISTS floor_events (id text PRIMARY KEY, type text NOT NULL, body text NOT NULL)"
INSERT = "INSERT INTO floor_events (id, type, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
TOLERANCE_S = 300
CONNECTIONS = 8


def is_signed(body: bytes, header: str, secret: bytes) -> bool:
    """Whether the header carries a signature of this body that is not too old."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = parts.get("t", "0")
    expected = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts.get("v1", "")) and time.time() - int(stamp) < TOLERANCE_S


def application(dsn: str, secret: bytes) -> Starlette:
    """The floor as an ASGI application."""
    pools: list[asyncpg.Pool] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        pools.append(await asyncpg.create_pool(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS))
        await pools[0].execute(TABLE)
        yield
        await pools[0].close()

    async def webhook(request: Request) -> Response:
        body = await request.body()
        if not is_signed(body, request.headers.get("stripe-signature", ""), secret):
            return Response(status_code=400)
        event = json.loads(body)
        await pools[0].execute(INSERT, event["id"], event["type"], body.decode())
        return Response()

    return Starlette(routes=[Route("/webhooks/stripe", webhook, methods=["POST"])], lifespan=lifespan)


def main(dsn: str) -> None:
    """Serve until SIGTERM."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen(2048)
    print(bound.getsockname()[1], flush=True)
    app = application(dsn, os.environ["STRIPE_WEBHOOK_SECRET"].encode())
    config = uvicorn.Config(app, http="httptools", loop="uvloop", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main(sys.argv[1])
