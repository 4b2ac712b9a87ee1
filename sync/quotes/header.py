"""The quote's own fields: what kind it is, its dates, who pays and how (BILLING_RULES 1, 3, 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sync.crm import CrmAccount, CrmQuote, CrmQuoteLine, QuoteGraph
from sync.deal.calendar import UnknownZone, add_months, months_between, say, zone
from sync.deal.deal import Payer, Terms
from sync.deal.policy import BillingPolicy
from sync.quotes.faults import Faults

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_COLLECTION = {"Send Invoice": "send_invoice", "Charge Automatically": "charge_automatically"}
#: Days outside of these years are slips of the pen, and beyond what Stripe's stamps are used for.
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_LONGEST_TERM = 240
_PO_LENGTH = 140  # of a custom field's value on a Stripe invoice


def check_kind(quote: CrmQuote, faults: Faults) -> bool:
    """Whether this is a New quote, the only kind read here yet; notes what else it is."""
    if quote.is_deleted:
        faults.add("DATA-215", f"{faults.quote} was deleted. Restore it, or accept another quote.")
        return False
    if quote.quote_type in (None, "", "New"):
        return True
    if quote.quote_type in ("Amendment", "Renewal", "Cancellation"):
        feature = f"An {quote.quote_type}" if quote.quote_type == "Amendment" else f"A {quote.quote_type}"
        faults.not_covered(feature, "Quote_Type__c", quote.quote_type, "Make it a New quote")
    else:
        detail = f"{faults.quote}: set Quote_Type__c to New, Amendment, Renewal or Cancellation, or leave it blank."
        faults.add("CONF-304", detail, field="Quote_Type__c", value=quote.quote_type, where="Quote_Type__c")
    return False


def check_uncovered(quote: CrmQuote, faults: Faults) -> None:
    """Note every field that asks for something not built yet: never half done."""
    own_day = quote.start_date is not None and quote.billing_day == quote.start_date.day
    asked: tuple[tuple[str, str, object], ...] = (
        ("A billing day other than the day of the start", "Billing_Day__c", None if own_day else quote.billing_day),
        ("A choice of payment methods on the quote", "Payment_Methods__c", quote.payment_methods),
        ("A trial", "Trial_Days__c", quote.trial_days),
        ("A deal that renews by itself", "Auto_Renew__c", "checked" if quote.auto_renew else None),
        ("A discount on the whole quote", "Quote_Discount__c", quote.quote_discount),
        ("A discount for some months", "Quote_Discount_Months__c", quote.quote_discount_months),
        ("Skipping what is past", "Skip_Past_Invoices__c", "checked" if quote.skip_past_invoices else None),
        ("A New quote on an existing deal", "Billing_Subscription__c", quote.billing_subscription_id),
    )
    for feature, field, value in asked:
        if value:
            faults.not_covered(feature, field, value)


@dataclass(frozen=True)
class Term:
    """From ``start`` to ``end`` (exclusive), a whole number of ``months``."""

    start: date
    end: date
    months: int


def read_term(
    quote: CrmQuote, lines: Sequence[CrmQuoteLine], policy: BillingPolicy, today: date, faults: Faults
) -> Term | None:
    """The deal's dates, from the quote, else from its lines where all of them agree; None with the fault noted."""
    start = _start(quote, lines, faults)
    if start is None:
        return None
    if policy.max_days_back is not None and (today - start).days > policy.max_days_back:
        detail = f"{faults.quote}, Start_Date__c. Choose a later date, or ask billing to bill the past."
        faults.add("DATA-204", detail, field="Start_Date__c", start=say(start), days=str((today - start).days))
    end = _end(quote, lines, start, faults)
    if end is None:
        return None
    months, days = months_between(start, end)
    if days:
        part = f"{say(end - timedelta(days=1))}, that is {months} months and {days} days from {say(start)}"
        nearest = say(add_months(start, max(months, 1)) - timedelta(days=1))
        faults.not_covered("A term that is no whole number of months", "End_Date__c", part, f"Set it to {nearest}")
        return None
    return Term(start, end, months)


