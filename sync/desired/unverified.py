"""Tax numbers that the authorities do not confirm, or that can't be one: told, because by them tax may be left to
the customer that is then owed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sync import catalogue
from sync.crm import CrmAccount
from sync.deal.tax_numbers import read_tax_number
from sync.facts import Customer, TaxId
from sync.shown import BillingIssue

CODE = "DATA-216"
#: Kinds that Stripe has confirmed by the authorities (https://docs.stripe.com/billing/customer/tax-ids#verification). All
#: others are "unavailable" for ever, which says nothing.
CONFIRMED = frozenset({"au_abn", "eu_vat", "gb_vat"})


@dataclass(frozen=True)
class Unread:
    """What stands in the Account's Tax_Id__c and can't be a number of the country."""

    text: str
    country: str


def issue_key(customer: str) -> str:
    """The key of the one issue that a customer may have of its tax numbers."""
    return f"{CODE}:{customer}"


def unverified(numbers: Iterable[TaxId]) -> list[TaxId]:
    """Those that were asked about and not confirmed, by number; one that still waits for its answer is none."""
    mine = (n for n in numbers if not n.deleted)
    found = (
        n for n in mine if n.verification == "unverified" or (n.verification == "unavailable" and n.type in CONFIRMED)
    )
    return sorted(found, key=lambda n: (n.type, n.value))


def unread(account: CrmAccount, customer: Customer | None) -> Unread | None:
    """The Account's number, if it can't be one of the country in which the customer is taxed."""
    there = customer.address.get("country") if customer is not None else None
    country = (there or account.country_code or account.country or "").strip().upper()
    number = (account.tax_number or "").strip()
    return Unread(number, country) if number and country and read_tax_number(number, country) is None else None


def issue(
    found: list[TaxId], customer: str, account_id: str, now: datetime, not_sent: Unread | None = None
) -> BillingIssue:
    """The issue of these numbers, which are one customer's, or of the one that was not sent."""
    if not_sent is not None:
        return _not_sent(not_sent, customer, account_id, now)
    first = found[0]
    said = "; ".join(f"{n.value} ({n.type}): {_why(n)}" for n in found)
    detail = (
        f"{said}. Invoices are taxed as if it were right. Ask the customer, then correct Tax_Id__c on the Account, or the number"
        " on the customer in Stripe if it was entered there; this closes by itself."
    )
    country = first.value[:2] if first.type == "eu_vat" else first.type[:2].upper()
    text = catalogue.message(CODE, detail, number=first.value, country=country)
    return _row(f"Tax number {first.value} is not confirmed", text, customer, account_id, now)


def _not_sent(number: Unread, customer: str, account_id: str, now: datetime) -> BillingIssue:
    detail = (
        f"Account.Tax_Id__c is {number.text}, which can't be one of {number.country}, so Stripe was not told of it: invoices show"
        " and are taxed by the number that was there before, if there was one. Correct it, or clear it; this closes by itself."
    )
    text = catalogue.message(CODE, detail, number=number.text, country=number.country)
    return _row(f"Tax number {number.text} is none of {number.country}", text, customer, account_id, now)


def _row(title: str, detail: str, customer: str, account_id: str, now: datetime) -> BillingIssue:
    return BillingIssue(
        billing_key=issue_key(customer), code=CODE, title=title[:255], detail=detail, record=account_id, quote=None,
        account=account_id, sum=None, status="Open", audience="Rep", reference=customer, opened_at=now, currency="",
    )  # fmt: skip


def _why(number: TaxId) -> str:
    if number.verification == "unverified":
        return "the authorities don't know it"
    return "the authorities could not be asked"
