"""The embedded Valkey: a doorbell on a unix socket, written to disk every second (what must last is in the tables)."""

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.embedded.binaries import EmbeddedFault, valkey_program, valkey_reachable_by
from workers.embedded.process import Account, account_for, keep_log_short, own_folder, start, tail
from workers.embedded.remains import await_end_of_previous
from workers.home import Home

START_WITHIN_S = 60.0
SOCKET = "valkey.sock"


@dataclass(frozen=True)
class Valkey:
    """The Valkey of one home."""

    home: Home
    program: Path
    account: Account | None
    sockets: Path

    @classmethod
    def of(cls, home: Home) -> "Valkey":
        """Checked, not started: the program is there and reachable. Else EmbeddedFault."""
        program = valkey_program()
        account = account_for(home.valkey_data)
        if account:
            program = valkey_reachable_by(account.uid, program)
        own_folder(home.valkey_data, account)
        return cls(home, program, account, own_folder(home.sockets() / "valkey", account))

    @property
    def log(self) -> Path:
        return self.home.logs / "valkey.log"

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET

    def start(self) -> subprocess.Popen[bytes]:
        """The server is on its way (`wait_until_ready`)."""
        keep_log_short(self.log)
        await_end_of_previous(self.home.valkey_data)
        self.socket.unlink(missing_ok=True)

        def arguments(names: Sequence[str]) -> list[str]:
            return [
                *("--port", "0"),
                *("--dir", names[0]),
                *("--unixsocket", f"{names[1]}/{SOCKET}", "--unixsocketperm", "700"),
                *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
                *("--databases", "64", "--maxmemory-policy", "noeviction"),
                *("--daemonize", "no", "--loglevel", "notice"),
            ]

        return start(
            self.program,
            arguments,
            folders=[self.home.valkey_data, self.sockets],
            account=self.account,
            log=self.log,
            dies_with=signal.SIGTERM,
        )

    def wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        """The server answers PING, its file loaded. EmbeddedFault with its last words if it ended instead."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))
        deadline = time.monotonic() + START_WITHIN_S
        try:
            while server.poll() is None:
                try:
                    client.ping()
                except redis.RedisError:  # not listening yet, or loading
                    if time.monotonic() > deadline:
                        raise EmbeddedFault(f"Valkey does not answer:\n{tail(self.log)}") from None
                    time.sleep(0.01)
                else:
                    return
        finally:
            client.close()
        raise EmbeddedFault(f"Valkey ended at once (code {server.returncode}):\n{tail(self.log)}")
