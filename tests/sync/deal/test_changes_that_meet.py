"""Changes that meet each other, each found by `test_any_deal`: what one quote does never spoils what another did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from sync.deal.changes import Credit, Proration, Removal
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.lines import DealLine
from sync.deal.settled import Begun
from sync.deal.timeline import tracks
from tests.sync.deal.deals import (
    ADD_ON,
    EARLY,
    amended,
    at,
    bring_in,
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

MAY, NEXT_MAY = day("2026-05-01"), day("2027-05-01")


def monthly(*more: DealLine) -> Deal:
    return deal(line("L1", 10, "50.00", start=MAY, end=NEXT_MAY), *more, start=MAY, end=NEXT_MAY)


def seats(name: str, quantity: int, start: str, **more: Any) -> DealLine:
    return line(name, quantity, "50.00", start=day(start), end=NEXT_MAY, **more)


def quarterly(name: str, quantity: int, start: str) -> DealLine:
    return line(name, quantity, "90.00", per=3, every=3, start=day(start), end=NEXT_MAY, product=ADD_ON)


def lived(of: Deal, now: datetime) -> Forecast:
    """The forecast of a deal whose quotes were each brought in when they were taken in."""
    begun: dict[str, Begun] = {}
    for n, change in enumerate(of.changes, start=1):
        bring_in(begun, of.of_first(n), change.accepted_at)
    return forecast(of, now, begun)


def test_what_is_taken_off_one_object_and_added_as_another_is_one_quote() -> None:
    """A quote that takes monthly seats off and adds something by the quarter, ahead of its day and late."""
    for when in ("2026-04-01", "2026-08-05"):
        gone = (taken("R1", 4, "50", day("2026-07-01")),)
        changed = amended(
            monthly(), "A", day("2026-07-01"), quarterly("L2", 3, "2026-07-01"), removes=gone, accepted_at=at(when)
        )
        made = lived(changed, at("2026-08-05"))
        assert made.total - made.credited == 10 * 60_000 - 4 * 50_000 + 3 * 30_000, when


def test_a_quote_may_take_off_what_a_later_one_needs_if_it_adds_enough() -> None:
    changed = amended(monthly(), "R", day("2026-09-10"), removes=(taken("R1", 9, "50", day("2026-09-10")),))
    swap = (taken("R2", 9, "50", day("2026-05-23")),)
    changed = amended(
        changed, "S", day("2026-05-23"), seats("L2", 14, "2026-05-23"), removes=swap, accepted_at=at("2026-08-05")
    )
    made = lived(changed, at("2026-08-05"))
    assert made.total - made.credited == forecast(changed, EARLY).total - forecast(changed, EARLY).credited


def test_a_cancellation_from_the_first_day_on_gives_everything_back_that_was_billed() -> None:
    gone = cancelled(monthly(fee("F1", "99.00", start=MAY)), MAY, accepted_at=at("2026-09-05"))
    made = lived(gone, at("2026-09-05"))
    assert made.total == 5 * 50_000 + 9_900
    assert credits(made) == [("2026-09-05", 5 * 50_000)]  # the fee was for no time
    [track] = tracks(gone)
    assert track.void


def test_a_cancellation_before_the_day_of_an_object_that_has_begun_ends_and_credits_that_too() -> None:
    changed = amended(monthly(), "A", day("2026-07-01"), quarterly("L2", 3, "2026-07-01"))
    made = lived(cancelled(changed, day("2026-06-01"), accepted_at=at("2026-09-05")), at("2026-09-05"))
    assert made.total == 5 * 50_000 + 9_000 + 27_000
    assert sum(amount for _, amount in credits(made)) == 4 * 50_000 + 9_000 + 27_000


def test_a_line_that_would_begin_after_the_end_is_never_billed() -> None:
    later = line("L2", 5, "50.00", start=day("2026-07-16"), end=NEXT_MAY)
    made = lived(cancelled(monthly(later), day("2026-07-01"), accepted_at=at("2026-06-10")), at("2026-06-10"))
    assert (stated(made), made.total, made.credits) == ([], 100_000, ())


def test_what_was_given_back_stays_when_the_deal_is_cancelled_from_a_day_before() -> None:
    changed = amended(monthly(), "R", day("2026-07-16"), removes=(taken("R1", 4, "50", day("2026-07-16")),))
    gone = cancelled(changed, day("2026-06-01"), accepted_at=at("2026-08-05"))
    made = lived(gone, at("2026-08-05"))
    assert credits(made)[0] == ("2026-07-16", 9_863)
    assert made.total - made.credited == 50_000


def test_the_first_piece_of_an_object_is_billed_whole_whatever_is_taken_off_later() -> None:
    more = line("L2", 10, "29.24", per=12, every=3, start=day("2026-06-13"), end=NEXT_MAY, product=ADD_ON)
    changed = amended(monthly(), "A", day("2026-06-13"), more, accepted_at=at("2026-07-03"))
    [once] = [total for when, total in invoices(lived(changed, at("2026-07-03"))) if when == "2026-07-03"]
    less = taken("R1", 2, "29.24", day("2027-03-10"), ADD_ON)
    less = type(less)(less.line_id, less.product, less.monthly_price / 12, less.quantity, less.start, less.unit_price)
    changed = amended(changed, "R", day("2027-03-10"), removes=(less,), accepted_at=at("2026-10-03"))
    assert ("2026-07-03", once) in invoices(lived(changed, at("2026-10-03")))


def test_two_quotes_that_open_an_object_on_one_day_are_each_billed_once() -> None:
    changed = amended(monthly(), "A", day("2026-06-13"), quarterly("L2", 3, "2026-06-13"), signed_at=at("2026-05-02"))
    both = amended(changed, "B", day("2026-06-13"), quarterly("L3", 4, "2026-06-13"), signed_at=at("2026-05-03"))
    one, two = lived(changed, at("2026-05-03")), lived(both, at("2026-05-03"))
    first = [total for when, total in invoices(one) if when == "2026-06-13"]
    assert [round(total * 7 / 3) for total in first] == [total for when, total in invoices(two) if when == "2026-06-13"]


def test_lines_that_agree_are_one_item_also_where_their_object_begins_inside_a_cycle() -> None:
    """Stripe takes a price once on a subscription."""
    lines = (quarterly("L2", 1, "2026-06-13"), quarterly("L3", 5, "2026-06-13"))
    _, track = tracks(amended(monthly(), "A", day("2026-06-13"), *lines))
    assert [item.quantity for item in track.phases[0].items] == [6]


def test_a_fee_that_was_billed_stays_billed() -> None:
    changed = amended(monthly(), "A", day("2026-07-01"), fee("F1", "99.00", start=day("2026-07-01")))
    made = lived(
        cancelled(changed, day("2026-06-01"), credit=Credit.NONE, accepted_at=at("2026-08-05")), at("2026-08-05")
    )
    assert ("2026-07-01", 9_900) in stated(made)


def test_a_line_that_began_on_a_boundary_after_a_back_dated_end_is_given_back_once() -> None:
    added = amended(monthly(), "A", day("2026-07-01"), seats("L2", 5, "2026-07-01"))
    made = lived(cancelled(added, day("2026-06-01"), accepted_at=at("2026-09-05")), at("2026-09-05"))
    assert made.total == 2 * 50_000 + 3 * 75_000
    assert made.total - made.credited == 50_000


def test_what_is_taken_off_on_the_day_it_comes_in_is_billed_and_given_back() -> None:
    """In an object that begins inside a cycle as in any other: four of six quarterly units, both known ahead."""
    added = amended(monthly(), "A", day("2026-06-13"), quarterly("L2", 6, "2026-06-13"))
    whole = [total for when, total in invoices(lived(added, EARLY)) if when == "2026-06-13"]
    unit = quarterly("L2", 6, "2026-06-13")
    less = Removal("R1", unit.product, unit.month_minor("USD") / 100, 4, unit.start, unit.unit_price)
    made = lived(amended(added, "R", day("2026-06-13"), removes=(less,)), EARLY)
    [given] = [total for when, total in credits(made) if when == "2026-06-13"]
    assert [total for when, total in invoices(made) if when == "2026-06-13"] == whole
    assert given == round(whole[0] * 4 / 6)


def test_a_line_that_is_over_when_its_quote_comes_is_billed_that_day_and_every_later_look_says_the_same() -> None:
    short = line("L2", 2, "80", every=3, start=day("2027-04-16"), end=NEXT_MAY, product=ADD_ON)
    changed = amended(monthly(), "A", day("2027-04-16"), short, accepted_at=at("2027-05-05"))
    for looked in ("2027-05-05", "2027-05-06", "2028-01-01"):
        assert ("2027-05-05", 7_890) in stated(lived(changed, at(looked))), looked  # 15 days of 160.00 a month


def paused(off_at: str, on_at: str) -> Forecast:
    """A quarterly deal with five monthly units, taken off from July on, and two sold again from October on."""
    of = deal(
        quarterly("L1", 1, "2026-05-01"), line("L2", 5, "50.00", start=MAY, end=NEXT_MAY), start=MAY, end=NEXT_MAY
    )
    off = (taken("R1", 5, "50", day("2026-07-01")),)
    for when in sorted((off_at, on_at)):
        if when == off_at:
            of = amended(of, "R", day("2026-07-01"), removes=off, accepted_at=at(when))
        else:
            more = seats("L3", 2, "2026-10-01")
            of = amended(of, "A", day("2026-10-01"), more, accepted_at=at(when), signed_at=at("2025-12-06"))
    return lived(of, at(max(off_at, on_at)))


def test_what_is_taken_off_and_sold_again_later_is_billed_before_and_after_the_pause() -> None:
    """Known ahead, in either order; and taken off when the pause has begun, or when it is over, and Stripe billed on."""
    ahead = [f"2026-0{month}-01" for month in (5, 6)]
    for off_at, on_at in (("2026-05-05", "2026-05-06"), ("2026-05-06", "2026-05-05"), ("2026-08-10", "2026-05-06")):
        made = paused(off_at, on_at)
        by_month = [(when, total) for when, total in invoices(made) if total != 9_000]
        late = [f"2026-0{month}-01" for month in (7, 8)] if off_at > "2026-07-01" else []
        assert [when for when, _ in by_month if when < "2026-10-01"] == ahead + late, off_at
        assert [total for when, total in by_month if when >= "2026-10-01"] == [10_000] * 7, off_at
        assert made.total - made.credited == 4 * 9_000 + 2 * 25_000 + 7 * 10_000, off_at
    made = paused("2026-12-05", "2026-05-06")
    assert made.total - made.credited == 4 * 9_000 + 2 * 25_000 + 7 * 10_000


def test_units_that_were_not_billed_in_a_cycle_are_not_given_back_beside_those_that_were() -> None:
    """Ten seats paid for May, ten more from the 16th by policy None: the end on the 25th gives back seven days of ten."""
    more = seats("L2", 10, "2026-05-16")
    added = amended(monthly(), "A", day("2026-05-16"), more, proration=Proration.NONE)
    made = lived(cancelled(added, day("2026-05-25")), EARLY)
    alone = lived(cancelled(monthly(), day("2026-05-25")), EARLY)
    assert credits(made) == credits(alone) != []


def _signed_sum(of: Deal) -> int:
    """Invoices less credits, once all is over."""
    made = lived(of, at("2027-12-31"))
    return made.total - made.credited


def _sold_again() -> Deal:
    """3 from 24 January, all taken off on the 27th: what follows is another Stripe object."""
    start, end = day("2026-01-24"), day("2026-04-24")
    base = deal(line("L1", 3, "99.00", start=start, end=end), start=start, end=end)
    gone = (taken("R0", 3, "99.00", day("2026-01-27")),)
    return amended(base, "A0", day("2026-01-27"), removes=gone, accepted_at=at("2026-01-08"))


def _more(to: Deal, name: str, start: str, quantity: int, came: str) -> Deal:
    added = line(f"L{name}", quantity, "99.00", start=day(start), end=day("2026-04-24"))
    return amended(to, name, day(start), added, signed_at=at(start), accepted_at=at(came))


def _less(to: Deal, name: str, start: str, quantity: int, came: str) -> Deal:
    gone = (taken(f"R{name}", quantity, "99.00", day(start)),)
    return amended(to, name, day(start), removes=gone, signed_at=at(start), accepted_at=at(came))


def test_what_is_given_back_of_lines_that_agree_is_rounded_once_whatever_objects_they_stand_on() -> None:
    """14 x 0.112 a month from 18 December: 11 months and 21 days are 18.3306, less 3 months of 1.568: 18.33 - 4.70."""
    start, end = day("2026-09-09"), day("2027-12-09")

    def yearly(name: str, quantity: int, first: str) -> DealLine:
        return line(name, quantity, "1.68", per=15, every=12, start=day(first), end=end, product=ADD_ON)

    made = deal(line("L1", 7, "84.00", start=start, end=end), start=start, end=end)
    made = amended(made, "A", day("2026-12-16"), yearly("L2", 3, "2026-12-16"), accepted_at=at("2027-02-23"))
    made = amended(made, "B", day("2026-11-03"), yearly("L3", 11, "2026-11-03"), accepted_at=at("2027-04-27"))
    assert len(tracks(made)) == 3  # what is there never moves, so the one that begins earlier is an object of its own

    given = lived(cancelled(made, day("2026-12-18"), accepted_at=at("2027-05-07")), at("2027-05-07")).credits

    assert sum(credit.amount for credit in given if credit.key.startswith("Q1#")) == 1_833 - 470


def test_what_begins_an_object_and_is_taken_off_from_its_first_day_on_is_never_billed_twice() -> None:
    made = _more(_sold_again(), "B", "2026-02-02", 2, "2026-02-09")
    made = _more(made, "C", "2026-02-06", 2, "2026-03-03")
    before = lived(made, at("2026-03-10")).invoices
    made = _less(made, "D", "2026-02-02", 2, "2026-03-21")

    after = lived(made, at("2026-03-21")).invoices

    assert [(i.day, i.total) for i in after if i.stated] == [(i.day, i.total) for i in before if i.stated]
    # 3 to the 27th, and 2 from 6 February on: 2 months and 18 days
    assert _signed_sum(made) == 29_700 - 27_340 + 51_317


def test_a_late_removal_credits_what_another_now_takes_off_on_another_object() -> None:
    made = _more(_sold_again(), "B", "2026-02-08", 2, "2026-01-28")
    made = _less(made, "C", "2026-02-15", 2, "2026-03-07")  # takes both of B
    made = _more(made, "D", "2026-02-06", 2, "2026-03-11")
    made = _less(made, "E", "2026-02-14", 1, "2026-03-26")  # takes one of B, so that C takes one of D

    months = {"2026-02-06": (2, 18), "2026-02-08": (2, 16), "2026-02-14": (2, 10), "2026-02-15": (2, 9)}
    signed = [(2, "2026-02-06"), (2, "2026-02-08"), (-1, "2026-02-14"), (-2, "2026-02-15")]
    worth = sum(round(n * 9_900 * (months[d][0] + months[d][1] * 12 / 365)) for n, d in signed)
    assert _signed_sum(made) == 29_700 - 27_340 + worth


def test_what_a_late_line_spares_on_another_object_is_billed_there() -> None:
    """4 of 10 monthly seats are taken off from July on; then 4 of the same price come, billed by the year, from June: those
    are the newest, so they are what was taken off, and the ten went on.
    """
    changed = amended(
        monthly(), "R", day("2026-07-01"), removes=(taken("R1", 4, "50.00", day("2026-07-01")),),
        accepted_at=at("2026-06-20"), signed_at=at("2026-06-20"),
    )  # fmt: skip
    yearly = line("L2", 4, "600.00", per=12, every=12, start=day("2026-06-01"), end=NEXT_MAY)
    changed = amended(changed, "A", day("2026-06-01"), yearly, accepted_at=at("2026-09-05"), signed_at=at("2026-05-20"))

    made = lived(changed, at("2027-12-31"))

    assert [(i.day.isoformat(), i.total) for i in made.invoices if i.stated] == [
        ("2026-09-05", 3 * 20_000), ("2026-09-05", 11 * 20_000),
    ]  # fmt: skip
    assert credits(made) == [("2026-09-05", 10 * 20_000)]
    assert made.total - made.credited == 12 * 50_000 + 20_000


def test_what_comes_after_a_cancellation_that_ends_it_is_given_back_from_that_day_on_too() -> None:
    """The rest of a year, 10 months and 11 days of 200.00, is billed at once; what is after 15 July is given back."""
    ended = cancelled(monthly(), day("2026-07-16"), accepted_at=at("2026-06-10"))
    for came in ("2026-06-25", "2026-08-05"):
        yearly = line("L2", 4, "600.00", per=12, every=12, start=day("2026-06-20"), end=NEXT_MAY)
        changed = amended(ended, "A", day("2026-06-20"), yearly, accepted_at=at(came), signed_at=at("2026-05-20"))
        made = lived(changed, at("2027-12-31"))
        more = [(i.day.isoformat(), i.total) for i in made.invoices if i.track != "Q1"]
        given = [amount for when, amount in credits(made)]
        assert (more, given) == ([(came, 207_233)], [24_658, 189_863])


def test_what_is_charged_once_goes_with_the_object_that_begins_with_the_deal() -> None:
    """Of the quarterly seats, which are the deal's first object, nothing is there on that day."""
    later = quarterly("L2", 3, "2026-08-01")
    yearly = line("L1", 2, "600.00", per=12, every=12, start=MAY, end=NEXT_MAY)
    made = deal(later, yearly, fee("F1", "99.00", start=MAY), fee("F2", "50.00", start=day("2026-06-10")),
                start=MAY, end=NEXT_MAY)  # fmt: skip
    first, second, *_ = forecast(made, EARLY).invoices
    assert [(i.day.isoformat(), i.total, i.track) for i in (first, second)] == [
        ("2026-05-01", 129_900, "Q1#2"), ("2026-06-10", 5_000, "Q1#2"),
    ]  # fmt: skip


