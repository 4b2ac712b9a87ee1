"""When a deal begins, ends and is billed: terms, trials, billing days, and lines with days of their own."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sync.deal.calendar import DAY_MONTHS
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from tests.sync.deal.factory import EARLY, FEE_ID, OTHER_ID, QUOTE_ID, a_deal, a_fee, a_line
from tests.sync.quotes.refusing import refusal, refusals, told


def invoices(deal, now=EARLY):
    return [(invoice.day, invoice.total) for invoice in forecast(deal, now).invoices]


# ---------------------------------------------------------------- terms


def test_a_term_that_is_no_whole_number_of_cycles_ends_with_a_shorter_one():
    annual = a_line(quantity=Decimal(1), unit_price=Decimal("1200.00"), price_period="Year", billing_frequency="Annual")
    assert invoices(a_deal(annual, term_months=18)) == [(date(2026, 1, 1), 120000), (date(2027, 1, 1), 60000)]
    assert invoices(a_deal(annual, term_months=9)) == [(date(2026, 1, 1), 90000)]


def test_an_end_inside_a_month_leaves_days_over():
    deal = a_deal(term_months=None, end_date=date(2026, 2, 10))
    assert (deal.end, deal.months) == (date(2026, 2, 11), 1)
    assert invoices(deal) == [(date(2026, 1, 1), 100000), (date(2026, 2, 1), 32877)]


def test_a_price_for_the_term_needs_an_end():
    line = a_line(price_period="Term")
    of_days = a_deal(line, term_months=None, end_date=date(2026, 1, 20)).lines[0]
    assert of_days.period_months == 20 * DAY_MONTHS
    assert told(lambda: a_deal(line, term_months=None, auto_renew=True)) == ("DATA-209", "Price_Period__c", line.id)


def test_neither_term_nor_end_but_auto_renew_is_a_deal_without_an_end():
    deal = a_deal(term_months=None, auto_renew=True)
    assert (deal.end, deal.lines[0].end, deal.last) == (None, None, None)
    assert forecast(deal, EARLY).open_ended


def test_auto_renew_on_a_fixed_term_is_refused_also_where_only_the_lines_have_an_end():
    assert told(lambda: a_deal(auto_renew=True)) == ("CONF-311", "Auto_Renew__c", QUOTE_ID)
    ending = a_line(end_date=date(2026, 6, 30))
    assert told(lambda: a_deal(ending, auto_renew=True, term_months=None))[:2] == ("CONF-311", "Auto_Renew__c")


def test_dates_that_stand_on_every_line_only_are_the_deals():
    first = a_line(1, start_date=date(2026, 2, 1), end_date=date(2026, 7, 31))
    second = a_line(2, start_date=date(2026, 8, 1), end_date=date(2027, 1, 31))
    deal = a_deal(first, second, start_date=None, term_months=None)
    assert (deal.start, deal.end) == (date(2026, 2, 1), date(2027, 2, 1))
    fee = a_fee(start_date=date(2026, 2, 1))
    assert a_deal(first, second, fee, start_date=None, term_months=None).end == date(2027, 2, 1)


def test_one_line_without_a_start_is_enough_to_ask_for_the_quotes():
    line = a_line(1, start_date=date(2026, 2, 1))
    assert told(lambda: a_deal(line, a_line(2), start_date=None)) == ("DATA-215", "Start_Date__c", QUOTE_ID)


# ---------------------------------------------------------------- billing day


def test_a_billing_day_of_its_own_makes_a_stub_and_the_starts_own_day_none():
    deal = a_deal(start_date=date(2026, 1, 10), billing_day=1)
    assert deal.billing_day == 1
    assert invoices(deal)[:2] == [(date(2026, 1, 10), 70968), (date(2026, 2, 1), 100000)]
    assert a_deal(start_date=date(2026, 3, 15), billing_day=15).billing_day is None


def test_the_billing_day_is_held_against_the_day_after_the_trial():
    deal = a_deal(start_date=date(2026, 1, 1), trial_days=14, billing_day=15)
    assert (deal.start, deal.billing_day) == (date(2026, 1, 15), None)


@pytest.mark.parametrize("day", [0, 32, -1])
def test_a_billing_day_that_no_month_has_is_refused(day: int):
    assert told(lambda: a_deal(billing_day=day)) == ("DATA-215", "Billing_Day__c", QUOTE_ID)


# ---------------------------------------------------------------- trial


def test_a_trial_comes_first_and_everything_counts_from_the_day_after():
    deal = a_deal(a_line(1), a_fee(2), a_line(3, start_date=date(2026, 1, 1)), trial_days=14)
    assert (deal.trial_from, deal.opens, deal.start, deal.end) == (
        date(2026, 1, 1),
        date(2026, 1, 1),
        date(2026, 1, 15),
        date(2027, 1, 15),
    )
    assert {line.start for line in deal.lines} == {date(2026, 1, 15)}
    assert invoices(deal)[0] == (date(2026, 1, 15), 450000)


def test_with_a_trial_the_last_day_is_the_one_written():
    deal = a_deal(trial_days=14, term_months=None, end_date=date(2026, 12, 31))
    assert (deal.start, deal.end) == (date(2026, 1, 15), date(2027, 1, 1))
    refused = refusal(lambda: a_deal(trial_days=14, end_date=date(2026, 12, 31)))
    assert "14 Jan 2027" in refused.message


@pytest.mark.parametrize("days", [-1, 731])
def test_a_trial_that_cannot_be_meant_is_refused(days: int):
    assert told(lambda: a_deal(trial_days=days)) == ("DATA-215", "Trial_Days__c", QUOTE_ID)


def test_no_trial_days_are_no_trial():
    assert a_deal(trial_days=0) == a_deal()


def test_a_line_that_starts_inside_the_trial_is_refused_with_the_first_billed_day():
    refused = refusal(lambda: a_deal(a_line(start_date=date(2026, 1, 5)), trial_days=14))
    assert (refused.code, refused.field) == ("DATA-205", "Start_Date__c")
    assert "15 Jan 2026" in refused.message
    assert "5 Jan 2026" in refused.message


# ---------------------------------------------------------------- lines with days of their own


def test_lines_have_starts_and_ends_of_their_own_inside_the_deal():
    deal = a_deal(
        a_line(1),
        a_line(2, product_id=OTHER_ID, start_date=date(2026, 4, 1), end_date=date(2026, 6, 30)),
    )
    assert (deal.lines[1].start, deal.lines[1].end) == (date(2026, 4, 1), date(2026, 7, 1))
    totals = dict(invoices(deal))
    assert (totals[date(2026, 3, 1)], totals[date(2026, 4, 1)], totals[date(2026, 7, 1)]) == (100000, 200000, 100000)


OUTSIDE = [
    ("before the deal", {"start_date": date(2025, 12, 1)}, "Start_Date__c", "1 Dec 2025", "1 Jan 2026"),
    ("after the deal", {"start_date": date(2027, 1, 1)}, "Start_Date__c", "1 Jan 2027", "31 Dec 2026"),
    ("beyond the deal", {"end_date": date(2027, 1, 31)}, "End_Date__c", "31 Jan 2027", "31 Dec 2026"),
    ("the wrong way round", {"start_date": date(2026, 5, 1), "end_date": date(2026, 4, 1)}, "End_Date__c", "1 Apr 2026", "1 May 2026"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "field", "seen", "right"), [row[1:] for row in OUTSIDE], ids=[row[0] for row in OUTSIDE]
)
def test_a_line_outside_of_the_deals_time_is_refused_with_both_days(days, field, seen, right):
    refused = refusal(lambda: a_deal(a_line(1, **days), a_line(2, product_id=FEE_ID)))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-205", field, a_line(1).id)
    assert f"{seen} and {right}." in refused.message


def test_a_line_of_a_deal_without_an_end_may_have_one():
    lines = (a_line(1, end_date=date(2026, 6, 30)), a_line(2, product_id=OTHER_ID))
    deal = a_deal(*lines, term_months=None, auto_renew=True)
    assert [line.end for line in deal.recurring] == [date(2026, 7, 1), None]


def test_a_one_time_line_has_a_day_and_no_end():
    deal = a_deal(a_line(1), a_fee(2, start_date=date(2026, 3, 10), end_date=date(2030, 1, 1)))
    assert deal.once[0].start == date(2026, 3, 10)
    assert (date(2026, 3, 10), 250000) in invoices(deal)


def test_a_fee_at_the_start_is_billed_then_also_where_all_seats_come_later():
    deal = a_deal(a_line(1, start_date=date(2026, 3, 1)), a_fee(2))
    assert invoices(deal)[:2] == [(date(2026, 1, 1), 250000), (date(2026, 3, 1), 100000)]


def test_all_dates_that_are_wrong_are_told_at_once():
    lines = (a_line(1, start_date=date(2025, 1, 1)), a_line(2, end_date=date(2030, 1, 1)))
    found = refusals(lambda: a_deal(*lines, billing_day=40, trial_days=-2))
    assert [r.field for r in found] == ["Trial_Days__c", "Billing_Day__c", "Start_Date__c", "End_Date__c"]


def test_back_dating_is_measured_from_the_day_on_the_quote():
    late = datetime(2026, 3, 1, tzinfo=UTC)
    limited = BillingPolicy(max_days_back=30)
    assert "59 days back" in refusal(lambda: a_deal(now=late, policy=limited, trial_days=60)).message


def test_skipping_what_is_past_is_part_of_the_deal():
    late = datetime(2026, 4, 10, tzinfo=UTC)
    skipping = a_deal(start_date=date(2026, 2, 1), now=late, skip_past_invoices=True)
    assert skipping.base.skip_past
    assert invoices(skipping, late)[:2] == [(date(2026, 4, 10), 100000), (date(2026, 5, 1), 100000)]
    assert invoices(a_deal(start_date=date(2026, 2, 1), now=late), late)[0] == (date(2026, 4, 10), 300000)


def test_a_line_may_say_again_what_the_quote_says():
    said = replace(a_line(), start_date=date(2026, 1, 1), end_date=date(2026, 12, 31))
    assert a_deal(said) == a_deal()
