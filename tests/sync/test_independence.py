"""Planted errors are caught: the arithmetic is written twice, in `sync.deal` and in `sandbox.stripe.billing`, and the
tests of each would notice if it were wrong. A check that passes with its plant checks nothing.

| planted error | caught in the product by | caught in the sandbox by |
|---|---|---|
| halves rounded to even | `halves` | `sandbox_halves` |
| months added step by step (so a clamped day sticks) | `january_31` | `sandbox_january_31` |
| months of 30 days | `february` | `sandbox_february` |
| left-over days as a 30th of a month | `case_08` | (days are not months there) |
| seconds instead of months and days in policy Signed | `case_06` | (Signed is ours alone) |
| months of 30 days instead of seconds in policy Stripe | `case_08_by_seconds` | (there by seconds) |
| whole days instead of seconds | (boundaries are days) | `sandbox_part_of_a_day` |
| the unit rounded before it is multiplied | `case_02_seven_seats` | `sandbox_seven_seats` |
| the quantity multiplied after the discount is rounded | `discount_of_the_line` | `sandbox_discount_of_the_line` |
| percentages added instead of taken in turn | `twenty_then_ten` | `sandbox_twenty_then_ten` |
| a discount not rounded by itself | `discount_is_an_amount` | `sandbox_discount_is_an_amount` |
| a tail billed as a full cycle | `eighteen_months` | (a phase of its own there) |
| the day of summer time | `los_angeles_in_summer` | (stamps are UTC there) |
| oldest line first | `newest_goes_first` | (lines are ours alone) |
| a removal never credited | `case_credit` | (credits are stated) |
| yen with decimals | `yen` | (minor units only there) |
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.stripe.billing import amounts as their_amounts
from sandbox.stripe.billing import calendar as their_calendar
from sandbox.stripe.billing import pricing as their_pricing
from sync.deal import calendar, changes, cycles, discounts, money, pricing, proration
from sync.deal.changes import Proration
from sync.deal.discounts import Discount, Percent
from sync.deal.forecast import forecast
from tests.sync.deal.deals import EARLY, amended, credits, day, deal, invoices, line, stated, taken

MAY, NEXT_MAY = day("2026-05-01"), day("2027-05-01")
JUNE_1_S, JULY_1_S = (int(datetime(2026, m, 1, tzinfo=UTC).timestamp()) for m in (6, 7))


# ------------------------------------------------------------------ what is right in the product


def halves() -> None:
    assert [money.round_half_away(Fraction(n, 2)) for n in (1, 5, -5)] == [1, 3, -3]


def january_31() -> None:
    """Case 04."""
    first, end = day("2027-01-31"), day("2027-06-30")
    made = forecast(deal(line("L", 1, "1.00", start=first, end=end), start=first, end=end), EARLY)
    assert [when[5:] for when, _ in invoices(made)] == ["01-31", "02-28", "03-31", "04-30", "05-31"]


def february() -> None:
    assert calendar.add_months(day("2026-02-01"), 1) == day("2026-03-01")


def _ten_by_the_month(*adds: Any, **policy: Any) -> Any:
    base = deal(line("L1", 10, "50.00", start=MAY, end=NEXT_MAY), start=MAY, end=NEXT_MAY)
    return amended(base, "A", adds[0].start, *adds, **policy)


def _three_more() -> Any:
    return line("L2", 3, "50.00", start=day("2026-05-16"), end=NEXT_MAY)


def case_08() -> None:
    assert stated(forecast(_ten_by_the_month(_three_more()), EARLY)) == [("2026-05-16", 7_397)]


def case_08_by_seconds() -> None:
    """16 of 31 days."""
    made = forecast(_ten_by_the_month(_three_more(), proration=Proration.STRIPE), EARLY)
    assert stated(made) == [("2026-05-16", 7_742)]


def case_06() -> None:
    base = deal(line("L1", 10, "1200.00", per=12, every=12))
    added = line("L2", 5, "1200.00", per=12, every=12, start=day("2026-07-01"))
    assert stated(forecast(amended(base, "A", day("2026-07-01"), added), EARLY)) == [("2026-07-01", 300_000)]


def case_02_seven_seats() -> None:
    assert forecast(deal(line("L", 7, "1000.00", per=12)), EARLY).invoices[0].total == 58_333


def _discounted(quantity: int, price: str, *percents: str) -> int:
    offs = tuple(Discount(Percent(Decimal(p))) for p in percents)
    return forecast(deal(line("L", quantity, price, discounts=offs)), EARLY).invoices[0].total


def discount_of_the_line() -> None:
    """30 at 0.99 less 15 %: 2,970 less 446 (445.5), not 30 times 84 (84.15)."""
    assert _discounted(30, "0.99", "15") == 2_524


def twenty_then_ten() -> None:
    assert _discounted(1, "100.00", "20", "10") == 7_200


def discount_is_an_amount() -> None:
    """Of 9.95 twice 10 %: 1.00 (0.995), then 0.90 (0.895), which leaves 8.05; in one go it would leave 8.06 (8.0595)."""
    assert discounts.take_off(995, (Percent(Decimal(10)), Percent(Decimal(10)))) == (100, 90)


def eighteen_months() -> None:
    end = day("2027-07-01")
    made = forecast(deal(line("L", 1, "1200.00", per=12, every=12, end=end), end=end), EARLY)
    assert invoices(made) == [("2026-01-01", 120_000), ("2027-01-01", 60_000)]


def los_angeles_in_summer() -> None:
    assert calendar.boundary(day("2026-07-01"), "America/Los_Angeles") == datetime(2026, 7, 1, 8, tzinfo=UTC)


def newest_goes_first() -> None:
    added = line("L2", 5, "50.00", start=day("2026-06-01"), end=NEXT_MAY)
    gone = amended(_ten_by_the_month(added), "R", day("2026-07-01"), removes=(taken("R1", 5, "50", day("2026-07-01")),))
    assert {p.line.id for p in gone.pieces if p.cut} == {"L2"}


def case_credit() -> None:
    gone = _ten_by_the_month(_three_more())
    gone = amended(gone, "R", day("2026-07-16"), removes=(taken("R1", 4, "50", day("2026-07-16")),))
    assert credits(forecast(gone, EARLY)) == [("2026-07-16", 9_863)]


def yen() -> None:
    assert money.to_minor(Decimal(1200), "JPY") == 1200


# ------------------------------------------------------------------ what is right in the sandbox


def _stamp(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


PER_UNIT = {"billing_scheme": "per_unit", "unit_amount": None, "transform_quantity": None}


def sandbox_halves() -> None:
    assert [their_amounts.round_half_away(Fraction(n, 2)) for n in (1, 5, -5)] == [1, 3, -3]


def sandbox_january_31() -> None:
    month, anchor = their_calendar.Interval("month"), _stamp("2027-01-31")
    assert [their_calendar.boundary(anchor, month, n) for n in (1, 2)] == [_stamp("2027-02-28"), _stamp("2027-03-31")]


def sandbox_february() -> None:
    assert their_calendar.add_months(_stamp("2026-02-01"), 1) == _stamp("2026-03-01")


def sandbox_part_of_a_day() -> None:
    assert their_amounts.share(30_000, JULY_1_S - JUNE_1_S - 6 * 3600, JULY_1_S - JUNE_1_S) == 29_750


def sandbox_seven_seats() -> None:
    assert their_pricing.total({**PER_UNIT, "unit_amount_decimal": "8333.333333333333"}, 7) == 58_333


def _their_net(amount: int, *percents: int) -> int:
    charge = their_amounts.Charge(amount)
    terms = [their_amounts.DiscountTerm(str(p), percent=Decimal(p)) for p in percents]
    their_amounts.apply_discounts([charge], terms)
    return charge.net


def sandbox_discount_of_the_line() -> None:
    gross = their_pricing.total({**PER_UNIT, "unit_amount_decimal": "99"}, 30)
    assert _their_net(gross, 15) == 2_524


def sandbox_twenty_then_ten() -> None:
    assert _their_net(10_000, 20, 10) == 7_200


def sandbox_discount_is_an_amount() -> None:
    assert _their_net(995, 10, 10) == 805


# ------------------------------------------------------------------ the plants


def _half_even(value: Any, step: int = 1) -> int:
    return round(Fraction(value) / step) * step


def _step_by_step(first: date, months: int) -> date:
    for _ in range(months):
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        last = (following.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        first = following.replace(day=min(first.day, last.day))
    return first


def _their_step_by_step(stamp: int, months: int) -> int:
    moved = _step_by_step(datetime.fromtimestamp(stamp, UTC).date(), months)
    return _stamp(moved.isoformat())


def _by_seconds(sold: Any, quantity: int, at: date, grid: Any, of: Any) -> int:
    cycle = grid.at(at)
    left = Fraction((cycle.end - at).days, (cycle.end - cycle.start).days)
    return money.round_half_away(sold.month_minor(of.currency) * 12 * quantity * left)


def _by_thirtieths(piece: Any, others: Any, at: date, cycle: Any, of: Any) -> int:
    return money.round_half_away(piece.line.month_minor(of.currency) * piece.quantity * (31 - at.day) / 30)


def _unit_first(unit: Fraction, quantity: int, offs: Any, currency: str, *, rounding: bool = False) -> Any:
    gross = money.round_half_away(unit) * quantity
    return pricing.Priced(Decimal(gross) / quantity, gross, (), ())


def _discount_first(unit: Fraction, quantity: int, offs: Any, currency: str, *, rounding: bool = False) -> Any:
    one = money.round_half_away(unit)
    net = (one - sum(discounts.take_off(one, offs))) * quantity
    return pricing.Priced(Decimal(net) / quantity, net, (), ())


def _added_up(gross: int, offs: Any, step: int = 1) -> tuple[int, ...]:
    return tuple(money.round_half_away(Fraction(gross) * Fraction(off.value) / 100, step) for off in offs)


def _rounded_late(gross: int, offs: Any, step: int = 1) -> tuple[int, ...]:
    left = Fraction(gross)
    for off in offs:
        left *= off.leaves
    return (gross - money.round_half_away(left), *(0 for _ in offs[1:]))


def _full_tail(grid: Any, k: int, start: date, full_end: date, end: date) -> Any:
    return cycles.Cycle(start, end, Fraction(grid.cycle_months), cycles.month_interval(grid.cycle_months))


def _with_summer(zone: str, at: date) -> timedelta:
    return datetime(at.year, at.month, at.day, 12, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()


def _oldest(
    pieces: Any, removal: Any, change: Any, newest_first: bool, spared: Any, _was: Any = changes._removed
) -> Any:
    return _was(pieces, removal, change, not newest_first, spared)


def _thirtieths(first: date, end: date) -> Fraction:
    whole, over = calendar.months_between(first, end)
    return whole + Fraction(over, 30)


def _their_unit_first(price: Any, quantity: int) -> int:
    return their_amounts.round_half_away(Fraction(price["unit_amount_decimal"])) * quantity


def _their_discount_first(charges: Any, terms: Any) -> None:
    for charge in charges:
        charge.take("x", 30 * their_amounts.round_half_away(Fraction(99) * Fraction(terms[0].percent) / 100))


def _their_added_up(charges: Any, terms: Any) -> None:
    for charge in charges:
        for term in terms:
            charge.take(term.discount, their_amounts.percent_of(charge.amount, term.percent))


def _their_rounded_late(charges: Any, terms: Any) -> None:
    for charge in charges:
        left = Fraction(charge.amount) * math.prod(1 - Fraction(t.percent) / 100 for t in terms)
        charge.take("x", charge.amount - their_amounts.round_half_away(left))


def _whole_days(amount: int, part: int, whole: int) -> int:
    return their_amounts.round_half_away(Fraction(amount * (part // 86_400), whole // 86_400))


@dataclass(frozen=True)
class Plant:
    """``wrong`` in the place of ``owner.name``, wherever that was imported to; ``check`` has to fail with it."""

    owner: Any
    name: str
    wrong: Any
    check: Callable[[], None]

    def __str__(self) -> str:
        return f"{getattr(self.owner, '__name__', self.owner)}.{self.name}-{self.check.__name__}"


PLANTS = (
    Plant(money, "round_half_away", _half_even, halves),
    Plant(calendar, "add_months", _step_by_step, january_31),
    Plant(calendar, "add_months", lambda first, months: first + timedelta(days=30 * months), february),
    Plant(calendar, "months_value", _thirtieths, case_08),
    Plant(proration, "_signed_rest", _by_seconds, case_06),
    Plant(proration, "_by_seconds", _by_thirtieths, case_08_by_seconds),
    Plant(pricing, "price", _unit_first, case_02_seven_seats),
    Plant(pricing, "price", _discount_first, discount_of_the_line),
    Plant(discounts, "take_off", _added_up, twenty_then_ten),
    Plant(discounts, "take_off", _rounded_late, discount_is_an_amount),
    Plant(cycles.Grid, "_tail", _full_tail, eighteen_months),
    Plant(calendar, "standard_offset", _with_summer, los_angeles_in_summer),
    Plant(changes, "_removed", _oldest, newest_goes_first),
    Plant(proration, "rest_of_cycle", lambda *_: 0, case_credit),
    Plant(money, "ZERO_DECIMAL", frozenset(), yen),
    Plant(their_amounts, "round_half_away", lambda amount: round(Fraction(amount)), sandbox_halves),
    Plant(their_calendar, "boundary", lambda anchor, i, n: _their_step_by_step(anchor, n), sandbox_january_31),
    Plant(their_calendar, "add_months", lambda at, n: at + 30 * 86_400 * n, sandbox_february),
    Plant(their_amounts, "share", _whole_days, sandbox_part_of_a_day),
    Plant(their_pricing, "total", _their_unit_first, sandbox_seven_seats),
    Plant(their_amounts, "apply_discounts", _their_discount_first, sandbox_discount_of_the_line),
    Plant(their_amounts, "apply_discounts", _their_added_up, sandbox_twenty_then_ten),
    Plant(their_amounts, "apply_discounts", _their_rounded_late, sandbox_discount_is_an_amount),
)


def forgotten() -> None:
    """What is worked out once is worked out anew."""
    modules = [module for name, module in sys.modules.items() if name.startswith("sync.deal")]
    for cached in (v for module in modules for v in vars(module).values() if hasattr(v, "cache_clear")):
        cached.cache_clear()


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_error_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.check()

    right = getattr(plant.owner, plant.name)
    monkeypatch.setattr(plant.owner, plant.name, plant.wrong)
    forgotten()
    for name, module in list(sys.modules.items()):
        if name.startswith(("sync.deal", "sandbox.stripe.billing")) and getattr(module, plant.name, None) is right:
            monkeypatch.setattr(module, plant.name, plant.wrong)

    with pytest.raises(AssertionError):
        plant.check()

    forgotten()


def test_every_check_named_above_is_planted_against() -> None:
    named = {word.strip("`") for row in (__doc__ or "").splitlines() for word in row.split() if word.startswith("`")}
    checks = {plant.check.__name__ for plant in PLANTS}
    assert checks == {name for name in named if name in globals()}
