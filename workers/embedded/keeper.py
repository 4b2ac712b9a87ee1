"""The process that holds the servers of one home for as long as anyone uses them."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from workers.embedded.binaries import EmbeddedFault
from workers.embedded.postgres import Postgres
from workers.embedded.valkey import Valkey
from workers.home import FileLock, Home, UnusableHome, write_whole
from workers.watchdog import Watchdog

LOOK_EVERY_S = 0.2
STOP_WITHIN_S = 60.0
# A server that dies more often than this in a minute is not worth restarting.
MOST_RESTARTS_A_MINUTE = 5
READY = "ready"

log = logging.getLogger("keeper")


def serve(home: Home, report: int | None) -> int:
    """The exit code, once the servers have served and stopped.

    `report` is a descriptor that gets one line when they serve (`ready`) or can't (why).
    """
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    stopping = _stop_signals()
    with FileLock(home.locks / "keeper.lock") as lock, FileLock(home.locks / "users.lock") as users:
        if not lock.lock(within_s=10):
            _tell(report, f"another keeper serves {home.path}")
            return 2
        home.keeper_file.unlink(missing_ok=True)
        try:
            with _servers(home) as servers:
                write_whole(home.keeper_file, json.dumps(servers.description()))
                _tell(report, READY)
                log.info("serving %s", home.path)
                while not stopping and not users.try_lock():
                    servers.revive()
                    time.sleep(LOOK_EVERY_S)
                home.keeper_file.unlink(missing_ok=True)
        except (EmbeddedFault, UnusableHome) as fault:
            log.error("%s", fault)
            _tell(report, str(fault))
            return 2
        log.info("stopped")
    return 0


def _stop_signals() -> list[int]:
    """A list that the first SIGTERM fills. Ctrl-C in the terminal of the one who started us is not for us."""
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return received


def _tell(report: int | None, line: str) -> None:
    if report is not None:
        with contextlib.suppress(BrokenPipeError):  # the one who asked has gone; the next one will ask again
            os.write(report, json.dumps(line).encode() + b"\n")


class RunningServers:
    """The two server processes, restarted when they die on their own."""

    def __init__(self, home: Home, watchdog: Watchdog | None) -> None:
        self.postgres = Postgres.of(home)
        self.valkey = Valkey.of(home)
        self._watchdog = watchdog
        self._restarts: list[float] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Both answer."""
        for name, server in (("postgres", self.postgres), ("valkey", self.valkey)):
            self._processes[name] = server.start()
            if self._watchdog:
                self._watchdog.watch(self._processes[name].pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        self.postgres.wait_until_ready(self._processes["postgres"])
        self.valkey.wait_until_ready(self._processes["valkey"])

    def revive(self) -> None:
        """A server that has died runs again. EmbeddedFault when it keeps dying."""
        dead = [name for name, process in self._processes.items() if process.poll() is not None]
        for name in dead:
            log.error("%s ended with code %s; starting it again", name, self._processes[name].returncode)
            now = time.monotonic()
            self._restarts = [*(at for at in self._restarts if at > now - 60), now]
            if len(self._restarts) > MOST_RESTARTS_A_MINUTE:
                raise EmbeddedFault(f"{name} keeps ending; see its log")
            server: Postgres | Valkey = self.postgres if name == "postgres" else self.valkey
            self._processes[name] = server.start()
            server.wait_until_ready(self._processes[name])

    def stop(self) -> None:
        """Both have ended, in order and completely written."""
        # Valkey first: it is quick, and what it holds is only hints. SIGQUIT makes PostgreSQL stop at once, recovering
        # next time.
        for name, gently in (("valkey", signal.SIGTERM), ("postgres", signal.SIGINT)):
            if process := self._processes.get(name):
                _stop(process, gently, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)

    def description(self) -> dict[str, object]:
        """What those who attach need to know."""
        return {
            "pid": os.getpid(),
            "postgres": {
                **self.postgres.address(),
                "major": self.postgres.programs.major,
                "pid": self._processes["postgres"].pid,
            },
            "valkey": {"socket": str(self.valkey.socket), "pid": self._processes["valkey"].pid},
        }


def _stop(process: subprocess.Popen[bytes], gently: signal.Signals, harder: signal.Signals) -> None:
    for number in (gently, harder, signal.SIGKILL):
        process.send_signal(number)
        try:
            process.wait(STOP_WITHIN_S if number is gently else 10)
        except subprocess.TimeoutExpired:
            log.error("process %s did not end on %s", process.pid, number.name)
        else:
            return


@contextlib.contextmanager
def _servers(home: Home) -> Iterator[RunningServers]:
    # Linux ends the servers with us by itself; elsewhere a second process has to see our end.
    watchdog = Watchdog.start() if sys.platform != "linux" else None
    try:
        servers = RunningServers(home, watchdog)
        try:
            servers.start()
            yield servers
        finally:
            servers.stop()
    finally:
        home.leave_no_sockets()
        if watchdog:
            watchdog.dismiss()


def main(arguments: list[str]) -> int:
    """`python -m workers.embedded serve HOME [--report FD]`."""
    if len(arguments) not in (2, 4) or arguments[0] != "serve" or (len(arguments) == 4 and arguments[2] != "--report"):
        print("usage: python -m workers.embedded serve HOME [--report FD]", file=sys.stderr)
        return 2
    os.umask(0o077)
    try:
        home = Home.at(Path(arguments[1]))
    except UnusableHome as error:
        print(error, file=sys.stderr)
        return 2
    return serve(home, int(arguments[3]) if len(arguments) == 4 else None)
