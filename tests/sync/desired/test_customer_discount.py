"""A customer's own discount and a deal: refused where it could come off, said in the preview where it can't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync.deal.calendar import seconds
from sync.desired.customer_discount import check_discount, said_discount
from sync.desired.keys import DEAL
from sync.facts import Customer, Subscription
from tests.sync.deal.factory import a_deal

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GIVER = Customer(id="cus_1", coupon="SUMMER")
ENDLESS: dict[str, Any] = {"term_months": None, "end_date": None, "auto_renew": True}


def codes(payer: Customer | None, *objects: Subscription, **quote: Any) -> list[str]:
    return [r.code for r in check_discount(a_deal(**quote), payer, objects, NOW)]


def test_a_deal_without_an_end_waits_for_the_customer_and_one_with_an_end_does_not() -> None:
    deal = a_deal(**ENDLESS)
    [refusal] = check_discount(deal, GIVER, (), NOW)
    assert refusal.code == "DATA-238"
    assert "cus_1" in refusal.blocked_on
    for words in ("coupon SUMMER", deal.number, "End_Date__c"):
        assert words in refusal.message
    assert codes(GIVER) == []


@pytest.mark.parametrize(
    "payer",
    [
        None,
        Customer(id="cus_1"),
        GIVER.model_copy(update={"coupon_end_s": seconds(NOW)}),
        GIVER.model_copy(update={"deleted": True}),
    ],
    ids=["no customer yet", "no discount", "one that has stopped", "deleted"],
)
def test_nothing_stands_in_the_way_where_nothing_would_come_off(payer: Customer | None) -> None:
    assert codes(payer, **ENDLESS) == []
    assert said_discount(payer, NOW) == []


def test_one_that_is_about_to_stop_stands_in_the_way_until_then() -> None:
    soon = GIVER.model_copy(update={"coupon_end_s": seconds(NOW + timedelta(days=1))})
    assert codes(soon, **ENDLESS) == ["DATA-238"]


def test_a_deal_that_is_in_stripe_is_not_forbidden_by_what_came_later() -> None:
    mine = Subscription(id="sub_1", customer="cus_1", metadata={DEAL: a_deal(**ENDLESS).key})
    assert codes(GIVER, mine, **ENDLESS) == []


def test_the_preview_says_that_it_does_not_come_off() -> None:
    [words] = said_discount(GIVER, NOW)
    assert "SUMMER" in words
    assert "does not come off" in words
