"""Deals as Stripe objects, with the numbers of the worked cases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from sync import facts
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.timeline import tracks
from sync.desired.made import begun, made
from sync.desired.schedules import spans, window
from sync.desired.subscription import desire
from sync.errors import Refused, Unsafe
from sync.records import Ref
from tests.sync.deal.factory import (
    ACCOUNT_ID,
    EARLY,
    OTHER_ID,
    QUOTE_ID,
    a_cancellation,
    a_change,
    a_deal,
    a_fee,
    a_line,
)
from tests.sync.desired.stripe_answers import StripeAnswers, creates, verbs

LATE = datetime(2026, 4, 10, 10, tzinfo=UTC)


def the_schedule(deal: Deal, now: datetime = EARLY):
    (only,) = desire(deal, now).objects
    assert only.ref == Ref("schedule", QUOTE_ID)
    return only.create


def test_case_01_annual_seats_are_one_phase_with_the_stamps_of_the_case():
    line = a_line(quantity=Decimal(25), unit_price=Decimal("588.00"), price_period="Year")
    made_of = the_schedule(a_deal(line, start_date=date(2026, 3, 1), billing_frequency="Annual"))
    (phase,) = made_of["phases"]
    assert made_of["start_date"] == 1772323200
    assert (phase["end_date"], phase["items"][0]["quantity"]) == (1803859200, 25)
    assert made_of["end_behavior"] == "cancel"


def test_case_04_a_31_january_start_ends_on_31_january():
    deal = a_deal(a_line(quantity=Decimal(1)), start_date=date(2027, 1, 31))
    made_of = the_schedule(deal)
    assert (made_of["start_date"], made_of["phases"][0]["end_date"]) == (1801353600, 1832889600)


def test_case_16_a_fee_terms_and_order_number_travel_on_the_schedule():
    seats = a_line(quantity=Decimal(15), unit_price=Decimal("80.00"))
    deal = a_deal(seats, a_fee(), start_date=date(2026, 11, 1), days_until_due=45, po_number="PO-2291")
    made_of = the_schedule(deal)
    (phase,) = made_of["phases"]
    assert [item["quantity"] for item in phase["add_invoice_items"]] == [1]
    assert made_of["default_settings"] == {
        "collection_method": "send_invoice",
        "invoice_settings": {"days_until_due": 45, "custom_fields": [{"name": "PO number", "value": "PO-2291"}]},
    }


def test_every_phase_is_without_proration_and_inherits_no_discount():
    (phase,) = the_schedule(a_deal())["phases"]
    assert (phase["proration_behavior"], phase["discounts"]) == ("none", "")
    assert the_schedule(a_deal())["billing_mode"]["type"] == "flexible"


def test_schedule_phase_and_items_carry_our_key_and_the_crm_ids():
    made_of = the_schedule(a_deal())
    (phase,) = made_of["phases"]
    for metadata in (made_of["metadata"], phase["metadata"]):
        assert metadata["tandem_key"] == metadata["tandem_deal"] == metadata["salesforce_quote_id"] == QUOTE_ID
        assert metadata["salesforce_account_id"] == ACCOUNT_ID
    assert phase["items"][0]["metadata"]["salesforce_line_ids"] == a_line().id


def test_a_card_deal_names_no_due_days():
    made_of = the_schedule(a_deal(collection_method="Charge Automatically"))
    assert made_of["default_settings"] == {"collection_method": "charge_automatically"}


def test_a_line_discount_stands_on_its_item_only():
    lines = (a_line(1, discount_percent=Decimal(15)), a_line(2, unit_price=Decimal(200), quantity=Decimal(1)))
    (phase,) = the_schedule(a_deal(*lines))["phases"]
    first, second = phase["items"]
    assert first["discounts"] == [{"coupon": Ref("coupon", "tdm-pct-15")}]
    assert "discounts" not in second


def test_case_37_two_frequencies_are_two_objects_of_one_deal_the_shortest_cycle_first():
    platform = a_line(
        1, quantity=Decimal(1), unit_price=Decimal(12000), price_period="Year", billing_frequency="Annual"
    )
    deal = a_deal(platform, a_line(2, quantity=Decimal(20), unit_price=Decimal(50)))
    objects = desire(deal, EARLY).objects
    assert [o.ref.key for o in objects] == [QUOTE_ID, f"{QUOTE_ID}#2"]
    assert {o.create["metadata"]["tandem_deal"] for o in objects} == {QUOTE_ID}
    assert [o.create["phases"][0]["items"][0]["quantity"] for o in objects] == [20, 1]


def test_more_than_twenty_items_are_a_second_object():
    lines = [a_line(n, unit_price=Decimal(n)) for n in range(1, 24)]
    objects = desire(a_deal(*lines), EARLY).objects
    assert [len(o.create["phases"][0]["items"]) for o in objects] == [20, 3]


def test_it_wakes_at_the_start_and_then_at_the_end():
    deal = a_deal()
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    stripe = StripeAnswers()
    stripe.converge(deal, EARLY)
    assert [stripe.want(deal, now).wake_at for now in (EARLY, start, end)] == [start, end, None]


def test_a_start_in_the_next_seconds_is_waited_for():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = desire(a_deal(), start - timedelta(seconds=30))
    assert (wanted.waiting, wanted.objects, wanted.wake_at) == (True, (), start)


# ---------------------------------------------------------------- made ahead: plans


def test_a_fresh_deal_is_one_pass_and_then_nothing():
    stripe = StripeAnswers()
    deal = a_deal(a_line(1, discount_percent=Decimal("12.5")), a_fee(), po_number="PO-1")
    plans = stripe.converge(deal, EARLY)
    kinds = ["customer", "product", "product", "price", "price", "coupon", "schedule"]
    assert [verbs(plan) for plan in plans] == [[f"create {kind}" for kind in kinds]]
    assert not stripe.plan(deal, EARLY)


def test_a_deal_made_ahead_stays_a_schedule_after_its_start():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    stripe.change(schedule, status="active", subscription="sub_x")
    assert not stripe.plan(deal, LATE)
    stripe.change(schedule, status="completed", phases=())
    assert not stripe.plan(deal, datetime(2027, 6, 1, tzinfo=UTC))


def test_a_second_deal_on_the_same_terms_reuses_product_price_and_coupon():
    stripe = StripeAnswers()
    stripe.converge(a_deal(a_line(discount_percent=Decimal(10))), EARLY)
    other = a_deal(a_line(discount_percent=Decimal(10), quantity=Decimal(3)), id="0Q0AA0000000002AAA")
    assert [verbs(plan) for plan in stripe.converge(other, EARLY)] == [["create schedule"]]


@pytest.mark.parametrize("crash_after", range(7))
def test_a_crash_after_any_write_ends_with_one_of_everything(crash_after):
    stripe = StripeAnswers()
    deal = a_deal(a_line(1, discount_percent=Decimal(10)), a_fee())
    stripe.apply(stripe.plan(deal, EARLY), stop_after=crash_after)
    stripe.converge(deal, EARLY + timedelta(days=3))
    kinds = ("customer", "product", "price", "coupon", "schedule")
    assert {kind: creates(stripe, kind) for kind in kinds} == dict(zip(kinds, (1, 2, 2, 1, 1), strict=True))


def test_a_quantity_changed_in_stripe_is_told_and_never_overwritten():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    phase = schedule.phases[0]
    fewer = phase.items[0].model_copy(update={"quantity": 8})
    stripe.change(schedule, phases=(phase.model_copy(update={"items": (fewer,)}),))
    plan = stripe.plan(deal, EARLY)
    assert plan.operations == ()
    with pytest.raises(Unsafe, match="DATA-219"):
        plan.raise_if_unsafe()


def test_a_schedule_told_in_stripe_to_let_go_at_its_end_is_told_and_never_overwritten():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    stripe.change(schedule, end_behavior="release")
    plan = stripe.plan(deal, EARLY)
    assert plan.operations == ()
    assert [d.part for d in plan.drift] == ["end_behavior"]


def test_a_schedule_canceled_outside_is_told_and_not_made_again():
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, EARLY)
    (schedule,) = stripe.of(facts.Schedule)
    stripe.change(schedule, status="canceled")
    plan = stripe.plan(deal, EARLY)
    assert plan.operations == ()
    assert [d.part for d in plan.drift] == ["standing"]


def test_a_schedule_released_outside_is_told_for_as_long_as_its_subscription_outlives_a_cancellation():
    """The Cancellation's day made the difference go away, and the customer was billed on for good."""
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, LATE)
    (schedule,), (subscription,) = stripe.of(facts.Schedule), stripe.of(facts.Subscription)
    stripe.change(schedule, status="released", released_subscription=subscription.id)
    stripe.change(subscription, schedule=None)
    ended = a_cancellation(deal, date(2026, 6, 1), now=LATE)
    for now in (LATE, datetime(2026, 6, 2, tzinfo=UTC)):
        plan = stripe.plan(ended, now)
        assert [(d.ref.kind, d.part, d.found) for d in plan.drift] == [("schedule", "standing", "released")]

    back = desire(ended, datetime(2026, 6, 2, tzinfo=UTC), made(ended, stripe.facts.values()), put_back=True)
    assert [o.acts for o in back.objects if o.ref.kind == "subscription"] == [{"standing": "cancel"}]
    stripe.change(stripe.facts[subscription.id], status="canceled")
    assert stripe.plan(ended, datetime(2026, 6, 2, tzinfo=UTC)).drift == ()


