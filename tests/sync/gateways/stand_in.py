"""A vendor that answers what a test tells it, over real HTTP: for bad answers that no sandbox gives on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What was asked. Header names are lower case; ``fields`` are of the query and of a form body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def route(self) -> str:
        return urlsplit(self.path).path

    @property
    def fields(self) -> dict[str, str]:
        form = self.body.decode() if "form" in self.headers.get("content-type", "") else ""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)) | dict(
            parse_qsl(form, keep_blank_values=True)
        )

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered. ``body`` as JSON unless it is text; ``drop`` closes without a word; ``hold`` waits to be
    released first; ``trickle_s`` pauses between bytes; ``cut`` leaves so many bytes out.
    """

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    hold: threading.Event | None = None
    trickle_s: float = 0.0
    cut: int = 0

    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


Answerer = Callable[[Request], Reply]


class StandIn:
    """``answer`` decides; every request is kept in ``seen``."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.seen: list[Request] = []
        self.url = ""

    @property
    def calls(self) -> list[str]:
        return [f"{r.method} {r.route}" for r in self.seen]


@contextmanager
def serving(answer: Answerer) -> Iterator[StandIn]:
    """A stand-in on loopback for the time of the block."""
    stand_in = StandIn(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            stand_in.seen.append(request)
            self.reply(stand_in.answer(request))

        do_GET = do_POST = do_PATCH = do_DELETE = do_any  # noqa: N815

        def reply(self, reply: Reply) -> None:
            if reply.hold is not None:
                reply.hold.wait(20)
            if reply.drop:
                self.close_connection = True
                return
            content = reply.content()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + reply.cut))
            self.close_connection = self.close_connection or reply.cut > 0
            self.end_headers()
            pause = threading.Event()
            for piece in [content] if not reply.trickle_s else [content[i : i + 1] for i in range(len(content))]:
                try:
                    self.wfile.write(piece)
                    self.wfile.flush()
                except OSError:  # the client went away, which is what some tests are about
                    self.close_connection = True
                    return
                pause.wait(reply.trickle_s)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def always(reply: Reply) -> Answerer:
    """Answers the same to everything."""
    return lambda request: reply


def in_turn(*replies: Reply) -> Answerer:
    """Answers one after the other; the last one goes on for ever."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]
