"""Deals that come from another billing system: what it was paid for is billed by nobody again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.deal.forecast import forecast
from sync.deal.moved import check_taken_over, rolled_back, taken_over
from sync.errors import Refused
from tests.sync.deal.deals import cancelled, credits, day, deal, fee, invoices, line

JULY = datetime(2026, 7, 1, tzinfo=UTC)
OCT, NEXT_OCT = day("2025-10-15"), day("2027-10-15")
LAST_PAID = day("2026-10-14")


def annual(**more: object):  # type: ignore[no-untyped-def]
    return deal(line("L", 1, "4800.00", per=12, every=12, start=OCT, end=NEXT_OCT), start=OCT, end=NEXT_OCT, **more)


def test_what_was_paid_for_is_left_out_and_said_so() -> None:
    made = forecast(taken_over(annual(), LAST_PAID), JULY)
    assert invoices(made) == [("2026-10-15", 480_000)]
    assert (made.signed, made.total, made.left_out, made.rest) == (960_000, 480_000, 480_000, 0)


def test_a_fee_of_the_paid_time_is_not_billed_again() -> None:
    one = line("L", 1, "4800.00", per=12, every=12, start=OCT, end=NEXT_OCT)
    with_fee = deal(one, fee("F", "100.00", start=OCT), start=OCT, end=NEXT_OCT)
    assert invoices(forecast(taken_over(with_fee, LAST_PAID), JULY)) == [("2026-10-15", 480_000)]


def test_time_that_we_did_not_bill_is_not_given_back() -> None:
    ended = cancelled(taken_over(annual(), LAST_PAID), day("2026-08-01"), accepted_at=JULY)
    assert credits(forecast(ended, JULY)) == []


def test_a_deal_that_is_given_back_bills_nothing_more() -> None:
    back = rolled_back(taken_over(annual(), LAST_PAID), datetime(2026, 9, 1, 10, tzinfo=UTC))
    assert invoices(forecast(back, datetime(2026, 9, 1, 10, tzinfo=UTC))) == []
    assert back.ends_on == day("2026-09-01")


def test_paid_time_has_to_end_with_a_cycle() -> None:
    with pytest.raises(Refused) as refused:
        check_taken_over(annual(), day("2026-09-30"), JULY)
    assert refused.value.code == "DATA-205"
    assert "15 Oct 2025 to 14 Oct 2026" in str(refused.value)


def test_no_more_than_the_running_cycle_may_be_paid_ahead() -> None:
    monthly = deal(line("L", 1, "400.00", start=OCT, end=NEXT_OCT), start=OCT, end=NEXT_OCT)
    with pytest.raises(Refused) as refused:
        check_taken_over(monthly, LAST_PAID, JULY)
    assert "more than its running cycle" in str(refused.value)
    check_taken_over(monthly, LAST_PAID, datetime(2026, 9, 20, tzinfo=UTC))


def test_a_line_that_begins_after_the_paid_time_or_is_over_by_then_says_nothing_about_it() -> None:
    later = line("M", 1, "10.00", start=day("2026-11-15"), end=NEXT_OCT)
    over = line("N", 1, "10.00", start=OCT, end=day("2026-01-15"))
    check_taken_over(deal(later, over, start=OCT, end=NEXT_OCT), LAST_PAID, JULY)
