"""What Stripe objects are worth a month, and what their next invoice comes to (BILLING_RULES 2, 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sync.desired.worth import Position, Terms, charge, charge_by_line, monthly, percent_off
from sync.facts import Coupon, Price, PriceTier

COUPONS = {
    "pct20": Coupon(id="pct20", percent_off=Decimal(20)),
    "pct10": Coupon(id="pct10", percent_off=Decimal(10)),
    "pct50-3m": Coupon(id="pct50-3m", percent_off=Decimal(50), duration="repeating", duration_in_months=3),
    "pct100-once": Coupon(id="pct100-once", percent_off=Decimal(100), duration="once"),
    "off1000": Coupon(id="off1000", amount_off_minor=1000, currency="usd"),
    "off1000-3m": Coupon(
        id="off1000-3m", amount_off_minor=1000, currency="usd", duration="repeating", duration_in_months=3
    ),
    "off-too-much": Coupon(id="off-too-much", amount_off_minor=10**9, currency="usd"),
}
TERMS = Terms(COUPONS, {}, "UTC", datetime(2026, 3, 1, tzinfo=UTC))


def at(amount: str, quantity: int | None = 1, *coupons: str, **more: Any) -> Position:
    fields: dict[str, Any] = {
        "id": f"price_{amount}",
        "currency": "usd",
        "unit_amount_decimal": Decimal(amount),
        "interval": "month",
    }
    return Position(Price(**{**fields, **more}), quantity, coupons)


def worth(*positions: Position, shared: tuple[str, ...] = (), lasting: bool = False) -> list[Fraction]:
    return monthly(positions, shared, TERMS, lasting=lasting)


def test_a_month_is_exact_whatever_the_cycle() -> None:
    assert worth(at("8333.333333333333", 3), at("100000", 1, interval="year"), at("3000", 2, interval_count=3)) == [
        Fraction("24999.999999999999"), Fraction(100000, 12), Fraction(2000),
    ]  # fmt: skip


def test_only_licensed_recurring_positions_are_worth_anything() -> None:
    assert worth(
        at("99", None, usage_type="metered"), at("5000", 1, interval=None), at("1", 1, unit_amount_decimal=None)
    ) == [0, 0, 0]


def test_percents_multiply_and_come_in_order() -> None:
    assert worth(at("10000", 1, "pct20"), shared=("pct10",)) == [7200]
    assert percent_off(("pct20", "pct10"), TERMS, "") == Decimal(28)
    assert worth(at("10000", 1, "pct20", "off1000")) == [7000]
    assert worth(at("10000", 1, "off1000", "pct20")) == [7200]


def test_an_amount_off_the_whole_is_taken_off_once_not_once_an_item() -> None:
    assert sum(worth(at("6000"), at("4000"), shared=("off1000",))) == 9000
    assert charge([at("6000"), at("4000")], ("off1000",), TERMS) == 9000


def test_an_amount_off_the_whole_comes_off_what_every_invoice_has() -> None:
    assert worth(at("1000"), at("120000", interval="year"), shared=("off1000",)) == [0, 10000]


def test_a_discount_larger_than_the_price_makes_it_free_and_never_negative() -> None:
    assert worth(at("1000", 1, "off-too-much"), at("2000"), shared=("off-too-much",)) == [0, 0]
    assert charge([at("1000"), at("2000")], ("off-too-much",), TERMS) == 0


def test_a_discount_of_some_months_counts_today_and_not_in_the_long_run() -> None:
    assert worth(at("10000", 1, "pct50-3m")) == [5000]
    assert worth(at("10000", 1, "pct50-3m"), lasting=True) == [10000]
    assert sum(worth(at("10000"), shared=("off1000-3m",))) == 9000
    assert worth(at("10000"), shared=("off1000-3m",), lasting=True) == [10000]


def test_a_discount_of_one_invoice_changes_that_invoice_and_not_the_month() -> None:
    assert worth(at("10000", 1, "pct100-once")) == [10000]
    assert charge([at("10000", 1, "pct100-once")], (), TERMS) == 0


def test_an_invoice_rounds_line_by_line_and_step_by_step() -> None:
    third = at("8333.333333333333", 3, "pct10")

    assert charge([third], (), TERMS) == 25000 - 2500
    assert charge([at("0.5"), at("0.5")], (), TERMS) == 2


def test_an_invoice_leaves_usage_out_and_counts_one_time_items() -> None:
    assert (
        charge([at("99", None, usage_type="metered"), at("250000", 1, interval=None), at("8000", 15)], (), TERMS)
        == 370000
    )


def test_a_coupon_that_was_never_read_is_left_out() -> None:
    assert worth(at("10000", 1, "unknown")) == [10000]


def test_seats_by_tiers_and_by_packages_are_worth_what_an_invoice_asks_for_them() -> None:
    steps = (PriceTier(up_to=5, unit=Decimal(1000)), PriceTier(up_to=None, unit=Decimal(800), flat=Decimal(500)))

    def seats(quantity: int, mode: str) -> Position:
        return at("1", quantity, unit_amount_decimal=None, billing_scheme="tiered", tiers_mode=mode, tiers=steps)

    assert worth(seats(8, "graduated"), seats(5, "graduated")) == [7900, 5000]
    assert worth(seats(8, "volume"), seats(5, "volume")) == [6900, 5000]
    assert charge([seats(8, "graduated"), seats(8, "volume")], (), TERMS) == 14800
    assert worth(at("1500", 25, package_units=10), at("1500", 25, package_units=10, package_begun=False)) == [
        4500,
        3000,
    ]


def test_a_cut_cycle_is_worth_what_its_price_says_also_where_that_is_nothing() -> None:
    """The first piece of a line that is free for some months bills the time after them: it was taken for its worth."""
    cut: dict[str, Any] = {"interval": "day", "interval_count": 38}
    assert worth(at("4724", 7, **cut, metadata={"tandem_monthly": "0"})) == [0]
    assert worth(at("100", 2, **cut, metadata={"tandem_monthly": "80"})) == [160]
    assert worth(at("0", 2, **cut, metadata={"tandem_monthly": "80"})) == [160]


def test_a_coupon_for_some_products_leaves_the_others_alone() -> None:
    some = {
        "seats": Coupon(id="seats", percent_off=Decimal(50), products=("prod_seat",)),
        "off-seats": Coupon(id="off-seats", amount_off_minor=1000, currency="usd", products=("prod_seat",)),
    }
    terms = Terms(some, {}, "UTC", datetime(2026, 3, 1, tzinfo=UTC))
    both = [at("6000", product="prod_seat"), at("4000", product="prod_other")]
    assert monthly(both, ("seats",), terms) == [3000, 4000]
    assert monthly(both, ("off-seats",), terms) == [5000, 4000]
    assert charge_by_line(both, ("seats", "off-seats"), terms) == [2000, 4000]
    assert charge(both, ("off-seats",), terms) == 9000
    assert monthly([at("4000", 1, "seats", product="prod_other")], (), terms) == [4000]
    assert percent_off(("seats",), terms, "prod_other") == 0


def test_an_amount_off_is_that_of_the_currency() -> None:
    off = Coupon(id="off", amount_off_minor=1000, currency="usd", amounts={"eur": 300})
    terms = Terms({"off": off}, {}, "UTC", datetime(2026, 3, 1, tzinfo=UTC))
    assert monthly([at("5000", currency="eur")], ("off",), terms) == [4700]
    assert charge([at("5000", 1, "off", currency="eur")], (), terms) == 4700
    assert charge([at("5000", currency="gbp")], ("off",), terms) == 5000


def test_a_percentage_of_the_whole_is_rounded_on_each_line() -> None:
    assert charge_by_line([at("105"), at("105")], ("pct10",), TERMS) == [94, 94]
    assert charge_by_line([at("100"), at("50")], ("off-too-much",), TERMS) == [0, 0]
