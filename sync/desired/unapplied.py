"""Money that a customer sent by bank transfer and that pays no invoice yet: told, because it stands on no invoice."""

from __future__ import annotations

from datetime import datetime

from sync import catalogue
from sync.deal.money import format_amount, to_major
from sync.facts import CashBalance
from sync.shown import BillingIssue

CODE = "DATA-236"


def issue_key(customer: str) -> str:
    """The key of the one issue that a customer may have of its cash balance."""
    return f"{CODE}:{customer}"


def unapplied(cash: CashBalance | None) -> list[tuple[str, int]]:
    """What is there by currency, in minor units, the largest number first; nothing of what was applied."""
    there = cash.available if cash is not None and not cash.deleted else {}
    return sorted(((c, n) for c, n in there.items() if n > 0), key=lambda one: (-one[1], one[0]))


def issue(found: list[tuple[str, int]], customer: str, account_id: str, now: datetime) -> BillingIssue:
    """The issue of this money, which is one customer's. Its sum is that of one currency; others are in the words."""
    currency, minor = found[0]
    amounts = " and ".join(format_amount(n, c) for c, n in found)
    detail = (
        "It is in the customer's cash balance in Stripe, which pays an invoice only once all of it is there. Ask the customer"
        " for the rest, or apply it or send it back in Stripe; this closes by itself."
    )
    return BillingIssue(
        billing_key=issue_key(customer), code=CODE, title=f"Bank transfer that pays no invoice yet: {amounts}"[:255],
        detail=catalogue.message(CODE, detail, amount=amounts), record=account_id, quote=None, account=account_id,
        sum=to_major(minor, currency), status="Open", audience="Billing Operations", reference=customer, opened_at=now,
        currency=currency.upper(),
    )  # fmt: skip
