"""Tax in words, for previews and explanations."""

from __future__ import annotations

from sync.deal.money import format_amount
from sync.deal.taxation import Taxation
from sync.facts import Invoice

#: Why there is none, or less: Stripe's `taxability_reason`. What is not here says nothing.
WHY = {
    "customer_exempt": "the customer is exempt",
    "not_available": "Stripe can't say it for that place",
    "not_collecting": "no registration there, so none is collected",
    "not_subject_to_tax": "not subject to tax there",
    "not_supported": "Stripe does not support that place",
    "product_exempt": "the product is exempt there",
    "reverse_charge": "reverse charge",
    "zero_rated": "zero-rated there",
}


def beside(tax: Taxation | None) -> str:
    """What follows an amount of a deal."""
    if tax is None:
        return ""
    return " including tax" if tax.behavior == "inclusive" else " + tax"


def amounts_are(tax: Taxation | None) -> str:
    """What amounts of a deal are, as a sentence."""
    included = tax is not None and tax.behavior == "inclusive"
    return "Tax is part of these amounts." if included else "Before tax."


def reasons(invoice: Invoice) -> str:
    """Why an invoice has the tax that it has, where that needs a word."""
    return ", ".join(WHY[reason] for reason in invoice.tax_reasons if reason in WHY)


def estimate(invoice: Invoice, tax: Taxation) -> str:
    """The tax of a previewed invoice, to be said after its amount."""
    if invoice.tax_status != "complete":
        return f"{beside(tax)} (Stripe could not work it out)"
    why = reasons(invoice)
    amount = format_amount(invoice.tax_minor, invoice.currency)
    return f"{beside(tax)} (estimate {amount}{', ' + why if why else ''})"


def tax_said(invoice: Invoice) -> str:
    """How the tax of an invoice came about; blank where Stripe worked out none."""
    if invoice.tax_status is None:
        return "Stripe switched automatic tax off for it" if invoice.tax_disabled else ""
    if invoice.tax_status != "complete":
        return f"its tax is not worked out ({invoice.tax_status.replace('_', ' ')})"
    where = f" for {invoice.country}" if invoice.country else ""
    inside = invoice.tax_minor - invoice.added_tax_minor
    parts = [f"Stripe worked out the tax{where}"]
    parts += [f"{format_amount(inside, invoice.currency)} of it is part of the prices"] if inside else []
    parts += [why] if (why := reasons(invoice)) else []
    return ": ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]
