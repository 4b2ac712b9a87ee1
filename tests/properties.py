"""On how many cases a property is tried, and on which: the same ones in every run, so that a change isn't held up by what it
didn't break. ``make search`` asks for more and for others; what it finds becomes a test of its own.
"""

from __future__ import annotations

import os

from hypothesis import settings

TIMES = int(os.environ.get("EXAMPLES", "0"))  # 0: the same cases each time


def examples(usual: int) -> int:
    """So many cases as usual, or as many times more as were asked for."""
    return usual * max(TIMES, 1)


def load_profile() -> None:
    """Every property from here on is tried on the same cases, or on others when they were asked for."""
    settings.register_profile("same", derandomize=True)
    settings.register_profile("others", max_examples=examples(100), print_blob=True)
    settings.load_profile("others" if TIMES else "same")
