"""What an Amendment or a Cancellation finds: a deal that runs, whose terms are settled (BILLING_RULES 4)."""

from __future__ import annotations

from datetime import date, timedelta

from sync.crm import CrmQuote
from sync.deal.calendar import say
from sync.deal.deal import Deal
from sync.quotes.faults import Faults
from sync.quotes.header import COLLECTION
from sync.quotes.methods import methods_of

_ONE_DAY = timedelta(days=1)


def check_effective(day: date, deal: Deal, faults: Faults) -> bool:
    """Whether the deal runs on the day that an Amendment takes effect; notes the right one where it does not."""
    field = "Start_Date__c"
    if deal.ends_on is not None and day >= deal.ends_on:
        cancelled(day, deal, faults)
        return False
    if day < deal.start:
        detail = (
            f"{field} is {say(day)}, but deal {deal.number} begins on {say(deal.start)}. "
            f"Set it to {say(deal.start)} or later."
        )
        faults.dates(field, day, deal.start, detail)
        return False
    if deal.end is not None and day >= deal.end:
        after_the_end(day, deal, faults)
        return False
    return True


def cancelled(
    day: date, deal: Deal, faults: Faults, todo: str = "Make a New quote instead, or choose an earlier day"
) -> None:
    """Note that the deal was cancelled before that day (DATA-212)."""
    assert deal.ends_on is not None
    detail = (
        f"{faults.quote}: Start_Date__c is {say(day)}, and the last day of service of deal {deal.number} is "
        f"{say(deal.ends_on - _ONE_DAY)}. {todo}."
    )
    faults.add("DATA-212", detail, field="Start_Date__c", day=say(deal.ends_on))


def after_the_end(day: date, deal: Deal, faults: Faults) -> None:
    """Note a change of a deal that has ended by then (DATA-205)."""
    assert deal.end is not None
    last = deal.end - _ONE_DAY
    detail = (
        f"Start_Date__c is {say(day)}, but deal {deal.number} ends on {say(last)}. Set it to {say(last)} or earlier."
    )
    faults.dates("Start_Date__c", day, last, detail)


def check_running(quote: CrmQuote, deal: Deal, faults: Faults, *, skipping: bool) -> None:
    """Note every term on the quote that differs from the deal's: those of a running deal can't be changed yet.

    What is blank, or the same, asks for nothing. ``skipping``: also whether what is past is left out.
    """
    billing_day = deal.billing_day or deal.start.day
    trial = (deal.start - deal.opens).days
    terms = deal.terms
    method = COLLECTION.get(quote.collection_method or "", quote.collection_method or "")
    po_number = (quote.po_number or "").strip()
    days = quote.days_until_due
    asked: tuple[tuple[str, str, object, bool], ...] = (
        ("the billing day", "Billing_Day__c", quote.billing_day, quote.billing_day in (None, billing_day)),
        ("the trial", "Trial_Days__c", quote.trial_days, (quote.trial_days or 0) in (0, trial)),
        ("the renewal", "Auto_Renew__c", "checked", not quote.auto_renew or deal.end is None),
        ("how the money is collected", "Collection_Method__c", quote.collection_method, method in ("", terms.collection_method)),
        ("the payment methods", "Payment_Methods__c", quote.payment_methods, methods_of(quote.payment_methods) in ((), terms.methods)),
        ("the payment terms", "Days_Until_Due__c", days, days is None or terms.days_until_due in (None, days)),
        ("the order number", "PO_Number__c", po_number, po_number in ("", terms.po_number)),
    )  # fmt: skip
    for what, field, seen, same in asked:
        if not same:
            todo = "Clear it: the deal's own stays"
            faults.not_covered(f"Changing {what} of a running deal", field, seen, todo)
    if skipping and quote.skip_past_invoices:
        faults.not_covered("Skipping what is past on an Amendment", "Skip_Past_Invoices__c", "checked")
