"""A process that outlives a killed parent just long enough to end what the parent had started.

PR_SET_PDEATHSIG reaches a child but not the child's children, and there is none on macOS. This process holds the
reading end of a pipe whose writing end only the parent has: when the pipe closes without a farewell, the parent was
killed. It runs as a plain script without the environment's packages, so that it starts in a few milliseconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Self

# Machine seconds between the asked-for signal and SIGKILL.
GRACE_S = 10.0


class Watchdog:
    """The parent's end."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(cls, *, keeps: Sequence[int] = ()) -> Self:
        """A watchdog runs, and keeps these descriptors open: a lock shared that way lasts until it has finished."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=keeps,
            cwd="/",
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, process_group: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Should this process be killed, the group (or the process of that id) gets the signal, and later SIGKILL."""
        self._say(f"watch {process_group} {int(number)}")

    def forget(self, process_group: int) -> None:
        """The group has ended by itself; its number may soon be somebody else's."""
        self._say(f"forget {process_group}")

    def dismiss(self) -> None:
        """The watchdog has ended, and did nothing."""
        self._say("dismiss")
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is None:
            return
        # A watchdog that somebody killed must not take the parent with it.
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


def _guard() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["watch", group, number_text]:
                watched[int(group)] = int(number_text)
            case ["forget", group]:
                watched.pop(int(group), None)
            case ["dismiss"]:
                return
    _end(watched)


def _end(watched: dict[int, int]) -> None:
    for group, number in watched.items():
        _send(group, number)
    deadline = time.monotonic() + GRACE_S
    while any(_lives(group) for group in watched) and time.monotonic() < deadline:
        time.sleep(0.02)
    for group in watched:
        _send(group, signal.SIGKILL)


def _lives(group: int) -> bool:
    return _send(group, 0)


def _send(group: int, number: int) -> bool:
    """Whether there was anybody to send it to."""
    for send in (os.killpg, os.kill):
        try:
            send(group, number)
        except (ProcessLookupError, PermissionError):
            continue
        return True
    return False


if __name__ == "__main__":
    _guard()
