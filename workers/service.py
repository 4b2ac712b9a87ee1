"""One child of `tandem up`: started in a process group of its own, restarted when it crashes, stopped gently."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workers.embedded.process import die_with_parent
from workers.watchdog import Watchdog

# Machine seconds before a crashed child is started again: doubled with each crash, reset after a long run.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_AFTER_S = 60.0
# A child that ends with this code has found the configuration wrong; starting it again can't help.
CONFIGURATION_FAULT = 2

Say = Callable[[str], None]


class ServiceFailed(RuntimeError):
    """A child of `tandem up` ended in a way that starting it again would not mend."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Service:
    """What to run.

    `ready_file` is a JSON file that the process writes once it serves; it is awaited, and shown in up.json.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_within_s: float = 60.0
    restart: bool = True
    ready_file: Path | None = None
    ready_within_s: float = 60.0


class RunningService:
    """A service with its process, which may be between two lives."""

    def __init__(self, service: Service, environment: Mapping[str, str], watchdog: Watchdog, say: Say) -> None:
        self.service = service
        self.ready: dict[str, Any] = {}
        self._environment = {**os.environ, **environment, **service.environment}
        self._watchdog = watchdog
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._started_machine_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._again_machine_s: float | None = None

    @property
    def pid(self) -> int | None:
        """None between two lives."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """The process runs; its output goes where ours goes, unchanged."""
        if self.service.ready_file:
            self.service.ready_file.unlink(missing_ok=True)
        try:
            self._process = subprocess.Popen(
                list(self.service.command),
                stdin=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        except OSError as error:
            raise ServiceFailed(f"{self.service.name} can't be started: {error}", CONFIGURATION_FAULT) from error
        self._watchdog.watch(self._process.pid)
        self._started_machine_s = time.monotonic()
        self._again_machine_s = None

    def wait_until_ready(self, interrupted: Callable[[], bool]) -> None:
        """The ready file is read, or somebody wants us to stop. ServiceFailed when the process ends before."""
        ready_file = self.service.ready_file
        if ready_file is None:
            return
        deadline = time.monotonic() + self.service.ready_within_s
        while not ready_file.exists() and not interrupted():
            code = self._process.poll() if self._process else None
            if code is not None:
                raise ServiceFailed(
                    f"{self.service.name} ended with code {code} before it was ready", _as_exit_code(code)
                )
            if time.monotonic() > deadline:
                raise ServiceFailed(f"{self.service.name} was not ready within {self.service.ready_within_s:.0f} s", 1)
            time.sleep(0.02)
        if ready_file.exists():
            self.ready = json.loads(ready_file.read_text(encoding="utf-8"))

    def look(self) -> bool:
        """Whether it crashed, or runs again after its pause. ServiceFailed where another start would be no use."""
        now = time.monotonic()
        if self._process is None:
            if self._again_machine_s is None or now < self._again_machine_s:
                return False
            self.start()
            self._say(f"{self.service.name} started again (process {self.pid})")
            return True
        code = self._process.poll()
        if code is None:
            return False
        self._after_end()
        if not self.service.restart or code == CONFIGURATION_FAULT:
            raise ServiceFailed(f"{self.service.name} ended with code {code}", _as_exit_code(code))
        if now - self._started_machine_s > STEADY_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        self._say(f"{self.service.name} ended with code {code}; it starts again in {self._pause_s:g} s")
        self._again_machine_s = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return True

    def stop(self, hurry: Callable[[], bool]) -> None:
        """The process and all it started have ended: asked first, killed when its time is over or `hurry` says so."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self.service.stop_within_s
        while self._process.poll() is None:
            if hurry() or time.monotonic() > deadline:
                self._say(f"{self.service.name} did not stop in time and is killed")
                self._process.kill()
                self._process.wait()
                break
            time.sleep(0.02)
        self._after_end()

    def _after_end(self) -> None:
        """Nothing of its process group is left, and nobody watches the number any more."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._watchdog.forget(self._process.pid)
        self._process = None


def _as_exit_code(code: int) -> int:
    """A child's code as ours: a signal or an unlikely success is a failure."""
    return code if code > 0 else 1
