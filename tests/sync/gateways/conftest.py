"""One sandbox process for the tests of this folder, reset for each test that asks for it, and a Valkey of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests

from tests.sync.gateways.world import World
from workers.embedded.binaries import valkey_program

START_WITHIN_S = 30.0


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """What the ready file of a running sandbox says."""
    yield from _run_sandbox(tmp_path_factory.mktemp("sandbox"), [])


@pytest.fixture(scope="session")
def namespaced_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """The same with the package installed under a namespace."""
    yield from _run_sandbox(tmp_path_factory.mktemp("sandbox_ns"), ["--namespace", "acme"])


def _run_sandbox(folder: Path, arguments: list[str]) -> Iterator[dict[str, object]]:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready), *arguments]
    with subprocess.Popen(command) as process:
        try:
            yield _await(ready, process)
        finally:
            process.terminate()
            process.wait(10)


def _await(ready: Path, process: subprocess.Popen[bytes]) -> dict[str, object]:
    end = time.monotonic() + START_WITHIN_S
    while not ready.exists():
        assert process.poll() is None, "the sandbox ended while starting"
        assert time.monotonic() < end, "the sandbox did not start"
        time.sleep(0.05)
    content: dict[str, object] = json.loads(ready.read_text())
    return content


@pytest.fixture
def world(sandbox: dict[str, object]) -> World:
    """A fresh world at 2026-03-01 00:00 UTC."""
    return _fresh(World(sandbox))


@pytest.fixture
def namespaced_world(namespaced_sandbox: dict[str, object]) -> World:
    """The same in an org where the package has the namespace ``acme``."""
    return _fresh(World(namespaced_sandbox, namespace="acme"))


def _fresh(world: World) -> World:
    requests.post(f"{world.control}/reset", timeout=30).raise_for_status()
    world.refresh()
    world.clock("2026-03-01T00:00:00Z")
    return world


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Valkey without a disk."""
    socket = Path("/tmp") / f"tdm-gw-{tmp_path_factory.getbasetemp().name}-{id(tmp_path_factory)}.sock"
    command = [str(valkey_program()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path_factory.mktemp("valkey")) as process:
        try:
            client = redis.Redis.from_url(f"unix://{socket}")
            end = time.monotonic() + START_WITHIN_S
            while not _answers(client):
                assert time.monotonic() < end, "Valkey did not start"
                time.sleep(0.02)
            yield f"unix://{socket}"
        finally:
            process.terminate()
            process.wait(10)
            socket.unlink(missing_ok=True)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


@pytest.fixture
def bell(valkey: str) -> redis.Redis:
    """An empty Redis."""
    client = redis.Redis.from_url(valkey)
    client.flushall()
    return client
