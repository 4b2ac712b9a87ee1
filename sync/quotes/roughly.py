"""What a quote comes to that can't be read as a deal: the money behind a refusal, as far as its fields say."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from sync.crm import CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.calendar import months_value
from sync.deal.lines import PERIOD_MONTHS, Charge
from sync.deal.money import minor, round_half_away


def roughly(graph: QuoteGraph) -> tuple[int | None, str | None]:
    """The quote's lines over their term, in minor units, and in what; None where it names no currency.

    Usage and what is taken off count for nothing; of a line whose period or term is not said one period counts.
    """
    currency = graph.quote.currency
    if currency is None:
        return None, None
    return round_half_away(sum((_line(line, graph, currency) for line in graph.lines), Fraction(0))), currency


def _line(line: CrmQuoteLine, graph: QuoteGraph, currency: str) -> Fraction:
    price, quantity = line.unit_price, line.quantity
    if price is None or quantity is None or not (price.is_finite() and quantity.is_finite()):
        return Fraction(0)
    if line.optional or line.change == "Remove":
        return Fraction(0)
    percent = line.discount_percent or 0
    return minor(price, currency) * Fraction(quantity) * _periods(line, graph) * (1 - Fraction(percent) / 100)


def _periods(line: CrmQuoteLine, graph: QuoteGraph) -> Fraction:
    """How many periods of its price the line runs."""
    product = graph.products.get(line.product_id or "")
    charge = line.charge_type or (product.charge_type if product else None)
    if charge == Charge.USAGE:
        return Fraction(0)
    period = PERIOD_MONTHS.get(line.price_period or (product.price_period if product else None) or "")
    months = _months(line, graph.quote)
    return months / period if charge != Charge.ONE_TIME and period and months else Fraction(1)


def _months(line: CrmQuoteLine, quote: CrmQuote) -> Fraction | None:
    start, last = line.start_date or quote.start_date, line.end_date or quote.end_date
    if start and last and last >= start:
        return months_value(start, last + timedelta(days=1))
    return Fraction(quote.term_months) if quote.term_months and quote.term_months > 0 else None
