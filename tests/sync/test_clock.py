"""Business time from somebody else's clock: aware, in UTC, and a passing trouble while it can't be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from sandbox.world import World
from sync.clock import RemoteClock, SystemClock
from sync.errors import Transient, Unsafe
from tests.sandbox.serving import Served

Serve = Callable[[int, object], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server with one answer; gives its address."""
    servers: list[HTTPServer] = []

    def start(status: int, body: object) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                return

        servers.append(HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/clock"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_time_of_day_is_aware() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_remote_instant_is_utc(serve: Serve) -> None:
    now = RemoteClock(serve(200, {"now": "2026-03-01T02:00:00+02:00"})).now()

    assert (now, now.utcoffset()) == (datetime(2026, 3, 1, tzinfo=UTC), timedelta())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {"now": "2026-03-01T00:00:00Z"}),
        (200, b"<html>"),
        (200, {}),
        (200, []),
        (200, {"now": 5}),
        (200, {"now": "soon"}),
        (200, {"now": "2026-03-01T00:00:00"}),
    ],
)
def test_an_answer_that_tells_no_time_passes_by_itself(serve: Serve, status: int, body: object) -> None:
    with pytest.raises(Transient, match="TEMP-406"):
        RemoteClock(serve(status, body)).now()


def test_no_answer_passes_by_itself() -> None:
    with pytest.raises(Transient, match="TEMP-406"):
        RemoteClock("http://127.0.0.1:9/clock").now()


def test_a_sandbox_that_was_reset_has_no_time_for_the_old_store() -> None:
    with Served(World()) as sandbox:
        clock = RemoteClock(f"{sandbox.control}/clock", fresh_for_s=0.0)
        before = clock.now()
        sandbox.clock("2027-01-01T00:00:00Z")
        assert clock.now() != before  # another time in the same world is all right

        requests.post(f"{sandbox.control}/reset", timeout=10).raise_for_status()
        with pytest.raises(Unsafe, match="CONF-308"):
            clock.now()
        assert RemoteClock(f"{sandbox.control}/clock").now()
