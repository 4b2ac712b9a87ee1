"""When a deal begins and ends, and on which day it is billed (BILLING_RULES 1, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sync.crm import CrmQuote, CrmQuoteLine
from sync.deal.calendar import add_months, months_between, say
from sync.deal.deal import Deal
from sync.deal.lines import Charge
from sync.deal.policy import BillingPolicy
from sync.quotes.faults import Faults

#: Days outside of these years are slips of the pen, and beyond what Stripe's stamps are used for.
FIRST_YEAR, LAST_YEAR = 2000, 2199
_LONGEST_TERM = 240
#: Stripe's longest trial, two years.
_LONGEST_TRIAL = 730
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Term:
    """From ``start``, the first billed day, to ``end`` (exclusive; None: evergreen). A trial before it has its first
    day in ``trial_from``; ``billing_day`` is set where it is not the start's own.
    """

    start: date
    end: date | None
    trial_from: date | None = None
    billing_day: int | None = None

    @property
    def months(self) -> int | None:
        """Whole months of the term; None without an end, and where days are left over."""
        return whole_months(self.start, self.end)


def whole_months(start: date, end: date | None) -> int | None:
    """The months from start to end; None without an end, and where days are left over."""
    months, days = months_between(start, end) if end else (0, 1)
    return None if days else months


def read_term(
    quote: CrmQuote,
    lines: Sequence[CrmQuoteLine],
    policy: BillingPolicy,
    today: date,
    faults: Faults,
    *,
    renews: Deal | None = None,
) -> Term | None:
    """The deal's dates, from the quote, else from its lines where each has its own; None with the fault noted.

    A renewal begins where the deal that it renews ends.
    """
    trial = _trial_days(quote, faults)
    billing_day = _billing_day(quote, faults)
    first = _renewal_start(quote, renews, faults) if renews else read_start(quote, lines, faults)
    if first is None:
        return None
    check_back_dating(first, policy, today, faults)
    start = first + timedelta(days=trial)
    once = bool(lines) and all(_is_once(line, faults) for line in lines)
    blank = quote.end_date is None and quote.term_months is None
    if blank and once:  # it is over with the last of its days
        last: date | None = max([start, *(line.start_date for line in lines if line.start_date)])
    else:
        last = quote.end_date or (_last_of_lines(lines, faults) if quote.term_months is None else None)
    if quote.auto_renew and last is None and quote.term_months is None:
        end = None
    else:
        end = _end(quote, last, start, faults)
        if end is None:
            return None
        if quote.auto_renew:
            todo = "Clear it: nothing on the quote is billed more than once"
            if not once:
                todo = "Clear it, or clear Term_Months__c and End_Date__c for a deal without an end"
            faults.not_covered("A deal that renews by itself", "Auto_Renew__c", "checked", todo)
    own_day = billing_day if billing_day != start.day else None
    return Term(start, end, first if trial else None, own_day)


def read_start(quote: CrmQuote, lines: Sequence[CrmQuoteLine], faults: Faults) -> date | None:
    """The quote's first day; where it is blank and every line has a day of its own, the first of these."""
    on_lines = [line.start_date for line in lines if line.start_date]
    start = quote.start_date or (min(on_lines) if on_lines and len(on_lines) == len(lines) else None)
    if start is None:
        detail = f"{faults.quote} has no start: Start_Date__c is blank. Fill it."
        faults.add("DATA-215", detail, field="Start_Date__c")
    elif not FIRST_YEAR <= start.year <= LAST_YEAR:
        detail = f"{faults.quote}: Start_Date__c is {start.isoformat()}, which can't be meant. Correct it."
        faults.add("DATA-215", detail, field="Start_Date__c")
        return None
    return start


def check_back_dating(first: date, policy: BillingPolicy, today: date, faults: Faults) -> None:
    """Note a first day that is further back than the installation allows (DATA-204)."""
    days = (today - first).days
    if policy.max_days_back is not None and days > policy.max_days_back:
        detail = f"{faults.quote}, Start_Date__c. Choose a later date, or ask billing to bill the past."
        faults.add("DATA-204", detail, field="Start_Date__c", start=say(first), days=str(days))


