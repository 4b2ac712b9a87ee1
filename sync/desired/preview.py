"""What a deal will be billed, said before anybody accepts it (BILLING_RULES 7). Major units, the currency's decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby

from sync.deal.calendar import say
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, ForecastInvoice, line_amounts
from sync.deal.money import exponent, format_amount, format_exact, to_major
from sync.deal.pricing import DealItem, arr_minor, items, mrr_minor
from sync.desired.customer import Linked

_CYCLE_WORDS = {1: "monthly", 3: "quarterly", 6: "every six months", 12: "annually"}


@dataclass(frozen=True)
class Preview:
    """The text for the quote, and the same as JSON types (schema 1, amounts as decimal text in major units)."""

    text: str
    data: dict[str, object]


def preview(deal: Deal, made: Forecast, customer: Linked | None, notes: Sequence[str] = ()) -> Preview:
    """Who pays, the first invoice, every later one, what was signed, what is billed, and what rounding leaves.

    ``customer`` is None where one will be made. Nothing in it depends on the moment it is written, except that cycles
    already begun are one invoice on the day of ``made``.
    """
    first = [invoice for invoice in made.invoices if invoice.day == made.invoices[0].day]
    later = [invoice for invoice in made.invoices if invoice.day != made.invoices[0].day]
    said = [*notes, *_own_notes(deal, customer)]
    parts = [
        _headline(deal),
        _customer(deal, customer),
        *(_item(item, deal) for item in items(deal.lines, deal)),
        *(_invoice("First invoice", invoice, deal) for invoice in first),
        *_later(later, deal),
        _totals(deal, made),
        *(f"Note: {note}" for note in said),
        "Before tax. Worked out by Tandem; a preview by Stripe covers one invoice only.",
    ]
    return Preview("\n".join(parts), _data(deal, made, customer, said))


def cannot_bill(messages: Sequence[str]) -> str:
    """The preview of a quote that can't be billed yet: what to fix, never an amount of zero."""
    return "\n".join(("CANNOT BILL YET", *(f"- {message}" for message in messages)))


def _headline(deal: Deal) -> str:
    cycles = sorted({line.cycle_months for line in deal.recurring if line.cycle_months})
    how = " and ".join(_CYCLE_WORDS.get(cycle, f"every {cycle} months") for cycle in cycles)
    days = deal.terms.days_until_due
    terms = "charged to the stored payment method" if days is None else f"Net {days}"
    po_number = f", PO {deal.terms.po_number}" if deal.terms.po_number else ""
    last = say(deal.end - timedelta(days=1))
    return (
        f"READY  {deal.payer.name}: new subscription, {say(deal.start)} to {last} ({deal.months} months), "
        f"invoiced {how} in advance, {terms}{po_number}"
    )


def _customer(deal: Deal, customer: Linked | None) -> str:
    who = f"{deal.payer.name} <{deal.payer.email}>"
    if customer is None:
        return f"Goes to {who}, a new customer in Stripe"
    return f"Goes to {who}, customer {customer.customer.id} in Stripe (matched by {customer.evidence})"


def _own_notes(deal: Deal, customer: Linked | None) -> list[str]:
    charged = deal.terms.collection_method == "charge_automatically"
    if charged and (customer is None or customer.customer.payment_method is None):
        return ["no payment method is stored for this customer yet; without one the first invoice can't be collected"]
    return []


def _item(item: DealItem, deal: Deal) -> str:
    unit = format_exact(Fraction(item.priced.unit) / 10 ** exponent(deal.currency), deal.currency)
    often = (
        "once"
        if item.cycle_months is None
        else _CYCLE_WORDS.get(item.cycle_months, f"every {item.cycle_months} months")
    )
    text = (
        f"{item.quantity} × {item.product.name} at {unit}, {often}: {format_amount(item.priced.gross, deal.currency)}"
    )
    for percent, off in zip(item.priced.percents, item.priced.off, strict=True):
        text += f" less {percent.value:f} % ({format_amount(off, deal.currency)})"
    return f"{text} = {format_amount(item.priced.net, deal.currency)}" if item.priced.percents else text


def _invoice(title: str, invoice: ForecastInvoice, deal: Deal) -> str:
    due = f", due {say(invoice.due)}" if invoice.due else ""
    text = f"{title} {say(invoice.day)}: {format_amount(invoice.total, deal.currency)}{due}"
    if not invoice.stated:
        return text
    recurring = [line for line in invoice.lines if line.recurring] or list(invoice.lines)
    first, last = min(line.period_start for line in recurring), max(line.period_end for line in recurring)
    return f"{text}, for the time already begun, {say(first)} to {say(last - timedelta(days=1))}"


def _later(invoices: Sequence[ForecastInvoice], deal: Deal) -> list[str]:
    """The later invoices, those of equal amount together with all their days."""
    if not invoices:
        return ["No later invoice"]
    lines = []
    for total, group in groupby(invoices, key=lambda invoice: invoice.total):
        days = [say(invoice.day) for invoice in group]
        lines.append(f"Then {len(days)} × {format_amount(total, deal.currency)}: {', '.join(days)}")
    return lines


def _totals(deal: Deal, made: Forecast) -> str:
    signed, billed = format_amount(made.signed, deal.currency), format_amount(made.total, deal.currency)
    if made.rest == 0:
        return f"Total: signed {signed}, billed {billed}, no rounding difference"
    word = "less" if made.rest > 0 else "more"
    rest = format_amount(abs(made.rest), deal.currency)
    return f"Total: signed {signed}, billed {billed}; rounding bills {rest} {word} than was signed"


def _data(deal: Deal, made: Forecast, customer: Linked | None, notes: Sequence[str]) -> dict[str, object]:
    def major(amount: int) -> str:
        return f"{to_major(amount, deal.currency):f}"

    return {
        "schema": 1,
        "quote": deal.quote_id,
        "currency": deal.currency,
        "customer": {
            "account": deal.payer.account_id,
            "id": customer.customer.id if customer else None,
            "evidence": customer.evidence if customer else "new",
        },
        "start": _iso(deal.start),
        "last_day": _iso(deal.end - timedelta(days=1)),
        "signed": major(made.signed),
        "billed": major(made.total),
        "rounding": major(made.rest),
        "mrr": major(mrr_minor(deal, deal.start)),
        "arr": major(arr_minor(deal, deal.start)),
        "first_invoice": major(made.first),
        "invoices": [_invoice_data(invoice, deal) for invoice in made.invoices],
        "lines": {id_: f"{amount:f}" for id_, amount in line_amounts(deal, made).items()},
        "notes": list(notes),
    }


def _invoice_data(invoice: ForecastInvoice, deal: Deal) -> dict[str, object]:
    return {
        "object": invoice.track,
        "day": _iso(invoice.day),
        "at": invoice.at_s,
        "due": _iso(invoice.due) if invoice.due else None,
        "total": f"{to_major(invoice.total, deal.currency):f}",
        "stated": invoice.stated,
        "lines": [
            {
                "product": line.item.product.id,
                "quantity": line.item.quantity,
                "amount": f"{to_major(line.amount, deal.currency):f}",
                "from": _iso(line.period_start),
                "to": _iso(line.period_end),
                "line_ids": list(line.item.line_ids),
            }
            for line in invoice.lines
        ],
    }


def _iso(day: date) -> str:
    return day.isoformat()