def test_a_quote_of_an_object_that_was_ended_by_hand_counts_from_when_it_was_taken_in():
    """Stripe can't be told when that was: on each later day more cycles seemed to have been billed before it."""
    stripe = StripeAnswers()
    deal = a_deal()
    stripe.converge(deal, LATE)
    (subscription,) = stripe.of(facts.Subscription)
    stripe.change(subscription, status="canceled")
    ended = a_cancellation(deal, date(2026, 6, 1), now=LATE, accepted_at=LATE)
    totals = [
        forecast(ended, now, begun(ended, made(ended, stripe.facts.values()))).total
        for now in (datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC))
    ]
    assert totals == [500_000, 500_000]


# ---------------------------------------------------------------- the start has come


def test_case_31_a_back_dated_deal_states_what_has_begun_and_ends_where_it_should():
    stripe = StripeAnswers()
    deal = a_deal(start_date=date(2026, 2, 1))
    plans = stripe.converge(deal, LATE)
    assert [plan.complete for plan in plans] == [False, True]
    assert not stripe.plan(deal, LATE)
    (subscription,) = stripe.of(facts.Subscription)
    assert subscription.start_date_s == 1769904000
    assert subscription.billing_cycle_anchor_s == 1777593600  # 2026-05-01
    (invoice,) = stripe.of(facts.Invoice)
    assert (invoice.subtotal_minor, invoice.status, len(invoice.lines)) == (300_000, "open", 3)
    assert [line.period_start_s for line in invoice.lines] == [1769904000, 1772323200, 1775001600]
    (schedule,) = stripe.of(facts.Schedule)
    assert (schedule.end_behavior, schedule.phases[-1].end_s) == ("cancel", 1801440000)


