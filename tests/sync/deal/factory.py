"""Quotes with full valid defaults; a test names only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.quotes.standard import read_change, read_quote

QUOTE_ID = "0Q0AA0000000001AAA"
CHANGE_ID = "0Q0AA0000000002AAA"
ROW_ID = "a00AA0000000001AAA"
ACCOUNT_ID = "001AA0000000001AAA"
SEATS_ID = "01tAA0000000001AAA"
FEE_ID = "01tAA0000000002AAA"
USE_ID = "01tAA0000000003AAA"
OTHER_ID = "01tAA0000000004AAA"
EARLY = datetime(2025, 12, 1, 10, tzinfo=UTC)

SEATS = CrmProduct(id=SEATS_ID, name="Pro", charge_type="Recurring", price_period="Month")
FEE = CrmProduct(id=FEE_ID, name="Implementation", charge_type="One-Time")
USE = CrmProduct(id=USE_ID, name="Resolutions", charge_type="Usage", meter_event="resolution")
OTHER = CrmProduct(id=OTHER_ID, name="Enterprise", charge_type="Recurring", price_period="Month")
PRODUCTS = (SEATS, FEE, USE, OTHER)
ACCOUNT = CrmAccount(
    id=ACCOUNT_ID, name="Acme Ltd", website="https://www.acme.example", billing_email="ap@acme.example"
)


def a_line(number: int = 1, **changes: Any) -> CrmQuoteLine:
    base = CrmQuoteLine(
        id=f"0QLAA00000{number:05d}AAA"[:18],
        quote_id=QUOTE_ID,
        product_id=SEATS_ID,
        quantity=Decimal(10),
        unit_price=Decimal("100.00"),
        line_number=f"{number:08d}",
        sort_order=number,
    )
    return replace(base, **changes)


def a_fee(number: int = 9, **changes: Any) -> CrmQuoteLine:
    return a_line(number, **{"product_id": FEE_ID, "quantity": Decimal(1), "unit_price": Decimal("2500.00"), **changes})


def a_usage(number: int = 5, **changes: Any) -> CrmQuoteLine:
    usage = {"product_id": USE_ID, "quantity": Decimal(1), "unit_price": Decimal("0.99")}
    return a_line(number, **{**usage, **changes})


def a_quote(**changes: Any) -> CrmQuote:
    base = CrmQuote(
        id=QUOTE_ID,
        number="00000042",
        name="Acme seats",
        status="Accepted",
        account_id=ACCOUNT_ID,
        opportunity_id="006AA0000000001AAA",
        currency="USD",
        start_date=date(2026, 1, 1),
        term_months=12,
        billing_frequency="Monthly",
    )
    return replace(base, **changes)


def a_graph(
    *lines: CrmQuoteLine,
    account: CrmAccount | None = ACCOUNT,
    products: tuple[CrmProduct, ...] = PRODUCTS,
    **quote: Any,
) -> QuoteGraph:
    return QuoteGraph(a_quote(**quote), lines or (a_line(),), account, {product.id: product for product in products})


def a_deal(
    *lines: CrmQuoteLine,
    now: datetime = EARLY,
    policy: BillingPolicy | None = None,
    account: CrmAccount | None = ACCOUNT,
    products: tuple[CrmProduct, ...] = PRODUCTS,
    **quote: Any,
) -> Deal:
    return read_quote(a_graph(*lines, account=account, products=products, **quote), policy or BillingPolicy(), now)


def a_change_graph(*lines: CrmQuoteLine, products: tuple[CrmProduct, ...] = PRODUCTS, **quote: Any) -> QuoteGraph:
    """An Amendment effective 2026-07-01 that adds five seats, in the words of a rep who copies nothing."""
    blank = {"id": CHANGE_ID, "number": "00000043", "quote_type": "Amendment", "billing_subscription_id": ROW_ID}
    dates = {"start_date": date(2026, 7, 1), "term_months": None, "billing_frequency": None}
    seats = a_line(21, quantity=Decimal(5))
    return a_graph(*(lines or (seats,)), products=products, **{**blank, **dates, **quote})


def a_change(
    deal: Deal,
    *lines: CrmQuoteLine,
    now: datetime = EARLY,
    policy: BillingPolicy | None = None,
    signed_at: datetime | None = None,
    accepted_at: datetime | None = None,
    **quote: Any,
) -> Deal:
    """The deal with an Amendment (or what ``quote_type`` says) read into it."""
    graph, rules = a_change_graph(*lines, **quote), policy or BillingPolicy()
    return read_change(graph, deal, rules, now, signed_at=signed_at, accepted_at=accepted_at)


def a_cancellation(deal: Deal, day: date, **quote: Any) -> Deal:
    """The deal ended by a Cancellation; ``day`` is the first one without service."""
    named = {"id": "0Q0AA0000000009AAA", "number": "00000049", **quote}
    return a_change(deal, quote_type="Cancellation", start_date=day, **named)


def a_renewal(deal: Deal, *lines: CrmQuoteLine, now: datetime = EARLY, **quote: Any) -> Deal:
    """The deal that goes on where ``deal`` ends."""
    named = {"id": CHANGE_ID, "number": "00000043", "quote_type": "Renewal", "billing_subscription_id": ROW_ID}
    graph = a_graph(*lines, **{**named, "start_date": None, **quote})
    return read_quote(graph, BillingPolicy(), now, renews=deal)
