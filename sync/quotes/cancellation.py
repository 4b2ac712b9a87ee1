"""Reads a Cancellation: all lines of a deal end on a day (BILLING_RULES 4). It needs no lines, term or frequency."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sync.crm import QuoteGraph
from sync.deal.calendar import say
from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.quotes import header
from sync.quotes.amounts import check_deal
from sync.quotes.dates import read_start
from sync.quotes.faults import Faults
from sync.quotes.running import after_the_end, cancelled, check_running

ONE_DAY = timedelta(days=1)


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
        cancelled(effective, deal, faults)
    elif effective < deal.opens:
        detail = (
            f"Start_Date__c is {say(effective)}, but deal {deal.number} begins on {say(deal.opens)}. Set it to "
            f"{say(deal.opens)}, and nothing is billed, or to a later day."
        )
        faults.dates("Start_Date__c", effective, deal.opens, detail)
    elif deal.end is not None and effective >= deal.end:
        after_the_end(effective, deal, faults)
    by_use = any(x.usage is not None and x.start < effective for x in deal.recurring)
    if by_use and deal.boundary(effective) <= now and effective > deal.opens:
        feature = "Ending a deal with usage today or in the past"  # what was used since the last invoice would be lost
        todo = f"Choose {say(deal.day_of(now) + ONE_DAY)} or a later day: all that is used by then is billed"
        faults.not_covered(feature, "Start_Date__c", say(effective), todo)
    faults.raise_if_any()
    ended = replace(change, effective=effective, ends=True, proration=proration, credit=credit)
    changed = replace(deal, changes=(*deal.changes, ended))
    check_deal(changed, now, faults)
    faults.raise_if_any()
    return changed
