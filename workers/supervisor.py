"""`tandem up`: servers and processes of one machine, started in order, kept running, stopped in the opposite order."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.embedded import EmbeddedFault, attach_or_start, is_served, revive
from workers.embedded.attachment import DATABASE
from workers.home import FileLock, Home, is_locked, write_whole
from workers.service import RunningService, Say, Service, ServiceFailed
from workers.watchdog import GRACE_S, Watchdog

LOOK_EVERY_S = 0.1
#: Machine seconds between two questions whether the sandbox still holds the world that it held.
WORLD_EVERY_S = 1.0

Environment = Mapping[str, str]
State = Mapping[str, Any]


class AlreadyUp(EmbeddedFault):
    """Another `tandem up` runs on this home."""


@dataclass(frozen=True)
class Up:
    """What `tandem up` runs, in this order; what lasts is stopped in the opposite one.

    `prepare` is called once the servers and the sandbox serve, with the state that up.json shows, and answers more
    environment for all that follow. `release` are commands that must succeed before the services start. `announce` is
    called once, with the complete state, when everything runs. `world` names the world that the sandbox holds now, or
    None while that can't be known: in another one nothing of the old is true, so the services begin anew there, after
    `prepare` and `release`.
    """

    services: Sequence[Service]
    sandbox: Service | None = None
    release: Sequence[Sequence[str]] = ()
    database_url: str | None = None
    redis_url: str | None = None
    database: str = DATABASE
    prepare: Callable[[State], Environment] | None = None
    announce: Callable[[State], None] | None = None
    world: Callable[[State], str | None] | None = None


def run_up(home: Path, up: Up, *, say: Say | None = None) -> int:
    """The exit code, once a signal (or a service that can't be kept running) has ended everything in order.

    AlreadyUp names the other process when there is one on this home; nothing was touched then. Call it from the main
    thread. 0 after SIGTERM or SIGINT; 2 when a service found its configuration wrong; else the code of what failed.
    """
    place = Home.at(home)
    say = say or _say
    with FileLock(place.path / "up.lock") as lock:
        _claim(place, lock)
        # The watchdog shares the lock, so that the next `up` waits until the orphans of a killed one are gone.
        watchdog = Watchdog.start(keeps=[lock.fileno()])
        try:
            with _signals() as signals:
                return _Supervisor(place, up, watchdog, signals, say).run()
        finally:
            place.up_file.unlink(missing_ok=True)
            watchdog.dismiss()


def read_up_file(home: Path) -> dict[str, Any] | None:
    """What the running `tandem up` of this home wrote, or None when none runs."""
    try:
        state: dict[str, Any] = json.loads((home / "up.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    # A killed one leaves its file, and its number may be somebody else's by now; its lock it can't leave.
    return state if is_locked(home / "up.lock") and _is_alive(state["pid"]) else None


def _claim(home: Home, lock: FileLock) -> None:
    if lock.try_lock():
        return
    running = read_up_file(home.path)
    if running:
        raise AlreadyUp(f"`tandem up` already runs on {home.path}: process {running['pid']}")
    # It is just starting, or was killed and its watchdog is still clearing up.
    if not lock.lock(within_s=GRACE_S + 2):
        running = read_up_file(home.path)
        name = f"process {running['pid']}" if running else "it is still starting or stopping"
        raise AlreadyUp(f"`tandem up` already runs on {home.path}: {name}")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _say(line: str) -> None:
    print(f"tandem up: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """A list that grows with each SIGTERM and SIGINT: one asks to stop, a second one to hurry."""
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda got, _frame: received.append(got)) for number in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@dataclass
class _Supervisor:
    home: Home
    up: Up
    watchdog: Watchdog
    signals: list[int]
    say: Say
    environment: dict[str, str] = field(default_factory=dict)
    running: list[RunningService] = field(default_factory=list)
    own_servers: bool = False
    world: str | None = None
    world_asked_machine_s: float = float("-inf")

    def run(self) -> int:
        self.environment["TANDEM_HOME"] = str(self.home.path)
        with self._servers():
            try:
                self._start()
                while not self.signals:
                    self._look()
                    time.sleep(LOOK_EVERY_S)
            except ServiceFailed as failure:
                self.say(str(failure))
                return failure.exit_code
            finally:
                self._stop()
        return 0

    @contextlib.contextmanager
    def _servers(self) -> Iterator[None]:
        """DATABASE_URL and REDIS_URL are in the environment: the given ones, else those of embedded servers."""
        given = {"DATABASE_URL": self.up.database_url, "REDIS_URL": self.up.redis_url}
        self.environment.update({name: url for name, url in given.items() if url})
        if all(given.values()):
            yield
            return
        with attach_or_start(self.home.path, database=self.up.database) as servers:
            self.own_servers = True
            self.environment.setdefault("DATABASE_URL", servers.database_url)
            self.environment.setdefault("REDIS_URL", servers.redis_url)
            yield

    def _start(self) -> None:
        self._write_state()
        if self.up.sandbox:
            sandbox = self._start_service(self.up.sandbox)
            if "control_url" in sandbox.ready:
                self.environment["TANDEM_SANDBOX_URL"] = sandbox.ready["control_url"]
            self._write_state()
        self._start_services()
        if self.up.announce and not self.signals:
            self.up.announce(self._state())

    def _start_services(self) -> None:
        self._has_another_world()  # from now on
        if self.up.prepare and not self.signals:
            self.environment.update(self.up.prepare(self._state()))
        for command in self.up.release:
            self._release(command)
        for service in self.up.services:
            self._start_service(service)
            self._write_state()

    def _start_service(self, service: Service) -> RunningService:
        running = RunningService(service, self.environment, self.watchdog, self.say)
        if not self.signals:
            self.running.append(running)
            running.start()
            running.wait_until_ready(lambda: bool(self.signals))
            self.say(f"{service.name} started (process {running.pid})")
        return running

    def _release(self, command: Sequence[str]) -> None:
        if self.signals:
            return
        code = subprocess.run(
            command, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if code != 0:
            raise ServiceFailed(f"`{' '.join(command)}` failed with code {code}", code if code > 0 else 1)

    def _look(self) -> None:
        if self.own_servers and not is_served(self.home.path):
            self.say("the servers were gone; starting them again")
            revive(self.home.path)
        if self._has_another_world():
            self.say("the sandbox was reset; everything begins anew in its empty world")
            self._stop_all(self.running[1:])
            del self.running[1:]
            self._start_services()
            self.say("everything runs in the new world")
        changed = [running for running in self.running if running.look()]
        if changed:
            self._write_state()

    def _has_another_world(self) -> bool:
        """Whether the sandbox holds another world than when this was last asked."""
        now = time.monotonic()
        if self.up.sandbox is None or self.up.world is None or now < self.world_asked_machine_s + WORLD_EVERY_S:
            return False
        self.world_asked_machine_s = now
        before, found = self.world, self.up.world(self._state())
        self.world = found or before
        return None not in (before, found) and before != found

    def _stop(self) -> None:
        self._stop_all(self.running)

    def _stop_all(self, these: Sequence[RunningService]) -> None:
        for running in reversed(these):
            running.stop(hurry=lambda: len(self.signals) > 1)
            self.say(f"{running.service.name} stopped")

    def _state(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "home": str(self.home.path),
            "environment": dict(self.environment),
            "services": {one.service.name: {"pid": one.pid, "ready": one.ready} for one in self.running},
        }

    def _write_state(self) -> None:
        write_whole(self.home.up_file, json.dumps(self._state(), indent=2))
