"""A trial that ends early, because the deal was cancelled or taken off before it billed anything; and what was called off."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync import facts
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from tests.sync.deal.factory import EARLY, QUOTE_ID, a_cancellation, a_change, a_deal, a_fee, a_line
from tests.sync.desired.stripe_answers import StripeAnswers, verbs

FIRST_DAY = date(2026, 5, 1)
IN_THE_TRIAL = datetime(2026, 5, 10, 12, tzinfo=UTC)


def a_trial(**more: Any) -> tuple[Deal, StripeAnswers]:
    """A deal whose thirty free days run, made ahead, as it stands in Stripe."""
    deal, stripe = a_deal(start_date=FIRST_DAY, trial_days=30, **more), StripeAnswers()
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    stripe.change(schedule, status="active")
    assert not stripe.plan(deal, IN_THE_TRIAL)
    return deal, stripe


@pytest.mark.parametrize("term", [{"term_months": 12}, {"term_months": None, "auto_renew": True}])
def test_a_cancellation_in_the_trial_ends_it_on_its_day_and_nothing_follows(term: dict[str, Any]) -> None:
    deal, stripe = a_trial(**term)
    ended = a_cancellation(deal, date(2026, 5, 20))
    stripe.converge(ended, IN_THE_TRIAL)
    (schedule,) = stripe.of(facts.Schedule)
    assert [(p.start_s, p.end_s) for p in schedule.phases] == [(1777593600, 1779235200)]  # 1 May to 20 May
    assert schedule.end_behavior == "cancel"
    assert schedule.metadata["tandem_ends_on"] == "2026-05-20"
    earlier = a_cancellation(ended, date(2026, 5, 15), id="0Q0AA000000000aAAA", number="00000050")
    stripe.converge(earlier, IN_THE_TRIAL)
    assert stripe.of(facts.Schedule)[0].phases[-1].end_s == 1778803200  # 15 May
    assert not stripe.plan(earlier, IN_THE_TRIAL)


@pytest.mark.parametrize("day", [date(2026, 5, 5), FIRST_DAY])
def test_a_cancellation_from_a_day_of_the_trial_that_is_over_ends_it_at_once(day: date) -> None:
    deal, stripe = a_trial()
    plan = stripe.plan(a_cancellation(deal, day), IN_THE_TRIAL)
    assert verbs(plan)[-1] == "cancel schedule"


def test_a_trial_that_never_begins_is_cancelled_with_its_deal() -> None:
    deal, stripe = a_deal(start_date=FIRST_DAY, trial_days=30), StripeAnswers()
    stripe.converge(deal, EARLY)
    plan = stripe.plan(a_cancellation(deal, FIRST_DAY), EARLY)
    assert verbs(plan) == ["cancel schedule"]


def all_off(deal: Deal, **more: Any) -> Deal:
    """The deal after an Amendment that takes its ten seats off from the first billed day on."""
    return a_change(deal, a_line(31, quantity=Decimal(10), change="Remove"), start_date=deal.start, **more)


def test_a_trial_all_of_which_is_taken_off_runs_to_its_end_and_nothing_follows() -> None:
    """An Amendment, not a Cancellation: Stripe went on with what it had been told, and billed it."""
    deal, stripe = a_trial()
    gone = all_off(deal, now=IN_THE_TRIAL)
    stripe.converge(gone, IN_THE_TRIAL)
    (schedule,) = stripe.of(facts.Schedule)
    assert [(p.start_s, p.end_s) for p in schedule.phases] == [(1777593600, 1780185600)]  # 1 May to 31 May
    assert schedule.end_behavior == "cancel"
    assert not stripe.plan(gone, IN_THE_TRIAL)


def test_a_trial_that_was_called_off_is_left_as_it_is() -> None:
    """Its canceled schedule was taken for somebody's change by hand."""
    deal, stripe = a_deal(start_date=FIRST_DAY, trial_days=30), StripeAnswers()
    stripe.converge(deal, EARLY)
    ended = a_cancellation(deal, FIRST_DAY)
    stripe.converge(ended, EARLY)
    assert [schedule.status for schedule in stripe.of(facts.Schedule)] == ["canceled"]
    assert not stripe.plan(ended, EARLY)


def test_what_was_called_off_before_it_began_is_sold_again_on_a_schedule_of_its_own() -> None:
    deal, stripe = a_deal(start_date=FIRST_DAY), StripeAnswers()
    stripe.converge(deal, EARLY)
    gone = all_off(deal)
    stripe.converge(gone, EARLY)
    more = {"start_date": FIRST_DAY, "billing_frequency": "Monthly"}
    again = a_change(gone, a_line(41, quantity=Decimal(3)), id="0Q0AA000000000bAAA", number="00000051", **more)
    stripe.converge(again, EARLY)
    assert [(s.metadata["tandem_key"], s.status) for s in stripe.of(facts.Schedule)] == [
        (QUOTE_ID, "canceled"), (f"{QUOTE_ID}#2", "not_started"),
    ]  # fmt: skip
    assert not stripe.plan(again, EARLY)


def test_a_fee_stands_alone_when_all_that_was_sold_with_it_is_called_off() -> None:
    fee = a_fee(unit_price=Decimal("500.00"))
    deal = all_off(a_deal(a_line(), fee, start_date=FIRST_DAY))
    found = forecast(deal, EARLY)
    assert [(i.day, i.total, i.track) for i in found.invoices] == [(FIRST_DAY, 50_000, f"{QUOTE_ID}#once")]