def test_a_deal_accepted_on_its_start_day_is_billed_its_first_cycle_at_once():
    stripe = StripeAnswers()
    deal = a_deal(a_line(), a_fee(), days_until_due=30, po_number="PO-9")
    stripe.converge(deal, datetime(2026, 1, 1, 10, tzinfo=UTC))
    (invoice,) = stripe.of(facts.Invoice)
    assert invoice.subtotal_minor == 100_000 + 250_000
    (subscription,) = stripe.of(facts.Subscription)
    assert subscription.billing_cycle_anchor_s == 1769904000  # 2026-02-01


def test_an_annual_deal_that_has_begun_is_anchored_at_its_end_and_never_billed_again():
    stripe = StripeAnswers()
    deal = a_deal(a_line(price_period="Year"), billing_frequency="Annual")
    stripe.converge(deal, datetime(2026, 1, 1, 10, tzinfo=UTC))
    (subscription,) = stripe.of(facts.Subscription)
    (schedule,) = stripe.of(facts.Schedule)
    assert subscription.billing_cycle_anchor_s == schedule.phases[-1].end_s == 1798761600


def the_anchor(deal: Deal, now: datetime) -> dict[str, object]:
    """What the subscription's create says of its anchor."""
    (subscription,) = (one.create for one in desire(deal, now).objects if one.ref.kind == "subscription")
    return {name: value for name, value in subscription.items() if name.startswith("billing_cycle_anchor")}


