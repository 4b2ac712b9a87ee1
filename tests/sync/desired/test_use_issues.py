"""Use that two things of one customer bill, told while it is so (DATA-237)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sync.desired.account_summary import contracts_of
from sync.desired.account_view import AccountView
from sync.desired.use_issues import UseIssues, use_issues
from sync.facts import Item, Phase, PhaseItem, Price, Schedule, Subscription

JAN_1, FEB_1, MAR_1, JAN_1_2027 = 1767225600, 1769904000, 1772323200, 1798761600
CALLS = Price(id="price_use", product="prod_1", currency="usd", interval="month", usage_type="metered", meter="mtr_1")
MAILS = CALLS.model_copy(update={"id": "price_other", "meter": "mtr_2"})
DEAL = {"tandem_deal": "0Q0A", "salesforce_quote_id": "0Q0A"}


def deal(start_s: int = FEB_1, **more: Any) -> Schedule:
    phase = Phase(start_s=start_s, end_s=JAN_1_2027, items=(PhaseItem(price="price_use"),))
    fields: dict[str, Any] = {
        "id": "sub_sched_1", "customer": "cus_1", "status": "not_started", "end_behavior": "cancel", "currency": "usd",
        "phases": (phase,), "metadata": DEAL, "created_s": JAN_1,
    }  # fmt: skip
    return Schedule(**(fields | more))


def plan(price: Price = CALLS, **more: Any) -> Subscription:
    fields: dict[str, Any] = {
        "id": "sub_1", "customer": "cus_1", "status": "active", "currency": "usd", "start_date_s": JAN_1 + 60,
        "created_s": JAN_1 + 60, "items": (Item(id="si_1", price=price, period_end_s=FEB_1),),
    }  # fmt: skip
    return Subscription(**(fields | more))


def told(*objects: Subscription | Schedule, now_s: int = JAN_1 + 3600) -> UseIssues:
    seen = AccountView(
        account_id="001A", zone="UTC", now=datetime.fromtimestamp(now_s, UTC), customers=[], invoices=[],
        subscriptions=[o for o in objects if isinstance(o, Subscription)],
        schedules=[o for o in objects if isinstance(o, Schedule)], prices={p.id: p for p in (CALLS, MAILS)},
    )  # fmt: skip
    return use_issues(seen, contracts_of(seen))


def test_a_plan_bought_beside_a_signed_deal_on_the_same_meter_is_told_before_the_deal_begins() -> None:
    [issue] = told(deal(), plan()).standing
    assert (issue.billing_key, issue.code, issue.audience) == ("DATA-237:cus_1", "DATA-237", "Billing Operations")
    assert (issue.quote, issue.reference, issue.subscription) == ("0Q0A", "sub_1", "sub_1")
    assert (issue.title, issue.opened_at) == (
        "Use is billed twice: sub_1 and sub_sched_1", datetime.fromtimestamp(JAN_1 + 60, UTC),
    )  # fmt: skip
    assert "stand on one meter (mtr_1) from 1 Feb 2026 to 31 Dec 2026" in issue.detail
    assert "Nothing was charged" not in issue.detail
    assert told(deal(), plan(), now_s=JAN_1 + 7200).standing == (issue,), "the same however often it is looked at"


@pytest.mark.parametrize(
    "ended",
    [
        plan(status="canceled", ended_at_s=JAN_1 + 90),
        plan(cancel_at_s=FEB_1),
        plan(cancel_at_period_end=True),
        plan(metadata={"tandem_taken_by": "0Q0A"}),
        plan(customer="cus_2"),
    ],
)
def test_it_is_over_when_they_follow_one_another(ended: Subscription) -> None:
    found = told(deal(), ended)
    assert (found.standing, "DATA-237:cus_1" in found.over) == ((), True)


def test_another_meter_and_what_is_behind_us_are_nothing_to_tell() -> None:
    assert told(deal(), plan(MAILS)) == UseIssues((), ("DATA-237:cus_1",))
    assert told(plan(ended_at_s=FEB_1, status="canceled"), deal(start_s=JAN_1), now_s=FEB_1).standing == ()
    assert told() == UseIssues((), ())


def test_two_objects_of_one_deal_are_one() -> None:
    mine = plan(metadata=DEAL)
    assert told(deal(), mine).standing == ()