def test_what_is_added_from_a_day_before_an_object_ended_has_an_object_of_its_own_and_is_caught_up() -> None:
    """All seats were taken off on 15 July; other units follow in September, from the first of July on."""
    begun: dict[str, Begun] = {}
    less = amended(monthly(), "R", day("2026-07-15"), removes=(taken("R1", 10, "50", day("2026-07-15")),))
    bring_in(begun, less, EARLY)
    more = line("L2", 2, "20", start=day("2026-07-01"), end=NEXT_MAY)
    late = amended(less, "A", day("2026-07-01"), more, accepted_at=at("2026-09-10"))
    made = forecast(late, at("2026-09-10"), begun)
    assert [track.key for track in tracks(late)] == ["Q1", "Q1#2"]
    assert [(i.track, i.day, i.total) for i in made.invoices if i.stated] == [("Q1#2", day("2026-09-10"), 3 * 4_000)]
    assert credits(made) == credits(forecast(less, at("2026-09-10"), begun))
    known = amended(less, "A", day("2026-07-01"), more, accepted_at=at("2026-07-02"))
    assert [track.key for track in tracks(known)] == ["Q1"], "the object runs still, and goes on"
    over = amended(less, "A", day("2026-07-01"), replace(more, end=day("2026-08-01")), accepted_at=at("2026-09-10"))
    assert [track.key for track in tracks(over)] == ["Q1"], "it is over too: it is only caught up on"


