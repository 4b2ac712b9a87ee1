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
