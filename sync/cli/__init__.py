"""The command line: one file a verb, thin. `main` is the program `tandem`.

Nothing is imported here: reading in the program takes a second on a busy machine, and whoever presses Ctrl-C meanwhile is
answered as later, with 130 and no traceback.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main() -> None:
    """Run `tandem` with the arguments of this process, and exit."""
    # All that is imported stays: looking for garbage among it, as often as Python would, is a quarter of the time to start.
    gc.set_threshold(20_000, 20, 10)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code (reference: users, 4). What went wrong is on stderr in plain words, never as a traceback."""
    try:
        from sync.cli import program

        return program.run(arguments)
    except KeyboardInterrupt:
        return 130
