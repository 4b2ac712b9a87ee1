"""Quotes with full valid defaults; a test names only what matters to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmAccount, CrmProduct, CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.quotes.standard import read_quote

QUOTE_ID = "0Q0AA0000000001AAA"
ACCOUNT_ID = "001AA0000000001AAA"
SEATS_ID = "01tAA0000000001AAA"
FEE_ID = "01tAA0000000002AAA"
EARLY = datetime(2025, 12, 1, 10, tzinfo=UTC)

SEATS = CrmProduct(id=SEATS_ID, name="Pro", charge_type="Recurring", price_period="Month")
FEE = CrmProduct(id=FEE_ID, name="Implementation", charge_type="One-Time")
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
    products: tuple[CrmProduct, ...] = (SEATS, FEE),
    **quote: Any,
) -> QuoteGraph:
    return QuoteGraph(a_quote(**quote), lines or (a_line(),), account, {product.id: product for product in products})


def a_deal(
    *lines: CrmQuoteLine,
    now: datetime = EARLY,
    policy: BillingPolicy | None = None,
    account: CrmAccount | None = ACCOUNT,
    products: tuple[CrmProduct, ...] = (SEATS, FEE),
    **quote: Any,
) -> Deal:
    return read_quote(a_graph(*lines, account=account, products=products, **quote), policy or BillingPolicy(), now)
