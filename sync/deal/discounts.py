"""What discounts take off (BILLING_RULES 2, 3): amounts, each rounded half away from zero and taken off in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sync.deal.money import plain, round_half_away

#: Decimals of Stripe's `percent_off`.
PERCENT_DECIMALS = 2


@dataclass(frozen=True)
class Percent:
    """A percentage: 10 = 10 %."""

    value: Decimal

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 100:
            raise ValueError(f"{self.value} % is no discount")
        object.__setattr__(self, "value", plain(self.value))

    @property
    def leaves(self) -> Fraction:
        """The part of the price that remains."""
        return 1 - Fraction(self.value) / 100

    @property
    def fits_stripe(self) -> bool:
        """Whether Stripe's `percent_off` can carry it (two decimals)."""
        return -int(self.value.as_tuple().exponent) <= PERCENT_DECIMALS


@dataclass(frozen=True)
class AmountOff:
    """An amount off every invoice of one line, in minor units; never prorated. ``line_id`` keeps two lines that both
    have one from being billed as one item with one discount.
    """

    amount_minor: int
    currency: str
    line_id: str

    fits_stripe = True


Off = Percent | AmountOff


@dataclass(frozen=True)
class Discount:
    """What is taken off until a day (exclusive); None: for ever."""

    off: Off
    until: date | None = None

    def runs(self, day: date) -> bool:
        """Whether it counts on this day."""
        return self.until is None or day < self.until


def running(discounts: Sequence[Discount], day: date) -> tuple[Off, ...]:
    """Those that count on a day, in their order."""
    return tuple(discount.off for discount in discounts if discount.runs(day))


def leaves(discounts: Sequence[Off]) -> Fraction:
    """The part of the price that the percentages leave, multiplied: 20 % then 10 % leaves 72 %. Amounts don't count."""
    rest = Fraction(1)
    for discount in discounts:
        if isinstance(discount, Percent):
            rest *= discount.leaves
    return rest


def take_off(gross_minor: int, discounts: Sequence[Off], step: int = 1) -> tuple[int, ...]:
    """What each discount takes off in turn, in minor units, each rounded to ``step`` half away from zero; an amount
    takes no more than there is.
    """
    taken: list[int] = []
    rest = gross_minor
    for discount in discounts:
        if isinstance(discount, Percent):
            off = round_half_away(Fraction(rest) * Fraction(discount.value) / 100, step)
        else:
            off = min(rest, discount.amount_minor)
        taken.append(off)
        rest -= off
    return tuple(taken)
