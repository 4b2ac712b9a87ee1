"""Every invoice that a deal will make, to the cent (BILLING_RULES, first promise). Before tax, without usage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile

from sync.deal.calendar import add_months, instant, months_between, seconds
from sync.deal.changes import Piece
from sync.deal.cycles import Cycle, CycleKind, Grid
from sync.deal.deal import Deal
from sync.deal.dues import CreditDue, Due, left_out, stated
from sync.deal.lines import Charge
from sync.deal.money import round_half_away, to_major
from sync.deal.pricing import DealItem, items
from sync.deal.proration import worth
from sync.deal.settled import Begun, Settled, is_past, settled, touching
from sync.deal.timeline import HORIZON_MONTHS, Track, comes_in, cycle_items, is_begun, tracks
from sync.deal.true_up import TrueUp, net_exact, rounding_left


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

    ``stated`` marks one that we make ourselves, under that natural key; ``quote_id`` the quote that causes it.
    """

    track: str
    day: date
    at_s: int
    due: date | None
    lines: tuple[ForecastLine, ...]
    stated: bool = False
    key: str = ""
    quote_id: str = ""

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True)
class Forecast:
    """All invoices of a deal in order of time, and what is given back. Amounts in minor units of ``currency``.

    ``open_ended``: the deal has no end, and the invoices are those of a year. ``left_out`` is what nobody is billed for:
    time that was over when it was signed, where the quote leaves that out, or that was paid elsewhere. ``taken_off``: what the unused
    time of a plan that the deal takes over takes off its first invoice. ``true_ups`` are among the invoices.
    """

    currency: str
    invoices: tuple[ForecastInvoice, ...]
    signed: int
    credits: tuple[CreditDue, ...] = ()
    open_ended: bool = False
    left_out: int = 0
    taken_off: int = 0
    true_ups: tuple[TrueUp, ...] = ()

    @property
    def total(self) -> int:
        """The sum of all invoices: the contract total."""
        return sum(invoice.total for invoice in self.invoices)

    @property
    def credited(self) -> int:
        """What is given back in all."""
        return sum(credit.amount for credit in self.credits)

    @property
    def rest(self) -> int:
        """What rounding leaves: signed less billed, given back and left out. 4 for 7 seats at 1,000.00 a term of 12 months,
        monthly. Of a deal that was changed it is also what was billed of a cycle and is not given back, and what months counted
        from the change's own day come to less or more.
        """
        return self.signed - self.total + self.credited - self.left_out

    @property
    def first(self) -> int:
        """What is invoiced on the first billing day, whatever number of invoices that takes, credits taken off."""
        first = sum(invoice.total for invoice in self.invoices if invoice.day == self.invoices[0].day)
        return first - self.taken_off


def forecast(deal: Deal, now: datetime, begun: Mapping[str, Begun] | None = None) -> Forecast:
    """Every invoice of the deal, as it stands when what is new in it is made at ``now``.

    ``begun`` says by track key how what is in Stripe already was settled.
    """
    invoices: list[ForecastInvoice] = []
    credits: list[CreditDue] = []
    ups: list[TrueUp] = []
    out = 0
    for track in tracks(deal):
        known = (begun or {}).get(track.key)
        if track.void and known is None and not is_past(track, deal, now):
            continue
        ours = stated(track, deal, known, now)
        mine = [_stated(due, track, deal) for due in ours.dues]
        mine += _by_stripe(track, deal, settled(track, deal, known, now), now)
        up = _true_up(track, deal, mine) if known is not None or not is_past(track, deal, now) else None
        if up is not None:
            ups.append(up)
            mine.append(_made_good(up, track, deal))
        invoices += mine
        credits += ours.credits
        out += left_out(track, deal, known, now)
    ordered = tuple(sorted(invoices, key=lambda i: (i.at_s, i.track, i.key)))
    endless = deal.last is None
    return Forecast(deal.currency, ordered, signed_minor(deal), tuple(credits), endless, out, true_ups=tuple(ups))


def _true_up(track: Track, deal: Deal, invoices: Sequence[ForecastInvoice]) -> TrueUp | None:
    """What rounding leaves of the track's cycles, on the day of the last; None where nothing is left, without a signed
    end, or with the policy off.
    """
    made = [(i, line) for i in invoices if not i.stated or is_begun(i.key) for line in i.lines if line.recurring]
    if not deal.true_up or track.grid.end is None or not made:
        return None
    amount = rounding_left(((line.item, line.amount, line.period_start) for _, line in made), deal)
    last, line = max(made, key=lambda one: (one[1].period_start, one[0].at_s, one[1].amount))
    key = f"{track.key}:{track.opened_by}:true-up"
    at = instant(last.at_s)
    up = TrueUp(key, track.key, track.opened_by, at, amount, line.item, line.period_start, line.period_end)
    return up if amount else None


def _made_good(up: TrueUp, track: Track, deal: Deal) -> ForecastInvoice:
    line = ForecastLine(up.item, up.amount, up.start, up.end, True)
    made = _invoice(track, deal, deal.day_of(up.at), seconds(up.at), [line])
    return replace(made, stated=True, key=up.key, quote_id=up.quote_id)


def _by_stripe(track: Track, deal: Deal, when: Mapping[str, Settled], now: datetime) -> list[ForecastInvoice]:
    """The cycles that Stripe bills by itself: each with the quotes that were brought in before it began."""
    horizon = add_months(max(track.start, deal.day_of(now)), HORIZON_MONTHS) if track.end is None else None
    opened = when[track.opened_by].plain if track.opened_by in when else track.start
    invoices = []
    for cycle in track.cycles(horizon) if horizon else _to_the_last(track, when):
        if cycle.start < opened:
            continue
        at = deal.boundary(cycle.start)
        lines = cycle_lines(track, deal, cycle, frozenset(q for q, s in when.items() if s.plain <= cycle.start))
        if lines:
            invoices.append(_invoice(track, deal, deal.day_of(at), seconds(at), lines))
    return invoices


