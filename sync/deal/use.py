"""What some units of a usage line cost: per unit or by tiers, flat fees and discounts included (BILLING_RULES 2, 3).

For what Stripe can't bill itself. Worked out as Stripe bills the metered price: each tier multiplied exactly and rounded
once (docs/assumptions.md, S50), a flat fee for each tier that is reached, and the first is reached by no units at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sync.deal.discounts import running, take_off
from sync.deal.lines import DealLine, Tier
from sync.deal.money import charge_step, minor, round_half_away, unit_amount_decimal


@dataclass(frozen=True)
class Cost:
    """Some units of one line, in minor units; ``off`` is what its discounts take off in turn."""

    units: int
    gross: int
    off: tuple[int, ...] = ()

    @property
    def net(self) -> int:
        """What is billed."""
        return self.gross - sum(self.off)


def cost(line: DealLine, units: int, currency: str, day: date) -> Cost:
    """What ``units`` of one cycle, or of what there was of it, come to under the line's discounts of that day. Rounded
    half away from zero to what the currency can charge: how much is used, nobody signed, so it can't be refused.
    """
    assert line.usage is not None
    step, units = charge_step(currency), max(0, units)
    if not line.usage.mode:
        parts = [_times(line.unit_price, units, currency)]
    else:
        parts = [
            amount
            for tier, many in _reached(line.usage.tiers, units, whole=line.usage.mode == "volume")
            for amount in (_times(tier.unit, many, currency), round_half_away(minor(tier.flat, currency)))
        ]
    gross = round_half_away(sum(parts), step)
    return Cost(units, gross, take_off(gross, running(line.discounts, day), step))


def _times(price: Decimal, units: int, currency: str) -> int:
    """Units at a price in major units, as Stripe is told it: with 12 decimals of the minor unit."""
    return round_half_away(Fraction(unit_amount_decimal(minor(price, currency))) * units)


def _reached(tiers: tuple[Tier, ...], units: int, *, whole: bool) -> Iterator[tuple[Tier, int]]:
    """Each tier that units reach, with how many are in it; ``whole``: only the last, with all of them."""
    below = 0
    for tier in tiers:
        last = tier.up_to is None or units <= tier.up_to
        if last or not whole:
            yield tier, units if whole else (units if last else tier.up_to or 0) - below
        if last:
            return
        below = tier.up_to or 0
