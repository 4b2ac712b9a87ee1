"""Dinars are charged in steps of 10 fils, yen whole (BILLING_RULES 2): with the rounding step on every result is such an
amount; with it off what can't be is refused, never rounded in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from sync.deal.changes import Credit, Proration
from sync.deal.deal import Deal
from sync.deal.discounts import Discount, Percent
from sync.deal.forecast import Forecast, forecast
from sync.deal.money import Inexact
from tests.sync.deal.deals import ADD_ON, EARLY, amended, cancelled, credits, day, deal, fee, invoices, line, taken

INSIDE = day("2026-05-16")


def sold(currency: str, price: str) -> Deal:
    """Seven seats by the quarter, a third off for ever, and a fee."""
    third = (Discount(Percent(Decimal("33.33"))),)
    return deal(
        line("L", 7, price, every=3, discounts=third), fee("F", "2500.00"), currency=currency
    )  # fmt: skip


def added(of: Deal) -> Deal:
    return amended(of, "A", INSIDE, line("M", 3, "19.99", start=INSIDE, product=ADD_ON))


def added_by_seconds(of: Deal) -> Deal:
    return amended(of, "A", INSIDE, line("M", 3, "19.99", every=3, start=INSIDE), proration=Proration.STRIPE)


def taken_off(of: Deal) -> Deal:
    return amended(of, "R", INSIDE, removes=(taken("R1", 2, of.lines[0].unit_price.to_eng_string(), INSIDE),))


def fee_later(of: Deal) -> Deal:
    return amended(of, "A", INSIDE, fee("G", "99.99", start=INSIDE))


def ended(of: Deal) -> Deal:
    return cancelled(of, INSIDE, credit=Credit.BALANCE)


CHANGES = (added, added_by_seconds, taken_off, fee_later, ended)
Change = Callable[[Deal], Deal]


def amounts(made: Forecast) -> list[int]:
    lines = [line.amount for invoice in made.invoices for line in invoice.lines]
    return lines + [amount for _, amount in credits(made)]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("price", ["23.456", "0.777", "100.00"])
def test_with_the_rounding_step_every_amount_in_dinars_is_one_that_can_be_charged(change: Change, price: str) -> None:
    made = forecast(replace(change(sold("KWD", price)), rounding=True), EARLY)
    assert [amount for amount in amounts(made) if amount % 10] == []
    assert amounts(made)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_without_it_dinars_are_refused_or_exact(change: Change) -> None:
    for price in ("23.456", "100.00", "12.00"):
        try:
            made = forecast(change(sold("KWD", price)), EARLY)
        except Inexact:
            continue
        assert [amount for amount in amounts(made) if amount % 10] == [], price


@pytest.mark.parametrize("change", [added, added_by_seconds, ended], ids=lambda change: change.__name__)
def test_a_part_of_a_cycle_that_dinars_cannot_carry_is_refused(change: Change) -> None:
    """No discount here: the whole cycles are 210.210 and can be billed, a part of one is no multiple of 10 fils."""
    of = deal(line("L", 7, "10.01", every=3), currency="KWD")
    assert {total for _, total in invoices(forecast(of, EARLY))} == {210_210}
    with pytest.raises(Inexact):
        forecast(change(of), EARLY)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_yen_are_whole_with_and_without_the_rounding_step(change: Change) -> None:
    """A line is rounded to whole yen after multiplying, as dollars are to cents; there is no further step."""
    once = change(sold("JPY", "1234"))
    plain, stepped = (forecast(replace(once, rounding=on), EARLY) for on in (False, True))
    assert amounts(plain) == amounts(stepped)
    assert invoices(plain)[0] == ("2026-01-01", 25_914 - 8_637 + 2_500)


def test_what_the_step_leaves_in_dinars_is_said() -> None:
    """7 x 3 x 23.456 = 492.576, charged 492.580; less 33.33 % (164.177, taken off as 164.180) is 328.400."""
    made = forecast(replace(sold("KWD", "23.456"), rounding=True), EARLY)
    assert invoices(made)[1] == ("2026-04-01", 328_400)
    assert made.rest == made.signed - made.total != 0
