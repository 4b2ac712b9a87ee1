"""The worked cases that a quote's reading decides, number by number: quotes in, every invoice out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sync.crm import CrmTier
from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.lines import Tier
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import arr_minor, mrr_minor
from sync.deal.timeline import tracks
from tests.sync.deal.factory import (
    EARLY,
    FEE,
    OTHER_ID,
    SEATS,
    USE,
    a_change,
    a_deal,
    a_fee,
    a_line,
    a_renewal,
    a_usage,
)

JULY = date(2026, 7, 1)
PAID = datetime(2026, 6, 1, tzinfo=UTC)


def invoices(deal: Deal, now: datetime = EARLY) -> list[tuple[date, int]]:
    return [(invoice.day, invoice.total) for invoice in forecast(deal, now).invoices]


def on(deal: Deal, day: date) -> int:
    return sum(total for at, total in invoices(deal) if at == day)


@pytest.mark.parametrize(("policy", "amount"), [("Signed", 300000), ("Stripe", 302465)])
def test_case_06_seats_added_in_the_middle_of_a_year(policy: str, amount: int):
    seat = {"unit_price": Decimal("1200.00"), "price_period": "Year"}
    base = a_deal(a_line(**seat), billing_frequency="Annual")
    deal = a_change(base, a_line(21, quantity=Decimal(5), **seat), proration_policy=policy)

    assert invoices(deal) == [(date(2026, 1, 1), 1200000), (JULY, amount)]
    assert [arr_minor(deal, day) for day in (date(2026, 6, 30), JULY)] == [1200000, 1800000]


@pytest.mark.parametrize("order", ["AB", "BA"])
@pytest.mark.parametrize(
    ("policy", "months", "amounts"),
    [("Signed", False, {12329}), ("Signed", True, {25000}), ("Stripe", False, {12904, 12903})],
)
def test_case_08_two_amendments_effective_on_one_day(order: str, policy: str, months: bool, amounts: set[int]):
    rules = BillingPolicy(whole_months=months)
    deal = a_deal(a_line(unit_price=Decimal("50.00")), start_date=date(2026, 5, 1), policy=rules)
    quantity = {"A": 3, "B": 2}
    for n, name in enumerate(order, start=3):
        line = a_line(10 * n, quantity=Decimal(quantity[name]), unit_price=Decimal("50.00"))
        known = {"id": f"0Q0AA000000000{name}AAA", "number": name, "proration_policy": policy}
        deal = a_change(deal, line, policy=rules, start_date=date(2026, 5, 16), **known)

    assert on(deal, date(2026, 5, 16)) in amounts
    assert on(deal, date(2026, 6, 1)) == 75000
    (track,) = tracks(deal)
    assert seconds(deal.boundary(track.phases[1].start)) == 1778889600
    assert all(phase.end is None or phase.start < phase.end for phase in track.phases)
    assert sum(i.quantity for i in track.phases[1].items) == 15


def test_case_10_a_ramp_of_three_years_with_a_price_a_year():
    def year(n: int, quantity: int, price: str):
        days = {"start_date": date(2026 + n, 9, 15), "end_date": date(2027 + n, 9, 14)}
        return a_line(n + 1, quantity=Decimal(quantity), unit_price=Decimal(price), price_period="Year", **days)

    steps = (year(0, 50, "600.00"), year(1, 75, "570.00"), year(2, 100, "540.00"))
    deal = a_deal(*steps, start_date=date(2026, 9, 15), term_months=36, billing_frequency="Annual")

    (track,) = tracks(deal)
    starts = [seconds(deal.boundary(phase.start)) for phase in track.phases]
    assert starts == [1789430400, 1820966400, 1852588800]
    assert track.end is not None
    assert seconds(deal.boundary(track.end)) == 1884124800
    assert invoices(deal) == [
        (date(2026, 9, 15), 3000000),
        (date(2027, 9, 15), 4275000),
        (date(2028, 9, 15), 5400000),
    ]
    assert [arr_minor(deal, date(year, 9, 15)) for year in (2026, 2027, 2028)] == [3000000, 4275000, 5400000]


def test_case_16_a_fee_with_seats_is_never_billed_again():
    seats, fee = a_line(quantity=Decimal(15), unit_price=Decimal("80.00")), a_fee()
    header = {"start_date": date(2026, 11, 1), "days_until_due": 45, "po_number": "PO-2291"}
    deal = a_deal(seats, fee, **header)

    made = forecast(deal, EARLY)
    assert [invoice.total for invoice in made.invoices] == [370000] + [120000] * 11
    assert (made.total, made.invoices[0].due, deal.terms.po_number) == (1690000, date(2026, 12, 16), "PO-2291")
    assert mrr_minor(deal, date(2026, 11, 1)) == 120000

    one_more = a_line(21, quantity=Decimal(1), unit_price=Decimal("80.00"))
    changed = a_change(deal, one_more, start_date=date(2027, 2, 1))
    assert [total for _, total in invoices(changed)] == [370000] + [120000] * 2 + [128000] * 9


def test_case_17_usage_in_tiers_beside_seats():
    def tier(up_to: int | None, unit: str) -> CrmTier:
        return CrmTier("USD", None if up_to is None else Decimal(up_to), Decimal(unit))

    tiers = (tier(100, "0"), tier(1000, "0.99"), tier(None, "0.79"))
    products = (SEATS, FEE, replace(USE, tier_mode="Graduated", tiers=tiers))
    deal = a_deal(a_line(unit_price=Decimal("29.00")), a_usage(), products=products, start_date=date(2026, 6, 1))

    usage = deal.lines[1].usage
    assert usage is not None
    assert _graduated(usage.tiers, 1250) == Decimal("1088.50")
    assert [_graduated(usage.tiers, n) for n in (100, 101, 1000, 1001)] == [0, Decimal("0.99"), 891, Decimal("891.79")]
    assert on(deal, JULY) == 29000
    assert mrr_minor(deal, JULY) == 29000


def _graduated(tiers: tuple[Tier, ...], units: int) -> Decimal:
    """What so much use costs, as Stripe counts it."""
    total, below = Decimal(0), 0
    for tier in tiers:
        upto = units if tier.up_to is None else min(units, tier.up_to)
        total += max(0, upto - below) * tier.unit
        below = upto
    return total


@pytest.mark.parametrize("now", [datetime(2026, 12, 10, tzinfo=UTC), datetime(2027, 1, 5, tzinfo=UTC)])
def test_case_20_a_renewal_with_another_product(now: datetime):
    base = a_deal()
    line = a_line(quantity=Decimal(12), unit_price=Decimal("130.00"), product_id=OTHER_ID)
    deal = a_renewal(base, line, now=now, start_date=date(2027, 1, 1))

    first = forecast(deal, now).invoices[0]
    begins = date(2027, 1, 1)
    assert (first.day, first.total) == (max(begins, now.date()), 156000)
    assert [x.item.product.name for x in first.lines] == ["Enterprise"]
    assert seconds(deal.boundary(first.lines[0].period_start)) == 1798761600
    assert [i.day for i in forecast(deal, now).invoices].count(begins) == (now.date() < begins)
    assert (base.last, arr_minor(base, date(2026, 12, 31)), arr_minor(deal, begins)) == (begins, 1200000, 1872000)
