"""Every invoice of a deal. The worked cases with their exact numbers, and the arithmetic done another way."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.deal.calendar import add_months, seconds
from sync.deal.cycles import Grid
from sync.deal.discounts import Percent, leaves, take_off
from sync.deal.forecast import Begun, forecast, line_amounts
from sync.deal.money import Inexact, round_half_away, to_major
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import DiscountTooFine, arr_minor, items, mrr_minor, price
from sync.deal.timeline import tracks
from sync.errors import Refused
from tests.properties import examples
from tests.sync.deal.factory import EARLY, OTHER_ID, a_change, a_deal, a_fee, a_line


def days_and_totals(deal, now=EARLY):
    return [(invoice.day, invoice.total) for invoice in forecast(deal, now).invoices]


def test_case_01_an_annual_term_billed_annually_is_one_invoice():
    line = a_line(quantity=Decimal(25), unit_price=Decimal("588.00"), price_period="Year")
    deal = a_deal(line, start_date=date(2026, 3, 1), billing_frequency="Annual")
    assert days_and_totals(deal) == [(date(2026, 3, 1), 1_470_000)]
    assert forecast(deal, EARLY).invoices[0].at_s == 1772323200
    assert (mrr_minor(deal, deal.start), arr_minor(deal, deal.start)) == (122_500, 1_470_000)


def test_case_02_a_term_price_billed_monthly_is_a_twelfth_each_month():
    line = a_line(quantity=Decimal(40), unit_price=Decimal("468.00"), price_period="Term")
    made = forecast(a_deal(line), EARLY)
    assert [invoice.total for invoice in made.invoices] == [156_000] * 12
    assert (made.invoices[0].day, made.invoices[-1].day) == (date(2026, 1, 1), date(2026, 12, 1))
    assert made.total == 1_872_000
    assert mrr_minor(a_deal(line), date(2026, 6, 1)) == 156_000


def test_case_04_the_31_january_anchor_clamps_and_never_sticks():
    deal = a_deal(a_line(quantity=Decimal(1)), start_date=date(2027, 1, 31))
    days = ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-31"]
    assert days_and_totals(deal) == [(date.fromisoformat(f"2027-{day}"), 10_000) for day in days]
    assert seconds(deal.boundary(deal.end)) == 1832889600


def test_case_11_a_line_discount_leaves_the_other_line_alone():
    lines = (
        a_line(1, quantity=Decimal(30), unit_price=Decimal("49.00"), discount_percent=Decimal(15)),
        a_line(2, quantity=Decimal(1), unit_price=Decimal("200.00")),
    )
    deal = a_deal(*lines)
    first, second = forecast(deal, EARLY).invoices[0].lines
    assert (first.item.priced.gross, first.item.priced.off, first.amount) == (147_000, (22_050,), 124_950)
    assert second.amount == 20_000
    assert mrr_minor(deal, deal.start) == 144_950


def test_case_16_the_fee_is_on_the_first_invoice_only_and_counts_for_no_mrr():
    seats = a_line(quantity=Decimal(15), unit_price=Decimal("80.00"))
    deal = a_deal(seats, a_fee(), start_date=date(2026, 11, 1), days_until_due=45)
    made = forecast(deal, EARLY)
    assert [invoice.total for invoice in made.invoices] == [370_000] + [120_000] * 11
    assert made.invoices[0].due == date(2026, 12, 16)
    assert (made.total, mrr_minor(deal, deal.start)) == (1_690_000, 120_000)


def test_case_31_what_has_begun_is_one_invoice_on_the_day_it_is_made():
    deal = a_deal(start_date=date(2026, 2, 1))
    made = forecast(deal, datetime(2026, 4, 10, 10, tzinfo=UTC))
    assert [(i.day, i.total) for i in made.invoices[:2]] == [(date(2026, 4, 10), 300_000), (date(2026, 5, 1), 100_000)]
    assert (len(made.invoices), made.total, made.first) == (10, 1_200_000, 300_000)


def test_how_it_was_begun_stays_in_the_forecast_however_late_it_is_asked_for():
    deal = a_deal(start_date=date(2026, 2, 1))
    then = datetime(2026, 4, 10, 10, tzinfo=UTC)
    later = forecast(deal, datetime(2026, 9, 1, tzinfo=UTC), {deal.key: Begun(date(2026, 5, 1), then)})
    assert later == forecast(deal, then)


def test_case_37_a_platform_fee_and_monthly_seats_come_to_the_signed_total():
    platform = a_line(
        1, quantity=Decimal(1), unit_price=Decimal(12000), price_period="Year", billing_frequency="Annual"
    )
    made = forecast(a_deal(platform, a_line(2, quantity=Decimal(20), unit_price=Decimal(50))), EARLY)
    assert (made.first, made.total, len(made.invoices)) == (1_300_000, 2_400_000, 13)


@pytest.mark.parametrize(("seats", "each", "rest"), [(3, 25_000, 0), (7, 58_333, 4)])
def test_what_rounding_leaves_over_a_year_is_known(seats, each, rest):
    line = a_line(quantity=Decimal(seats), unit_price=Decimal("1000.00"), price_period="Term")
    made = forecast(a_deal(line), EARLY)
    assert {invoice.total for invoice in made.invoices} == {each}
    assert made.rest == rest


def test_lines_that_agree_are_one_item_rounded_once():
    lines = [a_line(n, quantity=Decimal(1), unit_price=Decimal("0.06"), price_period="Year") for n in (1, 2, 3)]
    deal = a_deal(*lines)
    (item,) = items(deal.pieces, deal, deal.start)
    assert (item.quantity, item.priced.unit, item.priced.net) == (3, Decimal("0.5"), 2)


def test_a_price_a_month_and_the_same_a_year_agree():
    monthly, yearly = a_line(1, unit_price=Decimal(10)), a_line(2, unit_price=Decimal(120), price_period="Year")
    deal = a_deal(monthly, yearly)
    assert [item.quantity for item in items(deal.pieces, deal, deal.start)] == [20]


def test_a_deal_has_no_mrr_before_it_starts_and_none_after_it_ends():
    deal = a_deal()
    assert [mrr_minor(deal, day) for day in (date(2025, 12, 31), date(2026, 12, 31), date(2027, 1, 1))] == [
        0,
        100_000,
        0,
    ]


def test_mrr_is_summed_over_lines_and_rounded_once():
    lines = [a_line(n, quantity=Decimal(1), unit_price=Decimal(n) / 100, price_period="Year") for n in (5, 5, 8)]
    deal = a_deal(*lines)  # 5/12 + 5/12 + 8/12 of a cent
    assert mrr_minor(deal, deal.start) == 2


def test_stepwise_discounts_are_each_rounded_and_multiply():
    assert leaves([Percent(Decimal(20)), Percent(Decimal(10))]) == Fraction(72, 100)
    assert take_off(1_005, [Percent(Decimal(50)), Percent(Decimal(50))]) == (503, 251)


@pytest.mark.parametrize("value", ["-1", "100.01"])
def test_a_percentage_outside_of_0_to_100_is_no_discount(value):
    with pytest.raises(ValueError, match="no discount"):
        Percent(Decimal(value))


def test_a_three_decimal_amount_that_does_not_end_in_zero_needs_the_rounding_step():
    unit = Fraction(8333)
    with pytest.raises(Inexact):
        price(unit, 1, (), "KWD")
    assert price(unit, 1, (), "KWD", rounding=True).net == 8330


def test_with_the_rounding_step_the_discount_too_ends_in_zero_and_the_unit_bills_exactly_the_line():
    priced = price(Fraction(10_015), 7, (Percent(Decimal("12.5")),), "KWD", rounding=True)
    gross = round_half_away(Fraction(10_015 * 7), 10)
    assert priced.net == gross - round_half_away(Fraction(gross) * Fraction(1, 8), 10)
    assert (priced.offs, round_half_away(Fraction(priced.unit) * 7)) == ((), priced.net)


PRICES = st.decimals(0, 100_000, places=2)
DISCOUNTS = st.one_of(st.just(()), st.decimals("0.01", "100", places=2).map(lambda p: (Percent(p),)))


@given(PRICES, st.integers(1, 10_000), DISCOUNTS, st.sampled_from([1, 3, 6, 12]), st.sampled_from([1, 3, 12]))
def test_an_item_bills_what_fractions_say(unit_price, quantity, discounts, cycle, period):
    exact = Fraction(unit_price) * 100 * cycle / period
    try:
        priced = price(exact, quantity, discounts, "USD")
    except (Inexact, DiscountTooFine):
        pytest.fail("two-decimal prices and discounts are always carried")
    gross = Fraction(priced.unit) * quantity
    assert abs(priced.gross - gross) <= Fraction(1, 2)
    assert abs(Fraction(priced.unit) - exact) <= Fraction(1, 2 * 10**12)
    off = Fraction(priced.gross) * sum((Fraction(d.value) for d in discounts), Fraction(0)) / 100
    assert abs(priced.net - (priced.gross - off)) <= Fraction(1, 2)
    assert 0 <= priced.net <= priced.gross


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(PRICES, st.integers(1, 500), st.sampled_from(["Monthly", "Quarterly", "Semiannual", "Annual"])),
        min_size=1,
        max_size=4,
    ),
    st.dates(date(2024, 1, 1), date(2032, 12, 31)),
    st.sampled_from([12, 24, 36]),
    st.integers(0, 800),
)
def test_the_invoices_always_sum_to_the_contract_total_however_late_the_deal_is(rows, start, term, days_late):
    lines = [
        a_line(n, unit_price=unit, quantity=Decimal(quantity), billing_frequency=often)
        for n, (unit, quantity, often) in enumerate(rows, start=1)
    ]
    deal = a_deal(*lines, a_fee(), start_date=start, term_months=term)
    ahead = forecast(deal, datetime(2023, 1, 1, tzinfo=UTC))
    late = forecast(deal, datetime.fromtimestamp(seconds(deal.boundary(start)) + days_late * 86400, tz=UTC))
    signed = sum(Fraction(unit) * 100 * quantity * term for unit, quantity, _ in rows) + 250_000
    assert ahead.total == late.total == signed == ahead.signed
    assert sum(line_amounts(deal, late).values()) == to_major(late.total, "USD")
    for track in tracks(deal):
        count = term // track.cycle_months
        assert [cycle.start for cycle in track.cycles()] == [
            add_months(start, k * track.cycle_months) for k in range(count)
        ]


def test_line_amounts_add_up_to_the_total_where_lines_share_an_item():
    lines = [a_line(n, quantity=Decimal(1), unit_price=Decimal("1000.00"), price_period="Term") for n in range(1, 8)]
    deal = a_deal(*lines)
    amounts = line_amounts(deal, forecast(deal, EARLY))
    assert len(amounts) == 7
    assert sum(amounts.values()) == Decimal("6999.96")


def test_a_last_piece_after_a_clamped_boundary_is_counted_from_the_first_date():
    """31 Oct and six months is 30 Apr; 30 days more are no seventh month: that would end on 31 May."""
    grid = Grid(date(2028, 10, 31), date(2029, 5, 30), 3)
    assert [cycle.months for cycle in grid.cycles()] == [3, 3, Fraction(30 * 12, 365)]


def test_a_last_piece_from_a_clamped_day_is_counted_in_days_so_that_stripe_bills_it_once():
    """A month from 28 February is 28 March for Stripe, three days before a deal from the 31st ends."""
    *_, last = Grid(date(2026, 8, 31), date(2027, 3, 31), 6).cycles()
    assert (last.start, last.months, last.interval) == (date(2027, 2, 28), 1, ("day", 31))
    *_, plain = Grid(date(2026, 8, 28), date(2027, 3, 28), 6).cycles()
    assert (plain.start, plain.interval) == (date(2027, 2, 28), ("month", 1))


@pytest.mark.parametrize("frequency", ["Monthly", "Quarterly", "Annual"])
@pytest.mark.parametrize(
    ("start", "last"), [("2026-01-01", "2026-03-15"), ("2026-01-31", "2027-05-08"), ("2026-01-01", "2026-01-20")]
)
def test_a_price_for_a_term_with_days_left_over_comes_out_to_the_cent_or_the_rest_is_said(start, last, frequency):
    line = a_line(quantity=Decimal(7), unit_price=Decimal("99.99"), price_period="Term")
    days = {"start_date": date.fromisoformat(start), "end_date": date.fromisoformat(last), "term_months": None}
    made = forecast(a_deal(line, billing_frequency=frequency, **days), EARLY)
    assert made.signed == 7 * 9_999
    assert abs(made.rest) <= len(made.invoices) / 2  # at most half a cent an invoice
    good = forecast(a_deal(line, billing_frequency=frequency, policy=BillingPolicy(true_up=True), **days), EARLY)
    assert (good.total, good.rest) == (7 * 9_999, 0)


@pytest.mark.parametrize("frequency", ["Monthly", "Quarterly", "Annual"])
@pytest.mark.parametrize(("start", "last"), [("2026-01-01", "2026-03-20"), ("2026-01-31", "2028-03-01")])
def test_beside_a_billing_day_a_term_with_days_left_over_has_the_months_that_its_cycles_bill(start, last, frequency):
    line = a_line(quantity=Decimal(7), unit_price=Decimal("99.99"), price_period="Term", billing_frequency=frequency)
    days = {"start_date": date.fromisoformat(start), "end_date": date.fromisoformat(last), "term_months": None}
    deal = a_deal(line, billing_day=15, **days)
    made = forecast(deal, EARLY)
    assert made.signed == 7 * 9_999
    assert abs(made.rest) <= len(made.invoices) / 2  # at most half a cent an invoice
    off = replace(line, id="0QLAA0000000021AAA", change="Remove", billing_frequency=None)
    gone = a_change(deal, off, start_date=days["start_date"])
    assert forecast(gone, EARLY).total - forecast(gone, EARLY).credited == 0, "the same price finds what it takes off"


def test_where_a_part_month_counts_whole_a_term_with_days_left_over_is_priced_from_the_start_of_a_cycle_on():
    policy, days = BillingPolicy(whole_months=True), {"term_months": None, "end_date": date(2026, 3, 15)}
    line = a_line(price_period="Term")
    assert forecast(a_deal(line, policy=policy, **days), EARLY).total == 100_000
    other = replace(line, id="0QLAA0000000002AAA", product_id=OTHER_ID, start_date=date(2026, 2, 1))
    a_deal(line, other, policy=policy, **days)
    with pytest.raises(Refused) as refused:
        a_deal(line, replace(other, start_date=date(2026, 2, 2)), policy=policy, **days)
    assert [(r.code, r.field) for r in refused.value.refusals] == [("CONF-311", "Price_Period__c")]