@pytest.mark.parametrize(
    ("start", "months", "frequency", "now", "config"),
    [
        # the next boundary is 30 November: an anchor there would bill on 30 December, and never on the 31st again
        ((2025, 10, 31), 6, "Monthly", (2025, 10, 31), {"day_of_month": 31}),
        # the next boundary is 31 March, later than a month after now, which Stripe refuses as a timestamp
        ((2026, 1, 31), 12, "Monthly", (2026, 2, 28), {"day_of_month": 31}),
        # the next is 28 February, the one after it 30 May
        ((2025, 11, 30), 12, "Quarterly", (2025, 12, 1), {"day_of_month": 30, "month": 5}),
        ((2025, 8, 31), 12, "Semiannual", (2025, 9, 1), {"day_of_month": 31, "month": 8}),
        ((2028, 2, 29), 48, "Annual", (2028, 3, 1), {"day_of_month": 29, "month": 2}),
        ((2026, 1, 28), 12, "Monthly", (2026, 1, 31), {"day_of_month": 28}),
    ],
)
def test_a_start_late_in_the_month_is_anchored_by_its_day_so_that_it_never_sticks(
    start, months, frequency, now, config
):
    deal = a_deal(start_date=date(*start), term_months=months, billing_frequency=frequency)
    midnight = {"hour": 0, "minute": 0, "second": 0}
    assert the_anchor(deal, datetime(*now, 12, tzinfo=UTC)) == {"billing_cycle_anchor_config": {**config, **midnight}}


def test_a_start_that_every_month_has_is_anchored_at_the_next_boundary():
    deal = a_deal(start_date=date(2026, 1, 27))
    assert the_anchor(deal, datetime(2026, 2, 1, tzinfo=UTC)) == {"billing_cycle_anchor": 1772150400}  # 2026-02-27


def test_an_anchor_by_its_day_has_the_time_of_the_zones_midnight():
    deal = replace(a_deal(start_date=date(2026, 1, 31)), timezone="America/St_Johns")
    config = the_anchor(deal, datetime(2026, 2, 10, tzinfo=UTC))["billing_cycle_anchor_config"]
    assert config == {"day_of_month": 31, "hour": 3, "minute": 30, "second": 0}


def test_a_deal_from_the_31st_wants_nothing_more_once_it_is_made():
    stripe = StripeAnswers()
    deal = a_deal(start_date=date(2026, 1, 31))
    stripe.converge(deal, LATE)
    assert not stripe.plan(deal, LATE)
    assert not stripe.plan(deal, LATE + timedelta(days=100))


def test_the_discount_of_a_stated_cycle_is_taken_off_its_amount():
    stripe = StripeAnswers()
    stripe.converge(a_deal(a_line(discount_percent=Decimal(15))), datetime(2026, 1, 1, 10, tzinfo=UTC))
    (invoice,) = stripe.of(facts.Invoice)
    assert invoice.subtotal_minor == 85_000


