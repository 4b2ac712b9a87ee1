"""Reads the standard Salesforce Quote into a Deal. What it can't bill rightly is refused, all faults at once."""

from __future__ import annotations

from datetime import datetime

from sync.crm import CrmQuoteLine, QuoteGraph
from sync.deal.changes import Change, Kind
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.quotes import header
from sync.quotes.amendment import read_amendment
from sync.quotes.cancellation import read_cancellation
from sync.quotes.faults import Faults
from sync.quotes.making import read_making

#: Each change leaves a stamp in the metadata of the Stripe objects that it touches; Stripe takes 50 keys.
MOST_CHANGES = 40


def read_quote(
    graph: QuoteGraph,
    policy: BillingPolicy,
    now: datetime,
    *,
    signed_at: datetime | None = None,
    accepted_at: datetime | None = None,
    renews: Deal | None = None,
) -> Deal:
    """The deal that a New or a Renewal quote makes, signed or not; ``renews`` is the deal that a Renewal goes on from.

    Raises `Refused` with every fault found; each names the record, the field, what was seen and what to do. An
    Amendment or a Cancellation is refused too: it comes here only where the deal that it changes can't be found.
    """
    kind = _kind(graph)
    if kind is not Kind.NEW and (kind is not Kind.RENEWAL or renews is None):
        faults = Faults(graph)
        header.check_names_a_deal(graph.quote, faults, found=False)
        faults.raise_if_any()
    change = _change(graph, kind, now, signed_at, accepted_at)
    return read_making(graph, _lines(graph), policy, now, change, renews if kind is Kind.RENEWAL else None)


def read_change(
    graph: QuoteGraph,
    deal: Deal,
    policy: BillingPolicy,
    now: datetime,
    *,
    signed_at: datetime | None = None,
    accepted_at: datetime | None = None,
) -> Deal:
    """``deal`` with one change more: what an Amendment adds and takes off, or the end that a Cancellation sets.

    Raises `Refused` as `read_quote` does, and ValueError for a quote that makes a deal of its own.
    """
    kind = _kind(graph)
    if len(deal.changes) > MOST_CHANGES - len(deal.sent):
        faults = Faults(graph)
        feature = f"More than {MOST_CHANGES} changes of one deal"
        faults.not_covered(feature, "Billing_Subscription__c", f"deal {deal.number}", "Renew it")
        faults.raise_if_any()
    change = _change(graph, kind, now, signed_at, accepted_at)
    if kind is Kind.AMENDMENT:
        return read_amendment(graph, _lines(graph), deal, policy, now, change)
    if kind is Kind.CANCELLATION:
        return read_cancellation(graph, deal, policy, now, change)
    raise ValueError(f"quote {graph.quote.id} is a {kind} quote: it makes a deal of its own")


def _kind(graph: QuoteGraph) -> Kind:
    faults = Faults(graph)
    kind = header.read_kind(graph.quote, faults)
    faults.raise_if_any()
    assert kind is not None
    return kind


def _change(
    graph: QuoteGraph, kind: Kind, now: datetime, signed_at: datetime | None, accepted_at: datetime | None
) -> Change:
    """When the quote was signed and taken in; what it does is read by kind."""
    quote = graph.quote
    signed, accepted = signed_at or quote.signed_at or now, accepted_at or now
    return Change(quote.id, quote.number, kind, quote.start_date or now.date(), signed, accepted)


def _lines(graph: QuoteGraph) -> tuple[CrmQuoteLine, ...]:
    """The lines that are part of the quote, in the order of the paper."""
    return tuple(sorted((line for line in graph.lines if not line.optional), key=_order))


def _order(line: CrmQuoteLine) -> tuple[bool, int, str]:
    return (line.sort_order is None, line.sort_order or 0, line.id)
