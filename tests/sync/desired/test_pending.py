"""What waits for the next invoice of a contract is in the amount that the Account shows for it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sync.desired.mirror import show
from sync.facts import PendingItem
from tests.sync.desired.test_mirror import FEB_1, JAN_1, item, subscription, view


def waiting(minor: int, subscription: str | None = "sub_1", currency: str = "usd") -> PendingItem:
    return PendingItem(
        id=f"ii_{minor}", customer="cus_1", subscription=subscription, currency=currency, amount_minor=minor
    )


@pytest.mark.parametrize(
    ("pending", "amount"),
    [
        ([], "500.00"),
        ([waiting(-5_000), waiting(9_000)], "540.00"),
        ([waiting(700, subscription=None)], "507.00"),
        ([waiting(700, subscription="sub_of_somebody")], "500.00"),
        ([waiting(700, currency="eur")], "500.00"),
    ],
)
def test_what_waits_is_asked_for_with_the_next_invoice_of_its_currency(pending: list[PendingItem], amount: str) -> None:
    shown = show(view(subscriptions=[subscription()], pending=pending), frozenset())

    assert shown.account.next_invoice_amount == Decimal(amount)
    assert shown.account.mrr == Decimal("500.00")


def test_what_is_of_no_subscription_is_asked_for_by_whichever_bills_first() -> None:
    sooner = subscription(id="sub_2", items=(item(2, period_end_s=FEB_1 - 86_400),))
    shown = show(view(subscriptions=[subscription(), sooner], pending=[waiting(700, subscription=None)]), frozenset())

    assert shown.account.next_invoice_amount == Decimal("107.00")


def test_what_waits_for_no_invoice_that_is_planned_is_left_out() -> None:
    ending = subscription(cancel_at_period_end=True, canceled_at_s=JAN_1)
    shown = show(view(subscriptions=[ending], pending=[waiting(700)]), frozenset())

    assert (shown.account.next_invoice_date, shown.account.next_invoice_amount) == (None, None)
