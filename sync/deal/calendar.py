"""Days and instants (BILLING_RULES 1). A CRM date is a day in the billing zone; Stripe's anchors are UTC instants."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: The part of a month that a left-over day is (BILLING_RULES 1).
DAY_MONTHS = Fraction(12, 365)


class UnknownZone(ValueError):
    """The name is no time zone."""


def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name; raises `UnknownZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(name) from error


def standard_offset(zone_name: str, day: date) -> timedelta:
    """The zone's offset from UTC in *standard* time around ``day``, daylight saving left out."""
    noon = datetime.combine(day, time(12), tzinfo=zone(zone_name))
    return (noon.utcoffset() or timedelta()) - (noon.dst() or timedelta())


@lru_cache(maxsize=4096)
def time_of_day(zone_name: str, first_day: date) -> timedelta:
    """How long after 00:00Z a deal's boundaries stand: 0, or midnight of a western zone (Los Angeles 8 h)."""
    return max(timedelta(), -standard_offset(zone_name, first_day))


def boundary(day: date, zone_name: str, *, first_day: date | None = None) -> datetime:
    """The first moment that is ``day`` both in UTC and in the zone's standard time.

    ``first_day`` is the deal's first day: all boundaries of a deal share its UTC time of day.
    """
    return datetime.combine(day, time(), tzinfo=UTC) + time_of_day(zone_name, first_day or day)


def seconds(instant: datetime) -> int:
    """Unix seconds of an aware instant, whole seconds down."""
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant}")
    return int(instant.timestamp() // 1)


def instant(unix_s: int) -> datetime:
    """The aware UTC instant of Unix seconds."""
    return datetime.fromtimestamp(unix_s, tz=UTC)


def business_day(at: datetime, zone_name: str) -> date:
    """The day of an instant in the billing zone: what the CRM shows for a Stripe stamp."""
    return at.astimezone(zone(zone_name)).date()


def add_months(first: date, months: int) -> date:
    """``months`` after ``first``, clamped to the month's end. Always from the first date, never step by step."""
    years, month0 = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(years, month0 + 1, min(first.day, days_in_month(years, month0 + 1)))


def days_in_month(year: int, month: int) -> int:
    """Days of that month."""
    return 29 if month == 2 and isleap(year) else _DAYS[month - 1]


def months_between(start: date, end: date) -> tuple[int, int]:
    """Whole months from ``start`` to ``end`` (exclusive, not before ``start``), and the days left over.

    ``start`` plus k months counts as k whole months also where it was clamped: 31 Jan to 28 Feb is one month.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    if add_months(start, months) > end:
        months -= 1
    return months, (end - add_months(start, months)).days


def say(day: date) -> str:
    """A day as people read it: 1 Mar 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def months_value(start: date, end: date) -> Fraction:
    """The months from ``start`` to ``end``: whole ones, and left-over days of 1/(365/12) of a month each."""
    months, days = months_between(start, end)
    return months + days * DAY_MONTHS
