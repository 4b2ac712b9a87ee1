"""What Stripe objects are worth: amounts after discounts, exact by the month or rounded as an invoice rounds them.

Amounts are minor units. Discounts of an item come first, then those of the whole subscription or phase, each in its
order. An amount off the whole is taken off once an invoice, whatever number of items stands on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from sync.deal.calendar import business_day, instant, seconds
from sync.deal.money import round_half_away
from sync.desired.keys import MONTHLY
from sync.desired.price_of import price_of
from sync.facts import Coupon, Item, Phase, PhaseItem, Price, Subscription
from sync.facts.currencies import in_currency

#: Months in one unit of a Stripe interval; a day is 1/(365/12) of a month (BILLING_RULES 1).
INTERVAL_MONTHS = {"month": Fraction(1), "year": Fraction(12), "week": 7 * Fraction(12, 365), "day": Fraction(12, 365)}
#: A coupon of this duration takes something off one invoice, so it never changes what a month is worth.
ONE_INVOICE = "once"
#: A coupon of this duration is part of the price; any other runs out.
LASTS = "forever"
_DAY_S = 86_400


@dataclass(frozen=True)
class Terms:
    """What facts alone don't carry: coupons and prices by id, and the zone of the Account."""

    coupons: Mapping[str, Coupon]
    prices: Mapping[str, Price]
    zone: str
    now: datetime

    def day(self, stamp_s: int) -> date:
        """The billing zone's day of a stamp."""
        return business_day(instant(stamp_s), self.zone)

    def day_before(self, boundary_s: int) -> date:
        """The last day, inclusive, of what ends at a boundary: that begins a day, whatever the hour is in the zone
        (00:00Z is nine in the morning in Tokyo, 08:00Z is one at night in Los Angeles in summer).
        """
        return self.day(boundary_s) - timedelta(days=1)

    def last_day(self, start_s: int, exclusive_end_s: int) -> date:
        """The last day, inclusive, from ``start_s`` to an end. One after whole days is a boundary; one at any other
        hour ends within its day, which counts.
        """
        if exclusive_end_s > start_s and (exclusive_end_s - start_s) % _DAY_S == 0:
            return self.day_before(exclusive_end_s)
        return self.day(max(exclusive_end_s - 1, start_s))

    @property
    def now_s(self) -> int:
        """Now, as Unix seconds."""
        return seconds(self.now)

    def unspent(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Those of these coupons that go on after an invoice took them."""
        return tuple(i for i in ids if i not in self.coupons or self.coupons[i].duration != ONE_INVOICE)

    def coupons_of(self, ids: Iterable[str]) -> list[Coupon]:
        """Those that are known, in order."""
        return [self.coupons[i] for i in ids if i in self.coupons]


@dataclass(frozen=True)
class Position:
    """One item of a subscription or of a phase, with the coupons of its own."""

    price: Price
    quantity: int | None
    coupons: tuple[str, ...] = ()

    @property
    def licensed(self) -> bool:
        """Whether it bills a known amount every cycle."""
        price = self.price
        known = price.unit_amount_decimal is not None or bool(price.tiers)
        return price.interval is not None and price.usage_type != "metered" and known

    @property
    def month_value(self) -> Fraction | None:
        """What one unit is worth a month before discounts, where its price says so: a cycle cut short (MONTHLY)."""
        value = self.price.metadata.get(MONTHLY)
        return Fraction(value) if value else None

    @property
    def cycle_months(self) -> Fraction:
        """The months of one cycle: of a cut one as many as its amount stands for."""
        unit, month = self.price.unit_amount_decimal, self.month_value
        if unit and month:
            return Fraction(unit) / month
        return INTERVAL_MONTHS[self.price.interval or "month"] * self.price.interval_count


def of_items(items: Iterable[Item], terms: Terms, currency: str, at_s: int | None = None) -> list[Position]:
    """The items of a subscription in this currency, with the tiers of those prices that have some; with ``at_s`` as an invoice of that second
    discounts them.
    """
    return [Position(_with_tiers(i.price, terms, currency), i.quantity, at_work(i, at_s)) for i in items]


def _with_tiers(price: Price, terms: Terms, currency: str) -> Price:
    known = terms.prices.get(price.id)
    return in_currency(known if known and known.tiers and not price.tiers else price, currency)


def at_work(of: Item | Subscription, at_s: int | None) -> tuple[str, ...]:
    """Its coupons; with ``at_s`` those that an invoice of that second uses: one that has run out by then takes nothing off."""
    ends = of.coupon_ends_s
    if at_s is None or not ends:
        return of.coupons
    return tuple(c for c, end_s in zip(of.coupons, ends, strict=True) if end_s is None or end_s > at_s)


def of_phase(items: Iterable[PhaseItem], terms: Terms, currency: str) -> list[Position]:
    """The items of a phase, in its schedule's currency; those whose price was never read are left out."""
    known = [(i, terms.prices[i.price]) for i in items if i.price in terms.prices]
    return [Position(in_currency(price, currency), i.quantity, i.coupons) for i, price in known]


def monthly(
    positions: Sequence[Position], shared: Iterable[str], terms: Terms, *, lasting: bool = False
) -> list[Fraction]:
    """What each position is worth a month, exact; 0 unless it is licensed and recurring (BILLING_RULES 7).

    ``shared`` are the coupons of the whole. ``lasting`` leaves out every discount that runs out.
    """

    def counted(ids: Iterable[str]) -> list[Coupon]:
        found = terms.coupons_of(ids)
        return [c for c in found if (c.duration == LASTS if lasting else c.duration != ONE_INVOICE)]

    cycles = [_after(_gross(p), counted(p.coupons), p.price) if p.licensed else Fraction(0) for p in positions]
    for coupon in counted(shared):
        if coupon.percent_off is not None:
            left = 1 - Fraction(coupon.percent_off) / 100
            cycles = [c * left if coupon.suits(p.price.product) else c for c, p in zip(cycles, positions, strict=True)]
        elif coupon.amount_off_minor is not None:
            cycles = _taken_off_once(cycles, positions, coupon)
    return [_a_month(c, p) for c, p in zip(cycles, positions, strict=True)]


def _a_month(cycle: Fraction, position: Position) -> Fraction:
    """A cycle's net amount as a month's. A cycle that is not billed at all is worth what its price says; and one is worth
    nothing where its price says so: what it bills is of a time when a discount has run out.
    """
    if not position.licensed:
        return Fraction(0)
    if position.month_value is not None and not (position.price.unit_amount_decimal and position.month_value):
        return position.month_value * (1 if position.quantity is None else position.quantity)
    return cycle / position.cycle_months


def monthly_of_phase(phase: Phase, terms: Terms, currency: str, *, lasting: bool = False) -> Fraction:
    """What a phase is worth a month, exact."""
    return sum(monthly(of_phase(phase.items, terms, currency), phase.coupons, terms, lasting=lasting), Fraction(0))


def percent_off(coupon_ids: Iterable[str], terms: Terms, product: str) -> Decimal:
    """All percents off a product together: 20 % then 10 % is 28 %."""
    left = Fraction(1)
    for coupon in terms.coupons_of(coupon_ids):
        if coupon.percent_off is not None and coupon.duration != ONE_INVOICE and coupon.suits(product):
            left *= 1 - Fraction(coupon.percent_off) / 100
    percent = (1 - left) * 100
    return Decimal(percent.numerator) / Decimal(percent.denominator)


def charge(positions: Sequence[Position], shared: Iterable[str], terms: Terms) -> int:
    """What one invoice of these positions comes to, rounded step by step; without tax, usage and pending items."""
    return sum(charge_by_line(positions, shared, terms))


def charge_by_line(positions: Sequence[Position], shared: Iterable[str], terms: Terms) -> list[int]:
    """What each position comes to on an invoice of all of them; together `charge`. A percentage of the whole is taken of
    each line and rounded there, an amount is spread over them.
    """
    lines = [0 if p.price.usage_type == "metered" else _line(p, terms) for p in positions]
    for coupon in terms.coupons_of(shared):
        suited = [coupon.suits(p.price.product) for p in positions]
        if coupon.percent_off is not None:
            lines = [n - _off(n, coupon, "") if fits else n for n, fits in zip(lines, suited, strict=True)]
        else:
            lines = _spread(coupon, lines, suited, positions)
    return lines


def _spread(coupon: Coupon, lines: list[int], suited: Sequence[bool], positions: Sequence[Position]) -> list[int]:
    """``lines`` less the amount off, spread over those that it is for, in proportion."""
    currency = next((p.price.currency for p in positions), "")
    gross = sum(n for n, fits in zip(lines, suited, strict=True) if fits)
    off = _off(gross, coupon, currency)
    upto, so_far = [0], 0
    for amount, fits in zip(lines, suited, strict=True):
        so_far += amount if fits else 0
        upto.append(round_half_away(Fraction(off * so_far, gross)) if gross else 0)
    return [amount - (after - before) for amount, (before, after) in zip(lines, pairwise(upto), strict=True)]


def _line(position: Position, terms: Terms) -> int:
    rest = round_half_away(_gross(position))
    for coupon in terms.coupons_of(position.coupons):
        rest -= _off(rest, coupon, position.price.currency) if coupon.suits(position.price.product) else 0
    return rest


def _off(amount: int, coupon: Coupon, currency: str) -> int:
    if coupon.percent_off is not None:
        return round_half_away(Fraction(amount) * Fraction(coupon.percent_off) / 100)
    return min(amount, coupon.off_in(currency))


def _gross(position: Position) -> Fraction:
    """One cycle before discounts. One that names no quantity bills one."""
    return price_of(position.price, 1 if position.quantity is None else position.quantity)


def _after(amount: Fraction, coupons: Iterable[Coupon], price: Price) -> Fraction:
    for coupon in (c for c in coupons if c.suits(price.product)):
        if coupon.percent_off is not None:
            amount -= amount * Fraction(coupon.percent_off) / 100
        elif coupon.amount_off_minor is not None:
            amount = max(Fraction(0), amount - coupon.off_in(price.currency))
    return amount


def _taken_off_once(cycles: Sequence[Fraction], positions: Sequence[Position], coupon: Coupon) -> list[Fraction]:
    """The amount off spread over the positions that it is for and that stand on every invoice, which are those of the
    shortest cycle.
    """
    suited = [p.licensed and coupon.suits(p.price.product) for p in positions]
    shortest = min((p.cycle_months for p, fits in zip(positions, suited, strict=True) if fits), default=None)
    sharing = [fits and p.cycle_months == shortest for p, fits in zip(positions, suited, strict=True)]
    total = sum((c for c, shares in zip(cycles, sharing, strict=True) if shares), Fraction(0))
    if not total:
        return list(cycles)
    left = max(Fraction(0), total - coupon.off_in(positions[0].price.currency)) / total
    return [c * left if shares else c for c, shares in zip(cycles, sharing, strict=True)]
