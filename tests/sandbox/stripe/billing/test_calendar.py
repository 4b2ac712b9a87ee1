"""Months are counted from the anchor and clamp, but never stick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.billing.calendar import Interval, add_months, boundary, cycles_between, is_boundary, period_at
from tests.sandbox.stripe.billing.story import day, stamp

MONTH = Interval("month")


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2027-01-31", 2, "2027-03-31"),
        ("2028-02-29", 48, "2032-02-29"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-05-31", -3, "2026-02-28"),
    ],
)
def test_months_clamp_to_the_end_of_the_month(start: str, months: int, expected: str) -> None:
    assert day(add_months(stamp(start), months)) == expected


def test_an_anchor_on_the_31st_comes_back_to_the_31st() -> None:
    anchor = stamp("2027-01-31")
    assert [day(boundary(anchor, MONTH, index))[5:] for index in range(4)] == ["01-31", "02-28", "03-31", "04-30"]
    assert period_at(anchor, MONTH, stamp("2027-03-01")) == (stamp("2027-02-28"), stamp("2027-03-31"))


def test_time_of_day_is_kept() -> None:
    assert day(add_months(stamp("2026-03-01T08:00:00"), 8)) == "2026-11-01T08:00:00"


def test_periods_before_the_anchor_count_backwards_from_it() -> None:
    assert period_at(stamp("2026-05-01"), MONTH, stamp("2026-04-10")) == (stamp("2026-04-01"), stamp("2026-05-01"))


def test_cycles_of_a_backdated_start_are_cut_only_where_they_are_stubs() -> None:
    cycles = cycles_between(stamp("2026-05-01"), MONTH, stamp("2026-02-10"), stamp("2026-05-01"))
    assert [(day(start), day(end)) for start, end, _, _ in cycles] == [
        ("2026-02-10", "2026-03-01"), ("2026-03-01", "2026-04-01"), ("2026-04-01", "2026-05-01"),
    ]  # fmt: skip
    assert day(cycles[0][2]) == "2026-02-01"


INTERVALS = st.builds(Interval, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 36))
STAMPS = st.integers(stamp("2000-01-01"), stamp("2090-01-01"))


@given(STAMPS, INTERVALS, STAMPS)
def test_every_instant_is_in_exactly_one_period(anchor: int, interval: Interval, at: int) -> None:
    start, end = period_at(anchor, interval, at)
    assert start <= at < end
    assert is_boundary(anchor, interval, start)
    assert is_boundary(anchor, interval, end)
    assert period_at(anchor, interval, end)[0] == end
