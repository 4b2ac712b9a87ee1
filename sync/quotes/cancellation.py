"""Reads a Cancellation: all lines of a deal end on a day (BILLING_RULES 4). It needs no lines, term or frequency."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sync.crm import QuoteGraph
from sync.deal.calendar import say
from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.quotes import header
from sync.quotes.amounts import check_deal
from sync.quotes.dates import read_start
from sync.quotes.faults import Faults
from sync.quotes.running import cancelled, check_running


def read_cancellation(graph: QuoteGraph, deal: Deal, policy: BillingPolicy, now: datetime, change: Change) -> Deal:
    """The deal that ends where the Cancellation says. ``change`` says when it was signed; raises `Refused`."""
    faults, quote = Faults(graph), graph.quote
    header.check_names_a_deal(quote, faults, found=True)
    header.check_payer(graph, deal.payer, faults)
    check_running(quote, deal, faults, skipping=False)
    proration, credit = header.read_policies(quote, policy, faults)
    effective = read_start(quote, (), faults)
    if effective is None:
        faults.raise_if_any()
        raise AssertionError("a fault was noted for the missing day")
    if deal.ends_on is not None and effective >= deal.ends_on:
        cancelled(effective, deal, faults, "Nothing is left to cancel then: choose an earlier day, or leave it at that")
    elif effective < deal.opens:
        detail = (
            f"Start_Date__c is {say(effective)}, but deal {deal.number} begins on {say(deal.opens)}. Set it to "
            f"{say(deal.opens)}, and nothing is billed, or to a later day."
        )
        faults.dates("Start_Date__c", effective, deal.opens, detail)
    elif deal.end is not None and effective > deal.end:
        detail = (
            f"Start_Date__c is {say(effective)}, but deal {deal.number} ends by itself: {say(deal.end)} is its first day "
            "without service. Set it to that day, and nothing changes but that no more is planned, or to an earlier one."
        )
        faults.dates("Start_Date__c", effective, deal.end, detail)
    faults.raise_if_any()
    ended = replace(change, effective=effective, ends=True, proration=proration, credit=credit)
    changed = replace(deal, changes=(*deal.changes, ended))
    check_deal(changed, now, faults)
    faults.raise_if_any()
    return changed
