"""A deal's lines: what was signed, in the form that money and time are worked out from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from sync.deal.discounts import Percent, leaves
from sync.deal.money import minor


class Charge(StrEnum):
    """How a line is charged. Usage comes later."""

    RECURRING = "Recurring"
    ONE_TIME = "One-Time"


#: Months of a billing cycle, by the CRM's word.
CYCLE_MONTHS = {"Monthly": 1, "Quarterly": 3, "Semiannual": 6, "Annual": 12}
#: Months of a price period, by the CRM's word; a Term is the deal's own.
PERIOD_MONTHS = {"Month": 1, "Quarter": 3, "Year": 12}


@dataclass(frozen=True)
class DealProduct:
    """What is sold. ``key`` is the product's own id in Stripe, derived from the Salesforce id."""

    id: str
    name: str
    description: str | None = None
    tax_code: str | None = None

    @property
    def key(self) -> str:
        """The product's id in Stripe."""
        return f"tandem_{self.id}"


@dataclass(frozen=True)
class DealLine:
    """One signed line over its time, from ``start`` to ``end`` (exclusive, no part of it).

    ``unit_price`` is in major units per unit per ``period_months``; ``cycle_months`` is how often it is billed.
    Both are None for a one-time line, whose price is for once.
    """

    id: str
    product: DealProduct
    charge: Charge
    quantity: int
    unit_price: Decimal
    start: date
    end: date
    period_months: int | None = None
    cycle_months: int | None = None
    discounts: tuple[Percent, ...] = ()

    def unit_minor(self, currency: str) -> Fraction:
        """The price of one unit for one billing cycle (or for once), before discounts, in exact minor units."""
        price = minor(self.unit_price, currency)
        if self.cycle_months is None or self.period_months is None:
            return price
        return price * self.cycle_months / self.period_months

    def signed_minor(self, currency: str, months: int) -> Fraction:
        """The line's worth over ``months``, after discounts, in exact minor units; a one-time line has it once."""
        price = minor(self.unit_price, currency) * self.quantity * leaves(self.discounts)
        return price if self.period_months is None else price * months / self.period_months

    def monthly_minor(self, currency: str) -> Fraction:
        """What the line is worth a month, after discounts, in exact minor units; 0 for a one-time line."""
        return Fraction(0) if self.period_months is None else self.signed_minor(currency, 1)
