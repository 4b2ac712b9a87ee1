"""Every invoice that a deal will make, to the cent (BILLING_RULES, first promise). Before tax, without usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.deal.money import round_half_away, to_major
from sync.deal.pricing import DealItem, signed_minor
from sync.deal.timeline import Track, tracks


@dataclass(frozen=True)
class ForecastLine:
    """One line of an invoice, in minor units after discounts; ``period_end`` is exclusive."""

    item: DealItem
    amount: int
    period_start: date
    period_end: date
    recurring: bool


@dataclass(frozen=True)
class ForecastInvoice:
    """One invoice: the billing day it is made on, that day's boundary second, and its lines.

    ``stated`` marks the one that we make ourselves for cycles that had begun before the deal reached Stripe.
    """

    track: str
    day: date
    at_s: int
    due: date | None
    lines: tuple[ForecastLine, ...]
    stated: bool = False

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True)
class Forecast:
    """All invoices of a deal in order of time. Amounts in minor units of ``currency``."""

    currency: str
    invoices: tuple[ForecastInvoice, ...]
    signed: int

    @property
    def total(self) -> int:
        """The sum of all invoices: the contract total."""
        return sum(invoice.total for invoice in self.invoices)

    @property
    def rest(self) -> int:
        """What rounding leaves: signed less billed. 4 for 7 seats at 1,000.00 a term of 12 months billed monthly."""
        return self.signed - self.total

    @property
    def first(self) -> int:
        """What is invoiced on the first billing day, whatever number of invoices that takes."""
        return sum(invoice.total for invoice in self.invoices if invoice.day == self.invoices[0].day)


def plain_from(track: Track, deal: Deal, now: datetime) -> date:
    """The first day whose cycle Stripe can still bill by itself: the boundary after ``now``, else the track's end."""
    for start, _, _ in track.cycles():
        if deal.boundary(start) > now:
            return start
    return track.end


@dataclass(frozen=True)
class Begun:
    """How a track was begun: the first day that Stripe bills by itself, and when that was settled."""

    plain: date
    at: datetime


def forecast(deal: Deal, now: datetime, begun: Mapping[str, Begun] | None = None) -> Forecast:
    """Every invoice of the deal, as it stands when it is made at ``now``.

    Cycles that have begun by then are one invoice, made at once. ``begun`` says by track key how that was settled
    where the deal is in Stripe already.
    """
    invoices: list[ForecastInvoice] = []
    for track in tracks(deal):
        settled = (begun or {}).get(track.key) or Begun(plain_from(track, deal, now), now)
        invoices += _of_track(track, deal, settled)
    return Forecast(deal.currency, tuple(sorted(invoices, key=lambda i: (i.at_s, i.track))), signed_minor(deal))


def _of_track(track: Track, deal: Deal, begun: Begun) -> list[ForecastInvoice]:
    stated: list[ForecastLine] = []
    invoices: list[ForecastInvoice] = []
    for start, end, phase in track.cycles():
        lines = [ForecastLine(item, item.priced.net, start, end, True) for item in phase.items]
        once = [item for item in phase.once if item.start == start]
        lines += [ForecastLine(item, item.priced.net, start, start, False) for item in once]
        if start < begun.plain:
            stated += lines
        else:
            day = deal.day_of(deal.boundary(start))
            invoices.append(_invoice(track, deal, day, seconds(deal.boundary(start)), lines))
    if stated:
        invoices.insert(0, _invoice(track, deal, deal.day_of(begun.at), seconds(begun.at), stated, stated=True))
    return invoices


def _invoice(
    track: Track, deal: Deal, day: date, at_s: int, lines: list[ForecastLine], *, stated: bool = False
) -> ForecastInvoice:
    days = deal.terms.days_until_due
    due = None if days is None else day + timedelta(days=days)
    return ForecastInvoice(track.key, day, at_s, due, tuple(lines), stated)


def line_amounts(deal: Deal, made: Forecast) -> Mapping[str, Decimal]:
    """What each quote line comes to over the contract, in major units (`Contract_Amount__c`); they add up to the total.

    Lines billed as one item share its amount by quantity; the cents go so that the parts add up exactly.
    """
    of_item: dict[tuple[str, ...], int] = {}
    parts: dict[tuple[str, ...], DealItem] = {}
    for line in (line for invoice in made.invoices for line in invoice.lines):
        ids = line.item.line_ids
        of_item[ids] = of_item.get(ids, 0) + line.amount
        parts[ids] = line.item
    shares: dict[str, Decimal] = {}
    for ids, amount in of_item.items():
        counted = given = 0
        for part in parts[ids].lines:
            counted += part.quantity
            upto = round_half_away(Fraction(amount * counted, parts[ids].quantity))
            shares[part.id] = to_major(upto - given, deal.currency)
            given = upto
    return shares
