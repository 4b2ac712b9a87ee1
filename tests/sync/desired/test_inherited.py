"""What of a customer's discount comes off which subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sync.deal.calendar import seconds
from sync.desired.inherited import at_work, inherited_by, inheriting, inheriting_phases
from sync.desired.keys import DEAL
from sync.desired.to_come import monthly_of, next_charge
from sync.desired.worth import Terms
from sync.facts import Coupon, Customer, Item, Phase, PhaseItem, Price, Schedule, Subscription
from sync.facts.coupons import coupons_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOW_S = seconds(NOW)
GIVER = Customer(id="cus_1", coupon="pct20")
PRICE = Price(id="price_1", product="prod_1", currency="usd", unit_amount_decimal=Decimal(10_000), interval="month")
PHASE = Phase(start_s=NOW_S - 10, end_s=NOW_S + 10, items=(PhaseItem(price="price_1"),))


def plan(**more: Any) -> Subscription:
    item = Item(id="si_1", price=PRICE, quantity=1, period_start_s=NOW_S - 5, period_end_s=NOW_S + 5)
    return Subscription(**{"id": "sub_1", "customer": "cus_1", "status": "active", "items": (item,), **more})


def schedule(**more: Any) -> Schedule:
    fields = {"id": "sub_sched_1", "customer": "cus_1", "status": "active", "subscription": "sub_1", "phases": (PHASE,)}
    return Schedule(**{**fields, **more})


def coupons(*objects: Subscription | Schedule, giver: Customer = GIVER) -> list[tuple[str, ...]]:
    schedules = [o for o in objects if isinstance(o, Schedule)]
    subscriptions = [o for o in objects if isinstance(o, Subscription)]
    return [s.coupons for s in inheriting(subscriptions, schedules, [giver], NOW)]


def test_a_plan_without_discounts_has_its_customers_and_no_other_has() -> None:
    assert coupons(plan()) == [("pct20",)]
    assert coupons(plan(customer="cus_2")) == [()]
    assert coupons(plan(coupons=("pct10",))) == [("pct10",)]
    assert coupons(plan(), giver=Customer(id="cus_1")) == [()]


def test_discounts_of_items_leave_room_for_the_customers() -> None:
    [item] = plan().items
    own = plan(items=(item.model_copy(update={"coupons": ("pct10",)}),))
    assert coupons(own) == [("pct20",)]


def test_a_deal_that_its_schedule_runs_is_left_alone_and_one_that_was_let_go_of_is_not() -> None:
    deal = {"metadata": {DEAL: "0Q0"}}
    assert coupons(plan(**deal), schedule(**deal)) == [()]
    assert coupons(plan(**deal), schedule(**deal, status="released", subscription=None)) == [("pct20",)]
    assert coupons(plan(), schedule()) == [("pct20",)]  # somebody else's, who may have said so or not


def test_phases_of_others_have_it_while_it_lasts() -> None:
    late = PHASE.model_copy(update={"start_s": NOW_S + 100, "end_s": NOW_S + 200})
    ending = Customer(id="cus_1", coupon="pct20", coupon_end_s=NOW_S + 50)
    [found] = inheriting_phases([schedule(phases=(PHASE, late))], [ending], NOW)
    assert [p.coupons for p in found.phases] == [("pct20",), ()]
    [ours] = inheriting_phases([schedule(metadata={DEAL: "0Q0"})], [GIVER], NOW)
    assert ours.phases == (PHASE,)


def test_one_that_has_stopped_takes_nothing_off_though_nobody_read_the_customer_since() -> None:
    assert at_work(GIVER.model_copy(update={"coupon_end_s": NOW_S + 1}), NOW)
    over = GIVER.model_copy(update={"coupon_end_s": NOW_S})
    assert not at_work(over, NOW)
    assert coupons(plan(), giver=over) == [()]
    assert not at_work(GIVER.model_copy(update={"deleted": True}), NOW)
    assert not at_work(None, NOW)


def test_what_is_live_and_lowered_is_named() -> None:
    assert [s.id for s in inherited_by([plan(), plan(id="sub_2", ended_at_s=5)], [GIVER], NOW)] == ["sub_1"]
    assert coupons_of([GIVER, Customer(id="cus_2")]) == {"pct20"}


def test_a_month_and_the_next_invoice_count_it_until_it_stops() -> None:
    terms = Terms({"pct20": Coupon(id="pct20", percent_off=Decimal(20))}, {"price_1": PRICE}, "UTC", NOW)
    [found] = inheriting([plan()], (), [GIVER], NOW)
    assert monthly_of(found, terms) == 8000
    assert next_charge([found], [], [], terms) == (NOW_S + 5, 8000)
    [ending] = inheriting([plan()], (), [GIVER.model_copy(update={"coupon_end_s": NOW_S + 4})], NOW)
    assert next_charge([ending], [], [], terms) == (NOW_S + 5, 10_000)
