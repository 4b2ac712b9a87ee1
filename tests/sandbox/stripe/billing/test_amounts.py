"""Rounding is half away from zero, once a line; discounts are amounts, taken off step by step."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.billing.amounts import (
    Charge,
    DiscountTerm,
    apply_discounts,
    decimal_text,
    round_half_away,
    share,
)
from sandbox.stripe.billing.pricing import total

PER_UNIT = {"billing_scheme": "per_unit", "unit_amount": None, "transform_quantity": None}


@pytest.mark.parametrize(
    ("exact", "rounded"), [("0.5", 1), ("-0.5", -1), ("2.5", 3), ("-2.5", -3), ("2.4999", 2), ("0", 0)]
)
def test_halves_round_away_from_zero(exact: str, rounded: int) -> None:
    assert round_half_away(Decimal(exact)) == rounded


@pytest.mark.parametrize(("quantity", "amount"), [(3, 25_000), (7, 58_333), (0, 0)])
def test_a_line_is_rounded_after_multiplying(quantity: int, amount: int) -> None:
    assert total({**PER_UNIT, "unit_amount_decimal": "8333.333333333333"}, quantity) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9))
def test_rounding_is_never_further_than_half_a_unit(exact: Decimal) -> None:
    assert abs(Fraction(exact) - round_half_away(exact)) <= Fraction(1, 2)
    assert round_half_away(-exact) == -round_half_away(exact)


def test_decimals_have_no_exponent_and_no_trailing_zeros() -> None:
    assert [decimal_text(Decimal(x)) for x in ("1E+2", "12.500", "0.000001", "100")] == [
        "100",
        "12.5",
        "0.000001",
        "100",
    ]


def test_the_worked_proration_of_the_vendor_page() -> None:
    left, month = 1_008_000, 2_678_400
    assert (share(-19990, left, month), share(49975, left, month)) == (-7523, 18808)
    assert share(-19990, left - 1, month) + share(49975, left - 1, month) == 11285


def test_percents_multiply_in_their_order() -> None:
    charge = Charge(10_000)
    apply_discounts([charge], [DiscountTerm("a", percent=Decimal(20)), DiscountTerm("b", percent=Decimal(10))])
    assert (charge.taken, charge.net) == ({"a": 2000, "b": 800}, 7200)


def test_an_amount_off_never_makes_a_line_negative() -> None:
    charge = Charge(300)
    apply_discounts([charge], [DiscountTerm("a", amount=500)])
    assert charge.net == 0


def test_a_line_that_is_not_discountable_stays_whole() -> None:
    charges = [Charge(1000, discountable=False), Charge(1000)]
    apply_discounts(charges, [DiscountTerm("a", percent=Decimal(50))])
    assert [charge.net for charge in charges] == [1000, 500]


def test_a_discount_for_other_products_takes_nothing() -> None:
    charge = Charge(1000, product="prod_a")
    apply_discounts([charge], [DiscountTerm("a", percent=Decimal(50), products=frozenset({"prod_b"}))])
    assert charge.net == 1000


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6), st.integers(1, 10**7))
def test_an_amount_off_is_spread_to_the_last_cent(amounts: list[int], off: int) -> None:
    charges = [Charge(amount) for amount in amounts]
    apply_discounts(charges, [DiscountTerm("a", amount=off)])
    assert sum(charge.net for charge in charges) == max(sum(amounts) - off, 0)
    assert all(charge.net >= 0 for charge in charges)
