"""Deals as signed against Stripe as it is: each kind of difference alone, and none where all agrees."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync import facts
from sync.crm import CrmAccount
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.desired.compared_deals import deals_unlike
from sync.desired.compared_loose import account_gone
from sync.desired.compared_view import DealsView, QuoteState
from sync.desired.differences import Cure, Difference, Kind, by_kind
from sync.desired.keys import DEAL, KEY
from tests.sync.deal.factory import ACCOUNT_ID, EARLY, QUOTE_ID, a_change, a_deal, a_fee, a_line, a_quote
from tests.sync.desired.stripe_answers import StripeAnswers

LATE = datetime(2026, 4, 10, 10, tzinfo=UTC)
LIVE = QuoteState(pending=False)


def a_view(stripe: StripeAnswers, deal: Deal, now: datetime, **more: Any) -> DealsView:
    """One Account with this deal, taken in, linked, and as Stripe has it."""
    objects = [*stripe.of(facts.Subscription), *stripe.of(facts.Schedule)]
    known: dict[str, Any] = {
        "quotes": [a_quote()],
        "deals": {deal.key: deal},
        "billed": frozenset(change.quote_id for change in deal.changes),
        "states": {QUOTE_ID: LIVE},
        "links": frozenset({f"customer:{ACCOUNT_ID}", *(f"{o.KIND}:{o.metadata.get(KEY)}" for o in objects)}),
        "customers": stripe.of(facts.Customer),
        "subscriptions": stripe.of(facts.Subscription),
        "schedules": stripe.of(facts.Schedule),
        "invoices": stripe.of(facts.Invoice),
        "prices": {p.id: p for p in stripe.of(facts.Price)},
        "coupons": {c.id: c for c in stripe.of(facts.Coupon)},
        "notes": stripe.of(facts.CreditNote),
        "balances": stripe.of(facts.BalanceTransaction),
    }
    return DealsView(ACCOUNT_ID, "UTC", now, BillingPolicy(), **{**known, **more})


def billed(deal: Deal, now: datetime) -> StripeAnswers:
    stripe = StripeAnswers()
    stripe.converge(deal, now)
    return stripe


def the_difference(view: DealsView) -> Difference:
    [found] = deals_unlike(view)
    assert (found.account_id, found.subject) == (ACCOUNT_ID, f"quote:{QUOTE_ID}")
    return found


@pytest.mark.parametrize("now", [EARLY, LATE])
@pytest.mark.parametrize(
    "deal",
    [
        a_deal(),
        a_deal(a_line(), a_fee()),
        a_deal(a_line(discount_percent=Decimal(15)), billing_day=15),
        a_deal(term_months=None, auto_renew=True),
        a_change(a_deal()),
    ],
    ids=["plain", "with a fee", "discounted, on a billing day", "evergreen", "amended"],
)
def test_a_world_that_agrees_has_no_difference(deal: Deal, now: datetime) -> None:
    assert deals_unlike(a_view(billed(deal, now), deal, now)) == []


def test_a_deal_that_goes_on_with_the_former_payer_of_its_account_is_no_difference() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    payers = [facts.Customer(id="cus_who_pays_from_now_on"), *stripe.of(facts.Customer)]

    assert deals_unlike(a_view(stripe, deal, LATE, customers=payers)) == []


def test_a_quantity_lowered_by_hand_says_what_it_makes_of_mrr() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    _with_seats(stripe, 8)

    found = the_difference(a_view(stripe, deal, LATE))

    assert (found.kind, found.field, found.expected, found.actual) == (
        Kind.CHANGED_IN_STRIPE, "quantity of Pro", "10", "8",
    )  # fmt: skip
    assert (found.mrr_minor, found.currency, found.actor, found.cure) == (-20_000, "USD", "outside", Cure.PERSON)


def test_seats_of_an_endless_subscription_are_held_against_its_items() -> None:
    deal = a_deal(term_months=None, auto_renew=True)
    stripe = billed(deal, LATE)
    [subscription] = stripe.of(facts.Subscription)
    assert subscription.schedule is None
    _with_seats(stripe, 12)

    found = the_difference(a_view(stripe, deal, LATE))

    assert (found.kind, found.expected, found.actual, found.mrr_minor) == (Kind.CHANGED_IN_STRIPE, "10", "12", 20_000)


def test_a_later_phase_changed_by_hand_is_named_as_a_person_would() -> None:
    deal = a_change(a_deal())
    stripe = billed(deal, EARLY)
    [schedule] = stripe.of(facts.Schedule)
    fewer = schedule.phases[1].items[0].model_copy(update={"quantity": 11})
    changed = schedule.phases[1].model_copy(update={"items": (fewer,)})
    stripe.change(schedule, phases=(schedule.phases[0], changed))

    found = the_difference(a_view(stripe, deal, EARLY))

    assert (found.kind, found.field, found.expected, found.actual) == (
        Kind.CHANGED_IN_STRIPE, "phases 2, items 1, quantity", "15", "11",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paused": True}, ("runs", "paused")),
        ({"status": "canceled"}, ("runs", "canceled")),
        ({"cancel_at_s": 1780272000}, ("runs", "ends on 2026-06-01")),
    ],
)
def test_a_status_that_the_contract_does_not_know_is_told(changes: dict[str, Any], words: tuple[str, str]) -> None:
    deal = a_deal(term_months=None, auto_renew=True)
    stripe = billed(deal, LATE)
    [subscription] = stripe.of(facts.Subscription)
    stripe.change(subscription, **changes)

    found = the_difference(a_view(stripe, deal, LATE))

    assert (found.kind, (found.expected, found.actual)) == (Kind.STATUS, words)


def test_a_late_payment_is_no_difference() -> None:
    deal = a_deal(term_months=None, auto_renew=True)
    stripe = billed(deal, LATE)
    [subscription] = stripe.of(facts.Subscription)
    stripe.change(subscription, status="past_due")

    assert deals_unlike(a_view(stripe, deal, LATE)) == []


def test_a_subscription_that_outlives_its_deal_is_told() -> None:
    deal = a_deal(start_date=date(2026, 1, 1), term_months=3)
    stripe = billed(deal, datetime(2026, 2, 10, tzinfo=UTC))
    [schedule] = stripe.of(facts.Schedule)
    stripe.change(schedule, status="completed")

    found = the_difference(a_view(stripe, deal, LATE))

    assert (found.kind, found.expected) == (Kind.STATUS, "ended on 2026-04-01")


def test_two_live_subscriptions_of_one_deal_are_told_once() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    [subscription] = stripe.of(facts.Subscription)
    again = subscription.model_copy(
        update={"id": "sub_again", "schedule": None, "created_s": subscription.created_s + 9}
    )

    found = the_difference(a_view(stripe, deal, LATE, subscriptions=[again, subscription]))

    assert (found.kind, found.record, found.mrr_minor) == (Kind.TWO_LIVE, f"{subscription.id}, sub_again", 100_000)


def test_what_runs_for_a_quote_that_nobody_signed_is_told_and_what_ended_is_not() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    [subscription] = stripe.of(facts.Subscription)
    stranger = subscription.model_copy(
        update={"id": "sub_x", "schedule": None, "metadata": {DEAL: "0Q0X", KEY: "0Q0X"}}
    )
    ended = stranger.model_copy(update={"id": "sub_y", "status": "canceled", "metadata": {DEAL: "0Q0Y", KEY: "0Q0Y"}})

    [found] = deals_unlike(a_view(stripe, deal, LATE, subscriptions=[subscription, stranger, ended]))

    assert (found.kind, found.subject, found.record) == (Kind.SUBSCRIPTION_WITHOUT_DEAL, "quote:0Q0X", "sub_x")


def test_a_deal_whose_quote_is_signed_no_more_is_told() -> None:
    deal = a_deal()

    found = the_difference(a_view(billed(deal, LATE), deal, LATE, quotes=[]))

    assert found.kind is Kind.SUBSCRIPTION_WITHOUT_DEAL
    assert found.actual.endswith("is signed no more")


@pytest.mark.parametrize(
    ("state", "cure"),
    [(None, Cure.SAFE), (QuoteState(False), Cure.SAFE), (QuoteState(False, "DATA-201", 1000, "USD"), Cure.PERSON)],
)
def test_a_signed_quote_that_nothing_bills_is_told(state: QuoteState | None, cure: Cure) -> None:
    states = {QUOTE_ID: state} if state else {}
    view = DealsView(ACCOUNT_ID, "UTC", LATE, BillingPolicy(), quotes=[a_quote()], states=states)

    found = the_difference(view)

    assert (found.kind, found.cure) == (Kind.DEAL_WITHOUT_SUBSCRIPTION, cure)


@pytest.mark.parametrize("state", [QuoteState(pending=True), QuoteState(False, "DATA-229")])
def test_a_quote_that_is_being_worked_on_or_waits_since_before_the_start_is_no_difference(state: QuoteState) -> None:
    view = DealsView(ACCOUNT_ID, "UTC", LATE, BillingPolicy(), quotes=[a_quote()], states={QUOTE_ID: state})

    assert deals_unlike(view) == []


def test_a_promised_deal_of_which_stripe_has_nothing_waits_for_a_person() -> None:
    deal = a_deal()

    found = the_difference(a_view(StripeAnswers(), deal, LATE, links=frozenset()))

    assert (found.kind, found.cure, found.sum_minor) == (Kind.DEAL_WITHOUT_SUBSCRIPTION, Cure.PERSON, 1_200_000)


def test_an_amount_that_was_to_be_stated_and_was_not_is_not_brought_about() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)

    found = the_difference(a_view(stripe, deal, LATE, invoices=[]))

    assert (found.kind, found.cure, found.actor) == (Kind.NOT_DONE, Cure.SAFE, "tandem")


def test_an_invoice_of_ours_that_has_another_sum_is_told() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    [invoice] = stripe.of(facts.Invoice)
    stripe.change(invoice, status="open", subtotal_minor=invoice.subtotal_minor + 777)

    found = the_difference(a_view(stripe, deal, LATE))

    assert (found.kind, found.record, found.cure) == (Kind.AMOUNT, invoice.id, Cure.PERSON)


def test_lost_links_are_told_with_what_they_were() -> None:
    deal = a_deal()
    stripe = billed(deal, EARLY)
    [schedule] = stripe.of(facts.Schedule)

    found = deals_unlike(a_view(stripe, deal, EARLY, links=frozenset()))

    assert [(d.kind, d.field, d.record) for d in found] == [
        (Kind.LINK_MISSING, f"customer:{ACCOUNT_ID}", stripe.of(facts.Customer)[0].id),
        (Kind.LINK_MISSING, f"schedule:{QUOTE_ID}", schedule.id),
    ]


def test_differences_are_summed_by_kind_and_stay_themselves_as_json() -> None:
    deal = a_deal()
    stripe = billed(deal, LATE)
    _with_seats(stripe, 8)
    found = the_difference(a_view(stripe, deal, LATE))

    assert Difference.from_json(found.to_json()) == found
    [summed] = by_kind([found])
    assert (summed.count, summed.open, summed.mrr) == (1, 1, {"USD": -20_000})
    _with_seats(stripe, 7)
    assert the_difference(a_view(stripe, deal, LATE)).fingerprint != found.fingerprint


def _with_seats(stripe: StripeAnswers, seats: int) -> None:
    """As the Dashboard does it: the item, and the phase that runs."""
    [subscription] = stripe.of(facts.Subscription)
    items = tuple(i.model_copy(update={"quantity": seats}) for i in subscription.items)
    stripe.change(subscription, items=items)
    for schedule in stripe.of(facts.Schedule):
        phase = schedule.phases[-1]
        fewer = tuple(i.model_copy(update={"quantity": seats}) for i in phase.items)
        stripe.change(schedule, phases=(*schedule.phases[:-1], phase.model_copy(update={"items": fewer})))


def test_what_runs_for_an_account_that_is_gone_is_told_with_what_it_is_worth() -> None:
    deal = a_deal(a_line())
    view = a_view(billed(deal, LATE), deal, LATE)
    [found] = account_gone(view)
    assert (found.kind, found.cure, found.actual) == (
        Kind.SUBSCRIPTION_WITHOUT_DEAL,
        Cure.PERSON,
        "the Account is gone",
    )
    assert (found.currency, found.mrr_minor) == ("USD", round(view.monthly(view.subscriptions)))
    assert found.mrr_minor
    assert account_gone(replace(view, subscriptions=[], schedules=[])) == []


def test_a_quote_that_stripe_bills_for_a_store_that_is_gone_is_not_called_unbilled() -> None:
    deal = a_deal(a_line())
    stripe = billed(deal, LATE)
    lost = a_view(stripe, deal, LATE, deals={}, billed=frozenset(), states={})
    [found] = [d for d in deals_unlike(lost) if d.kind is not Kind.LINK_MISSING]
    assert (found.kind, found.cure, found.sum_minor) == (Kind.NOT_DONE, Cure.SAFE, None)
    assert found.actual.startswith("Stripe bills it")
    never = a_view(StripeAnswers(), deal, LATE, deals={}, billed=frozenset(), states={})
    assert [d.kind for d in deals_unlike(never)] == [Kind.DEAL_WITHOUT_SUBSCRIPTION]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, {"name", "email"}),
        ({"account": CrmAccount(ACCOUNT_ID, "Acme")}, {"name"}),  # each quote may say another e-mail
        ({"states": {QUOTE_ID: QuoteState(pending=False, code="DATA-219")}}, set()),  # its run writes nothing
        ({"quotes": []}, None),  # signed no more
        ({"account": None}, set()),
    ],
)
def test_whom_the_customer_names_is_held_against_the_account(more: dict[str, Any], told: set[str] | None) -> None:
    deal = a_deal(a_line())
    stripe = billed(deal, LATE)
    renamed = [c.model_copy(update={"name": "Other", "email": "x@x.example"}) for c in stripe.of(facts.Customer)]
    account = CrmAccount(ACCOUNT_ID, "Acme", billing_email="ap@acme.example")
    found = deals_unlike(a_view(stripe, deal, LATE, **{"customers": renamed, "account": account, **more}))
    assert {d.field for d in found if d.kind is Kind.FIELD} == (told or set())
    assert {d.cure for d in found if d.kind is Kind.FIELD} <= {Cure.SAFE}
