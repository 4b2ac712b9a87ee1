"""Reads an Amendment: what it adds to a deal and takes off it, from its first day to the deal's end (BILLING_RULES 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sync.crm import CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.calendar import business_day, say
from sync.deal.changes import Change, Removal
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.policy import BillingPolicy
from sync.quotes import header
from sync.quotes.amounts import check_amounts, check_deal
from sync.quotes.dates import Term, check_back_dating, end_by_months, read_start
from sync.quotes.discounts import check_quote_discount, read_quote_discount
from sync.quotes.faults import Faults
from sync.quotes.frame import Frame, Reading
from sync.quotes.lines import REMOVE, read_line, which_way
from sync.quotes.ramps import check_ramps, check_usage_once
from sync.quotes.removals import check_removed, read_removal
from sync.quotes.running import check_effective, check_running
from sync.quotes.usage import check_not_billed

_ONE_DAY = timedelta(days=1)


def read_amendment(
    graph: QuoteGraph, lines: Sequence[CrmQuoteLine], deal: Deal, policy: BillingPolicy, now: datetime, change: Change
) -> Deal:
    """The deal with what the Amendment adds and takes off. ``change`` says when it was signed; raises `Refused`."""
    faults, quote = Faults(graph), graph.quote
    header.check_names_a_deal(quote, faults, found=True)
    header.check_payer(graph, deal.payer, faults)
    check_running(quote, deal, faults, skipping=True)
    if not lines:
        faults.add("DATA-215", f"{faults.quote} has no lines. Add a line.", field="QuoteLineItems")
    frame = _frame(quote, lines, deal, policy, now, faults)
    proration, credit = header.read_policies(quote, policy, faults)
    at = Reading(quote, faults, deal.currency, deal.rounding, frame, deal, read_quote_discount(quote, faults))
    at = replace(at, home_currency=policy.currency, whole_months=deal.whole_months)
    _check_currency(quote, deal, faults)
    adds, removes = _read_lines(lines, deal, at)
    if frame is not None:
        change = replace(change, effective=frame.start)
    change = replace(change, adds=adds, removes=removes, proration=proration, credit=credit)
    changed = replace(deal, changes=(*deal.changes, change))
    written = {line.id: line for line in lines}
    check_quote_discount(at, adds)
    check_ramps(written, adds, faults, adding=True)
    check_amounts(change, deal.pieces, at)
    if frame is not None and check_removed(deal, change, lines, faults):
        check_usage_once(changed.pieces, written, faults)
        check_not_billed(adds, deal, now, written, faults)
    faults.raise_if_any()
    check_deal(changed, now, faults)
    faults.raise_if_any()
    return changed


def _read_lines(
    lines: Sequence[CrmQuoteLine], deal: Deal, at: Reading
) -> tuple[tuple[DealLine, ...], tuple[Removal, ...]]:
    adds: list[DealLine] = []
    removes: list[Removal] = []
    steps = _ramp_starts(lines)
    for line in lines:
        if which_way(line, at.faults) == REMOVE:
            removal = read_removal(line, at)
            removes += [removal] if removal else []
            continue
        goes_on = line.end_date is not None and _step(line, line.end_date + _ONE_DAY) in steps
        beside = replace(at, frame=replace(at.frame, ends_with_deal=False)) if at.frame and goes_on else at
        made = read_line(line, beside)
        if made is not None and _begins(line, made, deal, at.faults):
            adds.append(made)
    return tuple(adds), tuple(removes)


def _step(line: CrmQuoteLine, start: date) -> tuple[str | None, str, date]:
    return (line.product_id, (line.ramp_key or "").strip(), start)


def _ramp_starts(lines: Sequence[CrmQuoteLine]) -> set[tuple[str | None, str, date]]:
    """Where steps of ramps begin: the step before may end there, and not with the deal."""
    return {_step(line, line.start_date) for line in lines if line.start_date and line.change != REMOVE}


def _begins(line: CrmQuoteLine, made: DealLine, deal: Deal, faults: Faults) -> bool:
    """Whether the line begins before the deal was cancelled."""
    if deal.ends_on is None or made.start < deal.ends_on:
        return True
    last = say(deal.ends_on - _ONE_DAY)
    detail = f"{faults.name(line)}: Start_Date__c is {say(made.start)}, and the last day of service is {last}."
    faults.add("DATA-212", detail, record_id=line.id, field="Start_Date__c", day=say(deal.ends_on))
    return False


def _frame(
    quote: CrmQuote, lines: Sequence[CrmQuoteLine], deal: Deal, policy: BillingPolicy, now: datetime, faults: Faults
) -> Frame | None:
    """The days that the lines are read into; None with the fault noted."""
    effective = read_start(quote, lines, faults)
    if effective is None or not check_effective(effective, deal, faults):
        return None
    check_back_dating(effective, policy, business_day(now, deal.timezone), faults)
    term = Term(deal.start, deal.end, None, deal.billing_day)
    end = _end(quote, effective, deal, policy, faults)
    return Frame(term, effective, end, ends_with_deal=policy.co_terminate)


def _end(quote: CrmQuote, effective: date, deal: Deal, policy: BillingPolicy, faults: Faults) -> date | None:
    """The day after the last one of what is added: the deal's, unless co-termination is off."""
    asked = [(quote.end_date + _ONE_DAY, "End_Date__c")] if quote.end_date else []
    if quote.term_months is not None and (by_months := end_by_months(quote, effective, faults)):
        asked.append((by_months, "Term_Months__c"))
    for end, field in asked:
        late = deal.end is not None and end > deal.end
        if end != deal.end and (policy.co_terminate or late or end <= effective):
            _tell_end(quote, end, field, deal, faults)
    if not policy.co_terminate and len({end for end, _ in asked}) > 1:
        last, right = (end - _ONE_DAY for end, _ in asked)
        detail = f"End_Date__c is {say(last)}, but {quote.term_months} months (Term_Months__c) end on {say(right)}. "
        faults.dates("End_Date__c", last, right, f"{detail}Correct one of them, or clear it.")
    return asked[0][0] if asked else deal.end


def _tell_end(quote: CrmQuote, end: date, field: str, deal: Deal, faults: Faults) -> None:
    last = end - _ONE_DAY
    months = f" ({quote.term_months} months, Term_Months__c)" if field == "Term_Months__c" else ""
    if deal.end is None:
        detail = f"{faults.quote} ends on {say(last)}{months}, but the deal has no end. Clear {field}."
        faults.add("DATA-205", detail, field=field, first=say(last), second="no end")
        return
    right = deal.end - _ONE_DAY
    todo = f"Clear Term_Months__c, or set End_Date__c to {say(right)} instead" if months else f"Set it to {say(right)}"
    detail = (
        f"the amendment ends on {say(last)}{months}, but the deal ends on {say(right)}, and they must match. {todo}."
    )
    faults.dates(field, last, right, detail)


def _check_currency(quote: CrmQuote, deal: Deal, faults: Faults) -> None:
    """Note an Amendment in another currency than the deal's: it is what DATA-203 says, of one deal."""
    code = (quote.currency or deal.currency).strip().upper()
    if code != deal.currency:
        detail = f"{faults.quote}, CurrencyIsoCode: deal {deal.number} can only be changed in {deal.currency}."
        account = deal.payer.name
        faults.add("DATA-203", detail, field="CurrencyIsoCode", account=account, other=deal.currency, currency=code)
