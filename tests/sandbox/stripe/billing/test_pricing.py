"""What units cost: per unit, by graduated tiers, by volume; multiplied out exactly, rounded once a part."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.billing.pricing import parts, total

PER_UNIT = {"billing_scheme": "per_unit", "unit_amount": None, "transform_quantity": None}


def tiered(mode: str, *tiers: tuple[int | None, str | None, str | None]) -> dict[str, Any]:
    """A price of (up to, unit amount, flat amount)."""
    rows = [{"up_to": up, "unit_amount_decimal": unit, "flat_amount_decimal": flat} for up, unit, flat in tiers]
    return {"billing_scheme": "tiered", "tiers_mode": mode, "_tiers": rows}


RESOLUTIONS = ((100, "0", None), (1000, "99", None), (None, "79", None))
FONTS = ((5, "500", "1000"), (10, "400", "2000"), (15, "300", "3000"), (20, "200", "4000"), (None, "100", "5000"))


@pytest.mark.parametrize(
    ("used", "amount"),
    [(0, 0), (100, 0), (101, 99), (1000, 89_100), (1001, 89_179), (1250, 108_850)],
)
def test_graduated_tiers_charge_each_unit_at_its_own_tier(used: int, amount: int) -> None:
    assert total(tiered("graduated", *RESOLUTIONS), used) == amount


@pytest.mark.parametrize(("used", "amount"), [(0, 0), (100, 0), (101, 9_999), (1000, 99_000), (1250, 98_750)])
def test_volume_charges_all_units_at_the_tier_reached(used: int, amount: int) -> None:
    assert total(tiered("volume", *RESOLUTIONS), used) == amount


@pytest.mark.parametrize(("mode", "amount"), [("volume", 6_600), ("graduated", 11_100)])
def test_flat_fees_are_added_as_in_the_vendors_example(mode: str, amount: int) -> None:
    assert total(tiered(mode, *FONTS), 12) == amount


@pytest.mark.parametrize("mode", ["volume", "graduated"])
def test_the_first_flat_fee_is_charged_for_no_units(mode: str) -> None:
    assert [(part.quantity, part.amount) for part in parts(tiered(mode, *FONTS), 0)] == [(0, 0), (0, 1000)]


def test_the_quantities_of_the_parts_add_up_to_the_units() -> None:
    made = parts(tiered("graduated", *FONTS), 12)
    assert [(part.tier, part.quantity, part.amount) for part in made] == [
        (1, 5, 2500), (1, 0, 1000), (2, 5, 2000), (2, 0, 2000), (3, 2, 600), (3, 0, 3000),
    ]  # fmt: skip


def test_each_tier_is_rounded_by_itself_half_away_from_zero() -> None:
    price = tiered("graduated", (1, "0.5", None), (2, "0.5", None), (None, "0.4", None))
    assert [part.amount for part in parts(price, 3)] == [1, 1, 0]


def test_amounts_are_exact_however_long() -> None:
    price = tiered("graduated", (None, "999999999.999999999999", "0.5"))
    assert total(price, 10**9) == 10**18 + 1


@pytest.mark.parametrize(("rounding", "amount"), [("up", 3000), ("down", 2000)])
def test_units_are_charged_by_the_package(rounding: str, amount: int) -> None:
    price = {**PER_UNIT, "unit_amount": 1000, "transform_quantity": {"divide_by": 60, "round": rounding}}
    assert [(part.quantity, part.amount) for part in parts(price, 150)] == [(150, amount)]


BOUNDS = st.lists(st.integers(1, 10**6), min_size=0, max_size=6, unique=True).map(sorted)
UNITS = st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False)


@given(BOUNDS, st.data(), st.integers(0, 2 * 10**6), st.sampled_from(["graduated", "volume"]))
def test_tiers_never_lose_a_unit_and_never_stray_half_a_cent_a_part(
    bounds: list[int], data: st.DataObject, used: int, mode: str
) -> None:
    rows = [(bound, str(data.draw(UNITS)), None) for bound in [*bounds, None]]
    made = parts(tiered(mode, *rows), used)
    exact = sum(Fraction(part.unit or 0) * part.quantity for part in made)
    assert sum(part.quantity for part in made) == used
    assert abs(exact - sum(part.amount for part in made)) <= Fraction(len(made), 2)


@given(st.lists(st.integers(1, 60), max_size=4, unique=True).map(sorted), st.data(), st.integers(0, 120))
def test_tiers_come_to_what_counting_unit_by_unit_comes_to(bounds: list[int], data: st.DataObject, used: int) -> None:
    rates = [data.draw(st.integers(0, 500)) for _ in [*bounds, None]]
    tiers = [(bound, str(rate), None) for bound, rate in zip([*bounds, None], rates, strict=True)]

    def rate_of(unit: int) -> int:
        return next(rate for bound, rate in zip([*bounds, 10**9], rates, strict=True) if unit <= bound)

    assert total(tiered("graduated", *tiers), used) == sum(rate_of(unit) for unit in range(1, used + 1))
    assert total(tiered("volume", *tiers), used) == used * rate_of(max(used, 1))
