"""What the processes know of the sandbox: how to start it, what it says, and how to tell that it is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from workers.sandbox import (
    SandboxAway,
    database_of_world,
    redis_database_of_world,
    register_webhook,
    sandbox_command,
    sandbox_service,
    world_id,
)


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *unused: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/secretsegment"
        finally:
            server.shutdown()


def test_the_command_names_only_what_differs_from_the_default() -> None:
    command = sandbox_command(port=7, stripe_port=8, ready_file=Path("/x/ready.json"), namespace="acme")
    assert command[1:] == [
        "-m", "sandbox", "--port", "7", "--stripe-port", "8", "--ready-file", "/x/ready.json", "--namespace", "acme",
    ]  # fmt: skip


def test_a_sandbox_that_ends_is_not_started_again_because_its_world_is_gone() -> None:
    assert sandbox_service(Path("/x/ready.json")).restart is False


def test_a_world_is_known_by_the_header_of_its_answers() -> None:
    with answering(200, "{}", X_Tandem_Sandbox="world-1") as url:
        assert world_id(url) == "world-1"


@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (404, "no"), (200, "<html>")])
def test_what_is_no_sandbox_is_told_without_its_secret_path(status: int, body: str) -> None:
    with answering(status, body) as url:
        with pytest.raises(SandboxAway) as error:
            world_id(url)
        assert "secretsegment" not in str(error.value)
        assert "127.0.0.1" in str(error.value)


def test_nobody_there_is_told() -> None:
    with pytest.raises(SandboxAway, match="no sandbox answers"):
        world_id("http://127.0.0.1:9/x")


def test_a_refused_webhook_endpoint_is_told() -> None:
    with answering(400, json.dumps({"error": {}})) as url:
        with pytest.raises(SandboxAway, match="HTTP 400"):
            register_webhook(
                {"stripe_url": url, "stripe": {"api_key": "sk_test_1"}}, "http://127.0.0.1:1/webhooks/stripe"
            )


def test_each_world_has_a_database_of_its_own_with_a_name_that_postgresql_takes() -> None:
    one, other = database_of_world("A1-b2/../x"), database_of_world("A1-b2/../y")
    assert one != other
    assert one == "sandbox_a1_b2____x"
    assert len(database_of_world("w" * 200)) <= 63
    assert all(1 <= redis_database_of_world(world) <= 15 for world in ("", "a", "w" * 200))
