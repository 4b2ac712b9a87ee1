"""Tax numbers that the authorities do not confirm: told, because by them tax may be left to the customer that is then owed here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sync import catalogue
from sync.facts import TaxId
from sync.shown import BillingIssue

CODE = "DATA-216"
#: Kinds that Stripe has confirmed by the authorities (https://docs.stripe.com/billing/customer/tax-ids#verification). All
#: others are "unavailable" for ever, which says nothing.
CONFIRMED = frozenset({"au_abn", "eu_vat", "gb_vat"})


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


def issue(found: list[TaxId], customer: str, account_id: str, now: datetime) -> BillingIssue:
    """The issue of these numbers, which are one customer's."""
    first = found[0]
    said = "; ".join(f"{n.value} ({n.type}): {_why(n)}" for n in found)
    detail = (
        f"{said}. Invoices are taxed as if it were right. Ask the customer, then correct Tax_Id__c on the Account, or the number"
        " on the customer in Stripe if it was entered there; this closes by itself."
    )
    country = first.value[:2] if first.type == "eu_vat" else first.type[:2].upper()
    return BillingIssue(
        billing_key=issue_key(customer), code=CODE, title=f"Tax number {first.value} is not confirmed"[:255],
        detail=catalogue.message(CODE, detail, number=first.value, country=country), record=account_id, quote=None,
        account=account_id, sum=None, status="Open", audience="Rep", reference=customer, opened_at=now, currency="",
    )  # fmt: skip


def _why(number: TaxId) -> str:
    if number.verification == "unverified":
        return "the authorities don't know it"
    return "the authorities could not be asked"
