"""Points at which a worker is killed or frozen: armed by a test as a file, reached by the worker, fired once.

The name of a file says whose work it is (a record's id), which step, and the moment in it. A rename decides which of
several processes meets the point, and leaves the proof that it was met.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import astuple, dataclass
from pathlib import Path

KILL, FREEZE = "kill", "freeze"


@dataclass(frozen=True, order=True)
class Point:
    """The ``moment`` of the step ``what`` in the work for ``owner``."""

    owner: str
    what: str
    moment: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return _file_name("--".join((self.owner, self.what, self.moment)))


def _file_name(text: str) -> str:
    return text.replace(":", "-").replace(" ", "_")


class Points:
    """The points of one installation, in a folder that all its workers know."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._armed, self._fired = folder / "armed", folder / "fired"
        for one in (self._armed, self._fired):
            one.mkdir(parents=True, exist_ok=True)
        self._watched = folder / "watched"
        self._watches = self._watched.exists()

    def watch(self) -> None:
        """From here on processes that start write down every point that they come by."""
        self._watched.touch()

    def come_by(self) -> list[Point]:
        """The points that were come by since somebody watched, each once, in order; nobody watches any more."""
        lines = self._watched.read_text().splitlines()
        self._watched.unlink()
        return list(dict.fromkeys(Point(*json.loads(line)) for line in lines))

    def arm(self, point: Point, how: str = KILL) -> None:
        """The first worker to get there is killed or frozen."""
        part = self._armed.parent / point.name
        part.write_text(how)
        part.rename(self._armed / point.name)

    def still_armed(self) -> list[str]:
        """Names of the points that nobody has reached."""
        return sorted(os.listdir(self._armed))

    def fired(self) -> list[str]:
        """Names of the points that were reached."""
        return sorted(name for name in os.listdir(self._fired) if not name.endswith((".pid", ".over")))

    def frozen(self, point: Point) -> int | None:
        """The process that was frozen here, or None as long as none was."""
        try:
            return int((self._fired / f"{point.name}.pid").read_text() or 0) or None
        except FileNotFoundError:
            return None

    def gone_on(self, point: Point) -> bool:
        """Whether the worker that was frozen here has since done what it was about to do, and written it down."""
        return (self._fired / f"{point.name}.over").exists()

    def over(self, owner: str) -> None:
        """This worker's work for ``owner`` is done and written down; if it was frozen in it, that is behind it."""
        for frozen in self._fired.glob(f"{_file_name(owner)}--*.pid"):
            if frozen.read_text() == str(os.getpid()):
                frozen.with_suffix(".over").touch()

    def reached(self, owner: str, what: str, moment: str) -> None:
        """A worker is here. It does not return from an armed point, or only once somebody lets it go on."""
        point = Point(owner, what, moment)
        if self._watches:
            with self._watched.open("a") as file:
                file.write(json.dumps(astuple(point)) + "\n")
        fired = self._fired / point.name
        try:
            (self._armed / point.name).rename(fired)
        except FileNotFoundError:
            return
        how = fired.read_text()
        if how == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == FREEZE:
            self._freeze(point)

    def _freeze(self, point: Point) -> None:
        (self._fired / f"{point.name}.pid").write_text(str(os.getpid()))
        # To this thread: a signal to the process may be taken by another one, while this one goes on for a moment.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
