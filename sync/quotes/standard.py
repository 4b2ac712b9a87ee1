"""Reads the standard Salesforce Quote into a Deal. What it can't bill rightly is refused, all faults at once."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from sync.crm import CrmQuoteLine, QuoteGraph
from sync.deal.calendar import business_day
from sync.deal.deal import Deal
from sync.deal.lines import Charge, DealLine
from sync.deal.money import Inexact, exponent, format_amount, format_exact
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import DiscountTooFine, agreeing, item
from sync.deal.timeline import MAX_ITEMS, tracks
from sync.quotes import header
from sync.quotes.faults import Faults
from sync.quotes.lines import read_line


def read_quote(graph: QuoteGraph, policy: BillingPolicy, now: datetime) -> Deal:
    """The deal that a New quote makes, signed or not. ``now`` only serves the limit on back-dating.

    Raises `Refused` with every fault found; each names the record, the field, what was seen and what to do.
    """
    faults, quote = Faults(graph), graph.quote
    if not header.check_kind(quote, faults):
        faults.raise_if_any()
    header.check_uncovered(quote, faults)
    lines = tuple(sorted((line for line in graph.lines if not line.optional), key=_order))
    if not lines:
        optional = " (all are Optional__c)" if graph.lines else ""
        faults.add("DATA-215", f"{faults.quote} has no lines{optional}. Add a line.", field="QuoteLineItems")
    timezone = header.read_timezone(graph, policy, faults)
    term = header.read_term(quote, lines, policy, business_day(now, timezone), faults)
    currency = header.read_currency(quote, policy, faults)
    payer, terms = header.read_payer(graph, faults), header.read_terms(quote, policy, faults)
    rounding = policy.rounding_step
    read = [read_line(line, quote, term, currency, faults, rounding=rounding) for line in lines]
    signed = tuple(line for line in read if line is not None)
    _check_amounts(signed, currency, faults, rounding=rounding)
    faults.raise_if_any()
    if term is None or payer is None:
        raise AssertionError("a fault was noted for every part that is missing")
    deal = Deal(
        key=quote.id,
        number=quote.number,
        quote_id=quote.id,
        payer=payer,
        currency=currency,
        timezone=timezone,
        start=term.start,
        end=term.end,
        terms=terms,
        lines=signed,
        opportunity_id=quote.opportunity_id,
        rounding=rounding,
    )
    _check_shape(deal, faults)
    faults.raise_if_any()
    return deal


def _order(line: CrmQuoteLine) -> tuple[bool, int, str]:
    return (line.sort_order is None, line.sort_order or 0, line.id)


def _check_amounts(lines: tuple[DealLine, ...], currency: str, faults: Faults, *, rounding: bool) -> None:
    """Every item must bill an amount that Stripe can be told and the currency can carry."""
    for group in agreeing(lines, currency):
        at = group[0]
        name = f'{faults.quote}, line "{at.product.name}"'
        try:
            item(group, currency, rounding=rounding)
        except Inexact as inexact:
            signed = Fraction(inexact.exact, 10 ** exponent(currency))
            detail = (
                f"{name}: each invoice would bill {format_exact(signed, currency)}, and {currency} amounts can't be "
                "charged that finely. Correct UnitPrice, Quantity or Discount, "
                "or ask for the rounding step to be switched on."
            )
            faults.add(
                "DATA-210",
                detail,
                record_id=at.id,
                field="UnitPrice",
                signed=format_exact(signed, currency),
                billed=format_amount(inexact.nearest, currency),
                difference=format_exact(abs(inexact.exact - inexact.nearest) / 10 ** exponent(currency), currency),
            )
        except DiscountTooFine:
            percent = ", ".join(f"{discount.value}" for discount in at.discounts)
            detail = f"{name}: Discount is {percent} %, which can't be billed exactly. Use at most two decimals."
            faults.add("DATA-209", detail, record_id=at.id, field="Discount", line=name)


def _check_shape(deal: Deal, faults: Faults) -> None:
    """What one New quote may be made of, in this release."""
    if not deal.recurring:
        only = deal.lines[0]
        detail = f"{faults.quote}: no line is Recurring (Charge_Type__c). Add one, or bill this deal by hand."
        feature = "A quote of one-time lines only"
        faults.add("CONF-311", detail, record_id=only.id, field="Charge_Type__c", feature=feature)
        return
    room = MAX_ITEMS * len(tracks(deal))
    once = len(agreeing((line for line in deal.lines if line.charge is Charge.ONE_TIME), deal.currency))
    if once > room:
        detail = f"{faults.quote} has {once} one-time lines that differ. Join some, or bill this deal by hand."
        feature = f"More than {room} one-time lines"
        faults.add("CONF-311", detail, field="QuoteLineItems", feature=feature)