def _to_the_last(track: Track, when: Mapping[str, Settled]) -> Iterable[Cycle]:
    """Every cycle that anybody bills: also one that a Cancellation came too late for."""
    last = max((s.plain for s in when.values()), default=track.start)
    ends = max(last, track.end or last)
    return takewhile(lambda cycle: cycle.start < ends, track.planned())


def cycle_lines(track: Track, deal: Deal, cycle: Cycle, quotes: frozenset[str]) -> list[ForecastLine]:
    """What one cycle of the track bills with these quotes in it, usage left out."""
    pieces = deal.of(quotes | {track.opened_by} | _elsewhere(track, deal, cycle)).pieces
    made = cycle_items(_running(pieces, track, cycle), cycle, deal)
    lines = [ForecastLine(i, i.priced.net, cycle.start, cycle.end, True) for i in made if i.usage is None]
    if cycle.start == track.start:
        lines += [ForecastLine(i, i.priced.net, cycle.start, cycle.start, False) for i in track.phases[0].once]
    return lines


def _elsewhere(track: Track, deal: Deal, cycle: Cycle) -> frozenset[str]:
    """The quotes that leave the track alone and had come by then: what they take off elsewhere is not taken off here."""
    mine = {change.quote_id for change in touching(track, deal)}
    at = deal.boundary(cycle.start)
    return frozenset(c.quote_id for c in deal.changes if c.quote_id not in mine and c.accepted_at < at)


def _running(pieces: Iterable[Piece], track: Track, cycle: Cycle) -> list[Piece]:
    joins = cycle.kind is CycleKind.JOINED
    mine = (p for p in pieces if p.line.id in track.line_ids)
    return [p for p in mine if (comes_in(p, cycle.start) if joins else p.runs(cycle.start))]


def _stated(due: Due, track: Track, deal: Deal) -> ForecastInvoice:
    lines = [ForecastLine(line.item, line.amount, line.start, line.end, line.recurring) for line in due.lines]
    made = _invoice(track, deal, deal.day_of(due.at), seconds(due.at), lines)
    return replace(made, stated=True, key=due.key, quote_id=due.quote_id)


def _invoice(track: Track, deal: Deal, day: date, at_s: int, lines: list[ForecastLine]) -> ForecastInvoice:
    days = deal.terms.days_until_due
    due = None if days is None else day + timedelta(days=days)
    return ForecastInvoice(track.key, day, at_s, due, tuple(lines))


def signed_minor(deal: Deal) -> int:
    """What the paper adds up to over the term, in minor units: each line's signed total, rounded, to its last day."""
    return sum(round_half_away(_signed(piece, deal)) for piece in deal.pieces)


def _signed(piece: Piece, deal: Deal) -> Fraction:
    line = piece.line
    if piece.last == piece.start and piece.cut is not None and (line.cycle_months or not deal.began(piece)):
        return Fraction(0)
    if line.charge is Charge.ONE_TIME:
        return Fraction(items([piece], deal, line.start)[0].priced.net)
    end = piece.last or add_months(line.start, HORIZON_MONTHS)
    if line.charge is Charge.USAGE or end <= line.start:
        return Fraction(0)
    grid = deal.grid(line)
    by_days = deal.billing_day is not None and not _days_over(deal)
    if by_days or not grid.is_boundary(line.start):
        total = worth(line, piece.quantity, line.start, end, deal)
        return total - sum(_amounts_off(piece, cycle, deal) for cycle in _until(grid, end) if cycle.start >= line.start)
    total = Fraction(0)
    for cycle in (cycle for cycle in _until(grid, end) if cycle.start >= line.start):
        total += (
            net_exact(piece, cycle, deal) if cycle.end <= end else worth(line, piece.quantity, cycle.start, end, deal)
        )
    return total


def _days_over(deal: Deal) -> bool:
    """Whether the term is no whole number of months, so that its months are those of the cycles it is billed in."""
    return deal.end is not None and months_between(deal.start, deal.end)[1] > 0


def _until(grid: Grid, end: date) -> Iterable[Cycle]:
    return takewhile(lambda cycle: cycle.start < end, grid.cycles())


def _amounts_off(piece: Piece, cycle: Cycle, deal: Deal) -> Fraction:
    """What amounts per invoice take off a cycle, with what they save of a percentage that follows them."""
    return net_exact(piece, cycle, deal, amounts=False) - net_exact(piece, cycle, deal)


def line_amounts(deal: Deal, made: Forecast) -> Mapping[str, Decimal]:
    """What each quote line comes to over the contract, in major units (`Contract_Amount__c`); they add up to the total.

    Lines billed as one item share its amount by quantity; the cents go so that the parts add up exactly. Without an end
    only what is charged once comes to anything that can be said.
    """
    of_item: dict[tuple[tuple[str, int], ...], int] = {}
    lines = (line for invoice in made.invoices for line in invoice.lines)
    for line in (line for line in lines if not (line.recurring and made.open_ended)):
        parts = tuple((piece.line.id, piece.quantity) for piece in line.item.pieces)
        of_item[parts] = of_item.get(parts, 0) + line.amount
    shares: dict[str, int] = {}
    for parts, amount in of_item.items():
        counted, whole = 0, sum(quantity for _, quantity in parts)
        given = 0
        for id_, quantity in parts:
            counted += quantity
            upto = round_half_away(Fraction(amount * counted, whole))
            shares[id_] = shares.get(id_, 0) + upto - given
            given = upto
    return {id_: to_major(amount, deal.currency) for id_, amount in shares.items()}
