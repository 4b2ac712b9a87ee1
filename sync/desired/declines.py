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
    "authentication_required": "The bank asks the customer to confirm the payment.",
    "payment_intent_authentication_failure": "The customer did not confirm the payment with the bank.",
    "pickup_card": "The card can't be used any more.",
    "restricted_card": "The card can't be used for this payment.",
    "fraudulent": "The payment was refused because it looks fraudulent.",
    "transaction_not_allowed": "The bank does not allow this payment with this card.",
    "card_velocity_exceeded": "The card has reached its limit.",
    "currency_not_supported": "The card can't pay in this currency.",
    "try_again_later": "The bank could not decide now.",
    "account_closed": "The bank account has been closed.",
    "no_account": "The bank account could not be found.",
    "debit_not_authorized": "The customer has told the bank that they did not allow the debit.",
    "no_payment_method": "There is no payment method to charge.",
}


def in_plain_words(code: str | None, message: str | None) -> str | None:
    """One sentence for a rep, or None when nothing failed."""
    if code in WORDS:
        return WORDS[code]
    return message or (f"The payment failed ({code})." if code else None)


#: Why money was sent back (Stripe, The Refund object).
REFUNDED = {
    "duplicate": "It was charged twice.",
    "fraudulent": "The payment was fraudulent.",
    "requested_by_customer": "The customer asked for it.",
    "expired_uncaptured_charge": "The payment was never captured.",
}
#: Why a refund did not arrive.
REFUND_FAILED = {
    "lost_or_stolen_card": "It failed: the card was reported lost or stolen.",
    "expired_or_canceled_card": "It failed: the card has expired or was closed.",
    "charge_for_pending_refund_disputed": "It failed: the customer disputed the payment meanwhile.",
    "insufficient_funds": "It failed: there was not enough money in the Stripe balance.",
    "declined": "It failed: the bank refused it.",
    "merchant_request": "It failed: it was taken back on our own request.",
    "unknown": "It failed; the bank gave no reason.",
}
#: Why a credit note was written (Stripe, The Credit Note object).
NOTED = {
    "duplicate": "It was billed twice.",
    "fraudulent": "The payment was fraudulent.",
    "order_change": "The order was changed.",
    "product_unsatisfactory": "The customer was not satisfied.",
}
#: What the customer's bank says (Stripe, Dispute categories).
DISPUTED = {
    "bank_cannot_process": "The bank can't process the payment.",
    "check_returned": "The check was returned.",
    "credit_not_processed": "The customer says that a credit they were promised did not come.",
    "customer_initiated": "The customer disputes the payment.",
    "debit_not_authorized": "The customer says that they did not allow the debit.",
    "duplicate": "The customer says that they were charged twice.",
    "fraudulent": "The cardholder says that they did not make the payment.",
    "general": "The customer's bank disputes the payment.",
    "incorrect_account_details": "The account details were wrong.",
    "insufficient_funds": "The account had not enough money.",
    "noncompliant": "The card network says that its rules were not kept.",
    "product_not_received": "The customer says that they did not receive what was sold.",
    "product_unacceptable": "The customer says that what they received is not what was sold.",
    "subscription_canceled": "The customer says that they had cancelled.",
    "unrecognized": "The customer does not recognise the payment.",
}