def came(made: Deal, **when: str) -> Deal:
    """The deal whose quotes were taken in in this order, at these times."""
    by_id = {change.quote_id: change for change in made.changes}
    later = (replace(by_id[quote], accepted_at=at(day)) for quote, day in when.items())
    return replace(made, changes=(made.base, *later))


def test_what_was_taken_off_stays_off_when_the_same_is_added_later_from_a_day_before() -> None:
    """By `test_deals_at_random`: the removal moved to the late line, the newest, and the old one went on though its object
    had ended; so 10.65 was given back twice. So it was where the object was never begun.
    """
    second, third, end = day("2026-01-02"), day("2026-01-03"), day("2026-03-01")
    made = deal(line("L0", 1, "12.00", end=end), end=end)
    ended = amended(made, "A0", second, line("LA0", 2, "12.00", start=second, end=end))
    ended = amended(ended, "A1", second, removes=(taken("RA1", 1, "12.00", second),))
    found = lived(came(ended, A1="2026-01-01", A0="2026-01-02T01"), at("2030-01-01"))
    assert credits(found) == [("2026-01-02", 1065)]
    assert found.total - found.credited == 4665  # 24.00 and 2 x 22.65, less 22.65

    never = amended(made, "A0", second, removes=(taken("RA0", 1, "12.00", second),))
    for n, (quantity, start) in enumerate([(1, second), (1, third), (2, third)], start=1):
        never = amended(never, f"A{n}", start, line(f"LA{n}", quantity, "12.00", start=start, end=end))
    never = amended(never, "A4", third, removes=(taken("RA4", 1, "12.00", third),))
    never = came(never, A0="2026-01-01", A2="2026-01-01T01", A1="2026-01-01T02", A4="2026-01-01T03", A3="2026-01-03T01")
    found = lived(never, at("2030-01-01"))
    assert found.total - found.credited == 6852  # 24.00, and 2 x 22.26 from the third on


