"""The quote's own fields: what kind it is, who pays and how (BILLING_RULES 3, 5). Its dates are in `dates`."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

from sync.crm import CrmAccount, CrmQuote, QuoteGraph
from sync.deal.calendar import UnknownZone, zone
from sync.deal.changes import Credit, Kind, Proration
from sync.deal.countries import countries
from sync.deal.deal import Payer, Terms
from sync.deal.policy import BillingPolicy
from sync.quotes.faults import Faults
from sync.quotes.methods import read_methods

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
COLLECTION = {"Send Invoice": "send_invoice", "Charge Automatically": "charge_automatically"}
_PO_LENGTH = 140  # of a custom field's value on a Stripe invoice
_Choice = TypeVar("_Choice", bound=StrEnum)


def read_kind(quote: CrmQuote, faults: Faults) -> Kind | None:
    """The kind of quote, New where it says none; None with the fault noted, also where the quote is gone."""
    if quote.is_deleted:
        faults.add("DATA-215", f"{faults.quote} was deleted. Restore it, or accept another quote.")
        return None
    if not quote.quote_type:
        return Kind.NEW
    if quote.quote_type in tuple(Kind):
        return Kind(quote.quote_type)
    choices = "New, Amendment, Renewal or Cancellation, or leave it blank"
    faults.bad_value("Quote_Type__c", quote.quote_type, choices)
    return None


def read_policies(quote: CrmQuote, policy: BillingPolicy, faults: Faults) -> tuple[Proration, Credit]:
    """How a change inside a cycle is billed, and what becomes of unused time: the quote's, else the installation's."""
    proration = _choice("Proration_Policy__c", quote.proration_policy, Proration, faults)
    credit = _choice("Credit_Policy__c", quote.credit_policy, Credit, faults)
    return proration or policy.proration, credit or policy.credit


def _choice(field: str, value: str | None, choices: type[_Choice], faults: Faults) -> _Choice | None:
    if not value:
        return None
    if value in tuple(choices):
        return choices(value)
    faults.bad_value(field, value, f"{', '.join(choices)}, or leave it blank")
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
            return Payer(
                account.id,
                account.name.strip(),
                email,
                account.website,
                _address(account),
                (account.tax_exempt or "").strip() or None,
                (account.tax_number or "").strip() or None,
                sent=account.sent,
            )
        detail = f"{faults.quote}: {place} is no e-mail address. Correct it."
        faults.add("DATA-201", detail, record_id=record_id, field=_field(place), also=also)
        return None
    places = "; ".join(place for place, _, _ in ladder)
    detail = f"{faults.quote}, Account {account.name}: all of these are blank: {places}. Fill one of them."
    faults.add("DATA-201", detail, record_id=account.id, field="Billing_Email__c", also=also)
    return None


def check_payer(graph: QuoteGraph, payer: Payer, faults: Faults) -> None:
    """Note a quote that changes or renews a deal which another Account pays."""
    quote, account = graph.quote, graph.account
    if quote.account_id == payer.account_id:
        return
    other = f"Account {account.name} ({account.id})" if account else f"Account {quote.account_id or '(blank)'}"
    detail = (
        f"{faults.quote} is for {other}, but the deal that it names is paid by {payer.name} ({payer.account_id}). "
        "Choose a deal of the same Account in Billing_Subscription__c, or quote on an Opportunity of that Account "
        "(AccountId)."
    )
    also = _ids(quote.account_id, payer.account_id, quote.opportunity_id)
    faults.add("DATA-215", detail, field="AccountId", also=also)


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
    method = COLLECTION.get(asked, "") if asked else policy.collection_method
    if not method:
        where = "Quote.Collection_Method__c"
        faults.bad_value("Collection_Method__c", asked, "Send Invoice or Charge Automatically", where=where)
    days = policy.days_until_due if quote.days_until_due is None else quote.days_until_due
    if days < 0 or (policy.max_days_until_due is not None and days > policy.max_days_until_due):
        limit = "" if policy.max_days_until_due is None else f" to {policy.max_days_until_due}"
        detail = f"{faults.quote}: Days_Until_Due__c is {days}. Fill a number of days from 0{limit}."
        faults.add("DATA-208", detail, field="Days_Until_Due__c", terms=f"{days} days")
    po_number = (quote.po_number or "").strip() or None
    if po_number and len(po_number) > _PO_LENGTH:
        feature = f"An order number of more than {_PO_LENGTH} characters"
        faults.not_covered(feature, "PO_Number__c", f"{len(po_number)} characters long", "Shorten it")
    methods = read_methods(quote, (quote.currency or policy.currency).strip().upper(), method, faults)
    return Terms(method, days if method == "send_invoice" else None, po_number, methods)


def read_currency(quote: CrmQuote, policy: BillingPolicy, faults: Faults) -> str:
    """The quote's currency, upper case; the installation's where the org has only one."""
    code = (quote.currency or policy.currency).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code, re.ASCII):
        detail = (
            f"{faults.quote}: CurrencyIsoCode must be three letters. In an org with one currency set BILLING_CURRENCY."
        )
        faults.add("CONF-304", detail, field="CurrencyIsoCode", value=code, where="Quote.CurrencyIsoCode")
    return code


def check_names_a_deal(quote: CrmQuote, faults: Faults, *, found: bool) -> bool:
    """Whether a quote that is about a deal names one of ours; notes what is missing."""
    field, kind = "Billing_Subscription__c", quote.quote_type
    if not quote.billing_subscription_id:
        article = "An" if kind == Kind.AMENDMENT else "A"
        detail = f"{faults.quote}: {field} is blank. {article} {kind} needs the deal that it is about. Choose it."
        faults.add("DATA-215", detail, field=field)
        return False
    if not found:
        detail = f"{faults.quote}: {field} names no deal that a signed quote made. Choose another, or make a New quote."
        faults.add("DATA-215", detail, field=field, also=(quote.billing_subscription_id,))
    return found


def _address(account: CrmAccount) -> tuple[tuple[str, str], ...]:
    """The Account's address under Stripe's names. Stripe takes a country by its two letters only: where the org keeps
    names (picklists off), it is left out, because an invoice without a country is better than no invoice.
    """
    country = (account.country_code or account.country or "").strip().upper()
    parts = (
        ("line1", account.street),
        ("city", account.city),
        ("state", account.state_code or account.state),
        ("postal_code", account.postal_code),
        ("country", country if country in countries() else None),
    )
    return tuple((name, value.strip()) for name, value in parts if value and value.strip())


def _field(place: str) -> str:
    return next(word for word in ("Billing_Email__c", "PersonEmail", "Email") if word in place)


def _ids(*ids: str | None) -> tuple[str, ...]:
    return tuple(id_ for id_ in ids if id_)
