"""The folder in which one machine keeps Tandem's servers, their data, locks and logs (TANDEM_HOME)."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing zero; this is the longest name that goes there.
LONGEST_SOCKET_FOLDER = 104 - 1 - len("/postgres/.s.PGSQL.5432.lock")
POLL_S = 0.02


class UnusableHome(RuntimeError):
    """TANDEM_HOME can't be used as it is."""

    exit_code = 2


def tandem_home() -> Path:
    """The absolute TANDEM_HOME; unset, ``tandem`` in XDG_DATA_HOME, whose default is ~/.local/share."""
    chosen = os.environ.get("TANDEM_HOME")
    if chosen:
        return Path(chosen).expanduser().resolve()
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification has relative paths ignored.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return (base / "tandem").resolve()


@dataclass(frozen=True)
class Home:
    """Where things are inside one TANDEM_HOME.

    Nothing outside it is changed, except that sockets go to a short folder when the home's path is too long for them.
    """

    path: Path

    @classmethod
    def at(cls, path: Path) -> Self:
        """The home at this path, made for its owner alone if it was not there. UnusableHome says why it can't be."""
        home = cls(path.expanduser().resolve())
        try:
            home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (home.locks, home.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UnusableHome(f"TANDEM_HOME {home.path} can't be used: {error.strerror or error}") from error
        return home

    @property
    def postgres_data(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.path / "valkey"

    @property
    def locks(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "log"

    @property
    def up_file(self) -> Path:
        """Written by `tandem up` while it runs: process ids, addresses."""
        return self.path / "up.json"

    @property
    def keeper_file(self) -> Path:
        """Written by the keeper of the embedded servers while they serve."""
        return self.locks / "servers.json"

    def sockets(self) -> Path:
        """The folder for unix sockets, for its owner alone: inside the home, or elsewhere if that path is too long."""
        inside = self.locks / "sockets"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        return _own_folder(_short_folder_name(self.path))

    def leave_no_sockets(self) -> None:
        """No folder for sockets is left outside the home. Only when the servers have stopped."""
        outside = _short_folder_name(self.path)
        if outside.is_dir() and outside.lstat().st_uid == os.getuid():
            shutil.rmtree(outside)


def _short_folder_name(home: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and len(runtime) < LONGEST_SOCKET_FOLDER - 30 and os.access(runtime, os.W_OK):
        return Path(runtime) / f"tandem-{digest}"
    return Path("/tmp") / f"tandem-{os.getuid()}-{digest}"


def _own_folder(folder: Path) -> Path:
    """The folder, made if need be, and certainly ours alone: in a shared place no name found can be trusted."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UnusableHome(f"{folder} is needed for sockets, but it is not a folder of this user alone; remove it")
    return folder


class FileLock:
    """A flock on a file that stays. It ends with the process that holds it, however that process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_lock(self, *, shared: bool = False) -> bool:
        """Whether the lock is now held. One that this object already holds is converted."""
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(self, *, shared: bool = False, within_s: float) -> bool:
        """Whether the lock could be had within so many seconds of machine time."""
        deadline = time.monotonic() + within_s
        while not self.try_lock(shared=shared):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def fileno(self) -> int:
        """For handing the lock to a child: a flock lasts until the last copy of its descriptor is closed."""
        return self._fd

    def close(self) -> None:
        """The lock is released, if it was held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_locked(path: Path) -> bool:
    """Whether some process holds this lock file exclusively."""
    if not path.exists():
        return False
    with FileLock(path) as lock:
        return not lock.try_lock(shared=True)


def write_whole(path: Path, text: str) -> None:
    """The file holds exactly this text, readable by its owner alone; no reader ever sees half of it."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)
