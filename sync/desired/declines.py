"""A bank's reasons in plain words (Stripe, Decline codes). Unknown codes keep Stripe's own sentence."""

from __future__ import annotations

from collections.abc import Mapping

NO_REASON = "The bank declined the card without giving a reason."
STOPPED = "The customer has told the bank to stop such payments."
NO_BANK = "The bank account could not be found."

#: Of cards (Stripe, Decline codes).
_CARDS = {
    "approve_with_id": "The bank could not approve the payment.",
    "authentication_not_handled": "The customer did not confirm the payment with the bank.",
    "authentication_required": "The bank asks the customer to confirm the payment.",
    "call_issuer": "The bank declined the card and asks the customer to call.",
    "card_declined": "The bank declined the card.",
    "card_not_supported": "The card does not take this kind of payment.",
    "card_velocity_exceeded": "The card has reached its limit.",
    "currency_not_supported": "The card can't pay in this currency.",
    "do_not_honor": NO_REASON,
    "do_not_try_again": "The bank declined the card and says not to try it again.",
    "duplicate_transaction": "The bank took the payment for one that was made just before.",
    "expired_card": "The card has expired.",
    "fraudulent": "The payment was refused because it looks fraudulent.",
    "generic_decline": NO_REASON,
    "incorrect_address": "The address is not the one that the bank has.",
    "incorrect_cvc": "The card's security code is wrong.",
    "incorrect_number": "The card's number is wrong.",
    "incorrect_pin": "The card's PIN is wrong.",
    "incorrect_zip": "The postal code is not the one that the bank has.",
    "insufficient_funds": "The card has not enough money.",
    "invalid_account": "The card, or the account behind it, is not valid.",
    "invalid_amount": "The bank does not allow a payment of this amount with this card.",
    "invalid_cvc": "The card's security code is wrong.",
    "invalid_expiry_month": "The card's expiry month is wrong.",
    "invalid_expiry_year": "The card's expiry year is wrong.",
    "invalid_number": "The card's number is wrong.",
    "invalid_pin": "The card's PIN is wrong.",
    "issuer_not_available": "The bank could not be reached.",
    "lost_card": "The card was reported lost.",
    "merchant_blacklist": "The card is on our own block list in Stripe.",
    "mobile_device_authentication_required": "The bank asks the customer to confirm the payment on their phone.",
    "new_account_information_available": "The bank has new details of the card; the customer has to enter them.",
    "no_action_taken": NO_REASON,
    "not_permitted": "The bank does not permit the payment.",
    "offline_pin_required": "The card asks for its PIN.",
    "online_or_offline_pin_required": "The card asks for its PIN.",
    "pickup_card": "The card can't be used any more.",
    "pin_try_exceeded": "The card's PIN was wrong too often.",
    "processing_error": "The card network had an error while charging.",
    "reenter_transaction": "The bank could not process the payment.",
    "restricted_card": "The card can't be used for this payment.",
    "revocation_of_all_authorizations": STOPPED,
    "revocation_of_authorization": STOPPED,
    "security_violation": NO_REASON,
    "service_not_allowed": "The bank does not allow this kind of payment with this card.",
    "stolen_card": "The card was reported stolen.",
    "stop_payment_order": STOPPED,
    "testmode_decline": "A test card was used where money is real.",
    "transaction_not_allowed": "The bank does not allow this payment with this card.",
    "try_again_later": "The bank could not decide now.",
    "withdrawal_count_limit_exceeded": "The card has reached its limit.",
}
#: Of what Stripe stopped by itself (The Charge object, outcome.reason).
_STOPPED = {
    "card_decline_rate_limit_exceeded": "The card was declined too often today; Stripe does not ask the bank again yet.",
    "elevated_risk_level": "Stripe stopped the payment because it looks risky.",
    "highest_risk_level": "Stripe stopped the payment because it looks risky.",
    "low_probability_of_authorization": "Stripe did not ask the bank, which would most likely have declined.",
    "requested_block_on_incorrect_cvc": "The card's security code is wrong; our own rule in Stripe stopped the payment.",
    "requested_block_on_incorrect_zip": "The postal code is not the one that the bank has; our own rule in Stripe stopped the payment.",
    "rule": "Our own rule in Stripe stopped the payment.",
}
#: Of bank debits and other ways to pay (Stripe, Error codes).
_OTHERS = {
    "account_closed": "The bank account has been closed.",
    "bank_account_declined": "The bank declined the payment.",
    "bank_account_restricted": "The bank account does not allow debits.",
    "bank_account_unusable": "The bank account can't be used.",
    "bank_account_unverified": "The customer has not verified the bank account yet.",
    "charge_exceeds_source_limit": "The payment is above the limit of this way to pay.",
    "charge_exceeds_transaction_limit": "The payment is above the limit of this way to pay.",
    "debit_not_authorized": "The customer has told the bank that they did not allow the debit.",
    "expired_payment_method": "The payment method has expired.",
    "india_recurring_payment_mandate_canceled": "The customer has withdrawn the permission to charge the card.",
    "invoice_payment_intent_requires_action": "The bank asks the customer to confirm the payment.",
    "no_account": NO_BANK,
    "no_payment_method": "There is no payment method to charge.",
    "payment_intent_action_required": "The bank asks the customer to confirm the payment.",
    "payment_intent_authentication_failure": "The customer did not confirm the payment with the bank.",
    "payment_intent_mandate_invalid": "The permission to debit the account is not valid any more.",
    "payment_intent_payment_attempt_expired": "The customer did not finish the payment in time.",
    "payment_intent_payment_attempt_failed": "The payment did not go through.",
    "payment_method_bank_account_blocked": "The bank account can't be used: earlier debits of it failed.",
    "payment_method_currency_mismatch": "The payment method can't pay in this currency.",
    "payment_method_customer_decline": "The customer declined the payment.",
    "payment_method_not_available": "The payment method could not be used just then.",
    "payment_method_provider_decline": "The provider of the payment method declined.",
    "payment_method_provider_timeout": "The provider of the payment method did not answer.",
    "payment_method_restricted": "The payment method can't be used for this payment.",
    "payment_method_unactivated": "The payment method is not active in Stripe.",
    "refer_to_customer": "The bank declined the debit and refers to the customer.",
    "sepa_unsupported_account": "The bank account does not take SEPA debits.",
}
WORDS: Mapping[str, str] = {**_CARDS, **_STOPPED, **_OTHERS}


def in_plain_words(code: str | None, message: str | None) -> str | None:
    """One sentence for a rep, or None when nothing failed."""
    if code and code in WORDS:
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
