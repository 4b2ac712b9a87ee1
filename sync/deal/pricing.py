"""What lines cost: the unit amount Stripe is told, the amount it bills a cycle, and what a line is worth a month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sync.deal.deal import Deal
from sync.deal.discounts import Percent, leaves, take_off
from sync.deal.lines import DealLine, DealProduct
from sync.deal.money import Inexact, charge_step, is_unit_amount, round_half_away, unit_amount_decimal


@dataclass(frozen=True)
class Priced:
    """What one item bills each time, in minor units. ``percents`` stand on the item in Stripe, in order."""

    unit: Decimal  # minor units, at most 12 decimals
    gross: int
    percents: tuple[Percent, ...]
    off: tuple[int, ...]

    @property
    def net(self) -> int:
        """What is billed."""
        return self.gross - sum(self.off)


class DiscountTooFine(ValueError):
    """Neither `percent_off` nor an exact net unit amount can carry this discount."""


def price(
    unit_minor: Fraction, quantity: int, discounts: Sequence[Percent], currency: str, *, rounding: bool = False
) -> Priced:
    """What ``quantity`` units bill each time: rounded after multiplying, then each discount an amount of its own.

    Raises `Inexact` when the currency can't carry a result and ``rounding`` is off, `DiscountTooFine` when Stripe
    can't be told the discount exactly.
    """
    step = charge_step(currency)
    if step > 1 and rounding:
        return _stepped(unit_minor, quantity, discounts, step)
    if not all(discount.fits_stripe for discount in discounts):
        net_unit = unit_minor * leaves(discounts)
        if not is_unit_amount(net_unit):
            raise DiscountTooFine(f"{net_unit} minor units have no exact decimal form")
        unit_minor, discounts = net_unit, ()
    unit = unit_amount_decimal(unit_minor)
    gross = round_half_away(Fraction(unit) * quantity)
    priced = Priced(unit, gross, tuple(discounts), take_off(gross, discounts))
    for amount in (gross, *priced.off, priced.net):
        if amount % step:
            raise Inexact(Fraction(amount), round_half_away(amount, step))
    return priced


def _stepped(unit_minor: Fraction, quantity: int, discounts: Sequence[Percent], step: int) -> Priced:
    """Each result rounded to the currency's charge step; sent as the net unit amount that makes exactly that line."""
    gross = round_half_away(unit_minor * quantity, step)
    net = gross - sum(take_off(gross, discounts, step))
    return Priced(unit_amount_decimal(Fraction(net, quantity)), net, (), ())


@dataclass(frozen=True)
class DealItem:
    """Lines that agree in product, unit amount, cycle, discounts and dates: one item and one line, rounded once."""

    product: DealProduct
    cycle_months: int | None
    quantity: int
    priced: Priced
    start: date
    end: date
    lines: tuple[DealLine, ...]

    @property
    def line_ids(self) -> tuple[str, ...]:
        """The quote lines that it stands for."""
        return tuple(line.id for line in self.lines)


def agreeing(lines: Iterable[DealLine], currency: str) -> tuple[tuple[DealLine, ...], ...]:
    """The lines in groups that agree, in the order of their first lines."""
    groups: dict[tuple[object, ...], list[DealLine]] = {}
    for line in lines:
        unit = unit_amount_decimal(line.unit_minor(currency))
        key = (line.product.key, unit, line.cycle_months, line.discounts, line.start, line.end)
        groups.setdefault(key, []).append(line)
    return tuple(tuple(group) for group in groups.values())


def item(group: Sequence[DealLine], currency: str, *, rounding: bool = False) -> DealItem:
    """One item of lines that agree. Raises as `price` does."""
    first, quantity = group[0], sum(line.quantity for line in group)
    priced = price(first.unit_minor(currency), quantity, first.discounts, currency, rounding=rounding)
    return DealItem(first.product, first.cycle_months, quantity, priced, first.start, first.end, tuple(group))


def items(lines: Iterable[DealLine], deal: Deal) -> tuple[DealItem, ...]:
    """The deal's lines as items, in the order of their first lines."""
    return tuple(item(group, deal.currency, rounding=deal.rounding) for group in agreeing(lines, deal.currency))


def mrr_minor(deal: Deal, on: date) -> int:
    """Monthly recurring revenue on a day, in minor units: summed over the lines that run, then rounded once."""
    return round_half_away(
        sum((line.monthly_minor(deal.currency) for line in deal.recurring if line.start <= on < line.end), Fraction(0))
    )


def arr_minor(deal: Deal, on: date) -> int:
    """12 x the month's revenue before rounding, rounded once, in minor units."""
    running = (line.monthly_minor(deal.currency) for line in deal.recurring if line.start <= on < line.end)
    return round_half_away(12 * sum(running, Fraction(0)))


def signed_minor(deal: Deal) -> int:
    """What the paper adds up to over the term, in minor units: each line's signed total, rounded."""
    return sum(round_half_away(line.signed_minor(deal.currency, deal.months)) for line in deal.lines)
