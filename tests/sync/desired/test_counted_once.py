"""Use is billed once: what a quote sells by use is counted by nothing else of the customer at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.deal.calendar import seconds
from sync.deal.deal import Deal
from sync.desired.counted_once import check_counted_once, counted_beside
from sync.desired.counting import counted_in_stripe
from sync.desired.keys import DEAL, TAKEN_BY, TERM_END
from sync.desired.last_use import uses_of
from sync.desired.takeover import Takeover
from sync.errors import Refusal
from sync.facts import Fact, Item, Meter, Phase, PhaseItem, Price, Schedule, Subscription
from tests.sync.deal.deals import at
from tests.sync.deal.factory import (
    OTHER,
    OTHER_ID,
    PRODUCTS,
    QUOTE_ID,
    USE,
    USE_ID,
    a_cancellation,
    a_change,
    a_deal,
    a_line,
    a_renewal,
    a_usage,
)

NOW = at("2025-12-10")
METER = Meter(id="mtr_1", event_name="resolution")
FIRST = "0Q0AA0000000007AAA"
CALLS = replace(USE, id=OTHER_ID, name="Calls", meter_event="call")


def other_deal(*lines: Any, **quote: Any) -> Deal:
    return a_deal(*(lines or (a_usage(),)), id=FIRST, number="00000007", **quote)


def plan(starts: str, ends: str | None = None, *, more: Mapping[str, Any] | None = None, **price: Any) -> Subscription:
    told = {"id": "price_1", "product": "prod_x", "currency": "usd", "usage_type": "metered", "meter": "mtr_1"}
    return Subscription(
        id="sub_1", start_date_s=seconds(at(starts)), ended_at_s=seconds(at(ends)) if ends else None,
        items=(Item(price=Price(**{**told, **price})),), **(more or {}),
    )  # fmt: skip


def found(
    deal: Deal, *objects: Fact, others: tuple[Deal, ...] = (), taking: Takeover | None = None, now: Any = NOW
) -> tuple[Refusal, ...]:
    by_key = {other.key: other for other in others}
    beside = counted_beside(deal, objects, by_key, taking, (METER,), now)
    return check_counted_once(deal, deal.changes[-1], beside, now)


def codes(*args: Any, **more: Any) -> list[str]:
    return [refusal.code for refusal in found(*args, **more)]


def test_two_deals_that_count_the_same_use_at_one_time_are_refused_by_name_and_days() -> None:
    deal = a_deal(a_line(1), a_usage(2), start_date=date(2026, 4, 1))
    [told] = found(deal, others=(other_deal(),))
    assert (told.code, told.record_id, told.field) == ("DATA-237", a_usage(2).id, "Start_Date__c")
    assert "Resolutions would be billed twice: Quote 00000007 counts it too" in told.message
    assert 'counts "resolution" from 1 Apr 2026 to 31 Dec 2026, and Quote 00000007 counts' in told.message
    assert "set its Start_Date__c to 1 Jan 2027 or end the other first or count it by a Meter_Event__c" in told.message
    assert {QUOTE_ID, FIRST, USE_ID} <= {*told.blocked_on}
    [told] = found(a_deal(a_usage()), others=(other_deal(start_date=date(2026, 4, 1)),))
    assert "set its End_Date__c to 31 Mar 2026" in told.message
    [told] = found(
        a_deal(a_usage(), term_months=None, auto_renew=True), others=(other_deal(term_months=None, auto_renew=True),)
    )
    assert "from 1 Jan 2026 on," in told.message


def test_what_follows_one_another_or_has_another_meter_is_fine() -> None:
    until_march = other_deal(term_months=3)
    deal = a_deal(a_usage(), start_date=date(2026, 4, 1))
    assert codes(deal, others=(until_march,)) == []
    assert codes(a_deal(a_usage(), term_months=3), others=(other_deal(start_date=date(2026, 4, 1)),)) == []
    assert codes(deal, others=(a_cancellation(other_deal(), date(2026, 4, 1)),)) == []
    assert codes(deal, others=(other_deal(a_line(1)),)) == [], "seats count nothing"
    by_call = other_deal(a_usage(product_id=OTHER_ID), products=(*PRODUCTS[:3], CALLS))
    assert codes(deal, others=(by_call,)) == []
    assert codes(a_renewal(until_march, a_usage(3), term_months=12), others=(until_march,)) == []
    assert (
        codes(a_deal(a_usage(end_date=date(2026, 3, 31)), a_line(1)), others=(other_deal(start_date=date(2026, 4, 1)),))
        == []
    )


def test_a_renewal_before_an_amendment_took_the_line_off_is_refused_and_after_it_not() -> None:
    old = other_deal(a_line(1), a_usage(2))
    gone = a_change(old, a_usage(22, change="Remove"), start_date=date(2026, 7, 1))
    deal = a_deal(a_usage(), start_date=date(2026, 7, 1))
    assert (codes(deal, others=(old,)), codes(deal, others=(gone,))) == (["DATA-237"], [])


def test_only_what_the_quote_itself_brings_is_held_against_the_others() -> None:
    deal = a_deal(a_line(1), a_usage(2))
    seats = a_change(deal, a_line(21))
    assert codes(seats, plan("2026-02-01")) == [], "the use was there before"
    mine = plan("2026-01-01", more={"metadata": {DEAL: deal.key}})
    swap = a_change(
        deal, a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal("0.79"), billing_frequency="Monthly")
    )
    assert codes(swap, mine) == [], "its own objects"
    more = a_change(a_deal(a_line(1)), a_usage(21, billing_frequency="Monthly"))
    [told] = found(more, plan("2026-02-01"))
    assert "from 1 Jul 2026 to 31 Dec 2026, and sub_1 in Stripe counts" in told.message
    assert "End_Date__c" not in told.message, "an Amendment ends with its deal"
    assert "sub_1" in told.blocked_on


def test_a_plan_that_the_deal_takes_over_ends_when_it_begins() -> None:
    deal, here = a_deal(a_usage()), plan("2025-06-01", more={"status": "active"})
    taking = Takeover(deal, deal.boundary(deal.opens), (here,))
    assert (codes(deal, here, taking=taking), codes(deal, here)) == ([], ["DATA-237"])
    marked = here.model_copy(update={"metadata": {TAKEN_BY: FIRST}})
    first = Schedule(id="sub_sched_1", status="not_started", metadata={DEAL: FIRST}, phases=(
        Phase(start_s=seconds(at("2026-01-01")), end_s=seconds(at("2027-01-01")), items=(PhaseItem(price="price_2"),)),
    ))  # fmt: skip
    assert codes(deal, marked, first, others=(other_deal(a_line(1)),)) == [], "another deal takes it over that day"
    assert codes(deal, marked, others=()) == ["DATA-237"]


def test_a_plan_counts_until_the_end_that_is_planned_for_it() -> None:
    deal = a_deal(a_usage())
    ends = {"cancel_at_s": seconds(at("2026-01-01"))}
    assert codes(deal, plan("2025-06-01", more=ends)) == []
    later = {"cancel_at_s": seconds(at("2026-01-01T01"))}
    [told] = found(deal, plan("2025-06-01", more=later))
    assert "from 1 Jan 2026 to 1 Jan 2026" in told.message
    assert "set its Start_Date__c to 2 Jan 2026" in told.message
    assert codes(deal, plan("2025-06-01", more={"status": "incomplete_expired"})) == []


def test_what_somebody_let_go_of_its_schedule_counts_on_after_the_signed_term() -> None:
    sub = plan("2025-01-01", more={"status": "active", "metadata": {DEAL: FIRST, TERM_END: "2026-01-01"}})
    released = Schedule(id="sub_sched_1", status="released", end_behavior="cancel", released_subscription="sub_1")
    [one] = counted_in_stripe([sub, released], {})
    assert (one.owner, one.from_s, one.until_s) == ("sub_1", seconds(at("2026-01-01")), None)
    old = other_deal(start_date=date(2025, 1, 1))
    assert codes(a_renewal(old, a_usage(3), term_months=12), sub, released, others=(old,)) == ["DATA-237"]


def test_a_deal_that_somebody_ended_in_stripe_counts_no_longer_than_its_objects_ran() -> None:
    ended = plan("2026-01-01", "2026-03-15", more={"status": "canceled", "metadata": {DEAL: FIRST}})
    waits = Schedule(id="sub_sched_1", status="not_started", metadata={DEAL: FIRST})
    deal = a_deal(a_usage(), start_date=date(2026, 4, 1))
    assert codes(deal, ended, others=(other_deal(),)) == []
    assert codes(deal, ended, waits, others=(other_deal(),)) == ["DATA-237"]


def test_two_products_of_one_deal_that_count_the_same_event_are_refused() -> None:
    same = (*PRODUCTS[:3], replace(OTHER, charge_type="Usage", meter_event="resolution"))
    [told] = found(a_deal(a_usage(1), a_usage(2, product_id=OTHER_ID), products=same))
    assert told.record_id == a_usage(2).id
    assert "and Resolutions on Quote 00000042 counts" in told.message
    then = a_usage(2, product_id=OTHER_ID, start_date=date(2026, 7, 1))
    assert codes(a_deal(a_usage(1, end_date=date(2026, 6, 30)), then, products=same)) == []
    more = a_change(a_deal(a_usage(1)), a_usage(21, product_id=OTHER_ID, billing_frequency="Monthly"), products=same)
    assert codes(more) == ["DATA-237"]


def test_use_of_a_deal_that_is_over_is_not_billed_where_another_counted_it() -> None:
    now = at("2026-05-10")
    deal = a_deal(a_usage(), term_months=2, now=now)
    for there in (plan("2026-02-15"), plan("2025-02-15", "2026-01-02")):
        assert codes(deal, there, now=now) == ["DATA-237"]
    for there in (plan("2026-03-01"), plan("2025-02-15", "2026-01-01"), plan("2026-02-15", meter="mtr_2")):
        assert codes(deal, there, now=now) == []
    assert codes(deal, plan("2026-02-15", usage_type="licensed"), now=now) == []
    assert codes(deal, others=(other_deal(term_months=2),), now=now) == ["DATA-237"], "both stand on invoices alone"

    [told] = found(deal, plan("2026-01-20", "2026-02-10T08"), now=now)
    assert (
        "Leave out the line or set its End_Date__c to 19 Jan 2026 or set its Start_Date__c to 11 Feb 2026."
        in told.message
    )
    ways: tuple[dict[str, Any], ...] = ({"end_date": date(2026, 1, 19)}, {"start_date": date(2026, 2, 11)})
    for days in ways:
        kept = a_deal(a_line(1), a_usage(**days), term_months=2, now=now)
        assert codes(kept, plan("2026-01-20", "2026-02-10T08"), now=now) == []
        assert len(uses_of(kept, {}, now, timedelta(hours=1))) == 1
    [told] = found(deal, plan("2025-01-20"), now=now)
    assert "Leave out the line." in told.message


@pytest.mark.parametrize(("skip", "found_codes"), [(True, []), (False, ["DATA-237"])])
def test_what_is_left_out_of_a_start_in_the_past_is_not_counted_twice(skip: bool, found_codes: list[str]) -> None:
    now = at("2026-04-10")
    deal = a_deal(a_usage(), start_date=date(2026, 2, 1), skip_past_invoices=skip, now=now)
    assert codes(deal, plan("2025-01-01", "2026-03-15"), now=now) == found_codes


def test_days_are_those_of_the_zone_also_west_of_utc_in_summer() -> None:
    west = replace(a_deal(a_usage(), start_date=date(2026, 6, 1)), timezone="America/Los_Angeles")
    old = replace(other_deal(term_months=6), timezone="America/Los_Angeles")  # until 30 June
    [told] = found(west, others=(old,))
    assert "from 1 Jun 2026 to 30 Jun 2026" in told.message
    assert "set its Start_Date__c to 1 Jul 2026" in told.message
    assert (
        codes(replace(a_deal(a_usage(), start_date=date(2026, 7, 1)), timezone="America/Los_Angeles"), others=(old,))
        == []
    )
