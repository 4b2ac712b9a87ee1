"""What lines cost: the unit amount Stripe is told, the amount it bills a cycle, and what a line is worth a month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from sync.deal.changes import Piece
from sync.deal.cycles import Cycle, CycleKind, Interval, month_interval
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Off, leaves, running, take_off
from sync.deal.lines import Charge, DealLine, DealProduct, Usage, monthly_net
from sync.deal.money import Inexact, charge_step, is_unit_amount, round_half_away, unit_amount_decimal


@dataclass(frozen=True)
class Priced:
    """What one item bills each time, in minor units. ``offs`` stand on the item in Stripe, in order."""

    unit: Decimal  # minor units, at most 12 decimals
    gross: int
    offs: tuple[Off, ...]
    off: tuple[int, ...]

    @property
    def net(self) -> int:
        """What is billed."""
        return self.gross - sum(self.off)


class DiscountTooFine(ValueError):
    """Neither `percent_off` nor an exact net unit amount can carry this discount."""


def price(
    unit_minor: Fraction, quantity: int, discounts: Sequence[Off], currency: str, *, rounding: bool = False
) -> Priced:
    """What ``quantity`` units bill each time: rounded after multiplying, then each discount an amount of its own.

    Raises `Inexact` when the currency can't carry a result and ``rounding`` is off, `DiscountTooFine` when Stripe
    can't be told the discount exactly.
    """
    return _price(unit_minor, quantity, tuple(discounts), currency, rounding)


@lru_cache(maxsize=4096)
def _price(unit_minor: Fraction, quantity: int, discounts: tuple[Off, ...], currency: str, rounding: bool) -> Priced:
    step = charge_step(currency)
    if step > 1 and rounding:
        return _stepped(unit_minor, quantity, discounts, step)
    if not all(discount.fits_stripe for discount in discounts):
        net_unit = unit_minor * leaves(discounts)
        if any(isinstance(d, AmountOff) for d in discounts) or not is_unit_amount(net_unit):
            raise DiscountTooFine(f"{net_unit} minor units have no exact decimal form")
        unit_minor, discounts = net_unit, ()
    unit = unit_amount_decimal(unit_minor)
    gross = round_half_away(Fraction(unit) * quantity)
    priced = Priced(unit, gross, discounts, take_off(gross, discounts))
    for amount in (gross, *priced.off, priced.net):
        if amount % step:
            raise Inexact(Fraction(amount), round_half_away(amount, step))
    return priced


def _stepped(unit_minor: Fraction, quantity: int, discounts: Sequence[Off], step: int) -> Priced:
    """Each result rounded to the currency's charge step; sent as the net unit amount that makes exactly that line."""
    gross = round_half_away(unit_minor * quantity, step)
    net = gross - sum(take_off(gross, discounts, step))
    return Priced(unit_amount_decimal(Fraction(net, quantity)), net, (), ())


@dataclass(frozen=True)
class DealItem:
    """Lines that agree in product, unit amount, cycle, discounts and end: one item and one line, rounded once.

    ``interval`` is Stripe's for this price, None for once; ``monthly`` is what one unit is worth a month, in minor
    units, where the interval's own length does not say so; ``twin`` tells two items on one price apart.
    """

    product: DealProduct
    cycle_months: int | None
    quantity: int
    priced: Priced
    pieces: tuple[Piece, ...]
    interval: Interval | None = None
    monthly: Fraction | None = None
    usage: Usage | None = None
    twin: int = 1

    @property
    def start(self) -> date:
        """The first day of the lines that came first."""
        return min(piece.start for piece in self.pieces)

    @property
    def lines(self) -> tuple[DealLine, ...]:
        """The signed lines that it stands for."""
        return tuple(piece.line for piece in self.pieces)

    @property
    def line_ids(self) -> tuple[str, ...]:
        """The quote lines that it stands for, each once."""
        return tuple(dict.fromkeys(line.id for line in self.lines))


