"""A sandbox served from a thread of the test process, and a plain client that speaks to it over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import requests

from sandbox.sandbox import Sandbox
from sandbox.world import World

START_WITHIN_S = 20


class Served:
    """A world being served. ``ready`` is what the ready file would hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ready: dict[str, Any] = {}
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sandbox: Sandbox | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sandbox = Sandbox(self.world)

        def when_ready(content: dict[str, Any]) -> None:
            self.ready = content
            self._started.set()

        await self._sandbox.serve(when_ready)

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._started.wait(START_WITHIN_S), "the sandbox did not start"
        return self

    def __exit__(self, *unused: object) -> None:
        assert self._loop is not None
        assert self._sandbox is not None
        self._loop.call_soon_threadsafe(self._sandbox.stop)
        self._thread.join(START_WITHIN_S)
        assert not self._thread.is_alive(), "the sandbox did not stop"

    @property
    def control(self) -> str:
        """The control URL."""
        return str(self.ready["control_url"])

    def clock(self, now: str, deliver: bool = False) -> str:
        """Move the business clock; returns where it stands."""
        answer = requests.post(
            f"{self.control}/clock", json={"now": now}, params={"deliver": int(deliver)}, timeout=120
        )
        answer.raise_for_status()
        return str(answer.json()["now"])

    def deliver(self) -> None:
        """Wait for the webhook deliveries that are queued."""
        requests.get(f"{self.control}/clock", params={"deliver": 1}, timeout=120).raise_for_status()

    def fault(self, **fault: Any) -> None:
        """Plant a fault."""
        requests.post(f"{self.control}/faults", json=fault, timeout=10).raise_for_status()

    def clear_faults(self) -> None:
        """No request meets a fault any more."""
        requests.delete(f"{self.control}/faults", timeout=10).raise_for_status()

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        """The request log, decoded."""
        answer = requests.get(f"{self.control}/log", params={"after": after}, timeout=30)
        return [json.loads(line) for line in answer.text.splitlines() if line]

    def reset(self) -> None:
        """Start the world anew."""
        requests.post(f"{self.control}/reset", timeout=10).raise_for_status()


class RawStripe:
    """Requests exactly as written, for what the SDK would not send."""

    def __init__(self, served: Served) -> None:
        self.url = served.ready["stripe_url"]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {served.ready['stripe']['api_key']}"

    def ask(
        self, method: str, path: str, form: Sequence[tuple[str, str]] | dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """A request with a form body (query for GET)."""
        where = "params" if method == "GET" else "data"
        return self.session.request(method, self.url + path, **{where: form}, timeout=30, **more)

    def post(self, path: str, form: Any = None, **more: Any) -> requests.Response:
        return self.ask("POST", path, form, **more)

    def get(self, path: str, form: Any = None, **more: Any) -> requests.Response:
        return self.ask("GET", path, form, **more)

    def delete(self, path: str, **more: Any) -> requests.Response:
        return self.ask("DELETE", path, **more)
