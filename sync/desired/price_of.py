"""What one cycle of some units of a licensed price comes to: by the unit, by packages of units, or by tiers."""

from __future__ import annotations

from fractions import Fraction

from sync.facts import Price, PriceTier


def price_of(price: Price, quantity: int) -> Fraction:
    """Minor units, exact, before discounts. 0 where the price is by tiers and these were not read.

    Stripe: docs.stripe.com/products-prices/pricing-models (tiered pricing, package pricing).
    """
    if price.tiers:
        return _by_tiers(price, quantity)
    return Fraction(price.unit_amount_decimal or 0) * _charged(price, quantity)


def _charged(price: Price, quantity: int) -> int:
    """The units, or the packages of them, that are charged."""
    if not price.package_units:
        return quantity
    whole, rest = divmod(quantity, price.package_units)
    return whole + (1 if rest and price.package_begun else 0)


def _by_tiers(price: Price, quantity: int) -> Fraction:
    """Graduated: the units of each tier at its own price. Volume: all at the price of the tier that they reach. The first
    tier takes part also where there are no units: Stripe charges its flat fee.
    """
    total, below = Fraction(0), 0
    for tier in price.tiers:
        last = tier.up_to is None or quantity <= tier.up_to
        if price.tiers_mode == "volume":
            if last:
                return _of_tier(tier, quantity)
            continue
        total += _of_tier(tier, (quantity if last else tier.up_to or 0) - below)
        if last:
            break
        below = tier.up_to or 0
    return total


def _of_tier(tier: PriceTier, units: int) -> Fraction:
    return Fraction(tier.flat) + Fraction(tier.unit) * units
