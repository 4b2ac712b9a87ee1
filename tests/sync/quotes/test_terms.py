"""The quote's own words: ways to pay, policies, and which line is an addition."""

from decimal import Decimal

import pytest

from sync.deal.changes import Credit, Proration
from sync.deal.policy import BillingPolicy
from sync.quotes.header import PAYMENT_METHODS
from tests.salesforce.package import package_fields
from tests.sync.deal.factory import QUOTE_ID, a_deal, a_line
from tests.sync.quotes.refusing import refusals, told


@pytest.mark.parametrize(
    ("said", "currency", "sent"),
    [
        (None, "USD", ()),
        ("", "USD", ()),
        ("Card", "JPY", ("card",)),
        ("Card;ACH", "USD", ("card", "us_bank_account")),
        ("SEPA; Link;SEPA", "EUR", ("sepa_debit", "link")),
        ("Transfer", "GBP", ("customer_balance",)),
    ],
)
def test_ways_to_pay_are_sent_by_stripes_names(said, currency, sent):
    assert a_deal(payment_methods=said, currency=currency).terms.payment_methods == sent


def test_every_way_to_pay_that_the_field_offers_is_known():
    assert set(package_fields()["Quote.Payment_Methods__c"].values) == set(PAYMENT_METHODS)


@pytest.mark.parametrize(
    ("said", "currency"),
    [("Cheque", "USD"), ("Card;Cheque", "USD"), ("ACH", "EUR"), ("SEPA", "USD"), ("Transfer", "CHF")],
)
def test_a_way_to_pay_that_stripe_would_refuse_is_refused(said, currency):
    assert told(lambda: a_deal(payment_methods=said, currency=currency)) == ("CONF-304", "Payment_Methods__c", QUOTE_ID)


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
