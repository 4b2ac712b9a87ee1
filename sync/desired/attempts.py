"""Tries to collect an invoice: those that failed, and those of which it is not decided, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync.desired.declines import WORDS, in_plain_words
from sync.facts import Charge, Invoice, InvoicePayment

#: The bank's refusal that the customer can undo.
TO_CONFIRM = "authentication_required"
NO_FUNDS = "insufficient_funds"
DEBITED = "The bank was asked for the money; it answers within some days."


def failed_tries(invoice: Invoice, by_intent: Mapping[str, Sequence[Charge]]) -> list[Charge]:
    """The failed charges of an invoice's payments, the first one first."""
    intents = [p.payment_intent for p in invoice.payments if p.payment_intent]
    failed = (c for i in intents for c in by_intent.get(i, ()) if c.status == "failed")
    return sorted(failed, key=lambda c: (c.created_s, c.id))


@dataclass(frozen=True)
class Try:
    """A charge that failed, as one invoice's: what it was to pay of it, and a key of its own."""

    charge: Charge
    key: str
    minor: int


def tries_of(invoice: Invoice, by_intent: Mapping[str, Sequence[Charge]], invoices: Iterable[Invoice]) -> list[Try]:
    """The failed tries to collect an invoice, the first one first. ``invoices`` are all of its customer: a payment may have been
    for several, and is a try of each with its part.
    """
    failed = failed_tries(invoice, by_intent)
    intents = {c.payment_intent for c in failed}
    sharing = (
        [(i.created_s, i.id, p.payment_intent) for i in invoices for p in i.payments if p.payment_intent in intents]
        if failed
        else []
    )
    found = []
    for charge in failed:
        mine = sorted({(at, id_) for at, id_, intent in sharing if intent == charge.payment_intent})
        first = not mine or mine[0][1] == invoice.id
        part = sum(p.amount_minor for p in invoice.payments if p.payment_intent == charge.payment_intent)
        key = charge.id if first else f"{charge.id}/{invoice.id}"
        found.append(Try(charge, key, part if len(mine) > 1 else charge.amount_minor))
    return found


def waiting(invoice: Invoice) -> list[InvoicePayment]:
    """The payments of an invoice that the customer or a bank has yet to decide."""
    return [p for p in invoice.payments if p.status == "open" and p.waits_for] if invoice.status != "void" else []


def under_way(invoice: Invoice) -> bool:
    """Whether a bank has been asked for the money and has not answered: nothing has failed by that."""
    return any(p.waits_for == "bank" for p in waiting(invoice))


def has_failed(invoice: Invoice) -> bool:
    """Whether an open invoice was tried in vain, as it stands now. A customer who is asked to confirm has not paid."""
    return invoice.status == "open" and invoice.attempt_count > 0 and not under_way(invoice)


def why_failed(invoice: Invoice, charge: Charge | None) -> str | None:
    """Why this try failed; without one, what the invoice itself says of the last. What only the customer can mend comes
    with the page where they do.
    """
    if charge is None and any(p.waits_for == "customer" for p in waiting(invoice)):
        return to_confirm(invoice)
    if charge is None:
        code, message = invoice.last_error_code, invoice.last_error
    else:
        code, message = charge.failure_code, charge.failure_message
    if code == TO_CONFIRM:
        return to_confirm(invoice)
    if code == NO_FUNDS and charge is not None and _is_debit(charge):
        return "The bank account has not enough money."
    return in_plain_words(code, message)


def _is_debit(charge: Charge) -> bool:
    return any(kind in (charge.method or "") for kind in ("bank account", "debit"))


def to_confirm(invoice: Invoice) -> str:
    """That the customer has to confirm, and where."""
    link = f" Stripe's page for that: {invoice.hosted_url}" if invoice.hosted_url else ""
    return f"{WORDS[TO_CONFIRM]}{link}"
