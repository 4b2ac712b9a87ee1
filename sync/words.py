"""Moments and lengths of time, as people read them: in a terminal and on a page alike."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(value: datetime | None) -> str:
    """A moment in UTC to the second, or a dash."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if value else "-"


def duration(seconds: float | None) -> str:
    """So many seconds, as people say it."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
