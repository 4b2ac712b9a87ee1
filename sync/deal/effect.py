"""What one quote does to a deal's invoices: the forecast with it, held against the one without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sync.deal.changes import Change
from sync.deal.dues import CreditDue
from sync.deal.forecast import Forecast, ForecastInvoice


@dataclass(frozen=True)
class Regular:
    """What is invoiced on a day, but for the quote, and that the quote changes, in minor units; 0 where there is none."""

    day: date
    was: int
    now: int


@dataclass(frozen=True)
class Effect:
    """What a quote changes: invoices stated for it, credits, and what is invoiced otherwise. Amounts in minor units.

    ``open_ended``: the deal has no end without it, or none with it, so ``total`` says nothing.
    """

    stated: tuple[ForecastInvoice, ...]
    credits: tuple[CreditDue, ...]
    regular: tuple[Regular, ...]
    total: int
    open_ended: bool = False

    @property
    def first(self) -> int | None:
        """What is invoiced for it first: the stated amounts of its first day, else by how much the first regular invoice
        that it changes is more; None where none is.
        """
        if self.stated:
            day = self.stated[0].day
            return sum(i.total for i in self.stated if i.day == day)
        return next((one.now - one.was for one in self.regular[:1] if one.now > one.was), None)


def effect(earlier: Forecast, later: Forecast, change: Change) -> Effect:
    """The difference between two forecasts of a deal, without and with a change."""
    was, now = _others(earlier, change), _others(later, change)
    days = sorted(was.keys() | now.keys())
    changed = tuple(
        Regular(day, was.get(day, 0), now.get(day, 0)) for day in days if was.get(day, 0) != now.get(day, 0)
    )
    stated = tuple(i for i in later.invoices if i.quote_id == change.quote_id)
    credits = tuple(c for c in later.credits if c.quote_id == change.quote_id)
    total = (later.total - later.credited) - (earlier.total - earlier.credited)
    return Effect(stated, credits, changed, total, earlier.open_ended or later.open_ended)


def _others(made: Forecast, change: Change) -> Mapping[date, int]:
    """What is invoiced on each day, but for what is stated for this quote."""
    sums: dict[date, int] = {}
    for invoice in made.invoices:
        if not (invoice.stated and invoice.quote_id == change.quote_id):
            sums[invoice.day] = sums.get(invoice.day, 0) + invoice.total
    return sums
