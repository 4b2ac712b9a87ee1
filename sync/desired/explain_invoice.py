"""Why an invoice is as it is: its status, days and lines, as Stripe has them. Pure; the same for both channels."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.deal.calendar import business_day, instant, say
from sync.deal.money import format_amount
from sync.desired import reasons
from sync.desired.attempts import DEBITED, under_way, why_failed
from sync.desired.invoice_rows import INVOICE_STATUS
from sync.desired.keys import DEAL, KEY
from sync.desired.reasons import Reason
from sync.desired.tax_words import tax_said
from sync.facts import Invoice, Line
from sync.words import counted

WHY_MADE = {
    "subscription_create": "Stripe made it when the subscription began",
    "subscription_cycle": "Stripe made it by itself when a cycle of the subscription began",
    "subscription_update": "Stripe made it when the subscription was changed",
    "subscription_threshold": "Stripe made it because usage passed a threshold",
    "manual": "it was made by a request, not by a cycle of the subscription",
}


def explain_invoice(invoice: Invoice, zone: str) -> list[Reason]:
    """Status, dates and every line of an invoice with what they follow from. Days of the billing zone, major units."""
    return [
        _status(invoice),
        _made(invoice, zone),
        *_due(invoice, zone),
        *(_line(x, invoice, zone) for x in invoice.lines),
    ]


def _status(invoice: Invoice) -> Reason:
    def amount(minor: int) -> str:
        return format_amount(minor, invoice.currency)

    left = amount(0 if invoice.status == "void" else invoice.amount_remaining_minor)
    paid, credited = amount(invoice.amount_paid_minor), amount(invoice.credited_minor)
    lines = [
        f"total {amount(invoice.total_minor)}, of it tax {amount(invoice.tax_minor)}",
        f"paid {paid}, credited {credited}, remaining {left}",
    ]
    if invoice.from_balance_minor > 0 and invoice.status != "void":
        lines.append(
            f"{amount(invoice.from_balance_minor)} came out of the customer's credit balance, so it was not paid"
        )
    if invoice.from_balance_minor < 0 and invoice.status != "void":
        lines.append(
            f"{amount(-invoice.from_balance_minor)} that the customer owed from before is due on top of the total"
        )
    if said := tax_said(invoice):
        lines.append(said)
    if invoice.status == "draft":
        held = (
            "Stripe finalises it by itself"
            if invoice.auto_advance
            else "it is held: Stripe does not finalise it by itself"
        )
        lines.append(held)
    if invoice.status == "open" and 0 < invoice.amount_remaining_minor < invoice.total_minor:
        lines.append("partly paid is still Open")
    if invoice.status == "open" and invoice.attempt_count:
        words = DEBITED if under_way(invoice) else why_failed(invoice, None)
        lines.append(f"attempts to collect: {invoice.attempt_count}; the last one: {words or 'no reason was given'}")
        if invoice.next_payment_attempt_s:
            lines.append(f"next attempt {_instant(invoice.next_payment_attempt_s)}")
    if invoice.status == "paid":
        lines += [f"payment {p.id} of {amount(p.amount_minor)}" for p in invoice.payments if p.status == "paid"]
        lines.append("a refund or a dispute leaves it Paid")
    return Reason("Status__c", INVOICE_STATUS.get(invoice.status, invoice.status), tuple(lines), reasons.INVOICES)


def _made(invoice: Invoice, zone: str) -> Reason:
    ours = invoice.metadata.get(KEY)
    why = WHY_MADE.get(invoice.billing_reason or "", f"billing reason {invoice.billing_reason}")
    lines = [f"stated by Tandem as {ours}: what the subscription's own cycles do not bill" if ours else why]
    deal = invoice.metadata.get(DEAL) or invoice.subscription_metadata.get(DEAL)
    lines.append(
        f"it belongs to the deal of quote {deal}"
        if deal
        else "no quote stands behind it: it was bought directly in Stripe"
    )
    lines.append(f"made {_instant(invoice.created_s)}, a day of the billing time zone {zone}")
    return Reason("Issued_On__c", say(business_day(instant(invoice.created_s), zone)), tuple(lines), reasons.INVOICES)


def _due(invoice: Invoice, zone: str) -> list[Reason]:
    if invoice.collection_method != "send_invoice":
        return [
            Reason(
                "Due_On__c",
                "blank",
                ("it is charged to the stored payment method, so no day is set",),
                reasons.COLLECTION,
            )
        ]
    if invoice.due_date_s is None:
        return [
            Reason("Due_On__c", "blank", ("it is a draft: the day is set when it is finalised",), reasons.COLLECTION)
        ]
    start_s = invoice.finalized_at_s or invoice.created_s
    days = round((invoice.due_date_s - start_s) / 86_400)
    lines = (f"{counted(days, 'day')} after it was finalised, {_instant(start_s)}",)
    return [Reason("Due_On__c", say(business_day(instant(invoice.due_date_s), zone)), lines, reasons.COLLECTION)]


def _line(line: Line, invoice: Invoice, zone: str) -> Reason:
    lines = []
    if line.period_end_s > line.period_start_s:
        last = business_day(instant(line.period_end_s - 1), zone)
        lines.append(f"for {say(business_day(instant(line.period_start_s), zone))} to {say(last)}")
    if line.quantity is not None:
        lines.append(
            f"quantity {line.quantity:,}, before discounts {format_amount(line.amount_minor, invoice.currency)}"
        )
    if line.discount_minor:
        lines.append(f"discounts take off {format_amount(line.discount_minor, invoice.currency)}")
    if line.proration:
        lines.append("Stripe prorated it, by the seconds left in the cycle")
    return Reason(
        line.description or "Line", format_amount(line.net_minor, invoice.currency), tuple(lines), reasons.ROUNDING
    )


def _instant(stamp_s: int) -> str:
    return f"{datetime.fromtimestamp(stamp_s, UTC):%Y-%m-%d %H:%MZ}"
