"""Billing cycles (BILLING_RULES 1, 3): counted from the deal's first day, or from its billing day; the last may be
shorter, and so may the first of a deal with a billing day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import count

from sync.deal.calendar import DAY_MONTHS, add_months, days_in_month, months_between

#: How Stripe counts a cycle: ``month``, ``year`` or ``day``, and how many of them.
Interval = tuple[str, int]


class CycleKind(StrEnum):
    """What a cycle is beside the others of its deal."""

    FULL = "full"
    STUB = "stub"  # the days before the first billing day
    TAIL = "tail"  # what is left at the end
    JOINED = "joined"  # the rest of a cycle, for lines that begin inside it and share no Stripe object with others


@dataclass(frozen=True)
class Cycle:
    """From ``start`` to ``end`` (exclusive). ``months`` is what a price per month is multiplied by."""

    start: date
    end: date
    months: Fraction
    interval: Interval
    kind: CycleKind = CycleKind.FULL


def month_interval(months: int) -> Interval:
    """Stripe's interval of whole months."""
    return ("month", months) if months % 12 else ("year", months // 12)


@dataclass(frozen=True)
class Grid:
    """The boundaries of one billing frequency over a deal's time. ``end`` is exclusive, None without an end."""

    start: date
    end: date | None
    cycle_months: int
    billing_day: int | None = None

    @cached_property
    def anchor(self) -> date:
        """The first boundary from which full cycles follow: the start, or the first billing day from it on."""
        if not self._by_day:
            return self.start
        here = self._on_day(self.start.year, self.start.month)
        if here >= self.start:
            return here
        following = add_months(self.start.replace(day=1), 1)
        return self._on_day(following.year, following.month)

    @property
    def _by_day(self) -> bool:
        return self.billing_day is not None and self.billing_day != self.start.day

    def _on_day(self, year: int, month: int) -> date:
        return date(year, month, min(self.billing_day or 1, days_in_month(year, month)))

    def boundary(self, k: int) -> date:
        """The ``k``-th boundary after the anchor, clamped to its month's end and never sticking there."""
        if not self._by_day:
            return add_months(self.start, k * self.cycle_months)
        month = add_months(self.anchor.replace(day=1), k * self.cycle_months)
        return self._on_day(month.year, month.month)

    def cycles(self) -> Iterator[Cycle]:
        """Every cycle from the start on; without end for a deal without one."""
        return self._from(0)

    def at(self, day: date) -> Cycle:
        """The cycle that ``day`` is in; raises ValueError outside of the deal's time."""
        if day >= self.start:
            months = (day.year - self.anchor.year) * 12 + day.month - self.anchor.month
            for cycle in self._from(max(0, months // self.cycle_months - 1)):  # none before it reaches so far
                if day < cycle.end:
                    return cycle
        raise ValueError(f"{day} is in no cycle from {self.start} to {self.end}")

    def _from(self, first: int) -> Iterator[Cycle]:
        """The cycles from the ``first``-th on, each worked out once: a grid never changes."""
        for n in count(first):
            if n not in self._known:
                self._known[n] = self._nth(n)
            cycle = self._known[n]
            if cycle is None:
                return
            yield cycle

    @cached_property
    def _known(self) -> dict[int, Cycle | None]:
        return {}

    def _nth(self, n: int) -> Cycle | None:
        """The ``n``-th cycle, from 0; None after the last."""
        stubs = int(self.start < self.anchor)
        if n < stubs:
            return self._stub()
        start, full_end = self.boundary(n - stubs), self.boundary(n - stubs + 1)
        if self.end is not None and start >= self.end:
            return None
        if self.end is not None and full_end > self.end:
            return self._tail(n - stubs, start, full_end, self.end)
        return Cycle(start, full_end, Fraction(self.cycle_months), month_interval(self.cycle_months))

    def is_boundary(self, day: date) -> bool:
        """Whether a cycle begins on that day, or the deal ends."""
        return day == self.end or self.at(day).start == day

    def _stub(self) -> Cycle:
        end = self.anchor if self.end is None else min(self.anchor, self.end)
        whole = (self.anchor - self.boundary(-1)).days
        days = (end - self.start).days
        return Cycle(self.start, end, Fraction(self.cycle_months * days, whole), ("day", days), CycleKind.STUB)

    def _tail(self, k: int, start: date, full_end: date, end: date) -> Cycle:
        days = (end - start).days
        if self._by_day:
            months = Fraction(self.cycle_months * days, (full_end - start).days)
            return Cycle(start, end, months, ("day", days), CycleKind.TAIL)
        whole, over = months_between(self.start, end)
        left = whole - k * self.cycle_months
        if not over:
            # From a clamped day Stripe would count a month to a day before the end, and bill once more.
            plain = add_months(start, left) == end
            return Cycle(start, end, Fraction(left), month_interval(left) if plain else ("day", days), CycleKind.TAIL)
        months = left + over * DAY_MONTHS  # from the first date: 30 days after a clamped 30 April are no month
        return Cycle(start, end, months, ("day", days), CycleKind.TAIL)


@lru_cache(maxsize=4096)
def grid(start: date, end: date | None, cycle_months: int, billing_day: int | None) -> Grid:
    """The grid of these terms: one for all who ask, with the cycles that it has worked out already."""
    return Grid(start, end, cycle_months, billing_day)
