"""Billing periods counted from an anchor.

Every boundary is computed from the anchor itself, never from the boundary before it, so that an anchor on the 31st
bills on 28 February and on 31 March again (docs.stripe.com, "Set the subscription billing renewal date").
Stamps are Unix seconds, calendar arithmetic is UTC.
"""

from __future__ import annotations

import calendar as month_table
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Unit = Literal["day", "week", "month", "year"]

DAY_S = 86_400
_FIXED_S = {"day": DAY_S, "week": 7 * DAY_S}
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class Interval:
    """A recurring length such as three months; `count` is at least 1."""

    unit: Unit
    count: int = 1

    @classmethod
    def of_price(cls, price: dict[str, Any]) -> Interval:
        """The interval of a recurring price object."""
        return cls(price["recurring"]["interval"], price["recurring"]["interval_count"])

    @property
    def months(self) -> int:
        """Whole months in the interval, 0 for one of days or weeks."""
        return _MONTHS.get(self.unit, 0) * self.count

    @property
    def fixed_s(self) -> int:
        """Seconds in an interval of days or weeks, 0 for one of months or years."""
        return _FIXED_S.get(self.unit, 0) * self.count


def add_months(stamp: int, months: int) -> int:
    """`stamp` moved by whole months, its day clamped to the month's last one, its time of day kept."""
    moment = datetime.fromtimestamp(stamp, UTC)
    years, month_index = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last_day = month_table.monthrange(years, month_index + 1)[1]
    moved = moment.replace(year=years, month=month_index + 1, day=min(moment.day, last_day))
    return int(moved.timestamp())


def boundary(anchor: int, interval: Interval, index: int) -> int:
    """The boundary `index` intervals after the anchor (before it when negative)."""
    if interval.fixed_s:
        return anchor + index * interval.fixed_s
    return add_months(anchor, index * interval.months)


def boundary_index(anchor: int, interval: Interval, at: int) -> int:
    """The largest index whose boundary is not after `at`."""
    if interval.fixed_s:
        return (at - anchor) // interval.fixed_s
    first, moment = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(at, UTC)
    guess = ((moment.year - first.year) * 12 + moment.month - first.month) // interval.months
    while boundary(anchor, interval, guess) > at:
        guess -= 1
    while boundary(anchor, interval, guess + 1) <= at:
        guess += 1
    return guess


def period_at(anchor: int, interval: Interval, at: int) -> tuple[int, int]:
    """The full cycle (start inclusive, end exclusive) that contains `at`."""
    index = boundary_index(anchor, interval, at)
    return boundary(anchor, interval, index), boundary(anchor, interval, index + 1)


def is_boundary(anchor: int, interval: Interval, at: int) -> bool:
    """Whether a cycle begins exactly at `at`."""
    return boundary(anchor, interval, boundary_index(anchor, interval, at)) == at


def cycles_between(anchor: int, interval: Interval, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """The cycles that cover [start, end): (from, to, cycle start, cycle end), the first and last cut where needed."""
    covered: list[tuple[int, int, int, int]] = []
    at = start
    while at < end:
        cycle_start, cycle_end = period_at(anchor, interval, at)
        covered.append((at, min(cycle_end, end), cycle_start, cycle_end))
        at = cycle_end
    return covered


def after(stamp: int, interval: Interval) -> int:
    """`stamp` plus one interval, as a schedule phase's `duration` counts it."""
    return boundary(stamp, interval, 1)


def longest(intervals: list[Interval]) -> Interval:
    """The longest of some intervals, the first of equals."""
    found = intervals[0]
    for other in intervals[1:]:
        found = other if longer(other, found) else found
    return found


def are_aligned(intervals: list[Interval]) -> bool:
    """Whether each is a multiple of the shortest, as on one subscription they must be (Stripe, Mixed intervals).

    Days and weeks never add up to months but for a single day, of which everything is a multiple.
    """
    shortest = intervals[0]
    for other in intervals[1:]:
        shortest = other if longer(shortest, other) else shortest
    return all(_is_multiple(each, shortest) for each in intervals)


def _is_multiple(interval: Interval, of: Interval) -> bool:
    if of.fixed_s and interval.fixed_s:
        return interval.fixed_s % of.fixed_s == 0
    if of.months and interval.months:
        return interval.months % of.months == 0
    return of.fixed_s == DAY_S


def longer(first: Interval, second: Interval) -> bool:
    """Whether `first` is the longer of two intervals, months taken as 30 days."""
    return _days(first) > _days(second)


def _days(interval: Interval) -> int:
    return interval.fixed_s // DAY_S if interval.fixed_s else interval.months * 30