@pytest.mark.parametrize("crash_after", range(1, 12))
def test_a_crash_anywhere_in_a_back_dated_deal_ends_with_one_of_everything(crash_after):
    stripe = StripeAnswers()
    deal = a_deal(start_date=date(2026, 2, 1))
    left = crash_after
    for _ in range(3):
        plan = stripe.plan(deal, LATE)
        stripe.apply(plan, stop_after=min(left, len(plan.operations)))
        left -= len(plan.operations)
        if left <= 0:
            break
    # Three weeks later another cycle has begun: it is Stripe's, as was settled when the subscription was made,
    # unless there is no subscription yet.
    stripe.converge(deal, LATE + timedelta(days=30))
    assert not stripe.plan(deal, LATE + timedelta(days=30))
    kinds = ("customer", "product", "price", "subscription", "schedule", "invoice")
    assert {kind: creates(stripe, kind) for kind in kinds} == dict.fromkeys(kinds, 1)
    (invoice,) = stripe.of(facts.Invoice)
    begun = 3 if crash_after >= 4 else 4
    assert (invoice.subtotal_minor, invoice.status) == (begun * 100_000, "open")


def test_a_stated_invoice_that_somebody_changed_is_told():
    stripe = StripeAnswers()
    deal = a_deal(start_date=date(2026, 2, 1))
    stripe.converge(deal, LATE)
    (invoice,) = stripe.of(facts.Invoice)
    stripe.change(invoice, subtotal_minor=1)
    with pytest.raises(Unsafe, match="DATA-219"):
        stripe.plan(deal, LATE).raise_if_unsafe()


def test_how_a_deal_was_begun_is_settled_once():
    stripe = StripeAnswers()
    deal = a_deal(start_date=date(2026, 2, 1))
    stripe.converge(deal, LATE)
    settled = made(deal, stripe.facts.values())
    assert {m.plain_s for m in settled.values()} == {1777593600}
    for now in (LATE + timedelta(days=90), datetime(2028, 1, 1, tzinfo=UTC)):
        assert not stripe.plan(deal, now)


def test_a_deal_that_is_over_before_it_gets_here_stands_on_one_invoice_alone():
    wanted = desire(a_deal(), datetime(2027, 4, 1, tzinfo=UTC))
    invoices = [one for one in wanted.objects if one.ref.kind == "invoice"]
    assert {one.ref.kind for one in wanted.objects} == {"invoice", "invoiceitem"}
    assert [("subscription" in one.create, one.create["metadata"]["tandem_first_day"]) for one in invoices] == [
        (False, a_deal().start.isoformat())
    ]
    assert wanted.wake_at is None


def test_an_invoice_that_stands_alone_says_nothing_of_the_end_of_a_deal_that_other_objects_carry():
    """Its row follows from these; the invoice was written on once the whole deal was over (`make soak`)."""
    stripe = StripeAnswers()
    over = a_line(2, product_id=OTHER_ID, billing_frequency="Quarterly", end_date=date(2026, 4, 30))
    deal = a_deal(a_line(1), over, start_date=date(2026, 2, 1))
    stripe.converge(deal, datetime(2026, 5, 10, tzinfo=UTC))
    assert {"subscription" in i.metadata or bool(i.subscription) for i in stripe.of(facts.Invoice)} == {True, False}
    ended = a_cancellation(deal, date(2026, 7, 1), now=datetime(2026, 6, 1, tzinfo=UTC))
    stripe.converge(ended, datetime(2026, 6, 1, tzinfo=UTC))
    for day in (2, 300, 900):
        assert not stripe.plan(ended, datetime(2026, 7, 1, tzinfo=UTC) + timedelta(days=day))


def test_a_deal_that_was_cancelled_before_it_got_here_is_refused():
    deal = a_cancellation(a_deal(), a_deal().start + timedelta(days=40))
    with pytest.raises(Refused, match="cancelled") as refused:
        desire(deal, datetime.combine(a_deal().start + timedelta(days=60), datetime.min.time(), tzinfo=UTC))
    assert refused.value.code == "CONF-311"


def test_a_last_cycle_that_has_begun_is_anchored_at_the_end_also_late_in_the_month():
    """A cycle of 82 days that Stripe counted from a 31st would be billed once more (`make soak`, as BUG-503)."""
    terms = {"term_months": 3, "billing_day": 31, "billing_frequency": "Semiannual"}
    deal = a_deal(start_date=date(2026, 11, 20), now=datetime(2026, 12, 2, tzinfo=UTC), **terms)
    subscription = desire(deal, datetime(2026, 12, 2, tzinfo=UTC)).objects[0]
    assert subscription.create["items"][0]["quantity"] == 10
    assert subscription.create["billing_cycle_anchor"] == 1803081600  # 20 Feb 2027
    assert "billing_cycle_anchor_config" not in subscription.create


