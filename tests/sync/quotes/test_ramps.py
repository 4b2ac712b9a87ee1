"""Ramps: no gap, no overlap; two items of one step are neither."""

from datetime import date
from decimal import Decimal

import pytest

from sync.deal.forecast import forecast
from tests.sync.deal.factory import EARLY, OTHER_ID, a_change, a_deal, a_fee, a_line
from tests.sync.quotes.refusing import refusal, refusals


def step(number: int, first: str | None, last: str | None, **more):
    days = {"start_date": first and date.fromisoformat(first), "end_date": last and date.fromisoformat(last)}
    return a_line(number, **days, **more)


@pytest.mark.parametrize("key", [None, "Seats"])
def test_steps_that_follow_each_other_are_a_ramp_with_or_without_a_key(key):
    first = step(1, None, "2026-06-30", ramp_key=key)
    second = step(2, "2026-07-01", None, ramp_key=key, quantity=Decimal(20))
    totals = [invoice.total for invoice in forecast(a_deal(second, first), EARLY).invoices]
    assert totals == [100000] * 6 + [200000] * 6


def test_a_gap_between_steps_of_one_key_names_the_days_and_both_lines():
    steps = (step(1, None, "2026-05-31", ramp_key="A"), step(2, "2026-07-01", None, ramp_key="A"))
    refused = refusal(lambda: a_deal(*steps))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-206", "Start_Date__c", steps[1].id)
    assert "between 1 Jun 2026 and 30 Jun 2026" in refused.message
    assert all(f"line {one.line_number}" in refused.message for one in steps)
    assert "Set Start_Date__c of the later one to 1 Jun 2026" in refused.message


@pytest.mark.parametrize("key", [None, "A"])
def test_an_overlap_names_the_days_and_both_lines(key):
    steps = (step(1, None, "2026-07-31", ramp_key=key), step(2, "2026-07-01", None, ramp_key=key))
    refused = refusal(lambda: a_deal(*steps))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-206", "End_Date__c", steps[0].id)
    assert "between 1 Jul 2026 and 31 Jul 2026" in refused.message
    assert "Set End_Date__c of the earlier one to 30 Jun 2026" in refused.message
    assert set(refused.blocked_on) >= {one.id for one in steps}


def test_a_step_without_an_end_overlaps_the_one_that_follows():
    refused = refusal(lambda: a_deal(step(1, None, None), step(2, "2026-07-01", None)))
    assert refused.code == "DATA-206"
    assert "Set End_Date__c of the earlier one to 30 Jun 2026" in refused.message


def test_a_long_step_overlaps_every_later_one_and_a_deal_without_an_end_too():
    steps = (step(1, None, None), step(2, "2026-02-01", "2026-02-28"), step(3, "2026-05-01", "2026-05-31"))
    assert [r.code for r in refusals(lambda: a_deal(*steps))] == ["DATA-206"] * 2
    open_ended = (step(1, None, None), step(2, "2026-02-01", None))
    assert refusal(lambda: a_deal(*open_ended, term_months=None, auto_renew=True)).code == "DATA-206"


def test_lines_of_one_product_with_the_same_days_are_two_items():
    assert len(a_deal(a_line(1), a_line(2, unit_price=Decimal(80))).lines) == 2
    keyed = [step(n, "2026-01-01", "2026-06-30", ramp_key="A", unit_price=Decimal(n)) for n in (1, 2)]
    assert len(a_deal(*keyed, step(3, "2026-07-01", None, ramp_key="A")).lines) == 3


def test_lines_with_keys_of_their_own_and_lines_of_other_products_are_other_ramps():
    assert a_deal(step(1, None, None, ramp_key="A"), step(2, "2026-07-01", None, ramp_key="B"))
    assert a_deal(step(1, None, None), step(2, "2026-07-01", None, product_id=OTHER_ID))
    assert a_deal(a_line(1), a_fee(2), a_fee(3, start_date=date(2026, 7, 1)))


def test_seasons_without_a_key_are_no_ramp():
    deal = a_deal(step(1, None, "2026-03-31"), step(2, "2026-07-01", "2026-09-30"))
    totals = {invoice.day: invoice.total for invoice in forecast(deal, EARLY).invoices}
    assert sorted(day.month for day in totals) == [1, 2, 3, 7, 8, 9]


def test_what_an_amendment_adds_without_a_key_adds_up():
    deal = a_change(a_deal(), a_line(21, quantity=Decimal(3)), step(22, "2026-08-01", None, quantity=Decimal(2)))
    assert sum(piece.quantity for piece in deal.pieces if piece.runs(date(2026, 9, 1))) == 15


def test_an_amendment_may_bring_a_ramp_whose_last_step_ends_with_the_deal():
    steps = (
        step(21, None, "2026-09-30", ramp_key="R"),
        step(22, "2026-10-01", None, ramp_key="R", quantity=Decimal(7)),
    )
    deal = a_change(a_deal(), *steps)
    assert [line.end for line in deal.lines[1:]] == [date(2026, 10, 1), date(2027, 1, 1)]
    gap = (steps[0], step(22, "2026-11-01", None, ramp_key="R"))
    assert [r.code for r in refusals(lambda: a_change(a_deal(), *gap))] == ["DATA-205"]
