"""Deals of one-time lines only, which no Stripe object carries."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sync.deal.forecast import forecast
from sync.desired.contracts import contracts
from sync.desired.explain_deal import explain_deal
from sync.desired.made import begun
from sync.desired.made import made as made_of
from sync.desired.past_deals import alone, standing_alone
from sync.desired.preview import preview
from sync.desired.quote_status import QuoteView, Shown
from sync.desired.subscription import desire
from sync.desired.takeover import check_takeover, taken_over
from sync.desired.worth import Terms
from sync.facts import Invoice, Schedule, Subscription
from sync.records import Ref, Verb
from tests.sync.deal.factory import CHANGE_ID, EARLY, QUOTE_ID, a_cancellation, a_change, a_deal, a_fee, a_line
from tests.sync.desired.stripe_answers import StripeAnswers

ON_THE_DAY = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_FEE = f"{QUOTE_ID}#once:{QUOTE_ID}:2026-01-01"


def a_service(*lines: Any, **quote: Any) -> Any:
    terms = {"term_months": None, "billing_frequency": None, "days_until_due": 30}
    return a_deal(*(lines or (a_fee(),)), **{**terms, **quote})


def amounts(wanted: Any) -> list[int]:
    return [one.create["amount"] for one in wanted.objects if one.ref.kind == "invoiceitem"]


def test_each_day_is_an_invoice_of_its_own_and_lines_that_agree_are_one_item():
    later = a_fee(3, start_date=date(2026, 3, 1), unit_price=Decimal("0.05"), discount_percent=Decimal(10))
    deal = a_service(a_fee(1), a_fee(2), later, replace(later, id="0QLAA0000000004AAA"))
    assert (deal.end, forecast(deal, EARLY).total) == (date(2026, 3, 2), 500_000 + 9)  # 10 cents less 10 %, not twice 5
    assert desire(deal, EARLY).objects == ()
    assert desire(deal, EARLY).wake_at == ON_THE_DAY
    assert amounts(desire(deal, ON_THE_DAY)) == [500_000]
    assert amounts(desire(deal, datetime(2026, 3, 1, tzinfo=UTC))) == [500_000, 9]
    stripe = StripeAnswers()
    stripe.converge(deal, datetime(2026, 3, 1, tzinfo=UTC))
    assert not stripe.plan(deal, datetime(2027, 3, 1, tzinfo=UTC))


def test_the_preview_says_what_is_charged_on_which_day():
    text = preview(a_service(), forecast(a_service(), EARLY), None).text
    assert text.splitlines()[0] == "READY  Acme Ltd: charged once, no subscription, on 1 Jan 2026, Net 30"
    assert "1 × Implementation at 2,500.00 USD, once: 2,500.00 USD, on 1 Jan 2026" in text


def test_what_is_free_makes_no_invoice():
    free = a_service(a_fee(unit_price=Decimal(0)))
    assert (desire(free, ON_THE_DAY).objects, forecast(free, EARLY).invoices) == ((), ())


def test_a_term_on_the_quote_is_the_deals_and_a_trial_comes_first():
    assert a_service(term_months=12).end == date(2027, 1, 1)
    assert [i.day for i in forecast(a_service(trial_days=14), EARLY).invoices] == [date(2026, 1, 15)]


def test_a_cancellation_takes_back_what_is_to_come_and_nothing_that_was_charged():
    deal = a_service(a_fee(1), a_fee(2, start_date=date(2026, 3, 1)))
    ended = a_cancellation(deal, date(2026, 2, 1))
    made = forecast(ended, EARLY)
    assert ([(i.day, i.total) for i in made.invoices], made.credits) == ([(date(2026, 1, 1), 250_000)], ())
    assert forecast(a_cancellation(deal, date(2026, 1, 1)), EARLY).invoices == ()


def test_an_amendment_adds_charges():
    changed = a_change(a_service(term_months=12), a_fee(21, unit_price=Decimal(80)))
    assert [(i.day, i.total) for i in forecast(changed, EARLY).invoices][1:] == [(date(2026, 7, 1), 8_000)]


def test_recurring_lines_of_an_amendment_open_its_first_stripe_object_and_move_no_charge():
    stripe, deal = StripeAnswers(), a_service(a_fee(1), a_fee(2, start_date=date(2026, 9, 1)), term_months=12)
    in_may = datetime(2026, 5, 4, tzinfo=UTC)
    stripe.converge(deal, in_may)
    lines = [a_line(21, quantity=Decimal(5)), a_fee(22, unit_price=Decimal(80))]
    changed = a_change(deal, *lines, accepted_at=in_may, billing_frequency="Monthly")
    stripe.converge(changed, in_may)
    [schedule] = stripe.of(Schedule)
    assert schedule.metadata["tandem_key"] == QUOTE_ID
    made = forecast(changed, in_may, begun(changed, made_of(changed, stripe.facts.values())))
    assert [(i.day.month, i.total) for i in made.invoices if i.stated] == [(1, 250_000), (7, 8_000), (9, 250_000)]
    assert [(i.day.month, i.total) for i in made.invoices if not i.stated] == [(m, 50_000) for m in range(7, 13)]
    assert (made.rest, made.total) == (0, 250_000 + 8_000 + 250_000 + 300_000)


@pytest.mark.parametrize(
    ("now", "status"), [("2025-12-20", "Scheduled"), ("2026-02-01", "Active"), ("2027-01-01", "Scheduled")]
)
def test_its_row_runs_from_its_own_first_day_on_before_what_was_added(now: str, status: str) -> None:
    stripe, at = StripeAnswers(), datetime.fromisoformat(f"{now}T10:00Z")
    changed = a_change(a_service(term_months=12), a_line(21, quantity=Decimal(5)), billing_frequency="Monthly")
    stripe.converge(changed, EARLY)
    [schedule] = stripe.of(Schedule)
    [row] = contracts([], [schedule], Terms({}, {}, "UTC", at))
    assert (row.status, row.start, row.end) == (status, date(2026, 1, 1), date(2026, 12, 31))
    [gone] = contracts([], [schedule.model_copy(update={"status": "canceled"})], Terms({}, {}, "UTC", at))
    assert gone.status == ("Active" if status == "Active" else "Canceled"), "taken off before it began"


@pytest.mark.parametrize("accepted", ["2026-05-04", "2026-09-20", "2027-03-01"])
@pytest.mark.parametrize("policy", ["Signed", "Stripe", "None"])
def test_what_was_added_is_billed_whenever_it_comes(accepted: str, policy: str) -> None:
    stripe, deal, at = StripeAnswers(), a_service(term_months=12), datetime.fromisoformat(f"{accepted}T10:00Z")
    stripe.converge(deal, ON_THE_DAY)
    changed = a_change(
        deal, a_line(21), now=at, accepted_at=at, start_date=date(2026, 7, 16), billing_frequency="Monthly", proration_policy=policy
    )  # fmt: skip
    stripe.converge(changed, at)
    made = forecast(changed, at, begun(changed, made_of(changed, stripe.facts.values())))
    months = (
        Fraction(5) if policy == "None" else 5 + Fraction(16, 31) if policy == "Stripe" else 5 + Fraction(16 * 12, 365)
    )
    assert made.total == 250_000 + round(100_000 * months)
    assert [i.total for i in made.invoices if i.key == FIRST_FEE] == [250_000]
    stripe.converge(changed, datetime(2027, 1, 2, tzinfo=UTC))
    fees = [o for o in stripe.writes if o.ref == Ref("invoice", FIRST_FEE) and o.verb is Verb.CREATE]
    assert len(fees) == 1, "what was charged before is not charged again"


def test_recurring_lines_beside_a_self_serve_plan_are_refused_until_it_ends():
    plan = Subscription(id="sub_web", customer="cus_1", status="active", created_s=5)
    changed = a_change(a_service(term_months=12), billing_frequency="Monthly", accepted_at=EARLY)
    [refusal] = check_takeover(changed, taken_over(changed, [plan]), [plan], EARLY)
    assert (refusal.code, refusal.record_id, refusal.field) == ("CONF-311", CHANGE_ID, "Charge_Type__c")
    later = plan.model_copy(update={"created_s": int(EARLY.timestamp()) + 1})
    for other in (later, plan.model_copy(update={"status": "canceled"})):
        assert check_takeover(changed, taken_over(changed, [other]), [other], EARLY) == ()


def test_more_lines_of_one_day_than_an_invoice_has_are_several_invoices_of_that_day():
    deal, stripe = a_service(*(a_fee(n, unit_price=Decimal(n)) for n in range(1, 252))), StripeAnswers()
    made = forecast(deal, EARLY)
    assert [(i.key.removeprefix(FIRST_FEE), i.day, len(i.lines)) for i in made.invoices] == [
        ("", deal.start, 250), (":2", deal.start, 1),
    ]  # fmt: skip
    assert (made.total, made.first, made.rest) == (100 * sum(range(1, 252)), made.total, 0)
    stripe.converge(deal, ON_THE_DAY)
    assert sorted(o.ref.key for o in stripe.writes if o.ref.kind == "invoice" and o.verb is Verb.CREATE) == [
        i.key for i in made.invoices
    ]
    assert not stripe.plan(deal, ON_THE_DAY)


def test_a_start_so_far_back_that_one_invoice_is_too_short_is_billed_by_several():
    lines = [a_line(n, unit_price=Decimal(n)) for n in range(1, 11)]
    deal = a_deal(*lines, start_date=date(2022, 1, 1), end_date=date(2026, 12, 31), term_months=None, now=ON_THE_DAY)
    late = datetime(2026, 3, 3, tzinfo=UTC)
    made = forecast(deal, late)
    assert [(i.key, len(i.lines)) for i in made.invoices if i.stated] == [
        (f"{QUOTE_ID}:begun", 250), (f"{QUOTE_ID}:begun:2", 250), (f"{QUOTE_ID}:begun:3", 10),
    ]  # fmt: skip
    text = preview(deal, made, None).text
    assert text.count("First invoice 3 Mar 2026") == 3
    assert "for the time already begun, 1 Mar 2026 to 31 Mar 2026" in text
    good = forecast(replace(deal, true_up=True), late)
    assert (good.true_ups, good.total) == ((), 60 * 10 * 100 * sum(range(1, 11)))
    assert [d.ref.key for d in desire(deal, late).objects if d.ref.kind == "invoice"] == [
        i.key for i in made.invoices if i.stated
    ]


def test_a_plan_goes_on_beside_a_service():
    plan = Subscription(id="sub_web", customer="cus_1", status="active")
    assert taken_over(a_deal(), [plan]) is not None
    assert (taken_over(a_service(), [plan]), check_takeover(a_service(), None, [plan], ON_THE_DAY)) == (None, ())


def test_what_does_not_fit_on_the_first_invoice_stands_beside_it():
    fees = [a_fee(n, unit_price=Decimal(n)) for n in range(11, 36)]
    deal = a_deal(a_line(), *fees)
    first = [i for i in forecast(deal, EARLY).invoices if i.day == deal.start]
    assert [(i.stated, len(i.lines)) for i in first] == [(False, 21), (True, 5)]
    assert sum(i.total for i in first) == 100_000 + 100 * sum(range(11, 36))
    stripe = StripeAnswers()
    stripe.converge(deal, EARLY)
    beside = stripe.want(deal, deal.boundary(deal.start)).objects
    assert [one.ref.kind for one in beside].count("invoiceitem") == 5
    assert all("subscription" not in one.create for one in beside if one.ref.kind == "invoice")


@pytest.mark.parametrize(
    ("now", "status", "ahead", "ends_on"),
    [
        (EARLY, "Scheduled", 250_000, None),
        (ON_THE_DAY, "Active", 8_000, None),
        (datetime(2026, 3, 2, tzinfo=UTC), "Canceled", None, date(2026, 3, 1)),
    ],
)
def test_its_row_goes_by_its_days(now: datetime, status: str, ahead: int | None, ends_on: date | None) -> None:
    deal = a_service(a_fee(1), a_fee(2, start_date=date(2026, 3, 1), unit_price=Decimal(80)))
    fact = standing_alone(deal, forecast(deal, EARLY), "cus_1", livemode=False)
    assert fact is not None
    [row] = alone([fact], [], now, now.date())
    assert (row.key, row.status, row.next_amount_minor, row.start, row.end, row.ends_on, row.monthly) == (
        QUOTE_ID, status, ahead, date(2026, 1, 1), date(2026, 3, 1), ends_on, 0,
    )  # fmt: skip


def test_without_what_was_kept_its_invoices_tell_of_it():
    said = {"tandem_deal": QUOTE_ID, "tandem_first_day": "2026-01-01", "tandem_term_end": "2026-03-02"}
    invoice = Invoice(id="in_1", customer="cus_1", currency="usd", metadata=said)
    found = [alone([], [invoice], EARLY, day)[0] for day in (date(2026, 3, 1), date(2026, 3, 2))]
    assert [(row.status, row.invoice_ids) for row in found] == [("Active", ("in_1",)), ("Canceled", ("in_1",))]


def test_it_is_explained_as_what_stands_on_invoices_alone():
    deal = a_service()
    view = QuoteView(signed=True, now=ON_THE_DAY, case=Shown(deal, forecast(deal, EARLY), None, deal.opens))
    found = {reason.what: reason for reason in explain_deal(view)}
    assert found["Billing_Status__c"].says == "Live"
    assert "nothing of it runs in Stripe: it stands on invoices alone" in found["Billing_Status__c"].because
    assert found["Invoice of 1 Jan 2026"].rule == "One-time lines are billed once"
