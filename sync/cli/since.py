"""How far back a person means: a length of business time, or a moment."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sync.cli.exits import Misused

UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since_of(text: str | None, now: datetime) -> datetime | None:
    """The moment: ``24h``, ``90min``, ``7d``, ``2w`` before ``now``, or an ISO date and time with its zone. Misused for anything else."""
    if text is None:
        return None
    if length := re.fullmatch(r"(\d{1,6})(min|h|d|w)", text.strip()):
        return now - timedelta(**{UNITS[length[2]]: int(length[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Misused(f"--since {text}: give a length (24h, 90min, 7d) or a moment with its zone (2026-03-01T00:00Z).")
    return moment
