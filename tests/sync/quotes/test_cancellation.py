"""Cancellations: one day from which nothing runs."""

from datetime import date
from decimal import Decimal

import pytest

from sync.crm import CrmAccount
from sync.deal.changes import Credit, Kind
from sync.deal.forecast import forecast
from sync.deal.pricing import mrr_minor
from tests.sync.deal.factory import EARLY, a_cancellation, a_change, a_deal, a_fee, a_line
from tests.sync.quotes.refusing import refusal, refusals, told

JULY = date(2026, 7, 1)
HERE = "0Q0AA0000000009AAA"


def test_the_deal_ends_on_its_first_day_without_service():
    deal = a_cancellation(a_deal(), JULY, credit_policy="Refund")
    change = deal.changes[1]
    assert (change.kind, change.ends, change.effective, change.credit) == (Kind.CANCELLATION, True, JULY, Credit.REFUND)
    assert (deal.ends_on, deal.last, deal.end) == (JULY, JULY, date(2027, 1, 1))
    assert [invoice.total for invoice in forecast(deal, EARLY).invoices] == [100000] * 6
    assert (mrr_minor(deal, date(2026, 6, 30)), mrr_minor(deal, JULY)) == (100000, 0)


def test_it_needs_no_lines_no_term_and_no_frequency_and_ignores_them():
    lines = (a_line(31, quantity=Decimal("1.5")), a_line(32, product_id=None, change="Swap"))
    with_lines = a_change(
        a_deal(),
        *lines,
        quote_type="Cancellation",
        id=HERE,
        number="00000049",
        term_months=99,
        end_date=date(2040, 1, 1),
        billing_frequency="Weekly",
        currency="EUR",
    )
    assert with_lines == a_cancellation(a_deal(), JULY)


def test_on_the_first_day_nothing_is_ever_billed():
    deal = a_cancellation(a_deal(a_line(1), a_fee(2)), date(2026, 1, 1))
    assert forecast(deal, EARLY).invoices == ()


def test_a_trial_can_be_ended():
    deal = a_cancellation(a_deal(trial_days=30), date(2026, 1, 10))
    assert (deal.ends_on, forecast(deal, EARLY).total) == (date(2026, 1, 10), 0)


def test_from_the_day_after_the_term_it_changes_no_invoice_and_says_that_no_more_is_planned():
    deal = a_cancellation(a_deal(), date(2027, 1, 1))
    assert (deal.ends_on, deal.last) == (date(2027, 1, 1), date(2027, 1, 1))
    assert [invoice.total for invoice in forecast(deal, EARLY).invoices] == [100000] * 12


def test_a_deal_without_an_end_is_ended():
    endless = a_deal(term_months=None, auto_renew=True)
    deal = a_cancellation(endless, date(2028, 1, 1))
    assert deal.last == date(2028, 1, 1)
    assert not forecast(deal, EARLY).open_ended


def test_an_earlier_cancellation_takes_the_place_of_a_later_one():
    deal = a_cancellation(a_cancellation(a_deal(), date(2026, 10, 1)), JULY, id="0Q0AA0000000008AAA")
    assert deal.ends_on == JULY


REFUSED = [
    ("no day", a_deal, None, "DATA-215", "Start_Date__c is blank"),
    ("before the deal", a_deal, date(2025, 12, 31), "DATA-205", "31 Dec 2025 and 1 Jan 2026"),
    ("before the trial", lambda: a_deal(trial_days=5), date(2025, 12, 31), "DATA-205", "1 Jan 2026"),
    ("after the end", a_deal, date(2027, 1, 2), "DATA-205", "1 Jan 2027 is its first day without service"),
    ("after another", lambda: a_cancellation(a_deal(), JULY, id="0Q0AA0000000008AAA"), date(2026, 9, 1), "DATA-212", "cancelled on 1 Jul 2026"),
    ("with another", lambda: a_cancellation(a_deal(), JULY, id="0Q0AA0000000008AAA"), JULY, "DATA-212", "30 Jun 2026"),
    ("an impossible day", a_deal, date(206, 1, 1), "DATA-215", "0206-01-01"),
]  # fmt: skip


@pytest.mark.parametrize(("deal", "day", "code", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_cancellation_for_another_day_is_refused_with_the_right_one(deal, day, code, says):
    refused = refusal(lambda: a_cancellation(deal(), day))
    assert (refused.code, refused.field, refused.record_id) == (code, "Start_Date__c", HERE)
    assert says in refused.message


def test_it_names_its_deal_which_is_the_accounts():
    assert told(lambda: a_cancellation(a_deal(), JULY, billing_subscription_id=None))[:2] == (
        "DATA-215",
        "Billing_Subscription__c",
    )
    other = CrmAccount(id="001AA0000000009AAA", name="Birch", billing_email="a@birch.example")
    found = refusals(lambda: a_cancellation(a_deal(), JULY, account=other, account_id=other.id, billing_day=3))
    assert [(r.code, r.field) for r in found] == [("DATA-215", "AccountId"), ("CONF-311", "Billing_Day__c")]


def test_of_what_had_begun_the_rest_is_credited():
    annual = a_deal(a_line(unit_price=Decimal(1200), price_period="Year"), billing_frequency="Annual")
    deal = a_cancellation(annual, JULY)
    made = forecast(deal, EARLY)
    assert ([i.total for i in made.invoices], [c.amount for c in made.credits]) == ([1200000], [600000])
