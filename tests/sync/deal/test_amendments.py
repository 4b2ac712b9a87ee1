"""Quotes that change a running deal: what is billed, credited, and when (BILLING_RULES 4; cases 06, 08, 10)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.deal.changes import Credit, Proration, TooMuchRemoved
from sync.deal.forecast import forecast
from sync.deal.pricing import arr_minor
from sync.deal.settled import Begun, Settled
from sync.deal.timeline import tracks
from tests.sync.deal.deals import (
    ADD_ON,
    EARLY,
    JAN,
    amended,
    at,
    cancelled,
    credits,
    day,
    deal,
    fee,
    invoices,
    line,
    stated,
    taken,
)

ANNUAL = deal(line("L1", 10, "1200.00", per=12, every=12))
MAY, NEXT_MAY = day("2026-05-01"), day("2027-05-01")
MONTHLY = deal(line("L1", 10, "50.00", start=MAY, end=NEXT_MAY), start=MAY, end=NEXT_MAY)
SEATS_IN_JULY = line("L2", 5, "1200.00", per=12, every=12, start=day("2026-07-01"))


def quantities(of_deal: object) -> list[tuple[str, str, int]]:
    [track] = tracks(of_deal)  # type: ignore[arg-type]
    return [(str(p.start), str(p.end), sum(i.quantity for i in p.items)) for p in track.phases]


@pytest.mark.parametrize(
    ("policy", "amount"), [(Proration.SIGNED, 300_000), (Proration.STRIPE, 302_465), (Proration.NONE, 0)]
)
def test_seats_added_in_the_middle_of_an_annual_cycle_are_billed_on_their_day(policy: Proration, amount: int) -> None:
    changed = amended(ANNUAL, "A", day("2026-07-01"), SEATS_IN_JULY, proration=policy)
    made = forecast(changed, EARLY)

    assert stated(made) == ([("2026-07-01", amount)] if amount else [])
    assert [i for i in invoices(made) if i[0] == "2026-01-01"] == [("2026-01-01", 1_200_000)]
    assert quantities(changed) == [("2026-01-01", "2026-07-01", 10), ("2026-07-01", "2027-01-01", 15)]
    assert arr_minor(changed, day("2026-06-30")) == 1_200_000
    assert arr_minor(changed, day("2026-07-01")) == 1_800_000


def test_seats_that_are_an_item_of_their_own_are_prorated_alone() -> None:
    other = line("L2", 5, "1200.00", per=12, every=12, start=day("2026-07-01"), product=ADD_ON)
    assert stated(forecast(amended(ANNUAL, "A", day("2026-07-01"), other, proration=Proration.STRIPE), EARLY)) == [
        ("2026-07-01", 302_466)
    ]


def two_amendments(first: str, second: str, **policy: object) -> object:
    of_line = {
        "A": line("L2", 3, "50.00", start=day("2026-05-16"), end=NEXT_MAY),
        "B": line("L3", 2, "50.00", start=day("2026-05-16"), end=NEXT_MAY),
    }
    signed = {"A": at("2026-04-01"), "B": at("2026-04-02")}
    changed = MONTHLY
    for name in (first, second):
        changed = amended(changed, name, day("2026-05-16"), of_line[name], signed_at=signed[name], **policy)
    return changed


@pytest.mark.parametrize("order", ["AB", "BA"])
@pytest.mark.parametrize(
    ("policy", "amounts"), [(Proration.SIGNED, [7_397, 4_932]), (Proration.STRIPE, [7_742, 5_162])]
)
def test_two_amendments_of_one_day_make_one_boundary_in_either_order(
    order: str, policy: Proration, amounts: list[int]
) -> None:
    changed = two_amendments(*order, proration=policy)
    made = forecast(changed, EARLY)  # type: ignore[arg-type]

    assert sorted(amount for _, amount in stated(made)) == sorted(amounts)
    assert {when for when, _ in stated(made)} == {"2026-05-16"}
    assert ("2026-06-01", 75_000) in invoices(made)
    assert quantities(changed) == [("2026-05-01", "2026-05-16", 10), ("2026-05-16", "2027-05-01", 15)]


def test_by_whole_months_a_part_month_counts_whole() -> None:
    changed = replace(two_amendments("A", "B"), whole_months=True)  # type: ignore[type-var]
    assert sum(amount for _, amount in stated(forecast(changed, EARLY))) == 25_000  # type: ignore[arg-type]


def test_an_amendment_that_arrives_late_is_caught_up_on_one_invoice_with_its_period() -> None:
    changed = amended(MONTHLY, "A", day("2026-05-16"), line("L2", 3, "50.00", start=day("2026-05-16"), end=NEXT_MAY))
    begun = {"Q1": Begun(MAY, EARLY)}
    on_time, late = forecast(changed, EARLY), forecast(changed, at("2026-08-05T10"), begun)

    assert stated(late) == [("2026-08-05", 7_397 + 3 * 15_000)]
    [invoice] = [i for i in late.invoices if i.stated]
    [caught_up] = invoice.lines
    assert (str(caught_up.period_start), str(caught_up.period_end)) == ("2026-05-16", "2026-09-01")
    assert ("2026-08-01", 50_000) in invoices(late)
    assert ("2026-09-01", 65_000) in invoices(late)
    assert late.total == on_time.total


def test_one_dated_before_a_live_one_bills_what_was_missed_and_nothing_twice() -> None:
    later = line("L3", 2, "50.00", start=day("2026-07-10"), end=NEXT_MAY)
    earlier = line("L2", 3, "50.00", start=day("2026-05-16"), end=NEXT_MAY)
    changed = amended(MONTHLY, "B", day("2026-07-10"), later, signed_at=at("2026-06-01"))
    changed = amended(changed, "A", day("2026-05-16"), earlier, signed_at=at("2026-08-01"))
    begun = {"Q1": Begun(MAY, EARLY, {"B": Settled(day("2026-07-01"), at("2026-06-01"))})}
    made = forecast(changed, at("2026-08-05"), begun)

    assert ("2026-08-05", 7_397 + 45_000) in stated(made)
    assert [amount for when, amount in invoices(made) if when in ("2026-07-01", "2026-08-01", "2026-09-01")] == [
        50_000,
        60_000,
        75_000,
    ]
    assert made.total == forecast(changed, EARLY).total


def test_quantity_taken_off_is_credited_for_the_rest_of_its_cycle() -> None:
    changed = amended(MONTHLY, "R", day("2026-07-16"), removes=(taken("R1", 4, "50", day("2026-07-16")),))
    made = forecast(changed, EARLY)

    assert credits(made) == [("2026-07-16", 9_863)]  # 9 months and 15 days are 189,863, less 9 x 20,000
    assert ("2026-07-01", 50_000) in invoices(made)
    assert ("2026-08-01", 30_000) in invoices(made)


@pytest.mark.parametrize("when", ["2026-06-20", "2026-09-05"])
def test_credit_none_gives_nothing_back_also_when_back_dated(when: str) -> None:
    removed = (taken("R1", 4, "50", day("2026-07-16")),)
    changed = amended(MONTHLY, "R", day("2026-07-16"), removes=removed, credit=Credit.NONE)
    assert credits(forecast(changed, at(when), {"Q1": Begun(MAY, EARLY)})) == []


def test_a_late_removal_gives_back_the_cycles_that_were_billed_too_much() -> None:
    changed = amended(MONTHLY, "R", day("2026-07-16"), removes=(taken("R1", 4, "50", day("2026-07-16")),))
    late = forecast(changed, at("2026-09-05"), {"Q1": Begun(MAY, EARLY)})

    assert credits(late) == [("2026-09-05", 9_863 + 2 * 20_000)]
    on_time = forecast(changed, EARLY)
    assert late.total - late.credited == on_time.total - on_time.credited


def test_a_cancellation_ends_everything_and_credits_what_is_left() -> None:
    made = forecast(cancelled(MONTHLY, day("2026-07-16")), EARLY)
    assert invoices(made) == [("2026-05-01", 50_000), ("2026-06-01", 50_000), ("2026-07-01", 50_000)]
    assert credits(made) == [("2026-07-16", 24_658)]


def test_a_cancellation_that_comes_late_credits_whole_cycles_too() -> None:
    made = forecast(cancelled(MONTHLY, day("2026-07-16")), at("2026-09-05"), {"Q1": Begun(MAY, EARLY)})
    assert made.total == 250_000
    assert credits(made) == [("2026-09-05", 124_658)]


def test_a_cancellation_on_a_boundary_leaves_nothing_over() -> None:
    made = forecast(cancelled(MONTHLY, day("2026-08-01")), EARLY)
    assert made.total == 150_000
    assert made.credits == ()


def test_a_cancellation_on_the_first_day_bills_nothing() -> None:
    changed = cancelled(MONTHLY, MAY)
    assert tracks(changed) == ()
    assert forecast(changed, EARLY).invoices == ()


def test_removed_quantity_comes_off_the_newest_matching_line_first() -> None:
    added = line("L2", 5, "50.00", start=day("2026-06-01"), end=NEXT_MAY)
    changed = amended(MONTHLY, "A", day("2026-06-01"), added)
    changed = amended(changed, "R", day("2026-07-01"), removes=(taken("R1", 6, "50", day("2026-07-01")),))

    cut = {(p.line.id, p.quantity, str(p.cut)) for p in changed.pieces if p.cut}
    assert cut == {("L2", 5, "2026-07-01"), ("L1", 1, "2026-07-01")}
    oldest = replace(changed, newest_first=False)
    assert {(p.line.id, p.quantity) for p in oldest.pieces if p.cut} == {("L1", 6)}


def test_more_than_there_is_cannot_be_taken_off() -> None:
    changed = amended(MONTHLY, "R", day("2026-07-01"), removes=(taken("R1", 11, "50", day("2026-07-01")),))
    with pytest.raises(TooMuchRemoved) as refused:
        _ = changed.pieces
    assert refused.value.available == 10


def test_a_fee_of_an_amendment_is_billed_on_its_day_and_once() -> None:
    added = line("L2", 1, "50.00", start=day("2026-06-01"), end=NEXT_MAY)
    changed = amended(MONTHLY, "A", day("2026-06-01"), added, fee("F1", "99.00", start=day("2026-06-01")))
    made = forecast(changed, EARLY)
    assert stated(made) == [("2026-06-01", 9_900)]
    assert made.total == 12 * 50_000 + 11 * 5_000 + 9_900


def test_a_ramp_cuts_phases_without_proration() -> None:
    ramp = [
        line("L1", 50, "600.00", per=12, every=12, start=day("2026-09-15"), end=day("2027-09-15")),
        line("L2", 75, "570.00", per=12, every=12, start=day("2027-09-15"), end=day("2028-09-15")),
        line("L3", 100, "540.00", per=12, every=12, start=day("2028-09-15"), end=day("2029-09-15")),
    ]
    made = forecast(deal(*ramp, start=day("2026-09-15"), end=day("2029-09-15")), EARLY)
    assert invoices(made) == [("2026-09-15", 3_000_000), ("2027-09-15", 4_275_000), ("2028-09-15", 5_400_000)]


def test_time_in_which_nothing_runs_is_not_billed_and_what_follows_is_an_object_of_its_own() -> None:
    gone = (taken("R1", 10, "50", day("2026-07-01")),)
    changed = amended(MONTHLY, "R", day("2026-07-01"), removes=gone)
    again = amended(changed, "S", day("2026-08-01"), line("L3", 1, "50.00", start=day("2026-08-01"), end=NEXT_MAY))
    spans = [(track.key, str(track.start), str(track.end)) for track in tracks(again)]
    assert spans == [("Q1", "2026-05-01", "2026-07-01"), ("Q1#2", "2026-08-01", "2027-05-01")]
    assert forecast(again, EARLY).total == 2 * 50_000 + 9 * 5_000


def test_another_frequency_joins_the_deals_own_boundaries() -> None:
    added = line("L2", 3, "90.00", per=3, every=3, start=day("2026-02-15"))
    made = forecast(amended(deal(line("L1", 1, "50.00")), "A", day("2026-02-15"), added), EARLY)
    of_track = [(i.day.isoformat(), i.total) for i in made.invoices if i.track == "Q1#2"]
    # 10 months and 17 days at 90.00 are 95,030 less 3 x 27,000; then full quarters on 1 April, July and October
    assert of_track == [("2026-02-15", 14_030), ("2026-04-01", 27_000), ("2026-07-01", 27_000), ("2026-10-01", 27_000)]


@pytest.mark.parametrize("every", [1, 3, 12])
@pytest.mark.parametrize("arrives", ["2026-02-01", "2026-04-10", "2026-08-01", "2026-12-20"])
def test_an_amendment_that_arrives_after_the_cancellations_day_comes_to_what_it_would_have_on_time(
    every: int, arrives: str
) -> None:
    base = line("L1", 10, "1200.00", per=12, every=every)
    added = line("L2", 5, "1200.00", per=12, every=every, start=day("2026-03-10"))
    changed = cancelled(deal(base), day("2026-07-20"), signed_at=at("2026-01-02"))
    late_one = amended(changed, "A", day("2026-03-10"), added, signed_at=at("2026-01-03"), accepted_at=at(arrives))
    on_time = forecast(amended(changed, "A", day("2026-03-10"), added, signed_at=at("2026-01-03")), EARLY)
    plain = {1: "2026-02-01", 3: "2026-04-01", 12: "2027-01-01"}[every]
    begun = {"Q1": Begun(JAN, EARLY, {"C": Settled(day(plain), at("2026-01-02T10"))})}
    late = forecast(late_one, at(arrives), begun)
    assert late.total - late.credited == on_time.total - on_time.credited


def test_a_cancellation_taken_in_before_a_new_frequency_gives_its_rest_back_too() -> None:
    changed = cancelled(ANNUAL, day("2026-07-16"), signed_at=at("2026-01-02"))
    added = line("L2", 4, "100.00", start=day("2026-05-10"), product=ADD_ON)
    changed = amended(changed, "A", day("2026-05-10"), added, signed_at=at("2026-01-03"))
    assert [amount for _, amount in credits(forecast(changed, EARLY))] == [552_603, 21_041]


def test_a_line_of_the_deals_own_quote_that_begins_inside_its_cycle_is_billed_as_signed_whatever_the_policy() -> None:
    inside = line("L2", 5, "1200.00", per=12, every=12, start=day("2026-04-01"))
    made = deal(line("L1", 1, "1200.00", per=12, every=12), inside)
    none = replace(made, changes=(replace(made.base, proration=Proration.NONE),))
    assert stated(forecast(none, EARLY)) == [("2026-04-01", 450_000)]