def test_a_fee_that_stands_on_an_object_which_had_ended_keeps_its_day() -> None:
    """Nothing can be written any more on an object that has ended. When a later quote was read, what that object had
    never been told of stood on the day of that reading, or on the deal's last, and not on its own.
    """
    made = deal(line("A", 2, "10.00"))
    gone = amended(made, "R", day("2026-03-01"), removes=(taken("A", 2, "10.00", day("2026-03-01")),))
    july = day("2026-07-01")
    again = amended(gone, "B", july, line("B", 5, "10.00", start=july), fee("F", "50.00", start=july), accepted_at=at("2026-05-10"))  # fmt: skip
    begun: dict[str, Begun] = {}
    for n, when in enumerate(("2025-12-05", "2026-02-01", "2026-05-10"), start=1):
        bring_in(begun, again.of_first(n), at(when))

    for when in ("2026-05-10", "2026-09-15", "2027-03-01"):
        found = [i for i in forecast(again, at(when), begun).invoices if any(not x.recurring for x in i.lines)]
        assert [(i.track, i.day, i.total) for i in found] == [("Q1", july, 5000)], when


def test_what_was_taken_off_before_any_of_it_was_billed_spares_no_late_line_that_was() -> None:
    """Under policy None the first piece of a line costs nothing, so nothing of it is given back; a late line that is alike is
    billed from its day on, and it is that one's which the removal gives back.
    """
    free = amended(
        monthly(), "A", day("2026-05-16"), quarterly("L2", 3, "2026-05-16"), proration=Proration.NONE, accepted_at=at("2026-05-10")
    )  # fmt: skip
    gone = amended(
        free, "R", day("2026-07-01"), removes=(taken("R1", 2, "30", day("2026-07-01"), ADD_ON),), accepted_at=at("2026-06-20")
    )  # fmt: skip
    late = amended(gone, "B", day("2026-06-01"), quarterly("L3", 2, "2026-06-01"), accepted_at=at("2026-07-10"))
    made = lived(late, at("2026-07-10T12"))
    assert [one for one in stated(made) if one[0] == "2026-07-10"] == [("2026-07-10", 12_000)]
    assert credits(made) == [("2026-07-10", 6_000)]


