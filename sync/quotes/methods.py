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
#: What can only be paid in some currencies (https://docs.stripe.com/payments/payment-methods/payment-method-support).
CURRENCIES_OF: Mapping[str, tuple[str, ...]] = {
    "ACH": ("USD",),
    "SEPA": ("EUR",),
    "Transfer": ("EUR", "GBP", "JPY", "MXN", "USD"),
}
#: What a customer has to do by hand can't be charged by itself.
BY_HAND = ("Transfer",)
FIELD = "Payment_Methods__c"


def methods_of(said: str | None) -> tuple[str, ...]:
    """Stripe's types for the quote's words, in Stripe's order of names; a word that is none is left out."""
    return tuple(sorted({TYPES[word] for word in _words(said) if word in TYPES}))


def read_methods(quote: CrmQuote, currency: str, collection_method: str, faults: Faults) -> tuple[str, ...]:
    """The types that the quote chooses; none where it is blank: then the Stripe account decides. Notes what can't be in the
    deal's currency (blank where that is a fault by itself) or in the way in which it is collected.
    """
    words = _words(quote.payment_methods)
    if unknown := [word for word in words if word not in TYPES]:
        faults.bad_value(FIELD, ", ".join(unknown), f"some of {', '.join(TYPES)}", where=f"Quote.{FIELD}")
    for word in words:
        wanted = CURRENCIES_OF.get(word)
        if wanted and currency and currency not in wanted:
            choices = f"other ways to pay: {word} is paid in {', '.join(wanted)} only"
            faults.bad_value(FIELD, word, choices, where=f"Quote.{FIELD}")
        if word in BY_HAND and collection_method == "charge_automatically":
            choices = f"other ways to pay, or Send Invoice: a {word.lower()} can't be charged automatically"
            faults.bad_value(FIELD, word, choices, where=f"Quote.{FIELD}")
    return methods_of(quote.payment_methods)


def _words(said: str | None) -> list[str]:
    return [word.strip() for word in (said or "").split(";") if word.strip()]
