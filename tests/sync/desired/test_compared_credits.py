"""What a deal had to give back against Stripe: credits that are missing, and those that somebody made void."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync.desired.compared_deals import deals_unlike
from sync.desired.differences import Cure, Kind
from sync.desired.keys import KEY, TAKEN_BY
from sync.facts import BalanceTransaction, CreditNote, Invoice, Subscription
from tests.sync.deal.factory import CHANGE_ID, QUOTE_ID, a_change, a_deal, a_line
from tests.sync.desired.stripe_answers import StripeAnswers
from tests.sync.desired.test_compared_deals import LATE, a_view, billed
from tests.sync.desired.test_takeover import PERIOD, invoice, plan

#: 2 of 10 seats at 100.00 a month are taken off on 5 April, after April was billed.
FEWER = a_change(a_deal(), a_line(21, quantity=Decimal(2), change="Remove"), start_date=date(2026, 4, 5))
CREDIT, AMOUNT = f"{QUOTE_ID}:{CHANGE_ID}:QLAA0000000021AAA:credit", 17_753


@pytest.fixture
def stripe() -> StripeAnswers:
    """The deal with fewer seats, whose credit was never made; its invoice is paid."""
    made = billed(FEWER, LATE)
    [of_april] = made.of(Invoice)
    made.change(of_april, status="paid", amount_paid_minor=400_000)
    return made


def note(stripe: StripeAnswers, **more: Any) -> CreditNote:
    [of_april] = stripe.of(Invoice)
    told = {"status": "issued", "amount_minor": AMOUNT, "currency": "usd", "number": "CN-1", **more}
    metadata = {KEY: f"{_credit_key()}:{of_april.id}"}
    return CreditNote(id="cn_1", customer="cus_0001", invoice=of_april.id, metadata=metadata, **told)


def _credit_key() -> str:
    """The natural key of the credit, as a comparison names it."""
    [found] = deals_unlike(a_view(billed(FEWER, LATE), FEWER, LATE))
    return found.record.rpartition(" ")[2].removesuffix(":balance")


def test_a_credit_that_was_never_made_is_told_and_is_made_by_the_next_run(stripe: StripeAnswers) -> None:
    [found] = deals_unlike(a_view(stripe, FEWER, LATE))

    assert (found.kind, found.subject, found.field, found.expected, found.actual) == (
        Kind.CREDIT, f"quote:{QUOTE_ID}", "credit note", "177.53 USD", "none",
    )  # fmt: skip
    assert (found.cure, found.actor, found.sum_minor) == (Cure.SAFE, "tandem", -AMOUNT)


def test_a_credit_note_that_somebody_made_void_is_a_persons_doing(stripe: StripeAnswers) -> None:
    [found] = deals_unlike(a_view(stripe, FEWER, LATE, notes=[note(stripe, status="void")]))

    assert (found.kind, found.record, found.actual, found.cure, found.actor) == (
        Kind.CREDIT, "cn_1", "CN-1 is void", Cure.PERSON, "outside",
    )  # fmt: skip


def test_a_credit_that_stands_is_no_difference_wherever_it_stands(stripe: StripeAnswers) -> None:
    moved = BalanceTransaction(
        id="cbtxn_1",
        customer="cus_0001",
        amount_minor=-AMOUNT,
        currency="usd",
        metadata={KEY: f"{_credit_key()}:balance"},
    )

    assert deals_unlike(a_view(stripe, FEWER, LATE, notes=[note(stripe)])) == []
    assert deals_unlike(a_view(stripe, FEWER, LATE, balances=[moved])) == []
    part = moved.model_copy(update={"amount_minor": -10_000})
    [found] = deals_unlike(a_view(stripe, FEWER, LATE, balances=[part]))
    assert found.expected == "77.53 USD"


def test_a_credit_of_a_day_to_come_is_not_missed() -> None:
    before = datetime(2026, 4, 3, tzinfo=UTC)

    assert deals_unlike(a_view(billed(FEWER, before), FEWER, before)) == []


def test_a_plan_that_runs_beside_the_deal_that_took_it_over_is_told() -> None:
    deal, now = a_deal(start_date=date(2026, 6, 25)), datetime(2026, 6, 25, 3, tzinfo=UTC)
    stripe = billed(deal, now)
    taken = plan(customer="cus_0001", metadata={TAKEN_BY: QUOTE_ID})
    kept = invoice(customer="cus_0001", amount=0)
    view = {"subscriptions": [*stripe.of(Subscription), taken], "invoices": [*stripe.of(Invoice), kept]}

    [found] = [d for d in deals_unlike(a_view(stripe, deal, now, **view)) if d.kind is Kind.TWO_LIVE]

    assert (found.record, found.expected, found.actual) == (
        "sub_web", "ended on 2026-06-25, when the deal began", "active",
    )  # fmt: skip
    assert (found.mrr_minor, found.cure) == (19_500, Cure.PERSON)
    soon = datetime(2026, 6, 25, 1, tzinfo=UTC)
    assert [d for d in deals_unlike(a_view(stripe, deal, soon, **view)) if d.kind is Kind.TWO_LIVE] == []
    ended = taken.model_copy(update={"status": "canceled"})
    over = {**view, "subscriptions": [*stripe.of(Subscription), ended]}
    assert [d for d in deals_unlike(a_view(stripe, deal, now, **over)) if d.kind is Kind.TWO_LIVE] == []


def test_what_a_plan_had_billed_ahead_is_missed_until_it_is_given_back() -> None:
    deal, now = a_deal(start_date=date(2026, 6, 25)), datetime(2026, 6, 27, tzinfo=UTC)
    stripe = billed(deal, now)
    taken = plan(customer="cus_0001", status="canceled", metadata={TAKEN_BY: QUOTE_ID})
    of_plan = invoice(customer="cus_0001", period=PERIOD)
    view = {"subscriptions": [*stripe.of(Subscription), taken], "invoices": [*stripe.of(Invoice), of_plan]}

    [missing] = deals_unlike(a_view(stripe, deal, now, **view))

    assert (missing.kind, missing.expected, missing.cure) == (Kind.CREDIT, "97.50 USD", Cure.SAFE)
    key = {KEY: missing.record.rpartition(" ")[2]}
    given = BalanceTransaction(id="cbtxn_1", customer="cus_0001", amount_minor=-9_750, currency="usd", metadata=key)
    assert deals_unlike(a_view(stripe, deal, now, **view, balances=[given])) == []
