"""Tries to collect an invoice that failed, and why, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.desired.declines import in_plain_words
from sync.facts import Charge, Invoice


def failed_tries(invoice: Invoice, by_intent: Mapping[str, Sequence[Charge]]) -> list[Charge]:
    """The failed charges of an invoice's payments, the first one first."""
    intents = [p.payment_intent for p in invoice.payments if p.payment_intent]
    failed = (c for i in intents for c in by_intent.get(i, ()) if c.status == "failed")
    return sorted(failed, key=lambda c: (c.created_s, c.id))


def why_failed(invoice: Invoice, charge: Charge | None) -> str | None:
    """Why this try failed; without one, what the invoice itself says of the last."""
    if charge is not None:
        return in_plain_words(charge.failure_code, charge.failure_message)
    return in_plain_words(invoice.last_error_code, invoice.last_error)
