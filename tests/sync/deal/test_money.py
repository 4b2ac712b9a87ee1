from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.deal import money

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("currency", "exponent", "step"),
    [("USD", 2, 1), ("jpy", 0, 1), ("KRW", 0, 1), ("KWD", 3, 10), ("TND", 3, 10), ("ISK", 2, 100), ("UGX", 2, 100)],
)
def test_each_currency_has_its_exponent_and_its_smallest_charge(currency, exponent, step):
    assert (money.exponent(currency), money.charge_step(currency)) == (exponent, step)


def test_all_zero_and_three_decimal_currencies_of_the_rules_are_known():
    zero = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
    three = ["BHD", "JOD", "KWD", "OMR", "TND"]
    assert all(money.exponent(code) == 0 for code in zero)
    assert all(money.exponent(code) == 3 for code in three)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("588.00", "USD", 58800),
        ("100", "JPY", 100),
        ("5.120", "KWD", 5120),
        ("100", "ISK", 10000),
        ("-1.5", "EUR", -150),
    ],
)
def test_an_amount_that_the_currency_carries_is_converted_exactly(amount, currency, minor):
    assert money.to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "nearest"),
    [
        ("0.005", "USD", 1),
        ("100.5", "JPY", 101),
        ("5.124", "KWD", 5120),
        ("5.125", "KWD", 5130),
        ("10.50", "ISK", 1100),
    ],
)
def test_an_amount_that_the_currency_cannot_carry_is_refused_not_rounded(amount, currency, nearest):
    with pytest.raises(money.Inexact) as refused:
        money.to_minor(Decimal(amount), currency)
    assert refused.value.nearest == nearest


@pytest.mark.parametrize(
    ("value", "rounded"), [("0.5", 1), ("-0.5", -1), ("1.5", 2), ("2.5", 3), ("-2.5", -3), ("2.4999", 2)]
)
def test_a_tie_goes_away_from_zero(value, rounded):
    assert money.round_half_away(Decimal(value)) == rounded


@given(AMOUNTS, st.sampled_from([1, 10, 100]))
def test_rounding_is_the_nearest_multiple_and_never_further_than_half_a_step(value, step):
    rounded = money.round_half_away(value, step)
    gap = abs(Fraction(value) - rounded)
    assert rounded % step == 0
    assert gap <= Fraction(step, 2)
    if gap == Fraction(step, 2):
        assert abs(rounded) > abs(value)


@given(AMOUNTS)
def test_rounding_is_symmetric_about_zero(value):
    assert money.round_half_away(-value) == -money.round_half_away(value)


def test_a_thousand_over_twelve_months_keeps_twelve_decimals():
    assert money.unit_amount_decimal(Fraction(100_000, 12)) == Decimal("8333.333333333333")


def test_unit_amounts_carry_no_exponent_and_no_trailing_zeros():
    assert [str(money.unit_amount_decimal(v)) for v in (Fraction(100), Fraction(85, 10), Fraction(0))] == [
        "100",
        "8.5",
        "0",
    ]


def test_amounts_longer_than_the_decimal_context_stay_exact():
    with localcontext() as context:
        context.prec = 6
        assert money.to_major(123_456_789_012_345, "USD") == Decimal("1234567890123.45")
        assert money.unit_amount_decimal(Fraction(1234567890123456, 7)) == Decimal("176366841446208.000000000000")
    assert getcontext().prec == 28


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "JPY", "KWD"]))
def test_minor_to_major_and_back_is_the_same(amount, currency):
    assert money.minor(money.to_major(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(122500, "USD", "1,225.00 USD"), (4, "USD", "0.04 USD"), (1225, "JPY", "1,225 JPY"), (5120, "KWD", "5.120 KWD")],
)
def test_amounts_are_said_with_the_currencys_decimals(amount, currency, text):
    assert money.format_amount(amount, currency) == text


def test_a_fine_unit_price_is_said_with_all_its_decimals():
    assert money.format_exact(Decimal("83.33333333"), "USD") == "83.33333333 USD"
    assert money.format_exact(Decimal("49"), "USD") == "49.00 USD"