def agreement(piece: Piece, currency: str, day: date) -> tuple[object, ...]:
    """What must be equal for two pieces to be one item on that day."""
    line = piece.line
    unit = unit_amount_decimal(line.month_minor(currency) * (line.cycle_months or 1))
    own = line.id if line.usage else ""
    end = line.end if line.cycle_months else line.start
    return (line.product.key, unit, line.cycle_months, running(line.discounts, day), end, line.usage, own)


def agreeing(pieces: Iterable[Piece], currency: str, day: date) -> tuple[tuple[Piece, ...], ...]:
    """The pieces in groups that agree, in the order of their first ones."""
    groups: dict[tuple[object, ...], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(agreement(piece, currency, day), []).append(piece)
    return tuple(tuple(group) for group in groups.values())


def item(group: Sequence[Piece], deal: Deal, day: date, cycle: Cycle | None = None) -> DealItem:
    """One item of pieces that agree, as billed for a cycle (None: a full one of their own). Raises as `price` does."""
    line, quantity = group[0].line, sum(piece.quantity for piece in group)
    if line.usage is not None:
        return _metered(group, day)
    months = cycle.months if cycle else Fraction(line.cycle_months or 1)
    offs = running(line.discounts, day)
    priced = price(line.month_minor(deal.currency) * months, quantity, offs, deal.currency, rounding=deal.rounding)
    interval = (cycle.interval if cycle else month_interval(line.cycle_months)) if line.cycle_months else None
    odd = cycle is not None and cycle.kind is not CycleKind.FULL and cycle.interval[0] == "day"
    monthly = line.month_minor(deal.currency) if odd else None
    return DealItem(line.product, line.cycle_months, quantity, priced, tuple(group), interval, monthly)


def _metered(group: Sequence[Piece], day: date) -> DealItem:
    line = group[0].line
    priced = Priced(Decimal(0), 0, running(line.discounts, day), ())
    interval = month_interval(line.cycle_months or 1)
    return DealItem(line.product, line.cycle_months, 1, priced, tuple(group), interval, usage=line.usage)


def stated_item(group: Sequence[Piece], amount: int, cycle: Cycle, deal: Deal) -> DealItem:
    """One item of pieces that agree which bills exactly ``amount``: the rest of a cycle that had begun before its lines."""
    line, quantity = group[0].line, sum(piece.quantity for piece in group)
    priced = Priced(unit_amount_decimal(Fraction(amount, quantity)), amount, (), ())
    monthly = monthly_net(line.month_minor(deal.currency) * quantity, line, line.start) / quantity
    return DealItem(line.product, line.cycle_months, quantity, priced, tuple(group), cycle.interval, monthly)


def items(pieces: Iterable[Piece], deal: Deal, day: date, cycle: Cycle | None = None) -> tuple[DealItem, ...]:
    """Pieces as items on a day, in the order of their first ones."""
    return tuple(item(group, deal, day, cycle) for group in agreeing(pieces, deal.currency, day))


def monthly_minor(piece: Piece, currency: str, day: date) -> Fraction:
    """What a piece is worth a month on that day, exact, after discounts; 0 unless it runs, licensed and recurring."""
    line = piece.line
    if not piece.runs(day) or line.charge is not Charge.RECURRING:
        return Fraction(0)
    return monthly_net(line.month_minor(currency) * piece.quantity, line, day)


def mrr_minor(deal: Deal, on: date) -> int:
    """Monthly recurring revenue on a day, in minor units: summed over the lines that run, then rounded once."""
    return round_half_away(sum((monthly_minor(piece, deal.currency, on) for piece in deal.pieces), Fraction(0)))


def arr_minor(deal: Deal, on: date) -> int:
    """12 x the month's revenue before rounding, rounded once, in minor units."""
    return round_half_away(12 * sum((monthly_minor(piece, deal.currency, on) for piece in deal.pieces), Fraction(0)))
