"""The time zones there are."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones


@cache
def known_zones() -> frozenset[str]:
    """The names of IANA's time zones. To list them takes hundreds of looks at files, so it is done once a process."""
    return frozenset(available_timezones())
