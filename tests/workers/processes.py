"""Looking at processes, and waiting for what they do, with a deadline."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def eventually(condition: Callable[[], bool], *, within_s: float = 20.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs; one that has ended and only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def of_home(home: Path) -> list[int]:
    """All processes that have this folder in their command line or work inside it."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal() or int(entry.name) == os.getpid() or not is_alive(int(entry.name)):
            continue
        try:
            command = Path(f"/proc/{entry.name}/cmdline").read_bytes()
            folder = os.readlink(f"/proc/{entry.name}/cwd")
        except OSError:
            continue
        if os.fsencode(home) in command or Path(folder).is_relative_to(home):
            found.append(int(entry.name))
    return found