def _start(quote: CrmQuote, lines: Sequence[CrmQuoteLine], faults: Faults) -> date | None:
    on_lines = {line.start_date for line in lines}
    start = quote.start_date or (next(iter(on_lines)) if len(on_lines) == 1 else None)
    if start is None:
        detail = f"{faults.quote} has no start: Start_Date__c is blank. Fill it."
        faults.add("DATA-215", detail, field="Start_Date__c")
    elif not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        detail = f"{faults.quote}: Start_Date__c is {start.isoformat()}, which can't be meant. Correct it."
        faults.add("DATA-215", detail, field="Start_Date__c")
        return None
    return start


def _end(quote: CrmQuote, lines: Sequence[CrmQuoteLine], start: date, faults: Faults) -> date | None:
    """The first day after the term, from the last day, the months, or both where they agree."""
    on_lines = {line.end_date for line in lines}
    last = quote.end_date
    if last is None and quote.term_months is None and len(on_lines) == 1:
        last = next(iter(on_lines))
    by_months = _by_months(quote, start, faults) if quote.term_months is not None else None
    if quote.term_months is not None and by_months is None:
        return None
    if last is None and by_months is None:
        if not quote.auto_renew:  # evergreen is noted as not covered
            detail = f"{faults.quote} has no end: Term_Months__c and End_Date__c are blank. Fill one of them."
            faults.add("DATA-215", detail, field="Term_Months__c")
        return None
    if last is not None and (last < start or last.year > _LAST_YEAR):
        detail = f"{faults.quote}: End_Date__c is {say(last)} and Start_Date__c is {say(start)}. Correct one of them."
        faults.add("DATA-205", detail, field="End_Date__c", first=say(start), second=say(last))
        return None
    end = last + timedelta(days=1) if last is not None else None
    if end and by_months and end != by_months:
        right = say(by_months - timedelta(days=1))
        detail = (
            f"{faults.quote}: End_Date__c is {say(end - timedelta(days=1))}, but {quote.term_months} months "
            f"(Term_Months__c) from {say(start)} end on {right}. Set End_Date__c to {right}, or clear one of the two."
        )
        faults.add("DATA-205", detail, field="End_Date__c", first=say(end - timedelta(days=1)), second=right)
        return None
    return end or by_months


def _by_months(quote: CrmQuote, start: date, faults: Faults) -> date | None:
    months = quote.term_months or 0
    if 1 <= months <= _LONGEST_TERM:
        return add_months(start, months)
    detail = f"{faults.quote}: Term_Months__c is {months}. Fill the months of the term, 1 to {_LONGEST_TERM}."
    faults.add("DATA-215", detail, field="Term_Months__c")
    return None


def read_payer(graph: QuoteGraph, faults: Faults) -> Payer | None:
    """Who pays and where the invoices go; DATA-201 names every place looked at."""
    quote, account = graph.quote, graph.account
    if account is None or account.is_deleted:
        seen = (
            "is blank (its Opportunity names no Account)" if not quote.account_id else "names an Account that is gone"
        )
        detail = f"{faults.quote}: AccountId {seen}. Set the Account on the Opportunity."
        faults.add("DATA-201", detail, field="AccountId", also=_ids(quote.account_id, quote.opportunity_id))
        return None
    also = _ids(account.id, quote.contact_id)
    ladder = (
        ("Account.Billing_Email__c", account.id, account.billing_email),
        ("the person account's e-mail (Account.PersonEmail)", account.id, account.person_email),
        ("Quote.Email", quote.id, quote.email),
        ("the e-mail of the quote's contact (Contact.Email)", quote.contact_id or quote.id, quote.contact_email),
    )
    for place, record_id, value in ladder:
        email = (value or "").strip()
        if not email:
            continue
        if _EMAIL.fullmatch(email):
            return Payer(account.id, account.name.strip(), email, account.website, _address(account))
        detail = f"{faults.quote}: {place} is no e-mail address. Correct it."
        faults.add("DATA-201", detail, record_id=record_id, field=_field(place), also=also)
        return None
    places = "; ".join(place for place, _, _ in ladder)
    detail = f"{faults.quote}, Account {account.name}: all of these are blank: {places}. Fill one of them."
    faults.add("DATA-201", detail, record_id=account.id, field="Billing_Email__c", also=also)
    return None


