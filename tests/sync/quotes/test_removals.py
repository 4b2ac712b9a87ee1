"""Amendments that take something off: found by product and price a month, never more than there is."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from sync.deal.forecast import forecast
from sync.deal.policy import BillingPolicy
from tests.sync.deal.factory import EARLY, OTHER_ID, SEATS, a_change, a_deal, a_fee, a_line, a_usage
from tests.sync.quotes.refusing import refusal, refusals, told

JULY = date(2026, 7, 1)


def off(number: int = 21, quantity: int | str = 4, **more):
    return a_line(number, change="Remove", quantity=Decimal(quantity), **more)


def seats(deal, day: date) -> int:
    return sum(piece.quantity for piece in deal.pieces if piece.runs(day))


def test_a_removal_names_product_quantity_and_price_a_month():
    deal = a_change(a_deal(), off(quantity=4))
    (removal,) = deal.changes[1].removes
    assert (removal.quantity, removal.monthly_price, removal.start) == (4, Fraction(100), JULY)
    assert (removal.product, removal.unit_price) == (deal.lines[0].product, Decimal("100.00"))
    assert [seats(deal, day) for day in (date(2026, 6, 30), JULY)] == [10, 6]


def test_the_price_may_be_written_for_another_period():
    yearly = off(unit_price=Decimal("1200.00"), price_period="Year")
    termly = off(22, unit_price=Decimal("1200.00"), price_period="Term")
    deal = a_change(a_deal(), yearly, termly)
    assert [r.monthly_price for r in deal.changes[1].removes] == [100, 100]
    assert seats(deal, JULY) == 2


def test_a_swap_takes_off_and_adds_on_one_day():
    base = a_deal(a_line(unit_price=Decimal(50)))
    added = a_line(22, product_id=OTHER_ID, quantity=Decimal(10), unit_price=Decimal(80), billing_frequency="Monthly")
    deal = a_change(base, off(quantity=10, unit_price=Decimal(50)), added)
    totals = {invoice.day: invoice.total for invoice in forecast(deal, EARLY).invoices}
    assert (totals[date(2026, 6, 1)], totals[JULY]) == (50000, 80000)


def test_discounts_on_a_removal_mean_nothing():
    line = off(discount_percent=Decimal(500), discount_months=-3, discount_amount=Decimal(-1))
    assert seats(a_change(a_deal(), line), JULY) == 6


def test_a_later_day_of_its_own_and_the_deals_end_are_fine_another_end_is_not():
    deal = a_change(a_deal(), off(start_date=date(2026, 9, 1), end_date=date(2026, 12, 31)))
    assert [seats(deal, day) for day in (date(2026, 8, 31), date(2026, 9, 1))] == [10, 6]
    for_a_while = off(end_date=date(2026, 9, 30))
    assert told(lambda: a_change(a_deal(), for_a_while)) == ("DATA-205", "End_Date__c", for_a_while.id)
    early = off(start_date=date(2026, 6, 1))
    assert told(lambda: a_change(a_deal(), early)) == ("DATA-205", "Start_Date__c", early.id)
    free = BillingPolicy(co_terminate=False)
    assert told(lambda: a_change(a_deal(), for_a_while, policy=free))[0] == "DATA-205"


@pytest.mark.parametrize(
    "product",
    [replace(SEATS, is_active=False), replace(SEATS, is_deleted=True), replace(SEATS, charge_type=None)],
    ids=["inactive", "deleted", "incomplete"],
)
def test_what_is_no_longer_sold_can_still_be_taken_off(product):
    deal = a_change(a_deal(), off(), products=(product,))
    assert seats(deal, JULY) == 6


def test_of_a_product_that_is_gone_the_line_says_the_period():
    assert seats(a_change(a_deal(), off(price_period="Month"), products=()), JULY) == 6
    assert told(lambda: a_change(a_deal(), off(), products=())) == ("DATA-209", "Price_Period__c", off().id)


def test_usage_is_taken_off_by_product_with_a_quantity_of_one():
    base = a_deal(a_line(1), a_usage(2))
    deal = a_change(base, a_usage(21, change="Remove", unit_price=None, price_period=None))
    assert [p.last for p in deal.pieces if p.line.usage] == [JULY]


# ---------------------------------------------------------------- refused


def test_more_than_there_is_says_how_many_there_are_on_that_day_and_at_which_prices():
    base = a_deal(a_line(1), a_line(2, quantity=Decimal(7), unit_price=Decimal("960.00"), price_period="Year"))
    line = off(quantity=11)
    refused = refusal(lambda: a_change(base, line))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-207", "Quantity", line.id)
    assert "we bill whole units" not in refused.message
    assert "there are not so many to take off" in refused.message
    assert "11 at 100.00 USD a month are more than there is" in refused.message
    assert "On 1 Jul 2026 the deal has 10 at 100.00 USD a month and 7 at 80.00 USD a month" in refused.message


def test_a_price_that_the_deal_does_not_have_is_refused_with_those_it_has():
    line = off(unit_price=Decimal("99.00"))
    assert "has 10 at 100.00 USD a month" in refusal(lambda: a_change(a_deal(), line)).message


def test_each_removal_of_too_much_is_told():
    lines = (off(21, 8), off(22, 8), off(23, 1, unit_price=Decimal(5)))
    assert [r.record_id for r in refusals(lambda: a_change(a_deal(), *lines))] == [lines[1].id, lines[2].id]


def test_a_product_that_the_deal_does_not_have_is_refused():
    other = off(product_id=OTHER_ID)
    refused = refusal(lambda: a_change(a_deal(), other))
    assert (refused.code, refused.record_id) == ("DATA-207", other.id)
    assert 'The deal has no "Enterprise"' in refused.message
    fee = a_fee(21, change="Remove")
    assert told(lambda: a_change(a_deal(a_line(1), a_fee(2)), fee)) == ("DATA-207", "Quantity", fee.id)


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5"])
def test_only_whole_units_are_taken_off(quantity: str):
    assert told(lambda: a_change(a_deal(), off(quantity=quantity))) == ("DATA-207", "Quantity", off().id)


def test_a_removal_without_a_price_or_a_known_period_is_refused():
    assert told(lambda: a_change(a_deal(), off(unit_price=None))) == ("DATA-209", "UnitPrice", off().id)
    assert told(lambda: a_change(a_deal(), off(price_period="Week"))) == ("CONF-304", "Price_Period__c", off().id)


def test_what_a_later_quote_takes_off_must_still_be_there():
    later = a_change(a_deal(), off(quantity=8), id="0Q0AA0000000007AAA", number="00000047")
    line = off(31, 5)
    refused = refusal(lambda: a_change(later, line, start_date=date(2026, 4, 1)))
    assert (refused.code, refused.record_id) == ("DATA-207", line.id)
    assert "quote 00000047 takes 8 of Pro off on 1 Jul 2026" in refused.message
    assert "only 5 would be left" in refused.message


def test_all_seats_may_go_and_others_come_later():
    assert seats(a_change(a_deal(), off(quantity=10)), JULY) == 0
    back = a_line(22, quantity=Decimal(3), start_date=date(2026, 9, 1))
    paused = a_change(a_deal(), off(quantity=10), back)
    assert [seats(paused, day) for day in (JULY, date(2026, 8, 31), date(2026, 9, 1))] == [0, 0, 3]


def test_the_oldest_go_first_where_the_policy_says_so():
    oldest = BillingPolicy(newest_first=False)
    base = a_change(a_deal(policy=oldest), a_line(21, quantity=Decimal(5)), policy=oldest)
    deal = a_change(base, off(31, 2), policy=oldest, id="0Q0AA0000000007AAA", start_date=date(2026, 9, 1))
    cut = next(piece for piece in deal.pieces if piece.cut)
    assert cut.line.id == a_line(1).id
