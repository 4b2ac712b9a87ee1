"""What a quote's lines are read beside: the deal's time, its money, and the quote's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import islice

from sync.crm import CrmQuote
from sync.deal.cycles import Grid, grid
from sync.deal.deal import Deal
from sync.deal.discounts import Percent
from sync.quotes.dates import Term
from sync.quotes.faults import Faults

#: Cycles looked at to find a full one: a first piece, a full one.
_ENOUGH = 3


@dataclass(frozen=True)
class QuoteDiscount:
    """A percentage off every line of the quote, for its first ``months``; None: for ever."""

    percent: Percent
    months: int | None = None


@dataclass(frozen=True)
class Frame:
    """The days of a deal that lines are read into. ``start`` and ``end`` (exclusive) are those of lines that have none
    of their own; a line that names ``written``, the first day on the quote, means ``start``.
    """

    term: Term
    start: date
    end: date | None
    written: date | None = None
    ends_with_deal: bool = False  # an amendment's lines have the deal's end, and no other

    def grid(self, end: date | None, cycle_months: int) -> Grid:
        """The boundaries by which a line is billed."""
        return grid(self.term.start, end, cycle_months, self.term.billing_day)

    def longest_cycle(self, start: date, end: date | None, cycle_months: int) -> Fraction:
        """The months that an invoice of a line stands for: of a full cycle, unless it has none."""
        cycles = (c for c in self.grid(end, cycle_months).cycles() if c.end > start)
        return max(cycle.months for cycle in islice(cycles, _ENOUGH))


@dataclass(frozen=True)
class Reading:
    """What a line is read beside. ``frame`` is None where the deal's dates can't be read: lines are only checked."""

    quote: CrmQuote
    faults: Faults
    currency: str
    rounding: bool
    frame: Frame | None
    deal: Deal | None = None  # the deal that is changed
    discount: QuoteDiscount | None = None
    whole_months: bool = False  # proration precision "month"
    home_currency: str = ""  # of the installation, where the org names none