def read_timezone(graph: QuoteGraph, policy: BillingPolicy, faults: Faults) -> str:
    """The billing time zone: the Account's, else the installation's; a name that is none is noted."""
    account = graph.account
    name = (account.billing_timezone or "").strip() if account else ""
    if not account or not name:
        return policy.billing_timezone
    try:
        zone(name)
    except UnknownZone:
        detail = f"Account {account.name}: write an IANA name such as Europe/Berlin, or leave it blank."
        where = "Account.Billing_Timezone__c"
        faults.add("CONF-304", detail, record_id=account.id, field="Billing_Timezone__c", value=name, where=where)
        return policy.billing_timezone
    return name


def read_terms(quote: CrmQuote, policy: BillingPolicy, faults: Faults) -> Terms:
    """How the money is collected, when it is due, and the customer's order number."""
    asked = quote.collection_method
    method = _COLLECTION.get(asked, "") if asked else policy.collection_method
    if not method:
        detail = f"{faults.quote}: choose Send Invoice or Charge Automatically."
        where = "Quote.Collection_Method__c"
        faults.add("CONF-304", detail, field="Collection_Method__c", value=str(asked), where=where)
    days = policy.days_until_due if quote.days_until_due is None else quote.days_until_due
    if days < 0 or (policy.max_days_until_due is not None and days > policy.max_days_until_due):
        limit = "" if policy.max_days_until_due is None else f" to {policy.max_days_until_due}"
        detail = f"{faults.quote}: Days_Until_Due__c is {days}. Fill a number of days from 0{limit}."
        faults.add("DATA-208", detail, field="Days_Until_Due__c", terms=f"{days} days")
    po_number = (quote.po_number or "").strip() or None
    if po_number and len(po_number) > _PO_LENGTH:
        feature = f"An order number of more than {_PO_LENGTH} characters"
        faults.not_covered(feature, "PO_Number__c", f"{len(po_number)} characters long", "Shorten it")
    return Terms(method, days if method == "send_invoice" else None, po_number)


def read_currency(quote: CrmQuote, policy: BillingPolicy, faults: Faults) -> str:
    """The quote's currency, upper case; the installation's where the org has only one."""
    code = (quote.currency or policy.currency).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code, re.ASCII):
        detail = (
            f"{faults.quote}: CurrencyIsoCode must be three letters. In an org with one currency set BILLING_CURRENCY."
        )
        faults.add("CONF-304", detail, field="CurrencyIsoCode", value=code, where="Quote.CurrencyIsoCode")
    return code


def _address(account: CrmAccount) -> tuple[tuple[str, str], ...]:
    """The Account's address under Stripe's names. Stripe takes a country by its two letters only: where the org keeps
    names (picklists off), it is left out, because an invoice without a country is better than no invoice.
    """
    country = (account.country or "").strip().upper()
    parts = (
        ("line1", account.street),
        ("city", account.city),
        ("state", account.state),
        ("postal_code", account.postal_code),
        ("country", country if re.fullmatch(r"[A-Z]{2}", country, re.ASCII) else None),
    )
    return tuple((name, value.strip()) for name, value in parts if value and value.strip())


def _field(place: str) -> str:
    return next(word for word in ("Billing_Email__c", "PersonEmail", "Email") if word in place)


def _ids(*ids: str | None) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_)
