"""Amendments that add: from which day, to which end, at which frequency; and what of a running deal can't be changed."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from sync.crm import CrmAccount
from sync.deal.calendar import months_value
from sync.deal.changes import Credit, Kind, Proration
from sync.deal.forecast import forecast
from sync.deal.money import round_half_away
from sync.deal.policy import BillingPolicy
from sync.quotes.standard import read_change, read_quote
from tests.sync.deal.factory import (
    CHANGE_ID,
    EARLY,
    OTHER_ID,
    QUOTE_ID,
    ROW_ID,
    a_cancellation,
    a_change,
    a_change_graph,
    a_deal,
    a_fee,
    a_graph,
    a_line,
)
from tests.sync.quotes.refusing import refusal, refusals, told

JULY = date(2026, 7, 1)
FREE_ENDS = BillingPolicy(co_terminate=False)


def endless(*lines, **quote):
    return a_deal(*lines, term_months=None, auto_renew=True, **quote)


# ---------------------------------------------------------------- what is read


def test_the_deal_is_the_same_with_one_change_more():
    base = a_deal()
    deal = a_change(base)
    assert deal.changes[0] == base.changes[0]
    assert (deal.key, deal.start, deal.end, deal.terms) == (base.key, base.start, base.end, base.terms)
    added = deal.changes[1]
    assert (added.quote_id, added.number, added.kind, added.effective) == (CHANGE_ID, "00000043", Kind.AMENDMENT, JULY)
    (line,) = added.adds
    assert (line.start, line.end, line.quantity) == (JULY, date(2027, 1, 1), 5)
    assert (line.period_months, line.cycle_months) == (1, 1)


def test_when_it_was_signed_is_what_we_are_told_else_what_the_quote_says_else_now():
    base, signed, kept = a_deal(), datetime(2026, 6, 20, 9, tzinfo=UTC), datetime(2026, 6, 21, tzinfo=UTC)
    assert a_change(base).changes[1].signed_at == EARLY
    assert a_change(base, signed_at=kept).changes[1].signed_at == kept
    said = read_change(a_change_graph(), base, BillingPolicy(), EARLY, accepted_at=kept)
    assert (said.changes[1].signed_at, said.changes[1].accepted_at) == (EARLY, kept)
    graph = a_graph(signed_at=signed)
    assert read_quote(graph, BillingPolicy(), EARLY).base.signed_at == signed
    assert read_quote(graph, BillingPolicy(), EARLY, signed_at=kept, accepted_at=kept).base.signed_at == kept


def test_policies_are_the_quotes_else_the_installations():
    policy = BillingPolicy(proration=Proration.STRIPE, credit=Credit.NONE)
    blank = a_change(a_deal(), policy=policy).changes[1]
    assert (blank.proration, blank.credit) == (Proration.STRIPE, Credit.NONE)
    own = a_change(a_deal(), policy=policy, proration_policy="None", credit_policy="Refund").changes[1]
    assert (own.proration, own.credit) == (Proration.NONE, Credit.REFUND)


def test_the_frequency_is_the_lines_else_the_quotes_else_that_of_the_product_in_the_deal():
    base = a_deal(billing_frequency="Annual")
    assert a_change(base).changes[1].adds[0].cycle_months == 12
    assert a_change(base, billing_frequency="Quarterly").changes[1].adds[0].cycle_months == 3
    own = a_line(21, billing_frequency="Monthly")
    assert a_change(base, own, billing_frequency="Quarterly").changes[1].adds[0].cycle_months == 1
    new = a_line(21, product_id=OTHER_ID)
    assert told(lambda: a_change(base, new)) == ("DATA-215", "Billing_Frequency__c", CHANGE_ID)
    two = a_deal(a_line(1), a_line(2, billing_frequency="Annual"))
    assert told(lambda: a_change(two))[:2] == ("DATA-215", "Billing_Frequency__c")


def test_a_price_for_the_term_means_the_deals_whole_term():
    added = a_line(21, quantity=Decimal(5), unit_price=Decimal("1200.00"), price_period="Term")
    deal = a_change(a_deal(), added)
    assert deal.lines[-1].period_months == 12
    assert {i.day: i.total for i in forecast(deal, EARLY).invoices}[JULY] == 150000
    assert told(lambda: a_change(endless(), added))[:2] == ("DATA-209", "Price_Period__c")
    odd = a_change(a_deal(billing_frequency="Annual", term_months=None, end_date=date(2026, 12, 15)), added)
    rest = (
        Fraction(5 * 120_000)
        * months_value(JULY, date(2026, 12, 16))
        / months_value(date(2026, 1, 1), date(2026, 12, 16))
    )
    assert {i.day: i.total for i in forecast(odd, EARLY).invoices}[JULY] == round_half_away(rest)


def test_one_time_lines_and_later_starts_are_part_of_an_amendment():
    later = a_line(22, quantity=Decimal(1), start_date=date(2026, 9, 1))
    deal = a_change(a_deal(), a_fee(21), later)
    assert [line.start for line in deal.lines[1:]] == [JULY, date(2026, 9, 1)]
    totals = {(i.day, i.total) for i in forecast(deal, EARLY).invoices}
    assert {(JULY, 250000), (date(2026, 9, 1), 110000)} <= totals


def test_what_is_added_to_a_deal_without_an_end_has_none():
    assert a_change(endless()).lines[-1].end is None


def test_discounts_count_from_the_day_of_the_amendment():
    added = a_line(21, discount_percent=Decimal(50), discount_months=2)
    (line,) = a_change(a_deal(), added, quote_discount=Decimal(10), quote_discount_months=3).changes[1].adds
    assert [d.until for d in line.discounts] == [date(2026, 9, 1), date(2026, 10, 1)]


def test_a_discount_longer_than_what_is_left_is_refused():
    added = a_line(21, discount_percent=Decimal(50), discount_months=7)
    assert told(lambda: a_change(a_deal(), added))[:2] == ("DATA-209", "Discount_Months__c")
    quote = {"quote_discount": Decimal(10), "quote_discount_months": 7}
    assert told(lambda: a_change(a_deal(), **quote)) == ("DATA-209", "Quote_Discount_Months__c", CHANGE_ID)


def test_what_the_deal_says_may_be_said_again():
    base = a_deal(
        start_date=date(2026, 1, 10),
        trial_days=10,
        billing_day=5,
        collection_method="Charge Automatically",
        po_number="PO-1",
    )
    same = {
        "trial_days": 10,
        "billing_day": 5,
        "collection_method": "Charge Automatically",
        "days_until_due": 45,
        "po_number": " PO-1 ",
        "end_date": date(2027, 1, 19),
    }
    assert a_change(base, **same).changes[1].adds[0].end == date(2027, 1, 20)
    assert a_change(endless(), auto_renew=True)


# ---------------------------------------------------------------- from when to when

DAYS = [
    ("before the deal", a_deal, {"start_date": date(2025, 12, 1)}, "DATA-205", "1 Dec 2025 and 1 Jan 2026"),
    ("after the deal", a_deal, {"start_date": date(2027, 1, 1)}, "DATA-205", "1 Jan 2027 and 31 Dec 2026"),
    ("in the trial", lambda: a_deal(trial_days=30), {"start_date": date(2026, 1, 5)}, "DATA-205", "31 Jan 2026"),
    ("after a cancellation", lambda: a_cancellation(a_deal(), date(2026, 5, 1)), {}, "DATA-212", "cancelled on 1 May 2026"),
    ("on the cancellation's day", lambda: a_cancellation(a_deal(), JULY), {}, "DATA-212", "30 Jun 2026"),
    ("no day", a_deal, {"start_date": None}, "DATA-215", "Start_Date__c is blank"),
]  # fmt: skip


@pytest.mark.parametrize(("deal", "quote", "code", "says"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
def test_the_deal_must_run_on_the_day_of_the_amendment(deal, quote, code, says):
    refused = refusal(lambda: a_change(deal(), **quote))
    assert (refused.code, refused.field, refused.record_id) == (code, "Start_Date__c", CHANGE_ID)
    assert says in refused.message


def test_an_amendment_before_a_cancellation_is_billed_until_it():
    ended = a_cancellation(a_deal(), date(2026, 10, 1))
    deal = a_change(ended)
    assert deal.pieces[-1].last == date(2026, 10, 1)
    late = a_line(21, start_date=date(2026, 11, 1))
    assert told(lambda: a_change(ended, late)) == ("DATA-212", "Start_Date__c", late.id)


ENDS = [
    ("end of the quote", {"end_date": date(2027, 6, 30)}, "End_Date__c", "30 Jun 2027", "Set it to 31 Dec 2026"),
    ("an earlier end", {"end_date": date(2026, 9, 30)}, "End_Date__c", "30 Sep 2026", "Set it to 31 Dec 2026"),
    ("months of the quote", {"term_months": 12}, "Term_Months__c", "30 Jun 2027", "set End_Date__c to 31 Dec 2026"),
]  # fmt: skip


@pytest.mark.parametrize(("quote", "field", "seen", "todo"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_an_amendment_ends_with_its_deal_and_the_right_day_is_named(quote, field, seen, todo):
    refused = refusal(lambda: a_change(a_deal(), **quote))
    assert (refused.code, refused.field) == ("DATA-205", field)
    assert f"{seen} and 31 Dec 2026" in refused.message
    assert todo in refused.message


def test_the_right_end_in_days_or_months_is_fine():
    for right in (
        {"end_date": date(2026, 12, 31)},
        {"term_months": 6},
        {"term_months": 6, "end_date": date(2026, 12, 31)},
    ):
        assert a_change(a_deal(), **right).lines[-1].end == date(2027, 1, 1)


def test_a_line_with_another_end_is_refused_and_names_the_deals():
    line = a_line(21, end_date=date(2026, 9, 30))
    refused = refusal(lambda: a_change(a_deal(), line))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-205", "End_Date__c", line.id)
    assert "30 Sep 2026 and 31 Dec 2026" in refused.message
    assert told(lambda: a_change(endless(), line)) == ("DATA-205", "End_Date__c", line.id)
    assert told(lambda: a_change(endless(), end_date=date(2026, 9, 30)))[:2] == ("DATA-205", "End_Date__c")


def test_without_co_termination_any_end_up_to_the_deals_is_fine():
    def ends(*lines, **quote):
        return a_change(a_deal(), *lines, policy=FREE_ENDS, **quote).lines[-1].end

    assert ends(end_date=date(2026, 9, 30)) == date(2026, 10, 1)
    assert ends(term_months=3) == date(2026, 10, 1)
    assert ends(a_line(21, end_date=date(2026, 8, 31))) == date(2026, 9, 1)
    assert ends() == date(2027, 1, 1)
    unlike = {"end_date": date(2026, 9, 30), "term_months": 2}
    assert "30 Sep 2026 and 31 Aug 2026" in refusal(lambda: a_change(a_deal(), policy=FREE_ENDS, **unlike)).message
    late = refusals(lambda: a_change(a_deal(), policy=FREE_ENDS, end_date=date(2027, 1, 31)))
    assert [r.code for r in late] == ["DATA-205"]


def test_a_line_before_the_amendment_is_refused():
    line = a_line(21, start_date=date(2026, 5, 1))
    assert told(lambda: a_change(a_deal(), line)) == ("DATA-205", "Start_Date__c", line.id)


def test_back_dating_is_limited_for_amendments_too():
    late = datetime(2026, 9, 1, tzinfo=UTC)
    assert a_change(a_deal(), now=late)
    refused = refusal(lambda: a_change(a_deal(), now=late, policy=BillingPolicy(max_days_back=30)))
    assert (refused.code, "62 days back" in refused.message) == ("DATA-204", True)


# ---------------------------------------------------------------- whose deal it is


def test_an_amendment_names_its_deal():
    refused = refusal(lambda: a_change(a_deal(), billing_subscription_id=None))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-215", "Billing_Subscription__c", CHANGE_ID)
    assert "An Amendment needs the deal" in refused.message


def test_where_its_deal_cannot_be_found_it_is_refused_and_waits_for_the_row():
    def read():
        return read_quote(a_change_graph(), BillingPolicy(), EARLY)

    refused = refusal(read)
    assert (refused.code, refused.field) == ("DATA-215", "Billing_Subscription__c")
    assert ROW_ID in refused.blocked_on
    blank = a_change_graph(billing_subscription_id=None)
    assert "is blank" in refusal(lambda: read_quote(blank, BillingPolicy(), EARLY)).message


def test_another_accounts_deal_is_refused_naming_both():
    other = CrmAccount(id="001AA0000000009AAA", name="Birch", billing_email="a@birch.example")
    refused = refusal(lambda: a_change(a_deal(), account=other, account_id=other.id))
    assert (refused.code, refused.field) == ("DATA-215", "AccountId")
    assert "Birch" in refused.message
    assert "Acme Ltd" in refused.message
    assert other.id in refused.blocked_on


def test_another_currency_is_refused_naming_both():
    refused = refusal(lambda: a_change(a_deal(), currency="EUR"))
    assert (refused.code, refused.field) == ("DATA-203", "CurrencyIsoCode")
    assert "Acme Ltd has a live subscription in USD; this quote is in EUR." in refused.message
    assert a_change(a_deal(), currency=None).currency == "USD"


SETTLED = [
    ("billing day", {"billing_day": 15}, "Billing_Day__c"),
    ("trial", {"trial_days": 14}, "Trial_Days__c"),
    ("renewal", {"auto_renew": True}, "Auto_Renew__c"),
    ("collection", {"collection_method": "Charge Automatically"}, "Collection_Method__c"),
    ("methods", {"payment_methods": "Card"}, "Payment_Methods__c"),
    ("payment terms", {"days_until_due": 10}, "Days_Until_Due__c"),
    ("order number", {"po_number": "PO-2"}, "PO_Number__c"),
    ("skipping", {"skip_past_invoices": True}, "Skip_Past_Invoices__c"),
]


@pytest.mark.parametrize(("quote", "field"), [row[1:] for row in SETTLED], ids=[row[0] for row in SETTLED])
def test_the_terms_of_a_running_deal_cannot_be_changed_yet(quote, field):
    refused = refusal(lambda: a_change(a_deal(), **quote))
    assert (refused.code, refused.field, refused.record_id) == ("CONF-311", field, CHANGE_ID)
    assert field in refused.message


# ---------------------------------------------------------------- the rest


def test_an_amendment_without_lines_changes_nothing_and_is_refused():
    optional = a_line(21, optional=True)
    assert told(lambda: a_change(a_deal(), optional)) == ("DATA-215", "QuoteLineItems", CHANGE_ID)


def test_everything_wrong_is_told_at_once():
    lines = (
        a_line(21, quantity=Decimal("1.5")),
        a_line(22, change="Remove", quantity=Decimal(99)),
        a_line(23, change="Swap"),
        a_line(24, discount_percent=Decimal(101)),
    )
    found = refusals(lambda: a_change(a_deal(), *lines, currency="EUR", billing_day=3, proration_policy="Fair"))
    assert [(r.code, r.field) for r in found] == [
        ("CONF-311", "Billing_Day__c"),
        ("CONF-304", "Proration_Policy__c"),
        ("DATA-203", "CurrencyIsoCode"),
        ("DATA-207", "Quantity"),
        ("CONF-304", "Change__c"),
        ("DATA-209", "Discount"),
        ("DATA-207", "Quantity"),
    ]


def test_an_amount_that_only_the_proration_cannot_carry_is_refused():
    dinars = {"currency": "KWD"}
    base = a_deal(a_line(unit_price=Decimal("10.00")), **dinars)
    line = a_line(21, quantity=Decimal(1), unit_price=Decimal("10.00"))
    assert a_change(base, line, **dinars)
    refused = refusal(lambda: a_change(base, line, start_date=date(2026, 7, 12), **dinars))
    assert (refused.code, refused.record_id) == ("DATA-210", CHANGE_ID)
    assert "for part of a period" in refused.message


def test_a_new_quote_is_no_change():
    with pytest.raises(ValueError, match="makes a deal of its own"):
        read_change(a_graph(), a_deal(), BillingPolicy(), EARLY)


def test_the_order_in_which_amendments_are_read_makes_the_same_deal():
    first = {"id": "0Q0AA0000000003AAA", "number": "44", "start_date": date(2026, 5, 16)}
    second = {"id": "0Q0AA0000000004AAA", "number": "45", "start_date": date(2026, 9, 1)}
    three, two = a_line(31, quantity=Decimal(3)), a_line(41, quantity=Decimal(2))
    one_way = a_change(a_change(a_deal(), three, **first), two, **second)
    other_way = a_change(a_change(a_deal(), two, **second), three, **first)
    totals = [[(i.day, i.total) for i in forecast(deal, EARLY).invoices] for deal in (one_way, other_way)]
    assert totals[0] == totals[1]
    assert {c.quote_id for c in one_way.changes} == {QUOTE_ID, first["id"], second["id"]}


def test_a_deal_takes_as_many_changes_as_its_stripe_objects_can_remember():
    deal = a_deal()
    full = replace(deal, changes=(deal.base, *(replace(deal.base, quote_id=f"A{n}", adds=()) for n in range(40))))
    assert told(lambda: a_change(full))[:2] == ("CONF-311", "Billing_Subscription__c")
