from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.deal import calendar

DAYS = st.dates(date(2000, 1, 1), date(2150, 12, 31))
ZONES = st.sampled_from(
    [
        "UTC",
        "America/Los_Angeles",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Europe/Berlin",
        "Europe/Dublin",
        "Asia/Tokyo",
        "Asia/Kathmandu",
        "Pacific/Auckland",
        "Pacific/Honolulu",
        "Pacific/Kiritimati",
    ]
)


def test_a_day_in_utc_and_east_of_it_begins_at_midnight_utc():
    assert calendar.seconds(calendar.boundary(date(2026, 3, 1), "UTC")) == 1772323200
    assert calendar.seconds(calendar.boundary(date(2026, 3, 1), "Asia/Tokyo")) == 1772323200


def test_a_day_west_of_greenwich_begins_at_standard_time_midnight_all_year():
    for month in range(1, 13):
        at = calendar.boundary(date(2026, month, 1), "America/Los_Angeles")
        assert (at.hour, at.date()) == (8, date(2026, month, 1))


def test_all_boundaries_of_a_deal_share_its_first_days_time_of_day():
    first = date(2026, 1, 31)
    assert calendar.boundary(date(2026, 7, 31), "America/New_York", first_day=first).hour == 5


@given(DAYS, ZONES)
def test_a_boundary_is_that_day_in_utc_and_in_the_billing_zone(day, zone):
    at = calendar.boundary(day, zone)
    assert at.astimezone(UTC).date() == day
    assert calendar.business_day(at, zone) == day


@given(DAYS, ZONES)
def test_no_earlier_moment_is_that_day_in_both(day, zone):
    earlier = calendar.boundary(day, zone) - timedelta(seconds=1)
    standard = earlier + calendar.standard_offset(zone, day)
    assert earlier.date() < day or standard.date() < day


@pytest.mark.parametrize(
    ("first", "months", "then"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2027, 1, 31), 2, date(2027, 3, 31)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
    ],
)
def test_months_are_added_to_the_first_date_and_clamp(first, months, then):
    assert calendar.add_months(first, months) == then


@given(DAYS, st.integers(0, 240))
def test_months_never_drift_from_the_first_days_day_of_month(first, months):
    then = calendar.add_months(first, months)
    assert (then.year * 12 + then.month) - (first.year * 12 + first.month) == months
    assert then.day == first.day or (then.day < first.day and (then + timedelta(days=1)).day == 1)


@given(DAYS, st.integers(0, 240))
def test_start_plus_k_months_is_k_whole_months_also_where_it_was_clamped(first, months):
    assert calendar.months_between(first, calendar.add_months(first, months)) == (months, 0)


@given(DAYS, st.integers(0, 5000))
def test_months_and_days_between_lead_back_to_the_end(first, days):
    end = first + timedelta(days=days)
    months, rest = calendar.months_between(first, end)
    assert calendar.add_months(first, months) + timedelta(days=rest) == end
    assert 0 <= rest < 31


def test_a_crm_date_of_a_stamp_is_its_day_in_the_billing_zone():
    at = datetime(2026, 3, 1, 7, 59, tzinfo=UTC)
    assert calendar.business_day(at, "America/Los_Angeles") == date(2026, 2, 28)
    assert calendar.business_day(at, "UTC") == date(2026, 3, 1)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../etc/passwd", "Europe", "a\0b"])
def test_a_name_that_is_no_zone_is_refused(name):
    with pytest.raises(calendar.UnknownZone):
        calendar.zone(name)


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="naive"):
        calendar.seconds(datetime(2026, 1, 1))  # noqa: DTZ001


def test_dates_are_said_in_words():
    assert calendar.say(date(2026, 3, 1)) == "1 Mar 2026"
    assert calendar.zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")
