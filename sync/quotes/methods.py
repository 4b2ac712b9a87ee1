"""The ways in which a deal's invoices may be paid, as the quote chooses them (`Payment_Methods__c`)."""

from __future__ import annotations

from collections.abc import Mapping

from sync.crm import CrmQuote
from sync.quotes.faults import Faults

#: Stripe's payment method type by the word of the quote.
TYPES: Mapping[str, str] = {
    "Card": "card",
    "ACH": "us_bank_account",
    "SEPA": "sepa_debit",
    "Link": "link",
    "Transfer": "customer_balance",
}
#: What can only be paid in one currency (https://docs.stripe.com/payments/payment-methods/payment-method-support).
CURRENCY_OF: Mapping[str, str] = {"ACH": "USD", "SEPA": "EUR"}
#: What a customer has to do by hand can't be charged by itself.
BY_HAND = ("Transfer",)
FIELD = "Payment_Methods__c"


def methods_of(said: str | None) -> tuple[str, ...]:
    """Stripe's types for the quote's words, in Stripe's order of names; a word that is none is left out."""
    return tuple(sorted({TYPES[word] for word in _words(said) if word in TYPES}))


def read_methods(quote: CrmQuote, collection_method: str, faults: Faults) -> tuple[str, ...]:
    """The types that the quote chooses; none where it is blank: then the Stripe account decides. Notes what can't be."""
    words = _words(quote.payment_methods)
    if unknown := [word for word in words if word not in TYPES]:
        faults.bad_value(FIELD, ", ".join(unknown), f"some of {', '.join(TYPES)}", where=f"Quote.{FIELD}")
    for word in words:
        wanted = CURRENCY_OF.get(word)
        if wanted and quote.currency and quote.currency.upper() != wanted:
            faults.bad_value(FIELD, word, f"other ways to pay: {word} is paid in {wanted} only", where=f"Quote.{FIELD}")
        if word in BY_HAND and collection_method == "charge_automatically":
            choices = f"other ways to pay, or Send Invoice: a {word.lower()} can't be charged automatically"
            faults.bad_value(FIELD, word, choices, where=f"Quote.{FIELD}")
    return methods_of(quote.payment_methods)


def _words(said: str | None) -> list[str]:
    return [word.strip() for word in (said or "").split(";") if word.strip()]