def test_a_deal_without_an_end_that_is_changed_long_after_its_first_cycle_has_a_phase_to_tell():
    """Its last phase ends with the cycle that runs, not with one that is over (`make soak`, as BUG-502)."""
    deal = a_deal(term_months=None, auto_renew=True)
    changed = a_change(deal, start_date=date(2026, 2, 10), now=datetime(2026, 8, 5, tzinfo=UTC))
    (track,) = tracks(changed)
    last = spans(track, changed, datetime(2026, 8, 5, tzinfo=UTC))[-1]
    assert last.end_s == int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())


def test_a_change_of_a_deal_of_many_phases_leaves_its_end_told():
    """Stripe knew five; the sixth was left for later, and with it the end: it would have billed on (`make soak`)."""
    stripe = StripeAnswers()
    days = [date(2026, month, 1) for month in (2, 3, 4, 5, 6)]
    ramp = [
        a_line(n, product_id=OTHER_ID, unit_price=Decimal(n), start_date=day, end_date=after - timedelta(days=1))
        for n, (day, after) in enumerate(pairwise([*days, date(2027, 1, 1)]), start=2)
    ]
    deal = a_deal(a_line(1), *ramp)
    stripe.converge(deal, EARLY)
    changed = a_change(deal, start_date=date(2026, 7, 15), now=EARLY)
    for now in (EARLY, datetime(2026, 1, 10, tzinfo=UTC)):
        stripe.converge(changed, now)
        (schedule,) = stripe.of(facts.Schedule)
        assert (len(schedule.phases), schedule.end_behavior) == (7, "cancel")
        assert not stripe.plan(changed, now)


def test_five_phases_of_a_deal_without_an_end_are_told_at_once():
    """Stripe knew four: the fifth was left out, and never told (`make soak`, as DATA-219)."""
    deal = a_deal(a_line(), term_months=None, auto_renew=True)
    for n in range(4):
        deal = a_change(
            deal, a_line(21 + n), start_date=date(2026, 3 + n, 10), id=f"0Q0AA00000001{n:02d}AAA", number=f"{n}"
        )
    (track,) = tracks(deal)
    assert len(spans(track, deal, EARLY)) == 5
    known = facts.Schedule(
        id="s", phases=tuple(facts.Phase(start_s=2**33 + n, end_s=2**33 + n + 1, items=()) for n in range(4))
    )
    assert len(window(track, deal, EARLY, known).spans) == 5


def test_a_billing_day_that_never_comes_is_anchored_on_the_last_day_of_its_month():
    """The 31st of each November is the 30th (`make soak`, as BUG-502)."""
    begun = datetime(2027, 12, 13, tzinfo=UTC)
    deal = a_deal(start_date=date(2027, 11, 28), term_months=30, billing_day=31, billing_frequency="Annual", now=begun)
    config = desire(deal, begun).objects[0].create["billing_cycle_anchor_config"]
    assert (config["day_of_month"], config["month"]) == (30, 11)


def test_a_first_full_cycle_on_a_clamped_day_waits_for_it():
    """A schedule made ahead would count from 30 April, and bill on the 30th ever after (`make soak`, as BUG-503)."""
    deal = a_deal(start_date=date(2026, 4, 30), billing_day=31)
    wanted = desire(deal, datetime(2026, 1, 2, tzinfo=UTC))
    assert not [one for one in wanted.objects if one.ref.kind in ("schedule", "subscription")]
    assert wanted.wake_at == datetime(2026, 4, 30, tzinfo=UTC)
    assert the_anchor(deal, datetime(2026, 4, 30, tzinfo=UTC))["billing_cycle_anchor_config"]["day_of_month"] == 31
    assert desire(a_deal(start_date=date(2026, 4, 30)), datetime(2026, 1, 2, tzinfo=UTC)).objects