def test_a_fee_keeps_its_day_when_all_else_of_that_day_is_called_off() -> None:
    """What is left begins later, on the object that was to begin with the deal; or nothing is, of a deal without an end."""
    june = day("2026-06-01")
    later = amended(monthly(fee("F", "99.00", start=MAY)), "A", june, line("LA", 3, "20.00", start=june, end=NEXT_MAY))
    left = amended(later, "R", MAY, removes=(taken("R1", 10, "50", MAY),))
    assert invoices(forecast(left, EARLY))[:3] == [("2026-05-01", 9_900), ("2026-06-01", 6_000), ("2026-07-01", 6_000)]
    endless = deal(line("L1", 10, "50.00", start=MAY, end=None), fee("F", "99.00", start=MAY), start=MAY, end=None)
    gone = amended(endless, "R", MAY, removes=(taken("R1", 10, "50", MAY),))
    assert invoices(forecast(gone, EARLY)) == [("2026-05-01", 9_900)]


def test_what_was_called_off_is_not_begun_by_a_cancellation_that_comes_late() -> None:
    """It counted as cut by the Cancellation then, which came when it should have begun: billed, and given back."""
    gone = amended(monthly(), "R", MAY, removes=(taken("R1", 10, "50", MAY),))
    made = forecast(cancelled(gone, MAY, accepted_at=at("2026-09-14")), at("2026-09-14"))
    assert (invoices(made), credits(made)) == ([], [])


