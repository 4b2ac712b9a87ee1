"""`tandem web` as its own process, and a sender of webhooks that signs as Stripe does."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from tests.e2e.sandbox import ROOT, STOP_WITHIN_S, World

START_WITHIN_S = 30.0


@contextmanager
def running_web(world: World, database_url: str, redis_url: str, port: str = "0") -> Iterator[Webhooks]:
    """A `tandem web` process that takes this world's webhooks until the block ends."""
    own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TANDEM_SANDBOX_URL": world.control_url}
    command = [sys.executable, "-m", "sync", "web", "--port", port, "--json"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **own}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Webhooks(_url(process), str(world.ready["stripe"]["webhook_secret"]))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _url(process: subprocess.Popen[str]) -> str:
    """The address in what the process says of itself; the line may come after others."""
    assert process.stdout is not None
    deadline, said = time.monotonic() + START_WITHIN_S, ""
    while (left_s := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], left_s)
        chunk = os.read(process.stdout.fileno(), 65536).decode() if ready else ""
        said += chunk
        if (begin := said.find("http://")) >= 0 and (end := said.find('"', begin)) >= 0:
            return said[begin:end]
        assert chunk, f"tandem web ended: {said}"
    raise AssertionError(f"tandem web said no address: {said}")


class Webhooks:
    """Sends events to one web process."""

    def __init__(self, url: str, secret: str) -> None:
        self.endpoint, self._secret = f"{url}/webhooks/stripe", secret
        self._http = requests.Session()

    def deliver(self, *events: Mapping[str, Any]) -> None:
        """Each event, in this order, is signed, sent and answered 200."""
        for event in events:
            assert self.send(json.dumps(event).encode()) == 200

    def send(self, body: bytes, signature: str | None = None) -> int:
        """The status with which this body is answered, signed now unless a signature is given."""
        headers = {"Stripe-Signature": self.sign(body) if signature is None else signature}
        answer = self._http.post(self.endpoint, data=body, headers=headers, timeout=(3, 30))
        return answer.status_code

    def sign(self, body: bytes, *, at_s: int | None = None, secret: str | None = None) -> str:
        """Stripe-Signature of a body: machine time, HMAC-SHA256 over ``time.body``."""
        stamp = str(int(time.time()) if at_s is None else at_s)
        digest = hmac.new((secret or self._secret).encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return f"t={stamp},v1={digest}"
