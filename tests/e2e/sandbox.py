"""The sandbox as its own process, as people run it, and everybody in it who is not Tandem."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.e2e import traffic
from tests.e2e.people import Rep
from workers.demo.actors import Control, Stripe

START_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
ROOT = Path(__file__).parents[2]
#: How Tandem names itself in the traffic log.
TANDEM = "Tandem/"


@contextmanager
def running_sandbox(folder: Path, *options: str) -> Iterator[str]:
    """The control URL of a sandbox that serves until the block ends."""
    ready, log = folder / "ready.json", folder / "sandbox.log"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield _control_url(process, ready, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _control_url(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    deadline = time.monotonic() + START_WITHIN_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the sandbox did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)
    return str(json.loads(ready.read_text(encoding="utf-8"))["control_url"])


@dataclass(frozen=True)
class Exchange:
    """One line of the traffic log."""

    seq: int
    system: str
    client: str
    method: str
    path: str
    params: Any
    status: int | None
    response: Any
    effect: bool
    idempotency_key: str | None
    at: str

    @property
    def by_tandem(self) -> bool:
        """Whether Tandem asked it."""
        return self.client.startswith(TANDEM)


class World:
    """A sandbox from its reset on: its clock, its faults, its log, a rep (``crm``) and a customer with finance (``stripe``)."""

    def __init__(self, control_url: str, namespace: str = "") -> None:
        self.control_url, self.namespace = control_url, namespace
        self.control = Control(control_url)
        self._http = requests.Session()
        self._http.trust_env = False
        self.ready: Mapping[str, Any] = self.control.ready()
        self.crm = Rep(self.ready, namespace)
        self.stripe = Stripe(self.ready)

    def at(self, day: str | datetime) -> None:
        """Business time is this day (``2026-03-01``), minute (``2026-03-01T02:00``) or instant; what fell due has happened."""
        moment = datetime.fromisoformat(day) if isinstance(day, str) else day
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self.control.move_clock(aware.isoformat())

    def now(self) -> datetime:
        """Business time."""
        return datetime.fromisoformat(self._ask("GET", "clock")["now"])

    def fault(self, system: str, kind: str, **more: Any) -> None:
        """Requests of Tandem meet this fault from now on (``next=2``, ``ratio=0.5``, ``match="POST /v1/customers"``)."""
        self._ask("POST", "faults", {"system": system, "kind": kind, **more})

    def clear_faults(self) -> None:
        """No request meets a fault any more."""
        self._ask("DELETE", "faults")

    def log(self, after: int = 0, *, effect: bool = False) -> list[Exchange]:
        """Every exchange after this sequence number; ``effect``: only those that changed something."""
        names, lines = Exchange.__dataclass_fields__, self.control.log(after, effect=effect)
        return [Exchange(**{k: v for k, v in line.items() if k in names}) for line in lines]

    def mark(self) -> int:
        """The sequence number of the newest exchange: what comes after it is new."""
        return self.control.last_exchange()

    def writes(self, after: int = 0, system: str | None = None) -> list[Exchange]:
        """The exchanges in which Tandem changed something."""
        return [e for e in self.log(after, effect=True) if e.by_tandem and (system is None or e.system == system)]

    def switch(self, name: str, **values: Any) -> None:
        """Flip a switch of the org that no Salesforce API has (``settings``, ``merge``, ``undelete``, ``expire-tokens``)."""
        url = f"{self.ready['salesforce']['url']}/tandem-sandbox/{name}"
        token = self.crm._http.headers["Authorization"]
        headers = {"X-Tandem-Client": "harness", "Authorization": str(token)}
        answer = requests.post(url, json=values, headers=headers, timeout=(3, 30))
        assert answer.status_code < 300, answer.text

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._http.request(method, f"{self.control_url}/{path}", json=body, timeout=(3, 60))
        assert answer.status_code < 300, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def fresh_world(control_url: str, namespace: str = "") -> Iterator[World]:
    """A reset sandbox; on leaving its traffic is kept for the judge."""
    requests.post(f"{control_url}/reset", timeout=(3, 30)).raise_for_status()
    try:
        yield World(control_url, namespace)
    finally:
        requests.delete(f"{control_url}/faults", timeout=(3, 10)).raise_for_status()
        traffic.keep(control_url)