def test_what_is_sold_again_before_what_is_left_begins_has_an_object_of_its_own() -> None:
    june = day("2026-06-01")
    later = amended(monthly(), "A", june, line("LA", 3, "20.00", start=june, end=NEXT_MAY))
    gone = amended(later, "R", MAY, removes=(taken("R1", 10, "50", MAY),))
    again = amended(gone, "B", MAY, line("LB", 4, "50.00", start=MAY, end=NEXT_MAY), accepted_at=at("2026-04-20"))
    assert [(track.key, track.start) for track in tracks(again)] == [("Q1", june), ("Q1#2", MAY)]
    made = lived(again, at("2026-04-20"))
    assert invoices(made)[:3] == [("2026-05-01", 20_000), ("2026-06-01", 6_000), ("2026-06-01", 20_000)]


@pytest.mark.parametrize("policy", Credit)
def test_a_credit_that_was_given_is_not_given_again_when_another_quote_takes_its_units(policy: Credit) -> None:
    """The unit that was taken off in August had ended its object; a quote of July that comes later takes it instead, and
    August takes one of those that July brought. Without credit for July, August's was given twice.
    """
    july, august = day("2026-07-10"), day("2026-08-10")

    def half_yearly(name: str, quantity: int, start: date) -> DealLine:
        return line(name, quantity, "50.00", every=6, start=start, end=NEXT_MAY)

    made = deal(half_yearly("L0", 1, MAY), start=MAY, end=NEXT_MAY)
    made = amended(made, "A2", august, removes=(taken("RA2", 1, "50", august),), accepted_at=at("2026-06-01"))
    swap = (taken("RA6", 1, "50", july),)
    made = amended(
        made, "A6", july, half_yearly("LA6", 6, july), removes=swap, accepted_at=at("2026-11-19"), credit=policy
    )
    late = lived(made, at("2027-12-01"))
    in_time = sorted((replace(c, accepted_at=EARLY) for c in made.changes), key=lambda c: c.order)
    on_time = forecast(replace(made, changes=tuple(in_time)), EARLY)
    assert late.total - late.credited == on_time.total - on_time.credited
