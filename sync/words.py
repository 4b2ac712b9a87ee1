"""Moments, lengths of time and numbers of things, as people read them: in a terminal, on a page and in the CRM alike."""

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


def counted(number: int, noun: str) -> str:
    """So many of something: ``1 invoice``, ``12 invoices``. The plural takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def term(months: int, days: int) -> str:
    """A length in whole months and the days left over: ``12 months``, ``1 month and 3 days``, ``1 day``."""
    said = [counted(many, unit) for many, unit in ((months, "month"), (days, "day")) if many]
    return " and ".join(said) or counted(0, "day")
