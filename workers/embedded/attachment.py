"""Using the servers of a home: each user holds a shared lock, and the servers last as long as the last one."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from workers.embedded.binaries import EmbeddedFault
from workers.embedded.keeper import READY
from workers.home import FileLock, Home, is_locked

DATABASE = "tandem"
DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# Starting may include making the data folder, or recovering it after a crash.
START_WITHIN_S = 330.0
STOP_WITHIN_S = 90.0
REACH_WITHIN_S = 60.0


class NotRunning(EmbeddedFault):
    """No servers run for this home, and the one who asked does not start any."""


@dataclass(frozen=True)
class Servers:
    """Addresses of the running servers, good for as long as the attachment lasts."""

    database_url: str
    redis_url: str
    keeper_pid: int


@contextlib.contextmanager
def attach(home: Path, *, database: str = DATABASE, redis_database: int = 0) -> Iterator[Servers]:
    """The running servers of this home, which stay up at least as long as the block. NotRunning when there are none.

    The database is created if it is missing. For processes that must never start servers: web, worker, scheduler.
    """
    _check_name(database)
    place = Home.at(home)
    with _using(place):
        if not _keeper_lives(place):
            raise NotRunning(
                f"no servers run for TANDEM_HOME {place.path}: "
                "start them with `tandem up`, or set DATABASE_URL and REDIS_URL"
            )
        try:
            servers = _addresses(place, database, redis_database)
        except (psycopg.OperationalError, FileNotFoundError) as error:
            raise NotRunning(f"the servers of {place.path} are just ending ({error}); try again") from error
        yield servers


@contextlib.contextmanager
def attach_or_start(home: Path, *, database: str = DATABASE, redis_database: int = 0) -> Iterator[Servers]:
    """The running servers of this home, started if need be. The last one to leave waits until they have stopped.

    The database is created if it is missing. EmbeddedFault says why servers could not be had.
    """
    _check_name(database)
    place = Home.at(home)
    with _using(place):
        yield _reach(place, database, redis_database)


def _check_name(database: str) -> None:
    if not DATABASE_NAME.fullmatch(database):
        raise EmbeddedFault(f"{database!r} is no name for a database: lower-case letters, digits and _, 63 at most")


def _reach(home: Home, database: str, redis_database: int) -> Servers:
    """Servers that have just answered; a keeper found in its last moment is replaced."""
    deadline = time.monotonic() + REACH_WITHIN_S
    while True:
        revive(home.path)
        try:
            return _addresses(home, database, redis_database)
        except (psycopg.OperationalError, FileNotFoundError) as error:
            if time.monotonic() > deadline:
                raise EmbeddedFault(
                    f"the servers of {home.path} run but don't answer ({error}); see {home.logs}"
                ) from error
            time.sleep(0.05)


def revive(home: Path) -> None:
    """A keeper serves this home: the one that did, or a new one at the same addresses. Only inside an attachment."""
    place = Home.at(home)
    with FileLock(place.locks / "start.lock") as starting:
        if not starting.lock(within_s=START_WITHIN_S):
            raise EmbeddedFault(
                f"another process has been starting the servers of {place.path} for {START_WITHIN_S:.0f} s"
            )
        if not _keeper_lives(place):
            _start_keeper(place)


def is_served(home: Path) -> bool:
    """Whether a keeper serves this home just now."""
    return is_locked(Home.at(home).locks / "keeper.lock")


@contextlib.contextmanager
def _using(home: Home) -> Iterator[None]:
    with FileLock(home.locks / "users.lock") as users:
        # Busy only while a keeper is stopping.
        if not users.lock(shared=True, within_s=STOP_WITHIN_S):
            raise EmbeddedFault(
                f"the servers of {home.path} have been stopping for {STOP_WITHIN_S:.0f} s; see {home.logs}"
            )
        try:
            yield
        finally:
            # Ours alone only if nobody else uses the servers; and then nobody can come before they have stopped.
            if users.try_lock():
                _stop_keeper(home)


def _keeper_lives(home: Home) -> bool:
    """Whether a keeper serves; one that is just starting is waited for."""
    deadline = time.monotonic() + START_WITHIN_S
    while is_locked(home.locks / "keeper.lock"):
        if home.keeper_file.exists():
            return True
        if time.monotonic() > deadline:
            raise EmbeddedFault(
                f"the servers of {home.path} have been starting for {START_WITHIN_S:.0f} s; see {home.logs}"
            )
        time.sleep(0.02)
    return False


_started: list[subprocess.Popen[bytes]] = []


def _start_keeper(home: Home) -> None:
    """A keeper serves this home. EmbeddedFault with its own words if it can't."""
    home.keeper_file.unlink(missing_ok=True)  # a killed keeper's: nobody may take it for the new one's
    receiving, reporting = os.pipe()
    packages = str(Path(__file__).resolve().parent.parent.parent)
    try:
        with (home.logs / "keeper.log").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "workers.embedded", "serve", str(home.path), "--report", str(reporting)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, [packages, os.environ.get("PYTHONPATH")])),
                },
                pass_fds=[reporting],
                start_new_session=True,
            )
    finally:
        os.close(reporting)
    # Kept so that whoever started it also collects its exit code.
    _started[:] = [*(process for process in _started if process.poll() is None), keeper]
    with os.fdopen(receiving, "rb") as report:
        ready, _, _ = select.select([report], [], [], START_WITHIN_S)
        line = report.readline() if ready else b""
    said = json.loads(line) if line else f"the keeper of the servers ended or hangs; see {home.logs / 'keeper.log'}"
    if said != READY:
        raise EmbeddedFault(said)


def _stop_keeper(home: Home) -> None:
    """The keeper and its servers have ended. Only for the holder of the users' lock."""
    lock_file = home.locks / "keeper.lock"
    if not is_locked(lock_file):
        return
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(_described(home)["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while is_locked(lock_file) and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in _started:
        process.poll()


def _described(home: Home) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(home.keeper_file.read_text(encoding="utf-8"))
    return described


def _addresses(home: Home, database: str, redis_database: int) -> Servers:
    described = _described(home)
    address = {name: described["postgres"][name] for name in ("host", "port", "user")}
    _make_database(address, database)
    socket = described["valkey"]["socket"]
    return Servers(
        database_url=f"postgresql+psycopg://{address['user']}@/{database}?host={quote(address['host'])}&port={address['port']}",
        redis_url=f"unix://{quote(socket)}?db={redis_database}",
        keeper_pid=described["pid"],
    )


def _make_database(address: dict[str, str], database: str) -> None:
    with psycopg.connect(make_conninfo(**address, dbname="postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return
        # Another process may be making it too. The lock ends with the connection.
        connection.execute("SELECT pg_advisory_lock(hashtext('tandem: create database'))")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
