"""A deal: the sum of its signed lines over time (BILLING_RULES 4). Knows no quote and no Stripe object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from sync.deal.calendar import boundary, business_day, months_between
from sync.deal.lines import Charge, DealLine, DealProduct


@dataclass(frozen=True)
class Payer:
    """Who pays: one Account is one Stripe customer. ``email`` comes from the ladder of BILLING_RULES 5."""

    account_id: str
    name: str
    email: str
    website: str | None = None
    address: tuple[tuple[str, str], ...] = ()  # Stripe's names: line1, city, state, postal_code, country


@dataclass(frozen=True)
class Terms:
    """How the money is collected. ``days_until_due`` is None exactly when a stored payment method is charged."""

    collection_method: str  # send_invoice, charge_automatically
    days_until_due: int | None
    po_number: str | None = None


@dataclass(frozen=True)
class Deal:
    """Signed lines from ``start`` to ``end`` (exclusive), for one payer, in one currency.

    ``key`` names the deal for ever (the id of the quote that made it). ``rounding`` is on when what the currency can't
    carry is rounded and shown, off when it is refused.
    """

    key: str
    number: str
    quote_id: str
    payer: Payer
    currency: str  # upper case
    timezone: str
    start: date
    end: date
    terms: Terms
    lines: tuple[DealLine, ...]
    opportunity_id: str | None = None
    rounding: bool = False

    @property
    def months(self) -> int:
        """Whole months from start to end."""
        return months_between(self.start, self.end)[0]

    @cached_property
    def recurring(self) -> tuple[DealLine, ...]:
        """The licensed lines, billed every cycle."""
        return tuple(line for line in self.lines if line.charge is Charge.RECURRING)

    @cached_property
    def once(self) -> tuple[DealLine, ...]:
        """The lines billed once, on the first invoice of their start date."""
        return tuple(line for line in self.lines if line.charge is Charge.ONE_TIME)

    @cached_property
    def products(self) -> Mapping[str, DealProduct]:
        """The products sold, by their Stripe id."""
        return {line.product.key: line.product for line in self.lines}

    def boundary(self, day: date) -> datetime:
        """The UTC instant at which ``day`` begins for this deal; all its boundaries share one UTC time of day."""
        return boundary(day, self.timezone, first_day=self.start)

    def day_of(self, at: datetime) -> date:
        """The billing zone's day of an instant."""
        return business_day(at, self.timezone)
