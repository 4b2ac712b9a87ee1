"""What a killed keeper may have left: a server on its way out, and files that name a process long gone."""

import os
import signal
import time
from pathlib import Path

from workers.embedded.binaries import EmbeddedFault
from workers.embedded.process import LINUX

# Machine seconds that a server gets to end by itself, then after each harder signal.
PATIENCE_S = (15.0, 5.0, 5.0)


def await_end_of_previous(data: Path, *, pid_file: Path | None = None) -> None:
    """No process works in this data folder any more. One that does gets time to end, then is made to.

    Only for the holder of the home's keeper lock: whoever else works in the folder then is an orphan.
    """
    for harder, patience_s in zip((None, signal.SIGQUIT, signal.SIGKILL), PATIENCE_S, strict=True):
        for pid in _working_in(data, pid_file) if harder else ():
            _send(pid, harder)
        deadline = time.monotonic() + patience_s
        while pids := _working_in(data, pid_file):
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        else:
            return
    raise EmbeddedFault(f"process {pids[0]} still uses {data} and can't be ended; stop it and try again")


def _send(pid: int, number: signal.Signals | None) -> None:
    try:
        os.kill(pid, number or 0)
    except ProcessLookupError:
        return  # it ended meanwhile, which is what we want


def _working_in(data: Path, pid_file: Path | None) -> list[int]:
    """Processes whose working folder this is: servers go into their data. Without /proc: what the pid file names."""
    if not LINUX:
        return _named_by(pid_file)
    found = []
    wanted = data.stat()
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                folder = os.stat(f"/proc/{entry.name}/cwd")
            except OSError:  # gone, or another user's
                continue
            if (folder.st_dev, folder.st_ino) == (wanted.st_dev, wanted.st_ino) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def _named_by(pid_file: Path | None) -> list[int]:
    if pid_file is None or not pid_file.exists():
        return []
    first_line = pid_file.read_text().partition("\n")[0].strip()
    if not first_line.isdecimal():
        return []
    try:
        os.kill(int(first_line), 0)
    except (ProcessLookupError, PermissionError):
        return []
    return [int(first_line)]
