"""A deal that charges by itself, of a customer with nothing to charge (DATA-217)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync.desired.account_view import AccountView
from sync.desired.mirror import show
from sync.desired.no_card import noted
from sync.facts import Customer, Portal
from sync.shown import BillingIssue
from tests.sync.deal.factory import a_deal
from tests.sync.desired.test_mirror import FEB_1, invoice, schedule, subscription, view

CARD = "charge_automatically"
DEAL = {"tandem_deal": "0Q0A", "salesforce_quote_id": "0Q0A"}
LOGIN = Portal(login_url="https://billing.stripe.com/p/login/1")
HOSTED = "https://invoice.stripe.com/i/1"


def the_view(**more: Any) -> AccountView:
    customer = Customer(id="cus_1", email="a+b@acme.example", currency="usd")
    running = subscription(collection_method=CARD, metadata=DEAL, cancel_at_s=None)
    fields: dict[str, Any] = {"customers": [customer], "subscriptions": [running], "schedules": [], "portal": LOGIN}
    return view(**{**fields, "invoices": [], **more})


def told(one: AccountView) -> list[BillingIssue]:
    return [issue for issue in show(one, frozenset()).issues if issue.code == "DATA-217"]


def test_it_is_an_issue_of_the_rep_on_the_quote_with_the_page_where_a_customer_adds_one() -> None:
    [issue] = told(the_view())
    assert (issue.billing_key, issue.quote, issue.audience, issue.sum) == ("DATA-217:0Q0A", "0Q0A", "Rep", None)
    assert f"{LOGIN.login_url}?prefilled_email=a%2Bb%40acme.example" in issue.detail
    assert "switch on the login link" in told(the_view(portal=None))[0].detail


def test_an_open_invoice_is_the_page_and_the_sum() -> None:
    bill = invoice(collection_method=CARD, hosted_url=HOSTED, due_date_s=None)
    [issue] = told(the_view(invoices=[bill]))
    assert (issue.sum, issue.reference, HOSTED in issue.detail) == (Decimal("500.00"), "in_1", True)
    over = subscription(collection_method=CARD, metadata=DEAL, status="canceled", ended_at_s=FEB_1)
    assert told(the_view(subscriptions=[over], invoices=[bill]))  # it is still to be collected
    paid = bill.model_copy(update={"status": "paid", "amount_remaining_minor": 0})
    assert told(the_view(subscriptions=[over], invoices=[paid])) == []


def test_a_deal_that_has_not_begun_is_told_of_too() -> None:
    assert told(the_view(subscriptions=[], schedules=[schedule(collection_method=CARD)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"customers": [Customer(id="cus_1", payment_method="visa")]},
        {"customers": [Customer(id="cus_1", source="card_1")]},
        {"subscriptions": [subscription(collection_method=CARD, metadata=DEAL, payment_method="pm_1")]},
        {"subscriptions": [subscription(metadata=DEAL)]},
        {"subscriptions": [subscription(collection_method=CARD, metadata=DEAL, status="canceled")]},
    ],
    ids=["a method", "an older source", "one of the subscription", "sent now", "over and paid"],
)
def test_it_closes_by_itself(changes: dict[str, Any]) -> None:
    found = show(the_view(**changes), frozenset())
    assert [i.code for i in found.issues] == []
    assert "DATA-217:0Q0A" in found.settled


def test_what_was_bought_on_the_web_site_is_not_a_deal() -> None:
    found = show(the_view(subscriptions=[subscription(collection_method=CARD)]), frozenset())
    assert "DATA-217" not in " ".join((*found.settled, *(i.code for i in found.issues)))


def test_the_preview_says_it_before() -> None:
    deal = a_deal(collection_method="Charge Automatically")
    [words] = noted(deal, None, LOGIN)
    assert words.startswith("DATA-217: This deal is set to charge a card and there is none.")
    assert LOGIN.login_url in words
    assert noted(deal, Customer(id="cus_1", payment_method="visa"), LOGIN) == []
    assert noted(a_deal(), None, None) == []
