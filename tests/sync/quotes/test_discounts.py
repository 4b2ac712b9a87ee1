"""Percent and amount off a line, percent off the quote, each for ever or for the first months."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from sync.deal.discounts import AmountOff, Discount, Percent
from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from tests.sync.deal.factory import EARLY, OTHER_ID, QUOTE_ID, a_deal, a_fee, a_line, a_usage
from tests.sync.quotes.refusing import refusal, told

TEN = Percent(Decimal(10))


def bills(deal):
    return [invoice.total for invoice in forecast(deal, EARLY).invoices]


def test_the_lines_percent_then_its_amount_then_the_quotes_percent():
    line = a_line(discount_percent=Decimal(20), discount_amount=Decimal("50.00"))
    deal = a_deal(line, quote_discount=Decimal(10))
    assert [d.off for d in deal.lines[0].discounts] == [Percent(Decimal(20)), AmountOff(5000, "USD", line.id), TEN]
    assert bills(deal)[0] == 67500  # (1,000.00 - 20 % - 50.00) - 10 %


def test_twenty_then_ten_percent_leaves_72():
    deal = a_deal(a_line(discount_percent=Decimal(20)), quote_discount=Decimal(10))
    assert bills(deal)[0] == 72000


def test_the_quotes_percent_is_taken_off_recurring_and_one_time_lines_and_not_off_use():
    deal = a_deal(a_line(1), a_fee(2), a_usage(3), quote_discount=Decimal(10))
    assert [line.discounts for line in deal.lines] == [(Discount(TEN),), (Discount(TEN),), ()]
    assert bills(deal)[0] == 90000 + 225000


def test_the_quotes_months_need_not_fit_the_cycles_of_use():
    use = a_usage(3, billing_frequency="Annual", discount_percent=Decimal(20))
    deal = a_deal(a_line(1), use, quote_discount=Decimal(10), quote_discount_months=3)
    assert [line.discounts for line in deal.lines] == [
        (Discount(TEN, date(2026, 4, 1)),),
        (Discount(Percent(Decimal(20))),),
    ]


def test_the_first_months_count_from_the_lines_start():
    line = a_line(discount_percent=Decimal(50), discount_months=3, start_date=date(2026, 4, 1))
    (read,) = a_deal(line).lines
    assert read.discounts == (Discount(Percent(Decimal(50)), date(2026, 7, 1)),)
    assert bills(a_deal(line))[:4] == [50000, 50000, 50000, 100000]


def test_months_limit_the_percent_and_the_amount_alike():
    line = a_line(discount_percent=Decimal(10), discount_amount=Decimal(5), discount_months=2)
    assert {d.until for d in a_deal(line).lines[0].discounts} == {date(2026, 3, 1)}


def test_the_quotes_months_count_from_the_quotes_start():
    later = a_line(2, product_id=OTHER_ID, start_date=date(2026, 3, 1))
    after = a_line(3, product_id=OTHER_ID, unit_price=Decimal(7), start_date=date(2026, 3, 1))
    deal = a_deal(a_line(1), later, after, quote_discount=Decimal(10), quote_discount_months=3)
    assert [line.discounts for line in deal.lines] == [(Discount(TEN, date(2026, 4, 1)),)] * 3
    early = a_deal(a_line(1), later, quote_discount=Decimal(10), quote_discount_months=2)
    assert early.lines[1].discounts == ()


def test_the_quotes_months_touch_a_one_time_line_of_that_time_only():
    fees = (a_fee(2), a_fee(3, start_date=date(2026, 6, 1)))
    deal = a_deal(a_line(1), *fees, quote_discount=Decimal(10), quote_discount_months=3)
    assert [line.discounts for line in deal.once] == [(Discount(TEN),), ()]


def test_a_discount_for_the_whole_term_lasts_as_long_as_the_line():
    deal = a_deal(a_line(discount_percent=Decimal(10), discount_months=12), quote_discount=TEN.value, quote_discount_months=12)  # fmt: skip
    assert deal.lines[0].discounts == (Discount(TEN), Discount(TEN))


def test_months_from_a_clamped_day_end_where_the_cycle_ends():
    line = a_line(start_date=date(2027, 2, 28), discount_percent=Decimal(10), discount_months=1)
    deal = a_deal(line, start_date=date(2027, 1, 31))
    assert deal.lines[0].discounts[0].until == date(2027, 3, 31)


def test_a_free_line_and_a_line_of_nothing_are_real_lines():
    deal = a_deal(a_line(1, discount_percent=Decimal(100)), a_line(2, unit_price=Decimal("0.00")))
    assert len(deal.lines) == 2
    assert bills(deal) == [0] * 12


REFUSED = [
    ("no multiple", {"discount_percent": Decimal(5), "discount_months": 4}, {"billing_frequency": "Quarterly"}, "Discount_Months__c"),
    ("longer than the line", {"discount_percent": Decimal(5), "discount_months": 13}, {}, "Discount_Months__c"),
    ("no months", {"discount_percent": Decimal(5), "discount_months": 0}, {}, "Discount_Months__c"),
    ("less than none", {"discount_amount": Decimal(5), "discount_months": -1}, {}, "Discount_Months__c"),
    ("months of nothing", {"discount_months": 3}, {}, "Discount_Months__c"),
    ("negative amount", {"discount_amount": Decimal(-5)}, {}, "Discount_Amount__c"),
    ("below zero", {"discount_amount": Decimal("1000.01")}, {}, "Discount_Amount__c"),
    ("below zero after the percent", {"discount_percent": Decimal(50), "discount_amount": Decimal("500.01")}, {}, "Discount_Amount__c"),
    ("amount off nothing", {"unit_price": Decimal(0), "discount_amount": Decimal(1)}, {}, "Discount_Amount__c"),
    ("inside a period of another billing day", {"discount_percent": Decimal(5), "discount_months": 3}, {"billing_day": 15}, "Discount_Months__c"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "quote", "field"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_discount_of_a_line_that_cannot_be_billed_is_refused(line, quote, field):
    refused = refusal(lambda: a_deal(a_line(**line), **quote))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-209", field, a_line().id)
    assert field in refused.message


def test_an_amount_may_be_all_that_a_line_comes_to_and_more_than_its_shorter_last_cycle():
    assert bills(a_deal(a_line(discount_amount=Decimal(1000)))) == [0] * 12
    deal = a_deal(a_line(discount_amount=Decimal(500)), term_months=None, end_date=date(2026, 2, 10))
    assert bills(deal) == [50000, 0]
    only = a_line(discount_amount=Decimal("1000.00"), billing_frequency="Annual")
    assert bills(a_deal(only, term_months=1)) == [0]


def test_an_amount_finer_than_the_currency_is_refused_or_rounded_by_the_step():
    fine = a_line(discount_amount=Decimal("5.005"))
    assert told(lambda: a_deal(fine)) == ("DATA-210", "Discount_Amount__c", fine.id)
    dinars = a_line(discount_amount=Decimal("5.004"))
    assert told(lambda: a_deal(dinars, currency="KWD")) == ("DATA-210", "Discount_Amount__c", fine.id)
    deal = a_deal(dinars, currency="KWD", policy=BillingPolicy(rounding_step=True))
    assert deal.lines[0].discounts[0].off == AmountOff(5000, "KWD", fine.id)


def test_an_amount_that_no_coupon_of_stripe_takes_off_is_refused_before_anything_is_written():
    most = a_line(unit_price=Decimal("2000000"), discount_amount=Decimal("999999.99"))
    assert bills(a_deal(most))[0] == 1_900_000_001
    fee = a_fee(2, unit_price=Decimal("2000000"), discount_amount=Decimal("1000000"))
    for line in (replace(most, discount_amount=Decimal("1000000")), fee):
        refused = refusal(lambda line=line: a_deal(a_line(1), line) if line is fee else a_deal(line))
        assert (refused.code, refused.field, refused.record_id) == ("DATA-209", "Discount_Amount__c", line.id)
        assert "Discount_Amount__c is 1,000,000.00 USD, and Stripe takes 999,999.99 USD at most" in refused.message


def test_an_amount_off_a_one_time_line_is_taken_once_and_has_no_months():
    assert bills(a_deal(a_line(1), a_fee(2, discount_amount=Decimal(500))))[0] == 100000 + 200000
    limited = a_fee(2, discount_amount=Decimal(500), discount_months=1)
    assert told(lambda: a_deal(a_line(1), limited)) == ("DATA-209", "Discount_Months__c", limited.id)


QUOTE_REFUSED = [
    ("over 100", {"quote_discount": Decimal(101)}, "Quote_Discount__c"),
    ("below 0", {"quote_discount": Decimal(-1)}, "Quote_Discount__c"),
    ("months of nothing", {"quote_discount_months": 3}, "Quote_Discount_Months__c"),
    ("no months", {"quote_discount": Decimal(5), "quote_discount_months": 0}, "Quote_Discount_Months__c"),
    ("longer than the term", {"quote_discount": Decimal(5), "quote_discount_months": 13}, "Quote_Discount_Months__c"),
    ("no multiple", {"quote_discount": Decimal(5), "quote_discount_months": 4, "billing_frequency": "Quarterly"}, "Quote_Discount_Months__c"),
    ("inside a period", {"quote_discount": Decimal(5), "quote_discount_months": 4, "billing_day": 15}, "Quote_Discount_Months__c"),
]  # fmt: skip


@pytest.mark.parametrize(("quote", "field"), [row[1:] for row in QUOTE_REFUSED], ids=[row[0] for row in QUOTE_REFUSED])
def test_a_discount_of_the_quote_that_cannot_be_billed_is_refused(quote, field):
    refused = refusal(lambda: a_deal(**quote))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-209", field, QUOTE_ID)
    assert field in refused.message


def test_discounts_together_too_fine_for_stripe_are_refused_by_name():
    line = a_line(discount_percent=Decimal("33.333"), discount_amount=Decimal(5))
    refused = refusal(lambda: a_deal(line))
    assert (refused.code, refused.field) == ("DATA-209", "Discount")
    assert "33.333 %" in refused.message
