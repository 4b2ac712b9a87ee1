"""What was used up to a last day inside a cycle: which time of which line is ours to bill, when, and what it comes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from sync.crm import CrmTier
from sync.deal.deal import Deal
from sync.deal.last_use import UseDue, last_uses
from sync.deal.settled import Begun, Settled
from sync.deal.timeline import tracks
from sync.deal.use import cost
from tests.sync.deal.deals import at
from tests.sync.deal.factory import FEE, SEATS, USE, a_cancellation, a_change, a_deal, a_line, a_usage

HOUR = timedelta(hours=1)


def tier(up_to: str | None, unit: str, flat: str | None = None) -> CrmTier:
    return CrmTier(
        "USD", None if up_to is None else Decimal(up_to), Decimal(unit), None if flat is None else Decimal(flat)
    )


def priced(*tiers: CrmTier, mode: str = "Graduated", **line: object):
    product = replace(USE, tier_mode=mode if tiers else None, tiers=tiers)
    return a_deal(a_usage(**line), products=(SEATS, FEE, product)).lines[0]


STEPS = (tier("100", "0"), tier("1000", "0.99"), tier(None, "0.79"))
FLAT = (tier("10", "0.50", "5.00"), tier(None, "0.25", "2.00"))
#: Each amount as a person adds it up on paper.
PAPER = [
    ((), "Graduated", 0, 0),
    ((), "Graduated", 7, 7 * 99),
    (STEPS, "Graduated", 100, 0),
    (STEPS, "Graduated", 101, 99),
    (STEPS, "Graduated", 1_000, 900 * 99),
    (STEPS, "Graduated", 1_001, 900 * 99 + 79),
    (STEPS, "Graduated", 1_250, 89_100 + 19_750),
    (STEPS, "Volume", 100, 0),
    (STEPS, "Volume", 101, 101 * 99),
    (STEPS, "Volume", 1_250, 98_750),
    (FLAT, "Graduated", 0, 500),  # the first flat fee is for having it at all
    (FLAT, "Graduated", 10, 500 + 500),
    (FLAT, "Graduated", 11, 500 + 500 + 200 + 25),
    (FLAT, "Volume", 0, 500),
    (FLAT, "Volume", 11, 200 + 11 * 25),
    # 3 x 0.5 and 98 x 0.33 cents, each rounded, a half away from zero: 2 and 32
    ((tier("3", "0.005"), tier(None, "0.0033")), "Graduated", 101, 2 + 32),
]


@pytest.mark.parametrize(("tiers", "mode", "units", "minor"), PAPER)
def test_units_cost_what_paper_says(tiers: tuple[CrmTier, ...], mode: str, units: int, minor: int):
    assert cost(priced(*tiers, mode=mode), units, "USD", date(2026, 1, 1)).net == minor


def test_discounts_come_off_in_their_order_and_never_more_than_there_is():
    line = priced(discount_percent=Decimal(10), discount_amount=Decimal("5.00"))
    found = cost(line, 33, "USD", date(2026, 1, 1))  # 32.67 less 3.267, which is 3.27, less 5.00
    assert (found.gross, found.off, found.net) == (3267, (327, 500), 2440)
    assert cost(line, 3, "USD", date(2026, 1, 1)).net == 0


def test_what_the_currency_cannot_charge_is_rounded_to_what_it_can():
    line = a_deal(a_usage(unit_price=Decimal("0.007")), currency="KWD").lines[0]
    assert cost(line, 5, "KWD", date(2026, 1, 1)).net == 40  # 0.035 is 0.040


def test_less_than_nothing_was_never_used():
    assert cost(priced(), -4, "USD", date(2026, 1, 1)).net == 0


# ---------------------------------------------------------------- which time is ours


def both(**quote: object) -> Deal:
    return a_deal(a_line(1), a_usage(2), **quote)


def dues(deal: Deal, came: str, *, earlier: dict[str, str] | None = None) -> list[UseDue]:
    """What is ours where the newest quote came at that instant and the others as said, else long before."""
    found = []
    for track in tracks(deal):
        quotes = {c.quote_id: at((earlier or {}).get(c.quote_id, "2025-12-05")) for c in deal.changes[1:-1]}
        settled = {quote: Settled(deal.day_of(moment), moment) for quote, moment in quotes.items()}
        begun = Begun(deal.start, at("2025-12-05"), settled)
        found += last_uses(track, deal, begun, at(came), HOUR)
    return found


def spans(found: list[UseDue]) -> list[tuple[date, date, datetime, bool]]:
    return [(one.start, one.end, due.at, due.alone) for due in found for one in due.used]


FEB = date(2026, 2, 1)


def test_a_deal_cancelled_after_the_fact_owes_what_was_used_in_its_last_cycle():
    ended = a_cancellation(both(), date(2026, 2, 15), now=at("2026-02-15T10"))
    assert spans(dues(ended, "2026-02-15T10")) == [(FEB, date(2026, 2, 15), at("2026-02-15T11"), True)]


def test_what_stripe_has_billed_by_then_is_not_billed_again():
    ended = a_cancellation(both(), date(2026, 2, 15), now=at("2026-03-02"))
    assert dues(ended, "2026-03-01") == []  # all of February was billed when March began


def test_a_planned_end_is_left_to_stripe():
    ended = a_cancellation(both(), date(2026, 2, 15), now=at("2026-02-10"))
    assert dues(ended, "2026-02-14T23") == []
    assert spans(dues(ended, "2026-02-15")) != []  # it came on the day: there was no plan


def test_an_end_on_a_boundary_is_left_to_stripe():
    ended = a_cancellation(both(), FEB, now=at("2026-02-10"))
    assert dues(ended, "2026-02-10") == []


def test_use_that_leaves_a_running_deal_is_ours_also_when_it_was_known_before():
    gone = a_change(both(), a_usage(21, change="Remove"), start_date=date(2026, 7, 16))
    (due,) = dues(gone, "2026-01-05")
    assert spans([due]) == [(date(2026, 7, 1), date(2026, 7, 16), at("2026-07-16T01"), False)]
    assert due.key.endswith(":2026-07-16:use")


def test_another_price_from_within_a_cycle_bills_the_old_one_up_to_its_last_day():
    swapped = a_change(
        both(), a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal(2)), start_date=date(2026, 7, 16)
    )
    (due,) = dues(swapped, "2026-01-05")
    assert [(one.line.unit_price, one.start, one.end) for one in due.used] == [
        (Decimal("0.99"), date(2026, 7, 1), date(2026, 7, 16))
    ]


def test_a_line_that_began_inside_the_cycle_counts_from_its_own_day():
    begun_late = a_deal(a_line(1), a_usage(2, start_date=date(2026, 2, 10)))
    ended = a_cancellation(begun_late, date(2026, 2, 15), now=at("2026-02-15"))
    assert [(one.start, one.end) for due in dues(ended, "2026-02-15T10") for one in due.used] == [
        (date(2026, 2, 10), date(2026, 2, 15))
    ]
    before = a_cancellation(begun_late, date(2026, 2, 9), now=at("2026-02-09"))
    assert dues(before, "2026-02-09T10") == []


def test_use_that_is_over_is_not_ended_once_more():
    deal = a_change(both(), a_usage(21, change="Remove"), start_date=date(2026, 7, 10))
    deal = a_cancellation(deal, date(2026, 7, 5), now=at("2026-07-20"))
    off = deal.changes[1].quote_id
    found = dues(deal, "2026-07-20", earlier={off: "2026-01-05"})
    assert [(due.quote_id, one.end) for due in found for one in due.used] == [(off, date(2026, 7, 10))]
    # Had the Cancellation come before, only its day would count.
    found = dues(deal, "2026-07-06", earlier={off: "2026-01-05"})
    assert [one.end for due in found for one in due.used] == [date(2026, 7, 5)]


def test_seats_owe_no_use():
    assert dues(a_cancellation(a_deal(), date(2026, 2, 15), now=at("2026-02-15")), "2026-02-15T10") == []


# ---------------------------------------------------------------- use of a time before its quote came


def test_use_that_an_amendment_brings_late_has_an_object_of_its_own_which_counts_from_its_first_day():
    now = at("2026-07-16T10")
    swap = (a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal(2)))
    for first in (date(2026, 7, 16), date(2026, 7, 1)):  # inside a cycle, and on a boundary
        late = a_change(both(), *swap, start_date=first, now=now)
        ours = next(t for t in tracks(late) if late.lines[-1].id in t.line_ids)
        assert (ours.key, ours.start, len(tracks(late))) == (f"{late.key}#2", first, 2)
    ahead = a_change(both(), *swap, start_date=date(2026, 8, 1), now=now)
    assert len(tracks(ahead)) == 1


def test_each_late_price_has_an_object_of_its_own():
    swap = (a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal(2)))
    twice = a_change(both(), *swap, start_date=date(2026, 7, 16), now=at("2026-07-16T10"))
    again = (a_usage(31, change="Remove"), a_usage(32, unit_price=Decimal(3)))
    twice = a_change(
        twice, *again, start_date=date(2026, 7, 20), now=at("2026-07-20T10"), id="0Q0AA0000000003AAA", number="00000044"
    )
    assert [t.start for t in tracks(twice)] == [date(2026, 1, 1), date(2026, 7, 16), date(2026, 7, 20)]


def test_cycles_that_were_over_when_the_object_was_made_are_ours_each_by_itself():
    deal = both(skip_past_invoices=False)
    (track,) = tracks(deal)
    (due,) = last_uses(track, deal, None, at("2026-03-05"), HOUR)
    assert [(one.start, one.end) for one in due.used] == [
        (date(2026, 1, 1), FEB), (FEB, date(2026, 3, 1)),
    ]  # fmt: skip
    assert (due.at, due.alone, due.key) == (at("2026-03-05T01"), False, f"{deal.key}:begun:use")
    # What the quote leaves out, and what a plan that the deal takes over was billed, is nobody's.
    skipped = a_deal(a_usage(2), skip_past_invoices=True, now=at("2026-03-05"))
    assert last_uses(tracks(skipped)[0], skipped, None, at("2026-03-05"), HOUR) == ()
    taken = replace(deal, takes="sub_1")
    assert last_uses(tracks(taken)[0], taken, None, at("2026-03-05"), HOUR) == ()
