"""Amounts: rounding, decimal text, discounts and proration.

Whole minor units are `int`, everything between is `Decimal` or `Fraction`; a float never touches an amount.
A line is rounded after multiplying by its quantity, half away from zero; each discount is rounded the same way and
taken off before the next one is computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any


def round_half_away(amount: Decimal | Fraction) -> int:
    """The nearest whole minor unit, ties away from zero."""
    exact = Fraction(amount)
    sign = -1 if exact < 0 else 1
    return sign * ((2 * abs(exact).numerator + exact.denominator) // (2 * exact.denominator))


def decimal_text(amount: Decimal) -> str:
    """`amount` as the API writes a decimal: no exponent, no trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_amount(price: dict[str, Any]) -> Decimal:
    """The price of one unit in minor units, with up to twelve decimals."""
    if price.get("unit_amount_decimal") is not None:
        return Decimal(price["unit_amount_decimal"])
    return Decimal(price.get("unit_amount") or 0)


def share(amount: int, part: int, whole: int) -> int:
    """`amount * part / whole`, rounded; the seconds of a proration."""
    return round_half_away(Fraction(amount * part, whole))


@dataclass(frozen=True)
class DiscountTerm:
    """What one discount takes off: a percent, or an amount in minor units (exactly one is set)."""

    discount: str
    percent: Decimal | None = None
    amount: int | None = None
    products: frozenset[str] | None = None
    """The products that it is for; all when `None`."""

    def suits(self, charge: Charge) -> bool:
        """Whether it may be taken off this charge."""
        return charge.discountable and (self.products is None or charge.product in self.products)


@dataclass
class Charge:
    """An amount before discounts and what each discount has taken off so far."""

    amount: int
    discountable: bool = True
    product: str | None = None
    taken: dict[str, int] = field(default_factory=dict)

    @property
    def net(self) -> int:
        """What is left after the discounts taken so far."""
        return self.amount - sum(self.taken.values())

    def take(self, discount: str, amount: int) -> None:
        """Take `amount` off in the name of `discount`."""
        if amount:
            self.taken[discount] = self.taken.get(discount, 0) + amount


def apply_discounts(charges: list[Charge], terms: list[DiscountTerm]) -> None:
    """Take discounts off charges in their order: a percent off each, an amount spread over those above zero.

    So an amount off never makes anything negative. Each discount counts what the one before it has left.
    """
    for term in terms:
        suited = [charge for charge in charges if term.suits(charge)]
        if term.percent is not None:
            for charge in suited:
                charge.take(term.discount, percent_of(charge.net, term.percent))
        else:
            _spread(term, [charge for charge in suited if charge.net > 0])


def percent_of(amount: int, percent: Decimal) -> int:
    """`percent` per cent of `amount`, rounded."""
    return round_half_away(Fraction(percent) * amount / 100)


def _spread(term: DiscountTerm, charges: list[Charge]) -> None:
    """Spread an amount off over lines in proportion; the last line takes what rounding leaves."""
    total = sum(charge.net for charge in charges)
    left = min(term.amount or 0, total)
    if not left:
        return
    whole = left
    for charge in charges[:-1]:
        part = min(round_half_away(Fraction(whole * charge.net, total)), left, charge.net)
        charge.take(term.discount, part)
        left -= part
    charges[-1].take(term.discount, min(left, charges[-1].net))
