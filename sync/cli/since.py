"""How far back a person means: a length of business time, or a moment."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sync.cli.exits import Misused

UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def length_of(text: str, *, digits: int = 6) -> timedelta | None:
    """A length of time as people write it (``90min``, ``24h``, ``7d``, ``2w``) with so many digits at most; None for
    anything else.
    """
    found = re.fullmatch(rf"(\d{{1,{digits}}})(min|h|d|w)", text.strip())
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None


def since_of(text: str | None, now: datetime) -> datetime | None:
    """The moment: ``24h``, ``90min``, ``7d``, ``2w`` before ``now``, or an ISO date and time with its zone. Misused for anything else."""
    if text is None:
        return None
    if (length := length_of(text)) is not None:
        return now - length
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Misused(f"--since {text}: give a length (24h, 90min, 7d) or a moment with its zone (2026-03-01T00:00Z).")
    return moment
