"""Why a payment failed, in words that a rep can tell the customer (BILLING_RULES 7)."""

from __future__ import annotations

import pytest

from sync.desired.declines import in_plain_words

#: Every code that Stripe's page on declines lists (https://docs.stripe.com/declines/codes), and those of blocked payments.
CARDS = """
    approve_with_id authentication_not_handled authentication_required call_issuer card_not_supported
    card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card
    fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip
    insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year
    invalid_number invalid_pin issuer_not_available lost_card merchant_blacklist mobile_device_authentication_required
    new_account_information_available no_action_taken not_permitted offline_pin_required online_or_offline_pin_required
    pickup_card pin_try_exceeded processing_error reenter_transaction restricted_card revocation_of_all_authorizations
    revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order testmode_decline
    transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
    elevated_risk_level highest_risk_level low_probability_of_authorization rule
    """.split()  # noqa: SIM905
#: And those of debits and other ways to pay (https://docs.stripe.com/error-codes).
OTHERS = """
    account_closed bank_account_declined bank_account_restricted bank_account_unusable card_declined
    card_decline_rate_limit_exceeded debit_not_authorized expired_payment_method insufficient_funds no_account
    payment_intent_authentication_failure payment_intent_mandate_invalid payment_intent_payment_attempt_expired
    payment_intent_payment_attempt_failed payment_method_bank_account_blocked payment_method_customer_decline
    payment_method_not_available payment_method_provider_decline payment_method_provider_timeout refer_to_customer
    """.split()  # noqa: SIM905
STRIPES_OWN = "Your card was declined."


@pytest.mark.parametrize("code", [*CARDS, *OTHERS])
def test_each_code_that_stripe_documents_is_a_sentence_about_the_customer(code: str) -> None:
    said = in_plain_words(code, STRIPES_OWN)

    assert said is not None
    assert said != STRIPES_OWN
    assert said.endswith(".")
    assert "_" not in said
    assert "your" not in said.lower()


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("a_new_code", STRIPES_OWN, STRIPES_OWN),
        ("a_new_code", None, "The payment failed (a_new_code)."),
        (None, STRIPES_OWN, STRIPES_OWN),
        (None, None, None),
    ],
)
def test_a_code_that_is_new_keeps_stripes_own_sentence(code: str | None, message: str | None, said: str | None) -> None:
    assert in_plain_words(code, message) == said
