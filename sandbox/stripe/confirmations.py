"""What a customer does on Stripe's own pages when the bank asks for it: the control port's door, no endpoint of Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.stripe.accounts import Accounts
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.clocks import clock_of_customer
from sandbox.stripe.errors import StripeError

_SHAPE = 'the body must be {"payment_intent": "pi_...", "confirms": true}'


class ConfirmationRefused(ValueError):
    """No bank asks for this; the text says why, in words for the caller of the control port."""


def answer(accounts: Accounts, data: Any) -> dict[str, str]:
    """The customer has confirmed a payment, or has declined to; answers with what the payment is now. Raises
    :class:`ConfirmationRefused`.
    """
    if not isinstance(data, Mapping) or set(data) != {"payment_intent", "confirms"}:
        raise ConfirmationRefused(_SHAPE)
    if not isinstance(data["payment_intent"], str) or not isinstance(data["confirms"], bool):
        raise ConfirmationRefused(_SHAPE)
    for account in accounts:
        intent = account.kernel.store.get("payment_intent", data["payment_intent"])
        if intent is None:
            continue
        clock = clock_of_customer(account.kernel.store, intent["customer"])
        try:
            with account.kernel.in_time_of(clock):
                billing_of(account.kernel).authentication.answer(intent, confirms=data["confirms"])
        except StripeError as error:
            raise ConfirmationRefused(error.message) from error
        return {"payment_intent": intent["id"], "status": intent["status"]}
    raise ConfirmationRefused(f"there is no payment intent {data['payment_intent']}")
