"""A webhook receiver on loopback that keeps what it got and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Got = tuple[bytes, str]


class Receiver:
    """``status`` is what it answers, or a function of the event type; ``got`` are (body, signature header) pairs."""

    def __init__(self) -> None:
        self.status: int | Callable[[str], int] = 200
        self.got: list[Got] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((body, self.headers["Stripe-Signature"]))
                self.send_response(receiver.answer_for(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *unused: Any) -> None:
                """Nothing on the console."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer_for(self, body: bytes) -> int:
        """The status for this delivery."""
        if isinstance(self.status, int):
            return self.status
        return self.status(str(json.loads(body)["type"]))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
