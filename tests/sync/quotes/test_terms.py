"""The quote's own words: ways to pay, policies, and which line is an addition."""

from decimal import Decimal

import pytest

from sync.deal.changes import Credit, Proration
from sync.deal.policy import BillingPolicy
from tests.sync.deal.factory import QUOTE_ID, a_deal, a_line
from tests.sync.quotes.refusing import refusals, told


def test_the_ways_to_pay_are_those_that_the_quote_chooses():
    assert a_deal().terms.methods == ()
    assert a_deal(payment_methods="Transfer;Card;ACH").terms.methods == ("card", "customer_balance", "us_bank_account")
    assert a_deal(payment_methods="SEPA; Link", currency="EUR").terms.methods == ("link", "sepa_debit")


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ("Cheque", {}),
        ("Card;ACH", {"currency": "EUR"}),
        ("SEPA", {}),
        ("SEPA", {"currency": None, "policy": BillingPolicy(currency="USD")}),
        ("Transfer", {"currency": "CHF"}),
        ("Transfer", {"collection_method": "Charge Automatically"}),
    ],
)
def test_a_way_to_pay_that_cannot_be_is_refused(said, more):
    assert told(lambda: a_deal(payment_methods=said, **more)) == ("CONF-304", "Payment_Methods__c", QUOTE_ID)


def test_policies_of_the_quote_and_of_the_installation():
    blank, own = a_deal().base, a_deal(proration_policy="Stripe", credit_policy="None").base
    assert (blank.proration, blank.credit) == (Proration.SIGNED, Credit.BALANCE)
    assert (own.proration, own.credit) == (Proration.STRIPE, Credit.NONE)
    installed = a_deal(policy=BillingPolicy(proration=Proration.NONE, credit=Credit.REFUND)).base
    assert (installed.proration, installed.credit) == (Proration.NONE, Credit.REFUND)


def test_policies_that_are_none_are_refused():
    found = refusals(lambda: a_deal(proration_policy="Fair", credit_policy="Cash"))
    assert [(r.code, r.field) for r in found] == [("CONF-304", "Proration_Policy__c"), ("CONF-304", "Credit_Policy__c")]


def test_how_the_installation_counts_is_part_of_the_deal():
    policy = BillingPolicy(newest_first=False, whole_months=True, rounding_step=True)
    deal = a_deal(policy=policy)
    assert (deal.newest_first, deal.whole_months, deal.rounding) == (False, True, True)


def test_a_line_says_add_or_nothing():
    assert len(a_deal(a_line(1, change="Add"), a_line(2, unit_price=Decimal(1), change="")).lines) == 2
    assert told(lambda: a_deal(a_line(change="Swap"))) == ("CONF-304", "Change__c", a_line().id)
