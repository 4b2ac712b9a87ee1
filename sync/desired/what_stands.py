"""What stands in Stripe of a quote that Stripe refused half way, in words for its rep (BILLING_RULES 8)."""

from __future__ import annotations

from collections.abc import Iterable

from sync import catalogue
from sync.deal.deal import Deal
from sync.deal.money import format_amount
from sync.desired.keys import DEAL, KEY
from sync.facts import Fact, Invoice, Schedule, Subscription


def what_stands(deal: Deal, quote_id: str, facts: Iterable[Fact]) -> str:
    """What there is of the quote among the customer's subscriptions, schedules and invoices, and what was paid of it. Of a
    change only the invoices that are its own: its deal was there before, and bills on.
    """
    seen, makes = list(facts), quote_id == deal.quote_id
    objects = [f for f in seen if isinstance(f, Subscription | Schedule) and f.metadata.get(DEAL) == deal.key]
    plans = {o.id for o in objects if isinstance(o, Subscription)} if makes else set()
    invoices = [
        f
        for f in seen
        if isinstance(f, Invoice) and (f.subscription in plans or quote_id in f.metadata.get(KEY, "").split(":"))
    ]
    there = [_named(o) for o in objects] if makes else []
    there += [_of_invoice(invoice) for invoice in invoices]
    if there:
        stands = f"In Stripe there is already {', '.join(there)}; the next run goes on from there."
    else:
        stands = "In Stripe nothing bills it yet." if makes else "Its deal bills on as before."
    paid = sum(invoice.amount_paid_minor for invoice in invoices)
    return (
        f"{stands} {format_amount(paid, deal.currency)} was charged."
        if paid
        else f"{stands} {catalogue.NOTHING_CHARGED}"
    )


def _named(one: Subscription | Schedule) -> str:
    kind = "subscription" if isinstance(one, Subscription) else "schedule"
    return f"{kind} {one.id} ({one.status.replace('_', ' ')})"


def _of_invoice(invoice: Invoice) -> str:
    return f"invoice {invoice.number or invoice.id} ({invoice.status}, {format_amount(invoice.total_minor, invoice.currency)})"
