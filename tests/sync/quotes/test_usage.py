"""Usage: the event that is counted, and its price per unit or in tiers."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from sync.crm import CrmTier
from sync.deal.discounts import AmountOff, Discount, Percent
from sync.deal.forecast import forecast
from sync.deal.lines import Charge, Tier, Usage
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import mrr_minor
from sync.deal.timeline import tracks
from tests.sync.deal.factory import EARLY, FEE, SEATS, USE, USE_ID, a_change, a_deal, a_line, a_usage
from tests.sync.quotes.refusing import refusal, refusals, told


def tier(up_to: str | None, unit: str | None, flat: str | None = None, currency: str | None = "USD") -> CrmTier:
    return CrmTier(currency, *(None if x is None else Decimal(x) for x in (up_to, unit, flat)))


TIERS = (tier("100", "0"), tier("1000", "0.99"), tier(None, "0.79"))


def tiered(*tiers: CrmTier, mode: str = "Graduated"):
    return (SEATS, FEE, replace(USE, tier_mode=mode, tiers=tiers))


def test_usage_without_tiers_costs_the_lines_price_a_unit_and_needs_no_price_period():
    (seats, use) = a_deal(a_line(1), a_usage(2)).lines
    assert (use.charge, use.usage, use.unit_price) == (Charge.USAGE, Usage("resolution"), Decimal("0.99"))
    assert (use.cycle_months, use.period_months, seats.period_months) == (1, None, 1)


@pytest.mark.parametrize(("mode", "sent"), [("Graduated", "graduated"), ("Volume", "volume")])
def test_tiers_are_the_products_own_in_the_quotes_currency_the_lowest_first(mode: str, sent: str):
    rows = (TIERS[2], tier("50", "7", currency="EUR"), TIERS[0], replace(TIERS[1], flat_amount=Decimal("2.50")))
    deal = a_deal(a_usage(unit_price=Decimal("9.99")), products=tiered(*rows, mode=mode))
    (line,) = deal.lines
    assert line.usage == Usage(
        "resolution",
        sent,
        (Tier(100, Decimal(0)), Tier(1000, Decimal("0.99"), Decimal("2.5")), Tier(None, Decimal("0.79"))),
    )
    assert line.unit_price == 0


def test_usage_counts_neither_in_the_forecast_nor_in_the_monthly_revenue():
    seats = a_line(1, unit_price=Decimal(29))
    deal = a_deal(seats, a_usage(2), products=tiered(*TIERS))
    assert [invoice.total for invoice in forecast(deal, EARLY).invoices] == [29000] * 12
    assert mrr_minor(deal, date(2026, 6, 15)) == 29000


def test_a_deal_may_be_of_usage_only():
    assert forecast(a_deal(a_usage()), EARLY).total == 0


def test_the_line_says_usage_where_the_product_says_otherwise():
    product = replace(SEATS, meter_event="seat_hours")
    (line,) = a_deal(a_line(charge_type="Usage", quantity=Decimal(1)), products=(product,)).lines
    assert line.usage == Usage("seat_hours")


def test_discounts_of_usage_are_kept():
    line = a_usage(discount_percent=Decimal(10), discount_amount=Decimal(5))
    (read,) = a_deal(line).lines
    assert read.discounts == (Discount(Percent(Decimal(10))), Discount(AmountOff(500, "USD", line.id)))


def test_in_an_org_with_one_currency_tiers_need_not_name_it():
    rows = tuple(replace(row, currency=None) for row in TIERS)
    policy = BillingPolicy(currency="EUR")
    deal = a_deal(a_usage(), currency=None, policy=policy, products=tiered(*rows))
    assert deal.lines[0].usage is not None
    assert len(deal.lines[0].usage.tiers) == 3
    assert told(lambda: a_deal(a_usage(), products=tiered(*rows)))[0] == "CONF-301"


@pytest.mark.parametrize("quantity", [None, Decimal(0), Decimal(2), Decimal("1.5")])
def test_the_quantity_of_usage_is_one(quantity):
    refused = refusal(lambda: a_deal(a_usage(quantity=quantity)))
    assert (refused.code, refused.field, refused.record_id) == ("DATA-207", "Quantity", a_usage().id)
    assert "Change it to 1" in refused.message


@pytest.mark.parametrize("event", [None, "", "  ", "x" * 101])
def test_a_product_without_an_event_to_count_is_not_set_up(event):
    refused = refusal(lambda: a_deal(a_usage(), products=(SEATS, replace(USE, meter_event=event))))
    assert (refused.code, refused.field, refused.record_id) == ("CONF-301", "Meter_Event__c", USE_ID)
    assert "Resolutions" in refused.message
    assert "Meter_Event__c" in refused.message


BROKEN = [
    ("none", (), "there is none"),
    ("none in the currency", (tier(None, "1", currency="EUR"),), "there is none"),
    ("no last", (tier("100", "1"),), "none has a blank Up_To__c"),
    ("two lasts", (tier(None, "1"), tier(None, "2")), "2 have a blank Up_To__c"),
    ("not ascending", (tier("100", "1"), tier("100", "2"), tier(None, "1")), "two have Up_To__c 100"),
    ("part of a unit", (tier("1.5", "1"), tier(None, "1")), "Up_To__c is 1.5"),
    ("up to nothing", (tier("0", "1"), tier(None, "1")), "Up_To__c is 0"),
    ("no amount", (tier("10", None), tier(None, "1")), "the one up to 10 has no Unit_Amount__c"),
    ("negative", (tier("10", "-1"), tier(None, "1")), "an amount below 0"),
    ("a flat fee too fine", (tier(None, "1", "0.005"),), "Flat_Amount__c 0.005"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "says"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_tiers_that_are_no_price_are_refused_with_the_product_and_what_is_wrong(rows, says):
    refused = refusal(lambda: a_deal(a_usage(), products=tiered(*rows)))
    assert (refused.code, refused.field, refused.record_id) == ("CONF-301", "Tier_Mode__c", USE_ID)
    assert "Resolutions" in refused.message
    assert says in refused.message


def test_a_tier_of_a_flat_fee_alone_costs_nothing_a_unit():
    (line,) = a_deal(a_usage(), products=tiered(tier(None, None, "20"))).lines
    assert line.usage is not None
    assert line.usage.tiers == (Tier(None, Decimal(0), Decimal(20)),)


def test_a_mode_that_is_none_is_refused():
    assert told(lambda: a_deal(a_usage(), products=tiered(mode="Stairs"))) == ("CONF-304", "Tier_Mode__c", USE_ID)


def test_usage_of_one_product_is_counted_by_one_line_at_a_time():
    found = refusals(lambda: a_deal(a_usage(1), a_usage(2)))
    assert [r.code for r in found] == ["DATA-206"]
    assert "billed twice" in found[0].message
    halves = (a_usage(1, end_date=date(2026, 6, 30)), a_usage(2, start_date=date(2026, 7, 1), unit_price=Decimal(2)))
    assert len(a_deal(*halves).lines) == 2


def test_an_amendment_adds_usage_beside_seats_but_not_beside_the_same_usage():
    seats, both = a_deal(), a_deal(a_line(1), a_usage(2))
    assert a_change(seats, a_usage(21), billing_frequency="Monthly").lines[-1].usage == Usage("resolution")
    assert told(lambda: a_change(both, a_usage(21))) == ("DATA-206", "Start_Date__c", a_usage(21).id)
    swapped = a_change(both, a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal(2)))
    assert [p.last for p in swapped.pieces if p.line.usage] == [date(2026, 7, 1), date(2027, 1, 1)]


def test_use_that_was_billed_at_one_price_gets_no_other():
    swap = (a_usage(21, change="Remove"), a_usage(22, unit_price=Decimal(2)))
    both = a_deal(a_line(1), a_usage(2))
    back = {"start_date": date(2026, 7, 16), "now": datetime(2026, 8, 1, tzinfo=UTC)}
    found = refusal(lambda: a_change(both, *swap, **back))
    assert (found.code, found.field, found.record_id) == ("CONF-311", "Start_Date__c", a_usage(22).id)
    assert "Choose 1 Aug 2026 or a later day" in found.message
    assert a_change(both, *swap, **{**back, "start_date": date(2026, 8, 1)})
    over = refusal(lambda: a_change(both, *swap, **{**back, "now": datetime(2027, 1, 5, tzinfo=UTC)}))
    assert "Leave out the line: all that was used until the deal's last day is billed" in over.message
    assert a_change(both, *swap, **{**back, "now": datetime(2026, 7, 31, tzinfo=UTC)})
    assert a_change(a_deal(), a_usage(22), billing_frequency="Monthly", **back)  # nothing counted it


def test_a_discount_of_usage_for_some_months_ends():
    deal = a_deal(a_line(1), a_usage(2, discount_percent=Decimal(10), discount_months=2))
    (track,) = tracks(deal)
    assert [(p.start, p.items[1].priced.offs) for p in track.phases] == [
        (date(2026, 1, 1), (Percent(Decimal(10)),)), (date(2026, 3, 1), ()),
    ]  # fmt: skip
