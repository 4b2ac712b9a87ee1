"""What some units of a price cost: per unit, or by tiers.

An amount is multiplied out exactly and rounded once for each part, half away from zero. Stripe puts each part on a
line of its own, such as `100 × Calls (Tier 1 at $0.00 / month)`: a graduated price has a part for every tier that is
reached, a volume price one for the tier reached, and a tier's flat fee is a part of quantity 0 after its tier's, so
that the quantities of an item's lines add up to its usage. No document says so; lines like these are quoted in public
code that reads invoices. No units at all count as tier 1, whose flat fee is charged
(https://docs.stripe.com/subscriptions/pricing-models/tiered-pricing).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sandbox.stripe.billing.amounts import round_half_away, unit_amount

Price = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One line's worth: units at a rate, or the flat fee of a tier."""

    quantity: int
    amount: int
    unit: Decimal | None
    tier: int | None = None
    """Which tier, counted from 1; none where the price has no tiers."""
    is_flat_fee: bool = False


def is_metered(price: Price) -> bool:
    """Whether the price is for usage that a meter counts."""
    return bool(price["recurring"] and price["recurring"]["usage_type"] == "metered")


def is_tiered(price: Price) -> bool:
    """Whether the price is by tiers; it then has no unit amount of its own."""
    return bool(price["billing_scheme"] == "tiered")


def total(price: Price, quantity: int) -> int:
    """What the units cost in whole minor units: the sum of the rounded parts."""
    return sum(part.amount for part in parts(price, quantity))


def parts(price: Price, quantity: int) -> list[Part]:
    """The parts that the units make, in the order of their lines."""
    if not is_tiered(price):
        unit = unit_amount(price)
        return [Part(quantity, round_half_away(Fraction(unit) * _packages(price, quantity)), unit)]
    made: list[Part] = []
    for number, units in _split(price, quantity):
        made += _of_tier(price["_tiers"][number - 1], number, units)
    return made


def _packages(price: Price, quantity: int) -> int:
    """The quantity that is charged: whole packages where the price transforms it."""
    transform = price.get("transform_quantity")
    if not transform:
        return quantity
    whole, rest = divmod(quantity, int(transform["divide_by"]))
    return whole + (1 if rest and transform["round"] == "up" else 0)


def _split(price: Price, quantity: int) -> list[tuple[int, int]]:
    """(tier, units in it) for every tier that takes part."""
    below = 0
    reached: list[tuple[int, int]] = []
    for number, tier in enumerate(price["_tiers"], 1):
        above = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        reached.append((number, above - below))
        below = above
        if above == quantity:
            break
    if price["tiers_mode"] == "volume":
        return [(reached[-1][0], quantity)]
    return reached


def _of_tier(tier: dict[str, Any], number: int, units: int) -> list[Part]:
    unit = None if tier["unit_amount_decimal"] is None else Decimal(tier["unit_amount_decimal"])
    made = [Part(units, round_half_away(Fraction(unit or 0) * units), unit, number)]
    if tier["flat_amount_decimal"] is not None:
        flat = round_half_away(Decimal(tier["flat_amount_decimal"]))
        made.append(Part(0, flat, None, number, is_flat_fee=True))
    return made
