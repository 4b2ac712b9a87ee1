"""Reads a New or a Renewal quote: it makes a deal of its own (BILLING_RULES 3, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sync.crm import CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.calendar import business_day
from sync.deal.changes import Change, Kind
from sync.deal.deal import Deal, Payer, Terms
from sync.deal.policy import BillingPolicy
from sync.quotes import header
from sync.quotes.amounts import check_amounts, check_deal
from sync.quotes.dates import Term, read_term
from sync.quotes.discounts import check_quote_discount, read_quote_discount
from sync.quotes.faults import Faults
from sync.quotes.frame import Frame, Reading
from sync.quotes.lines import REMOVE, read_line, which_way
from sync.quotes.ramps import check_ramps, check_usage_once


def read_making(
    graph: QuoteGraph,
    lines: Sequence[CrmQuoteLine],
    policy: BillingPolicy,
    now: datetime,
    change: Change,
    renews: Deal | None,
) -> Deal:
    """The deal that the quote makes. ``change`` says when it was signed, ``renews`` what it goes on from; raises
    `Refused`.
    """
    faults, quote = Faults(graph), graph.quote
    if change.kind is Kind.NEW and quote.billing_subscription_id:
        faults.not_covered("A New quote on an existing deal", "Billing_Subscription__c", quote.billing_subscription_id)
    if change.kind is Kind.RENEWAL:
        header.check_names_a_deal(quote, faults, found=renews is not None)
    if not lines:
        optional = " (all are Optional__c)" if graph.lines else ""
        faults.add("DATA-215", f"{faults.quote} has no lines{optional}. Add a line.", field="QuoteLineItems")
    timezone = header.read_timezone(graph, policy, faults)
    term = read_term(quote, lines, policy, business_day(now, timezone), faults, renews=renews)
    currency = header.read_currency(quote, policy, faults)
    payer = _payer(graph, renews, faults)
    terms = header.read_terms(quote, policy, faults)
    at = Reading(quote, faults, currency, policy.rounding_step, _frame(term))
    at = replace(
        at, discount=read_quote_discount(quote, faults), home_currency=policy.currency, whole_months=policy.whole_months
    )
    change = _read_lines(lines, change, policy, at)
    faults.raise_if_any()
    if term is None or payer is None:
        raise AssertionError("a fault was noted for every part that is missing")
    deal = _deal(quote, policy, term, payer, terms, currency, timezone, change)
    deal = replace(deal, renews=renews.key if renews else None)
    check_usage_once(deal.pieces, {line.id: line for line in lines}, faults)
    check_deal(deal, now, faults)
    faults.raise_if_any()
    return deal


def _payer(graph: QuoteGraph, renews: Deal | None, faults: Faults) -> Payer | None:
    payer = header.read_payer(graph, faults)
    if payer and renews:
        header.check_payer(graph, renews.payer, faults)
    return payer


def _frame(term: Term | None) -> Frame | None:
    return Frame(term, term.start, term.end, term.trial_from or term.start) if term else None


def _read_lines(lines: Sequence[CrmQuoteLine], change: Change, policy: BillingPolicy, at: Reading) -> Change:
    """The quote as a change of the deal: its policies, and what its lines add."""
    quote, faults = at.quote, at.faults
    proration, credit = header.read_policies(quote, policy, faults)
    for line in lines:
        if which_way(line, faults) == REMOVE:
            feature = f"A line that takes something off, on a {change.kind} quote,"
            faults.not_covered(feature, "Change__c", line.change, "Clear it, or make the quote an Amendment", line=line)
    signed = tuple(made for line in lines if (made := read_line(line, at)))
    change = replace(
        change,
        effective=at.frame.start if at.frame else change.effective,
        adds=signed,
        proration=proration,
        credit=credit,
        skip_past=quote.skip_past_invoices,
    )
    check_quote_discount(at, signed)
    check_ramps({line.id: line for line in lines}, signed, faults, adding=False)
    check_amounts(change, (), at)
    return change


def _deal(
    quote: CrmQuote,
    policy: BillingPolicy,
    term: Term,
    payer: Payer,
    terms: Terms,
    currency: str,
    timezone: str,
    change: Change,
) -> Deal:
    return Deal(
        key=quote.id,
        number=quote.number,
        quote_id=quote.id,
        payer=payer,
        currency=currency,
        timezone=timezone,
        start=term.start,
        end=term.end,
        terms=terms,
        changes=(change,),
        opportunity_id=quote.opportunity_id,
        sent=quote.sent,
        rounding=policy.rounding_step,
        true_up=policy.true_up,
        tax=policy.tax,
        billing_day=term.billing_day,
        trial_from=term.trial_from,
        newest_first=policy.newest_first,
        whole_months=policy.whole_months,
    )
