"""A trial that ends early, because the deal was cancelled before it billed anything."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from sync import facts
from sync.deal.deal import Deal
from tests.sync.deal.factory import EARLY, a_cancellation, a_deal
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