def _renewal_start(quote: CrmQuote, renews: Deal, faults: Faults) -> date | None:
    """The day after the renewed deal's last one: no gap and no overlap."""
    right = renews.last
    if right is None:
        todo = f"Deal {renews.number} has no end. Sign a Cancellation of it first"
        faults.not_covered("The renewal of a deal without an end", "Billing_Subscription__c", "set", todo)
        return None
    if quote.start_date not in (None, right):
        detail = (
            f"Start_Date__c is {say(quote.start_date)}, but deal {renews.number} ends on {say(right - _ONE_DAY)}, and "
            f"its renewal starts on the day after. Set Start_Date__c to {say(right)}, or clear it."
        )
        faults.dates("Start_Date__c", quote.start_date, right, detail)
        return None
    return right


def _trial_days(quote: CrmQuote, faults: Faults) -> int:
    days = quote.trial_days or 0
    if 0 <= days <= _LONGEST_TRIAL:
        return days
    detail = f"{faults.quote}: Trial_Days__c is {days}. Fill the days of the trial, 1 to {_LONGEST_TRIAL}, or clear it."
    faults.add("DATA-215", detail, field="Trial_Days__c")
    return 0


def _billing_day(quote: CrmQuote, faults: Faults) -> int | None:
    day = quote.billing_day
    if day is None or 1 <= day <= 31:
        return day
    detail = f"{faults.quote}: Billing_Day__c is {day}. Fill a day of the month, 1 to 31, or clear it."
    faults.add("DATA-215", detail, field="Billing_Day__c")
    return None


def _last_of_lines(lines: Sequence[CrmQuoteLine], faults: Faults) -> date | None:
    """The latest of the lines' own last days, where every line that is billed more than once has one."""
    lasting = [line for line in lines if not _is_once(line, faults)]
    ends = [line.end_date for line in lasting if line.end_date]
    return max(ends) if ends and len(ends) == len(lasting) else None


def _is_once(line: CrmQuoteLine, faults: Faults) -> bool:
    product = faults.product(line)
    return (line.charge_type or (product.charge_type if product else None)) == Charge.ONE_TIME


def _end(quote: CrmQuote, last: date | None, start: date, faults: Faults) -> date | None:
    """The first day after the term, from the last day, the months, or both where they agree."""
    by_months = end_by_months(quote, start, faults) if quote.term_months is not None else None
    if quote.term_months is not None and by_months is None:
        return None
    if last is None and by_months is None:
        detail = f"{faults.quote} has no end: Term_Months__c and End_Date__c are blank. Fill one of them."
        faults.add("DATA-215", detail, field="Term_Months__c")
        return None
    if last is not None and (last < start or last.year > LAST_YEAR):
        begins = f"the first billed day is {say(start)}" if quote.trial_days else f"Start_Date__c is {say(start)}"
        detail = f"End_Date__c is {say(last)} and {begins}. Correct one of them."
        faults.dates("End_Date__c", start, last, detail)
        return None
    end = last + _ONE_DAY if last is not None else None
    if end and by_months and end != by_months:
        right = by_months - _ONE_DAY
        detail = (
            f"End_Date__c is {say(end - _ONE_DAY)}, but {quote.term_months} months "
            f"(Term_Months__c) from {say(start)} end on {say(right)}. Set End_Date__c to {say(right)}, "
            "or clear one of the two."
        )
        faults.dates("End_Date__c", end - _ONE_DAY, right, detail)
        return None
    return end or by_months


def end_by_months(quote: CrmQuote, start: date, faults: Faults) -> date | None:
    """The first day after Term_Months__c from ``start``; None with the fault noted."""
    months = quote.term_months or 0
    if 1 <= months <= _LONGEST_TERM:
        return add_months(start, months)
    detail = f"{faults.quote}: Term_Months__c is {months}. Fill the months of the term, 1 to {_LONGEST_TERM}."
    faults.add("DATA-215", detail, field="Term_Months__c")
    return None
