"""A bank's reasons in plain words (Stripe, Decline codes). Unknown codes keep Stripe's own sentence."""

from __future__ import annotations

WORDS = {
    "insufficient_funds": "The card has not enough money.",
    "generic_decline": "The bank declined the card without giving a reason.",
    "card_declined": "The bank declined the card.",
    "do_not_honor": "The bank declined the card without giving a reason.",
    "expired_card": "The card has expired.",
    "lost_card": "The card was reported lost.",
    "stolen_card": "The card was reported stolen.",
    "incorrect_cvc": "The card's security code is wrong.",
    "processing_error": "The card network had an error while charging.",
    "authentication_required": "The customer has to confirm the payment with the bank.",
    "no_payment_method": "There is no payment method to charge.",
}


def in_plain_words(code: str | None, message: str | None) -> str | None:
    """One sentence for a rep, or None when nothing failed."""
    if code in WORDS:
        return WORDS[code]
    return message or (f"The payment failed ({code})." if code else None)
