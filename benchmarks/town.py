"""A sandbox and Tandem's own processes around it, each as people start it, on servers of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.demo.actors import Control, Crm, Stripe
from workers.embedded import attach_or_start
from workers.sandbox import await_ready, sandbox_command

ROOT = Path(__file__).parents[1]
STOP_WITHIN_S = 60.0


@dataclass
class Town:
    """One world with one installation of Tandem."""

    control: Control
    crm: Crm
    stripe: Stripe
    secret: str
    environment: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A lasting process of Tandem, ended with the town."""
        command = [sys.executable, "-m", "sync", *arguments, "--json"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self.processes.append(process)
        return process

    def web(self) -> int:
        """The port of a new `tandem web`."""
        return int(answer_of(self.start("web", "--port", "0"))["url"].rpartition(":")[2])

    def drain(self, *, at_once: int = 1) -> None:
        """`tandem drain` has ended with nothing failed and nothing waiting; several ``at_once`` shared the work before."""
        if at_once > 1:
            others = [self._draining(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(at_once)]
            for other in others:
                other.wait()  # one may have found what another held: what is left is the last one's
        last = self._draining(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, complained = last.communicate()
        if last.returncode:
            tail = f"{said[-2000:].decode()} {complained[-2000:].decode()}"
            raise RuntimeError(f"tandem drain ended with {last.returncode}: {tail}")

    def _draining(self, *, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sync", "drain", "--json"]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )


def answer_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The JSON document that a process answers with on stdout; it may span lines. RuntimeError when it ends before."""
    assert process.stdout is not None
    text = ""
    while line := process.stdout.readline():
        text += line.decode()
        with contextlib.suppress(ValueError):
            found: dict[str, Any] = json.loads(text)
            return found
    raise RuntimeError(f"the process ended: {text}")


@contextlib.contextmanager
def town(folder: Path, **settings: str) -> Iterator[Town]:
    """A fresh town; ``settings`` are environment variables of Tandem. Everything has ended after the block."""
    ready_file = folder / "ready.json"
    sandbox = subprocess.Popen(sandbox_command(ready_file=ready_file), cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        ready = await_ready(ready_file, sandbox)
        with attach_or_start(folder / "home") as servers:
            kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
            own = {
                "TANDEM_SANDBOX_URL": ready["control_url"], "DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url,
                "TANDEM_HOME": str(folder / "home"), "LOG_LEVEL": "WARNING",
            }  # fmt: skip
            stripe, crm, control = Stripe(ready), Crm(ready), Control(ready["control_url"])
            built = Town(control, crm, stripe, ready["stripe"]["webhook_secret"], kept | own | settings)
            subprocess.run([sys.executable, "-m", "sync", "db", "upgrade"], cwd=ROOT, env=built.environment, check=True)
            try:
                yield built
            finally:
                _end(built.processes)
    finally:
        _end([sandbox])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_WITHIN_S
    for process in processes:
        process.wait(max(deadline - time.monotonic(), 1.0))
