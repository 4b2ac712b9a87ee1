"""What a discount takes off (BILLING_RULES 2, 3): an amount, rounded half away from zero and taken off step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sync.deal.money import plain, round_half_away

#: Decimals of Stripe's `percent_off`.
PERCENT_DECIMALS = 2


@dataclass(frozen=True)
class Percent:
    """A percentage off a line for ever: 10 = 10 %."""

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


def leaves(discounts: Sequence[Percent]) -> Fraction:
    """The part of the price that remains after all of them, multiplied: 20 % then 10 % leaves 72 %."""
    rest = Fraction(1)
    for discount in discounts:
        rest *= discount.leaves
    return rest


def take_off(gross_minor: int, discounts: Sequence[Percent], step: int = 1) -> tuple[int, ...]:
    """What each discount takes off in turn, in minor units, each rounded to ``step`` half away from zero."""
    taken: list[int] = []
    rest = gross_minor
    for discount in discounts:
        off = round_half_away(Fraction(rest) * Fraction(discount.value) / 100, step)
        taken.append(off)
        rest -= off
    return tuple(taken)
