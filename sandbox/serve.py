"""Several uvicorn servers on one loop, loopback only, with the connection within reach of a fault."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.middleware import App

LOOPBACK = "127.0.0.1"


class _Protocol(HttpToolsProtocol):
    """Puts the connection into the scope, so that a fault can close it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.transport": self.transport}  # type: ignore[dict-item]


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the process's, not each server's


class Listener:
    """One bound address and the application behind it. Bound from the start, so its URL is known before serving."""

    def __init__(self, port: int = 0) -> None:
        # asyncio switches Nagle's algorithm off only where the protocol is named; without, each answer takes 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, port))
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        self._server: _Server | None = None

    async def serve(self, app: App) -> None:
        """Serve until :meth:`stop`."""
        config = uvicorn.Config(
            app,
            http=_Protocol,
            lifespan="off",
            access_log=False,
            log_level="warning",
            log_config=None,
            ws="none",
            server_header=False,
            date_header=False,
            timeout_keep_alive=120,
            timeout_graceful_shutdown=1,
            backlog=512,
        )
        self._server = _Server(config)
        await self._server.serve(sockets=[self._socket])

    async def started(self) -> None:
        """Return once the application answers."""
        while self._server is None or not self._server.started:
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        """End serving; requests in flight get a second."""
        if self._server is not None:
            self._server.should_exit = True
