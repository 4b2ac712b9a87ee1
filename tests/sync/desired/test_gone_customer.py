"""A Cancellation of a deal whose customer was deleted in Stripe: what it owes, and what it says."""

from __future__ import annotations

from datetime import date

import pytest

from sync.desired.credits import Money, credits_due
from sync.desired.gone_customer import is_ended, owed_by, said
from sync.desired.made import made
from sync.facts import Invoice, Subscription
from tests.sync.deal.factory import a_cancellation, a_deal
from tests.sync.desired.stripe_answers import StripeAnswers
from tests.sync.desired.test_compared_deals import LATE, billed

GONE = "cus_1"


def deleted(stripe: StripeAnswers) -> StripeAnswers:
    """All of the customer is canceled, as Stripe leaves it."""
    for subscription in stripe.of(Subscription):
        stripe.change(subscription, status="canceled", ended_at_s=int(LATE.timestamp()))
    return stripe


def owed(day: date, credit: str = "Balance", given: tuple[str, ...] = ()) -> int:
    deal = a_cancellation(a_deal(), day, credit_policy=credit, proration_policy="Stripe")
    stripe = deleted(billed(a_deal(), LATE))
    [of_april] = stripe.of(Invoice)
    stripe.change(of_april, status="paid", amount_paid_minor=of_april.total_minor)
    money = Money(tuple(stripe.of(Invoice)))
    return owed_by(deal.changes[-1], deal, made(deal, stripe.facts.values()), money, given, LATE)


@pytest.mark.parametrize(
    ("day", "credit", "minor"),
    [
        (date(2026, 4, 5), "Balance", 86_667),  # 26 of the 30 days of April, which was billed at 1,000.00
        (date(2026, 4, 16), "Refund", 50_000),
        (date(2026, 4, 16), "None", 0),
        (date(2026, 5, 16), "Balance", 0),  # May was never billed
    ],
)
def test_what_was_billed_and_is_not_used_is_owed_by_the_policy_and_nothing_else(
    day: date, credit: str, minor: int
) -> None:
    assert owed(day, credit) == minor


def test_what_was_given_before_the_customer_was_deleted_is_not_owed_once_more() -> None:
    day = date(2026, 4, 16)
    deal = a_cancellation(a_deal(), day, proration_policy="Stripe")
    stripe = deleted(billed(a_deal(), LATE))
    [due] = [one for _, one in credits_due(deal, made(deal, stripe.facts.values()), LATE)]
    [invoice] = stripe.of(Invoice)
    assert owed(day, given=(f"creditnote:{due.key}:{invoice.id}",)) == 0


def test_only_a_cancellation_says_what_is_owed() -> None:
    deal = a_cancellation(a_deal(), date(2026, 4, 16))
    made_it, ends_it = deal.changes[0], deal.changes[-1]
    assert (is_ended(a_deal()), is_ended(deal)) == (False, True)
    assert "500.00 USD of what was invoiced is to be given back, not used from 16 Apr 2026 on" in said(
        ends_it, deal, GONE, 50_000
    )
    assert "nothing is to be given back" in said(ends_it, deal, GONE, 0)
    assert said(made_it, deal, GONE, 0).endswith("It was cancelled; nothing more is billed.")
    assert all(GONE in said(change, deal, GONE, 0) for change in deal.changes)
