"""The use of the period that was billed last."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sync.desired.last_usage import Used, last_usage
from sync.facts import Invoice, Line, Price

JUNE, JULY, AUGUST = 1780272000, 1782864000, 1785542400
PRICES = {
    "use": Price(id="use", usage_type="metered", interval="month", billing_scheme="tiered"),
    "seat": Price(id="seat", usage_type="licensed", interval="month", unit_amount_decimal=Decimal(2900)),
}


def line(quantity: int, minor: int, price: str = "use", start: int = JUNE, end: int = JULY, **more: Any) -> Line:
    return Line(quantity=quantity, amount_minor=minor, price=price, period_start_s=start, period_end_s=end, **more)


def invoice(*lines: Line, **more: Any) -> Invoice:
    fields = {"id": "in_1", "customer": "cus_1", "subscription": "sub_1", "status": "paid", "currency": "usd"}
    return Invoice(lines=lines, **(fields | more))


def test_the_tiers_of_a_period_add_up_and_seats_are_left_out() -> None:
    tiers = (line(100, 0), line(900, 89_100), line(250, 19_750), line(10, 29_000, "seat", JULY, AUGUST))
    assert last_usage([invoice(*tiers)], {"sub_1"}, PRICES) == Used(1_250, 108_850)


def test_a_later_period_counts_whatever_order_the_invoices_come_in() -> None:
    early, late = invoice(line(100, 500)), invoice(line(7, 35, start=JULY, end=AUGUST), id="in_2")
    for invoices in ([early, late], [late, early]):
        assert last_usage(invoices, {"sub_1"}, PRICES) == Used(7, 35)
    assert last_usage([early, invoice(line(0, 0, start=JULY, end=AUGUST))], {"sub_1"}, PRICES) == Used(0, 0)


def test_discounts_are_off_and_a_flat_fee_is_no_use() -> None:
    lines = (line(100, 10_000, discount_minor=1_000), line(0, 500))
    assert last_usage([invoice(*lines)], {"sub_1"}, PRICES) == Used(100, 9_500)


def test_drafts_void_ones_and_other_deals_say_nothing() -> None:
    for other in ({"status": "draft"}, {"status": "void"}, {"subscription": "sub_2"}, {"subscription": None}):
        assert last_usage([invoice(line(100, 500), **other)], {"sub_1"}, PRICES) is None
