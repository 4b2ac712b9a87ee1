"""What rounding leaves of the signed total, made good with the last period where the policy says so (BILLING_RULES 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.deal.changes import Proration
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.money import charge_step
from sync.deal.timeline import tracks
from sync.errors import Refused
from tests.e2e.random_deals import history
from tests.sync.deal.deals import ADD_ON, EARLY, amended, at, cancelled, day, deal, invoices, line
from tests.sync.deal.lived import Lived

JUL = day("2026-07-01")


def trued(of: Deal) -> Forecast:
    return forecast(replace(of, true_up=True), EARLY)


def made_good(of: Deal) -> list[tuple[str, int]]:
    return [(up.at.date().isoformat(), up.amount) for up in trued(of).true_ups]


@pytest.mark.parametrize(("seats", "cents"), [(3, 0), (5, -4), (7, 4)])
def test_the_rest_comes_on_the_day_of_the_last_period(seats: int, cents: int) -> None:
    of = deal(line("L", seats, "1000.00", per=12))
    assert made_good(of) == ([("2026-12-01", cents)] if cents else [])
    assert (forecast(of, EARLY).rest, trued(of).rest, trued(of).total) == (cents, 0, seats * 100_000)


def test_without_the_policy_nothing_is_made_good() -> None:
    assert forecast(deal(line("L", 7, "1000.00", per=12)), EARLY).true_ups == ()


def test_a_deal_without_an_end_has_no_last_period() -> None:
    assert made_good(deal(line("L", 7, "1000.00", per=12, end=None), end=None)) == []


def test_what_is_added_inside_a_cycle_carries_its_own_rest() -> None:
    """Its first piece is the signed total less the cycles to come. The first seven leave 4, and from August fourteen are one
    item, 0.01 a month more than seven and seven.
    """
    added = amended(
        deal(line("L", 7, "1000.00", per=12)), "A", JUL, line("M", 7, "1000.00", per=12, start=day("2026-07-16"))
    )
    assert made_good(added) == [("2026-12-01", 4 - 5)]
    assert trued(added).rest == 0


def test_what_is_not_billed_by_policy_is_not_made_good() -> None:
    more = line("M", 3, "1000.00", per=12, start=day("2026-07-16"), product=ADD_ON)
    added = amended(deal(line("L", 7, "1000.00", per=12)), "A", JUL, more, proration=Proration.NONE)
    assert made_good(added) == [("2026-12-01", 4)]


def test_a_deal_that_is_cancelled_makes_good_what_its_cycles_left() -> None:
    assert made_good(cancelled(deal(line("L", 7, "1000.00", per=12)), JUL)) == [("2026-06-01", 2)]
    late = cancelled(deal(line("L", 7, "1000.00", per=12)), JUL, accepted_at=at("2026-05-05"))
    assert invoices(trued(late))[-1] == ("2026-06-01", 2)


def test_whatever_is_sold_the_whole_comes_to_what_was_signed() -> None:
    """Except what the currency can't carry: dinars are charged in steps of 10 fils."""
    seen = 0
    for seed in range(1, 16):
        plan = history(seed, 6)
        for one in plan.deals:
            life = Lived(plan.customers[one.customer], plan.rounding)
            try:
                life.take_in(one.quotes[0], 1)
            except Refused:
                continue
            made = life.deal
            assert made is not None
            over = any(track.key not in life.begun for track in tracks(made))
            if made.end is None or made.billing_day is not None or made.base.skip_past or over:
                continue
            found = forecast(replace(made, true_up=True), one.quotes[0].arrives, life.begun)
            lines = len(made.lines) * (charge_step(made.currency) - 1)
            assert abs(found.rest) <= lines, (seed, made)
            seen += bool(found.true_ups)
    assert seen > 3
