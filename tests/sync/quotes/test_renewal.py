"""Renewals: deals of their own that begin where another one ends."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sync.crm import CrmAccount
from sync.deal.changes import Kind
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from sync.quotes.standard import read_quote
from tests.sync.deal.factory import (
    CHANGE_ID,
    EARLY,
    QUOTE_ID,
    ROW_ID,
    a_cancellation,
    a_deal,
    a_graph,
    a_line,
    a_renewal,
)
from tests.sync.quotes.refusing import refusal, told

NEXT = date(2027, 1, 1)


def test_it_is_a_deal_of_its_own_that_names_the_one_it_renews():
    deal = a_renewal(a_deal(), a_line(quantity=Decimal(12)))
    assert (deal.key, deal.renews, deal.base.kind) == (CHANGE_ID, QUOTE_ID, Kind.RENEWAL)
    assert (deal.start, deal.end) == (NEXT, date(2028, 1, 1))
    assert a_deal().renews is None


def test_its_start_is_the_day_after_whether_written_or_not():
    assert a_renewal(a_deal(), start_date=NEXT) == a_renewal(a_deal())


def test_a_cancelled_deal_is_renewed_from_the_day_it_ends():
    assert a_renewal(a_cancellation(a_deal(), date(2026, 7, 1))).start == date(2026, 7, 1)


@pytest.mark.parametrize("day", [date(2026, 12, 31), date(2027, 1, 2)])
def test_a_gap_or_an_overlap_is_refused_with_the_right_day(day: date):
    refused = refusal(lambda: a_renewal(a_deal(), start_date=day))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-205", "Start_Date__c", CHANGE_ID)
    assert "Set Start_Date__c to 1 Jan 2027" in refused.message


def test_a_deal_without_an_end_is_cancelled_before_it_is_renewed():
    refused = refusal(lambda: a_renewal(a_deal(term_months=None, auto_renew=True)))
    assert (refused.code, refused.field) == ("CONF-311", "Billing_Subscription__c")
    assert "Sign a Cancellation of it first" in refused.message


def test_it_names_its_deal_which_is_the_accounts():
    assert told(lambda: a_renewal(a_deal(), billing_subscription_id=None)) == (
        "DATA-215",
        "Billing_Subscription__c",
        CHANGE_ID,
    )
    other = CrmAccount(id="001AA0000000009AAA", name="Birch", billing_email="a@birch.example")
    assert told(lambda: a_renewal(a_deal(), account=other, account_id=other.id))[:2] == ("DATA-215", "AccountId")


def test_without_the_deal_it_is_refused():
    graph = a_graph(quote_type="Renewal", billing_subscription_id=ROW_ID)
    refused = refusal(lambda: read_quote(graph, BillingPolicy(), EARLY))
    assert (refused.code, refused.field) == ("DATA-215", "Billing_Subscription__c")


def test_a_renewal_takes_nothing_off():
    assert told(lambda: a_renewal(a_deal(), a_line(change="Remove")))[:2] == ("CONF-311", "Change__c")


def test_accepted_late_it_is_billed_from_its_own_start():
    late = datetime(2027, 1, 5, tzinfo=UTC)
    deal = a_renewal(a_deal(), a_line(quantity=Decimal(12), unit_price=Decimal(130)), now=late)
    first = forecast(deal, late).invoices[0]
    assert (first.day, first.total, first.lines[0].period_start) == (date(2027, 1, 5), 156000, NEXT)
