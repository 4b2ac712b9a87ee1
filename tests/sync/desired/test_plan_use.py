"""What was used of a self-serve plan in the cycle in which a deal takes it over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync.deal.last_use import UseDue
from sync.deal.use import cost
from sync.desired.plan_use import PlanPrices, plan_uses
from sync.desired.takeover import check_takeover
from sync.facts import Coupon, Invoice, Line, Meter, Price, PriceTier, Subscription
from tests.sync.desired.test_takeover import DEAL, PERIOD, at, now, plan, takeover

HOUR = timedelta(hours=1)
STEPS = (PriceTier(up_to=100, unit=Decimal("9.9"), flat=Decimal(500)), PriceTier(up_to=None, unit=Decimal(7)))
CALLS = Price(
    id="price_call", product="prod_call", currency="usd", usage_type="metered", meter="mtr_1", interval="month",
    billing_scheme="tiered", tiers_mode="graduated", tiers=STEPS,
)  # fmt: skip
COUPONS = {
    "ten": Coupon(id="ten", percent_off=Decimal(10)),
    "five": Coupon(id="five", amount_off_minor=500, currency="usd"),
    "once": Coupon(id="once", percent_off=Decimal(50), duration="once"),
}
KNOWN = PlanPrices({CALLS.id: CALLS}, {"mtr_1": Meter(id="mtr_1", event_name="call")}, COUPONS, {"prod_call": "Calls"})


def by_use(period: tuple[int, int] = PERIOD, coupons: tuple[str, ...] = (), **changes: Any) -> Subscription:
    item = plan().items[0].model_copy(
        update={"price": CALLS, "quantity": None, "period_start_s": period[0], "period_end_s": period[1], "coupons": coupons}
    )  # fmt: skip
    return plan(items=(item,), **changes)


def uses(one: Subscription, *invoices: Invoice, when: str = "2026-06-25T09:00") -> tuple[UseDue, ...]:
    return plan_uses(takeover(one), invoices, KNOWN, now(when), HOUR)


def test_it_is_counted_from_the_cycles_begin_until_the_deals_and_billed_after_the_grace() -> None:
    (due,) = uses(by_use())
    (used,) = due.used
    assert (used.since, used.until, used.billed) == (now("2026-06-10"), now("2026-06-25"), 0)
    assert (due.at, due.alone, due.key) == (now("2026-06-25T10:00"), True, f"{DEAL.key}:takes:sub_web:use")
    assert cost(used.line, 130, "USD", used.start).net == 990 + 500 + 30 * 7
    ended = by_use(status="canceled", ended_at_s=at("2026-06-25T09:05"), metadata={"tandem_taken_by": DEAL.key})
    assert [d.at for d in uses(ended, when="2026-06-30")] == [now("2026-06-25T10:05")]


def test_what_stripe_bills_itself_is_not_ours() -> None:
    assert uses(by_use(), when="2026-06-24") == ()  # it will be told of the end ahead
    as_told = by_use(status="canceled", ended_at_s=at("2026-06-25"), metadata={"tandem_taken_by": DEAL.key})
    assert uses(as_told) == ()
    next_cycle = (at("2026-07-10"), at("2026-08-10"))
    assert uses(by_use(next_cycle), when="2026-07-12") == ()
    assert uses(plan()) == ()  # seats


def test_a_cycle_that_begins_inside_a_minute_is_what_the_whole_plan_used_less_what_was_billed() -> None:
    begins, first = at("2026-06-10T14:23:45"), at("2026-05-10T14:23:45")
    odd = by_use((begins, at("2026-07-10T14:23:45")), start_date_s=first)
    lines = [
        Line(amount_minor=1, quantity=n, price="price_call", subscription_item="si_1", period_end_s=begins) for n in (100, 80)
    ]  # fmt: skip
    billed = Invoice(id="in_1", status="paid", subscription="sub_web", lines=tuple(lines))
    void = billed.model_copy(update={"id": "in_2", "status": "void"})
    (used,) = uses(odd, billed, void)[0].used
    assert (used.since, used.billed) == (now("2026-05-10T14:23"), 180)
    # Another price was billed on the item: what of the plan's use that was can't be told.
    other = billed.model_copy(update={"lines": (lines[0].model_copy(update={"price": "price_old"}),)})
    (used,) = uses(odd, other)[0].used
    assert (used.since, used.billed) == (now("2026-06-10T14:24"), 0)


def test_the_plans_discounts_come_off_but_for_those_of_one_invoice() -> None:
    (used,) = uses(by_use(coupons=("ten", "once")))[0].used
    assert cost(used.line, 100, "USD", used.start).net == 1490 - 149
    (used,) = uses(by_use().model_copy(update={"coupons": ("five",)}))[0].used
    assert cost(used.line, 100, "USD", used.start).net == 990


@pytest.mark.parametrize(
    ("change", "when", "says"),
    [
        ({"period": (at("2026-06-30"), at("2026-07-30"))}, "2026-07-02", "Choose 1 Jul 2026 or a later day"),
        ({"price": {"packaged": True}}, "2026-06-25T09:00", "Start_Date__c"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(change: dict[str, Any], when: str, says: str) -> None:
    one = by_use(change.get("period", PERIOD))
    price = CALLS.model_copy(update=change.get("price", {}))
    one = one.model_copy(update={"items": (one.items[0].model_copy(update={"price": price}),)})
    (refusal,) = check_takeover(DEAL, takeover(one), [one], now(when))
    assert (refusal.code, refusal.field) == ("CONF-311", "Start_Date__c")
    assert says in refusal.message
    assert check_takeover(DEAL, takeover(by_use()), [by_use()], now("2026-06-25T09:00")) == ()
