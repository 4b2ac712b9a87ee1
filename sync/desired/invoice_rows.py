"""The rows of one invoice: itself, and every payment, failed try, refund, credit and dispute of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from sync.deal.money import to_major
from sync.desired.account_view import AccountView
from sync.desired.attempts import DEBITED, failed_tries, has_failed, to_confirm, tries_of, waiting, why_failed
from sync.desired.given_back import GivenBack
from sync.desired.keys import DEAL
from sync.desired.worth import Terms
from sync.errors import Terminal
from sync.facts import Invoice, InvoicePayment
from sync.shown import (
    BillingInvoice,
    BillingPayment,
)

INVOICE_STATUS = {"draft": "Draft", "open": "Open", "paid": "Paid", "void": "Void", "uncollectible": "Uncollectible"}
OUTSIDE = "Paid outside Stripe"
#: A payment that is not decided, by who has to answer.
WAITS = {"bank": "Pending", "customer": "Requires Action"}


def _stamp(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def contract_of(invoice: Invoice, by_object: Mapping[str, str]) -> str | None:
    """The key of the contract that the invoice is of."""
    return by_object.get(invoice.subscription or invoice.metadata.get(DEAL, ""))


def invoice_row(
    view: AccountView, invoice: Invoice, by_object: Mapping[str, str], given_back: GivenBack
) -> BillingInvoice:
    """The invoice's row. ``by_object`` are the keys of contracts by Stripe id and deal."""

    def amount(minor: int) -> Decimal:
        return to_major(minor, invoice.currency)

    failing = has_failed(invoice)
    failed = failed_tries(invoice, view.charges) if not waiting(invoice) else []
    failure = why_failed(invoice, failed[-1] if failed else None)
    terms = view.terms
    return BillingInvoice(
        billing_key=invoice.id,
        stripe_id=invoice.id,
        account=view.account_id,
        billing_subscription=contract_of(invoice, by_object),
        number=invoice.number,
        status=_status(invoice),
        currency=invoice.currency.upper(),
        subtotal=amount(invoice.subtotal_minor),
        tax=amount(invoice.tax_minor),
        total=amount(invoice.total_minor),
        amount_paid=amount(invoice.amount_paid_minor),
        amount_remaining=amount(0 if invoice.status == "void" else invoice.amount_remaining_minor),
        amount_refunded=amount(given_back.refunded_minor),
        amount_credited=amount(given_back.credited_minor),
        issued_on=terms.day(invoice.created_s),
        due_on=terms.day(invoice.due_date_s) if invoice.due_date_s else None,
        period_start=terms.day(invoice.period_start_s) if invoice.period_start_s else None,
        period_end=_period_end(invoice, terms),
        attempts=invoice.attempt_count,
        next_attempt_at=_stamp(invoice.next_payment_attempt_s) if failing else None,
        failure=failure if failing else None,
        dispute_status=given_back.dispute_status,
        hosted_url=invoice.hosted_url,
        pdf_url=invoice.pdf_url,
        as_of=view.now,
    )


def _status(invoice: Invoice) -> str:
    """Stripe's status in the CRM's words. One that is new to us is said loudly: "Open" would be a guess about money."""
    if invoice.status not in INVOICE_STATUS:
        raise Terminal(
            "BUG-502",
            f"Stripe says {invoice.id} is {invoice.status!r}, a status that this release doesn't know. Nothing was changed.",
        )
    return INVOICE_STATUS[invoice.status]


def _period_end(invoice: Invoice, terms: Terms) -> date | None:
    if not invoice.period_end_s:
        return None
    return terms.last_day(invoice.period_start_s, invoice.period_end_s)


def payment_rows(view: AccountView, invoice: Invoice, given_back: GivenBack) -> list[BillingPayment]:
    """A row for each failed try, payment, refund, credit and dispute of the invoice, each counted once. A payment that is not
    decided yet is a row that becomes the payment.
    """

    def row(key: str, type_: str, status: str, minor: int, at_s: int, detail: str | None) -> BillingPayment:
        at = _stamp(at_s)
        assert at is not None
        currency = invoice.currency.upper()
        return BillingPayment(
            key, invoice.id, type_, status, currency, to_major(minor, currency), at, detail, view.account_id
        )

    rows = [
        row(t.key, "Attempt", "Failed", t.minor, t.charge.created_s, why_failed(invoice, t.charge))
        for t in tries_of(invoice, view.charges, view.invoices)
    ]
    rows += [
        row(p.id, "Payment", WAITS[p.waits_for], p.amount_minor, p.created_s, _waits(invoice, p))
        for p in waiting(invoice)
        if p.waits_for
    ]
    rows += [row(p.key, "Payment", "Succeeded", p.minor, p.at_s, _overpaid(invoice, p)) for p in paid(invoice)]
    return rows + [row(m.key, m.type, m.status, m.minor, m.at_s, m.detail) for m in given_back.movements]


def _waits(invoice: Invoice, payment: InvoicePayment) -> str:
    return DEBITED if payment.waits_for == "bank" else to_confirm(invoice)


def not_waited_for(invoice: Invoice) -> list[str]:
    """The keys of its payments that were not made and are not waited for either."""
    still = {p.id for p in waiting(invoice)}
    return [p.id for p in invoice.payments if p.status != "paid" and p.id not in still] if invoice.attempt_count else []


@dataclass(frozen=True)
class Paid:
    """What one payment counts towards an invoice, in minor units. Of a payment of several invoices ``payment`` is the same."""

    key: str
    at_s: int
    minor: int
    detail: str | None = None
    payment: str = ""


def paid(invoice: Invoice) -> list[Paid]:
    """The payments of an invoice, each once; what was paid outside Stripe has no payment object of its own."""
    found = [
        Paid(
            p.id,
            p.paid_at_s or p.created_s,
            p.amount_minor,
            OUTSIDE if p.out_of_band else None,
            p.payment_intent or p.id,
        )
        for p in invoice.payments
        if p.status == "paid" and p.amount_minor
    ]
    outside = invoice.amount_paid_minor - sum(p.minor for p in found)
    if outside > 0:
        key = f"{invoice.id}/outside"
        found.append(Paid(key, invoice.paid_at_s or invoice.created_s, outside, OUTSIDE, key))
    return found


def _overpaid(invoice: Invoice, payment: Paid) -> str | None:
    """What the invoice's last payment says of what was paid beyond what was due."""
    last = max(paid(invoice), key=lambda p: (p.at_s, p.key))
    if not invoice.overpaid_minor or payment != last:
        return payment.detail
    over = to_major(invoice.overpaid_minor, invoice.currency)
    more = f"{over} {invoice.currency.upper()} more than was due went to the customer's balance."
    return f"{payment.detail}. {more}" if payment.detail else more
