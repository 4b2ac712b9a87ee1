"""A deal's lines: what was signed, in the form that money and time are worked out from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from sync.crm import Sent
from sync.deal.discounts import AmountOff, Discount, leaves, running
from sync.deal.money import minor


class Charge(StrEnum):
    """How a line is charged."""

    RECURRING = "Recurring"
    ONE_TIME = "One-Time"
    USAGE = "Usage"


#: Months of a billing cycle, by the CRM's word.
CYCLE_MONTHS = {"Monthly": 1, "Quarterly": 3, "Semiannual": 6, "Annual": 12}
#: Months of a price period, by the CRM's word; a Term is the deal's own.
PERIOD_MONTHS = {"Month": 1, "Quarter": 3, "Year": 12}


#: How the ids begin of products that Tandem made.
NATURAL = "tandem_"


def natural_id(product_id: str) -> str:
    """The id in Stripe of the product that Tandem makes for this Product2."""
    return f"{NATURAL}{product_id}"


@dataclass(frozen=True)
class DealProduct:
    """What is sold. ``key`` is the product's id in Stripe: derived from the Salesforce id, or the one that it was adopted
    under. ``sent`` is what the mappings send of it.
    """

    id: str
    name: str
    description: str | None = None
    tax_code: str | None = None
    sent: Sent = field(default=(), compare=False)
    adopted: str | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The product's id in Stripe."""
        return self.adopted or natural_id(self.id)


@dataclass(frozen=True)
class Tier:
    """One step of a price in tiers; amounts in major units. ``up_to`` is inclusive, None for all above."""

    up_to: int | None
    unit: Decimal
    flat: Decimal = Decimal(0)


@dataclass(frozen=True)
class Usage:
    """How usage is counted and priced, in arrears: by the meter of ``event``; in tiers, else at the line's price.

    ``mode`` is graduated or volume; None without tiers.
    """

    event: str
    mode: str | None = None
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True)
class DealLine:
    """One signed line over its time, from ``start`` to ``end`` (exclusive; None: until somebody ends it).

    ``unit_price`` is in major units per unit per ``period_months``; ``cycle_months`` is how often it is billed. Both
    are None for a one-time line, whose price is for once; a usage line has a cycle, and a price per unit used. Days left
    over of a term count 1/(365/12) of a month each.
    """

    id: str
    product: DealProduct
    charge: Charge
    quantity: int
    unit_price: Decimal
    start: date
    end: date | None
    period_months: Fraction | None = None
    cycle_months: int | None = None
    discounts: tuple[Discount, ...] = ()
    usage: Usage | None = None

    def month_minor(self, currency: str) -> Fraction:
        """The price of one unit a month, before discounts, in exact minor units; of a one-time or usage line its price."""
        return _a_month(self.unit_price, self.period_months, currency)

    def monthly_minor(self, currency: str, day: date) -> Fraction:
        """What the line is worth a month on that day, after discounts, exact; 0 unless it is licensed and recurring."""
        if self.charge is not Charge.RECURRING or not self.cycle_months:
            return Fraction(0)
        return monthly_net(self.month_minor(currency) * self.quantity, self, day)


@lru_cache(maxsize=4096)
def _a_month(unit_price: Decimal, period_months: Fraction | None, currency: str) -> Fraction:
    price = minor(unit_price, currency)
    return price if period_months is None else price / period_months


def monthly_net(gross: Fraction, line: DealLine, day: date) -> Fraction:
    """A month's gross less the line's discounts of that day; an amount off counts by the months of a cycle."""
    for off in running(line.discounts, day):
        if isinstance(off, AmountOff):
            gross = max(Fraction(0), gross - Fraction(off.amount_minor, line.cycle_months or 1))
        else:
            gross *= leaves((off,))
    return gross
