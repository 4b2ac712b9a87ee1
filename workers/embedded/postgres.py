"""The embedded PostgreSQL: made once, started on a unix socket, its data safe at every moment (fsync on)."""

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from workers.embedded.binaries import EmbeddedFault, PostgresPrograms, postgres_programs, postgres_reachable_by
from workers.embedded.process import Account, account_for, keep_log_short, own_folder, start, tail
from workers.embedded.remains import await_end_of_previous
from workers.home import Home

SUPERUSER = "tandem"
PORT = 5432
# A crash recovery may replay a gigabyte of log before the server answers.
START_WITHIN_S = 300.0
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
}


@dataclass(frozen=True)
class Postgres:
    """The PostgreSQL of one home."""

    home: Home
    programs: PostgresPrograms
    account: Account | None
    sockets: Path

    @classmethod
    def of(cls, home: Home) -> "Postgres":
        """Checked, not started: the programs are there and fit the data folder, if there is one. Else EmbeddedFault."""
        programs = postgres_programs()
        _refuse_other_major(home.postgres_data, programs)
        account = account_for(home.postgres_data)
        if account:
            programs = postgres_reachable_by(account.uid, programs)
        return cls(home, programs, account, own_folder(home.sockets() / "postgres", account))

    @property
    def log(self) -> Path:
        return self.home.logs / "postgres.log"

    def start(self) -> subprocess.Popen[bytes]:
        """The server is on its way (`wait_until_ready`); a data folder was made if there was none."""
        keep_log_short(self.log)
        if not self.home.postgres_data.exists():
            self._make_data()
        data = self.home.postgres_data
        await_end_of_previous(data, pid_file=data / "postmaster.pid")
        # Its process is gone, but its number may be somebody else's by now, whom the server would take for its twin.
        (data / "postmaster.pid").unlink(missing_ok=True)
        (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

        def arguments(names: Sequence[str]) -> list[str]:
            settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
            return ["-D", names[0], "-k", names[1], *settings]

        # SIGINT is the "fast" shutdown: sessions are cut off, everything is written.
        return start(
            self.programs.folder / "postgres",
            arguments,
            folders=[data, self.sockets],
            account=self.account,
            log=self.log,
            dies_with=signal.SIGINT,
        )

    def _make_data(self) -> None:
        """The data folder appears whole or not at all, so that a killed initdb is no damage."""
        unfinished = self.home.path / "postgres.new"
        if unfinished.exists():
            await_end_of_previous(unfinished)
            shutil.rmtree(unfinished)
        own_folder(unfinished, self.account)

        def arguments(names: Sequence[str]) -> list[str]:
            return [
                "-D",
                names[0],
                "-U",
                SUPERUSER,
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]

        initdb = start(
            self.programs.folder / "initdb",
            arguments,
            folders=[unfinished],
            account=self.account,
            log=self.log,
            dies_with=signal.SIGKILL,
        )
        if initdb.wait() != 0:
            raise EmbeddedFault(f"PostgreSQL could not make its data folder in {self.home.path}:\n{tail(self.log)}")
        unfinished.rename(self.home.postgres_data)

    def wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        """The server answers queries. EmbeddedFault with its last words if it ended instead."""
        deadline = time.monotonic() + START_WITHIN_S
        while server.poll() is None:
            try:
                psycopg.connect(make_conninfo(**self.address(), dbname="postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise EmbeddedFault(f"PostgreSQL does not answer:\n{tail(self.log)}") from None
                time.sleep(0.01)
            else:
                return
        raise EmbeddedFault(f"PostgreSQL ended at once (code {server.returncode}):\n{tail(self.log)}")

    def address(self) -> dict[str, str]:
        """Connection parameters without a database."""
        return {"host": str(self.sockets), "port": str(PORT), "user": SUPERUSER}


def _refuse_other_major(data: Path, programs: PostgresPrograms) -> None:
    version_file = data / "PG_VERSION"
    if not data.exists():
        return
    if not version_file.exists():
        raise EmbeddedFault(f"{data} is not a PostgreSQL data folder: move it away, or choose another TANDEM_HOME")
    made_by = version_file.read_text().strip()
    if made_by != str(programs.major):
        raise EmbeddedFault(
            f"{data} was made by PostgreSQL {made_by}, and the programs here are PostgreSQL {programs.major}. "
            f"Set TANDEM_PG_BIN to the programs of PostgreSQL {made_by}, take a backup with them, "
            "and restore it into a new TANDEM_HOME."
        )
