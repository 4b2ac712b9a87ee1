"""Starting a server process so that it never outlives its keeper, and never runs as root."""

import ctypes
import os
import pwd
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.embedded.binaries import EmbeddedFault

NOBODY = 65534
#: How the line begins that a log has for each start of a server, and what it says of folders given as descriptors.
START = "tandem starts "
DESCRIPTOR = re.compile(r"/proc/self/fd/\d+")
KNOWN_AS = re.compile(r", (/proc/self/fd/\d+) is (.*?)(?=, /proc/self/fd/\d+ is |$)")
# initdb refuses a user whom the system doesn't list, so where nobody is missing another of the system's accounts does.
STAND_INS = ("nobody", "daemon", "bin")
PR_SET_PDEATHSIG = 1
LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


@dataclass(frozen=True)
class Account:
    """The user that servers run as when Tandem runs as root, which PostgreSQL refuses."""

    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """The folder belongs to this account, and to nobody else. Its parents stay as they are."""
        os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)


def account_for(data: Path) -> Account | None:
    """None for an ordinary user. For root: the owner of a data folder that is already there, else 65534 (nobody)."""
    if os.geteuid() != 0:
        return None
    if not LINUX:
        raise EmbeddedFault("the embedded servers don't run as root here: run Tandem as an ordinary user")
    if data.exists() and data.stat().st_uid != 0:
        found = data.stat()
        return Account(found.st_uid, found.st_gid)
    return _nobody()


def _nobody() -> Account:
    listed = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    by_number = [entry for entry in listed.values() if entry.pw_uid == NOBODY]
    for entry in [*by_number, *(listed[name] for name in STAND_INS if name in listed)]:
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedFault(
        "the servers may not run as root, and the system lists no other account that could run them: "
        "run Tandem as an ordinary user, or set DATABASE_URL and REDIS_URL"
    )


def own_folder(folder: Path, account: Account | None) -> Path:
    """The folder is there and belongs to the account, or to us when there is none."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        account.own(folder)
    return folder


def start(
    program: Path,
    arguments: Callable[[Sequence[str]], Sequence[str]],
    *,
    folders: Sequence[Path],
    account: Account | None,
    log: Path,
    dies_with: signal.Signals,
) -> subprocess.Popen[bytes]:
    """The server runs with `arguments(names of the folders)` and gets the signal `dies_with` should this process die
    first.

    Call it from the main thread: Linux sends that signal when the *thread* that started the child ends. An account
    other than ours gets its folders as open descriptors, because it may not enter the folders above them: a home under
    /root works, and nobody's permissions change.
    """
    descriptors = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders] if account else []
    names = [f"/proc/self/fd/{fd}" for fd in descriptors] if account else [str(folder) for folder in folders]
    try:
        with log.open("ab") as output:
            known_as = "".join(f", {name} is {folder}" for name, folder in zip(names, folders, strict=True) if account)
            output.write(f"{START}{program}{known_as}\n".encode())
            output.flush()
            return subprocess.Popen(
                [program, *arguments(names)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_environment(),
                pass_fds=descriptors,
                umask=0o077,
                preexec_fn=die_with_parent(dies_with),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except OSError as error:
        raise EmbeddedFault(f"{program} can't be started: {error.strerror or error}") from error
    finally:
        for fd in descriptors:
            os.close(fd)


def _environment() -> dict[str, str]:
    """No secret of ours and no PG* variable of the user's: what the servers do depends on their arguments alone."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the child gets this signal when the thread that started it ends (on Linux only)."""
    parent = os.getpid()

    def in_the_child() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return in_the_child


def keep_log_short(log: Path, *, most_bytes: int = 10_000_000) -> None:
    """A log that has grown past the limit starts anew; the one before is kept beside it."""
    if log.exists() and log.stat().st_size > most_bytes:
        log.replace(log.with_suffix(".1.log"))


def tail(log: Path, *, lines: int = 8) -> str:
    """The last lines of a server's log since it was started last, for an error message; folders by their own names."""
    if not log.exists():
        return ""
    _, _, text = f"\n{log.read_text(encoding='utf-8', errors='replace')}".rpartition(f"\n{START}")
    started, *said = text.splitlines() or [""]
    told = "\n".join(said[-lines:])
    folders: dict[str, str] = dict(KNOWN_AS.findall(started))
    return DESCRIPTOR.sub(lambda found: folders.get(found[0], found[0]), told)
