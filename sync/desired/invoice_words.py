"""What people call an invoice: by its number, and by its day as long as it has none."""

from __future__ import annotations

from datetime import date

from sync.deal.calendar import business_day, instant, say
from sync.facts import Invoice


def called(number: str | None, status: str, made_on: date) -> str:
    """``ACME-0007``, or ``of 5 March 2026 (draft)``: Stripe numbers an invoice when it is finalised. ``status`` as either
    side says it.
    """
    if number:
        return number
    return f"of {say(made_on)}" + (" (draft)" if status.lower() == "draft" else "")


def name_of(invoice: Invoice, zone: str) -> str:
    """As `called`; its day is that of the billing zone."""
    return called(invoice.number, invoice.status, business_day(instant(invoice.created_s), zone))
