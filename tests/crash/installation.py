"""A running `tandem up --sandbox` whose worker can be killed anywhere, and the people around it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from sync.store.engine import plain_dsn
from tests.crash.points import Point, Points
from tests.e2e.sandbox import ROOT, World
from tests.e2e.tandem import Tandem
from workers.home import Home
from workers.supervisor import read_up_file

#: Short leases, so that what a dead worker held is soon free; nothing is read on a timer that a webhook should have brought.
ENVIRONMENT = {
    "LEASE_S": "2.5",
    "CALL_DEADLINE_S": "2",
    "SETTLE_S": "0.2",
    "FLUSH_EVERY_S": "0.2",
    "POLL_HOT_S": "0.5",
    "POLL_COLD_S": "1",
    "POLL_EVENTS_S": "600",
    "STRIPE_REQUESTS_PER_S": "1000",
}
LEASE_S = float(ENVIRONMENT["LEASE_S"])
UP_WITHIN_S = 60.0
QUIET_WITHIN_S = 90.0

#: How much is left to do: notices not taken in, subjects due or held, rows not in the CRM.
LEFT = """
SELECT (SELECT count(*) FROM notices WHERE processed_machine_at IS NULL)
     + (SELECT count(*) FROM subjects WHERE revision > done_revision OR lease_until_machine_at > clock_timestamp())
     + (SELECT count(*) FROM crm_writes)
"""


def eventually(
    condition: Callable[[], bool], what: str | Callable[[], str], *, within_s: float = QUIET_WITHIN_S
) -> None:
    """The condition came true in time; AssertionError says what did not."""
    deadline = time.monotonic() + within_s
    while not condition():
        said = what if isinstance(what, str) else what() if time.monotonic() >= deadline else ""
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {said}"
        time.sleep(0.05)


@dataclass
class Installation:
    """One home with everything running."""

    home: Path
    points: Points
    world: World
    database_url: str
    redis_url: str
    web: str
    log: Path

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        with psycopg.connect(plain_dsn(self.database_url)) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def left(self) -> int:
        """How much is left to do."""
        return int(self.rows(LEFT)[0][0])

    def converges(self, done: Callable[[], bool] = lambda: True, what: str = "nothing is left to do") -> None:
        """Left to itself, Tandem comes to rest with this true."""
        eventually(lambda: self.left() == 0 and done(), what)

    def meets(self, points: list[Point]) -> None:
        """Every one of these points was reached."""
        names = {p.name for p in points}
        eventually(
            lambda: names <= set(self.points.fired()), lambda: f"still unmet: {names - set(self.points.fired())}"
        )

    def goes_on(self, point: Point) -> None:
        """The worker that was frozen at this point has finished what it was doing there."""
        eventually(lambda: self.points.gone_on(point), lambda: f"the worker frozen at {point.name} did not go on")

    def ring_is_lost(self) -> None:
        """Valkey forgets everything."""
        with contextlib.closing(redis.Redis.from_url(self.redis_url)) as client:
            client.flushall()

    @contextlib.contextmanager
    def drainer(self) -> Iterator[Tandem]:
        """`tandem drain` beside the running processes."""
        one = Tandem(self.world, self.database_url, self.redis_url, lease_s=LEASE_S, call_deadline_s=LEASE_S - 0.5)
        try:
            yield one
        finally:
            one.close()

    @contextlib.contextmanager
    def another_worker(self) -> Iterator[None]:
        """A second worker, as on a second machine."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.mortal_worker", str(self.points.folder)],
            cwd=ROOT, env=_environment(self.home) | _told(self.home), stdin=subprocess.DEVNULL, stderr=self.log.open("ab"),
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def frozen(installation: Installation, point: Point) -> Iterator[int]:
    """The worker stands still at this point for the length of the block, and afterwards goes on as if nothing had been."""
    eventually(lambda: installation.points.frozen(point) is not None, f"a worker froze at {point.name}")
    pid = installation.points.frozen(point)
    assert pid is not None
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Everything runs; at the end everything has stopped."""
    home, log, points = folder / "home", folder / "up.log", Points(folder / "points")
    command = [sys.executable, "-m", "tests.crash.up_program", str(points.folder)]
    with log.open("wb") as output:
        up = subprocess.Popen(
            command, cwd=ROOT, env=_environment(home), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        eventually(lambda: _announced(up, log), "`tandem up --sandbox` runs everything", within_s=UP_WITHIN_S)
        told = _told(home)
        web = f"http://127.0.0.1:{told['PORT']}"
        world = World(told["TANDEM_SANDBOX_URL"])
        yield Installation(home, points, world, told["DATABASE_URL"], told["REDIS_URL"], web, log)
    finally:
        up.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            up.wait(30)
        if up.poll() is None:
            up.kill()
            up.wait()
        Home(home).leave_no_sockets()


def _environment(home: Path) -> dict[str, str]:
    ours = ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "TANDEM_PG_BIN", "TANDEM_VALKEY_BIN")
    kept = {name: os.environ[name] for name in ours if name in os.environ}
    return {**kept, **ENVIRONMENT, "TANDEM_HOME": str(home), "PYTHONPATH": str(ROOT)}


def _told(home: Path) -> dict[str, str]:
    running = read_up_file(home)
    assert running is not None
    return {str(k): str(v) for k, v in running["environment"].items()}


def _announced(up: subprocess.Popen[bytes], log: Path) -> bool:
    assert up.poll() is None, f"`tandem up --sandbox` ended:\n{log.read_text(errors='replace')[-4000:]}"
    return b"everything runs" in log.read_bytes()
