"""Payments that a bank lets through only when its customer confirms them (3-D Secure).

https://docs.stripe.com/billing/subscriptions/overview#requires-action. Nothing is charged while the customer is asked: the
intent waits as ``requires_action``, its invoice stays open, and Stripe does not try again by itself
(https://support.stripe.com/questions/subscription-retries-for-failed-3d-secure-authorizations). A card that asks at every
payment is declined with ``authentication_required`` where its customer is away; tries go on being counted, and nothing is
charged by them until there is another card. In both the customer answers on Stripe's own page, which the control port
stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Obj
from sandbox.stripe.resources.payment_methods import Decline

if TYPE_CHECKING:
    from sandbox.stripe.billing.engine import Billing

ALWAYS, UNLESS_SET_UP = "always", "unless_set_up"
DECLINED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to"
    " attempt to fulfill this PaymentIntent again."
)


class Authentication:
    """Asks customers to confirm, and takes their answers."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.kernel = billing.kernel

    def needed(self, method: Obj) -> bool:
        """Whether the bank behind a method wants its customer to confirm the next payment."""
        wanted = method.get("_authenticate")
        return bool(wanted == ALWAYS or (wanted == UNLESS_SET_UP and not method.get("_set_up")))

    @staticmethod
    def waits(intent: Obj) -> bool:
        """Whether only the customer can go on with it."""
        declined = (intent["last_payment_error"] or {}).get("code") == DECLINED.code
        return bool(
            intent["status"] == "requires_action" or (intent["status"] == "requires_payment_method" and declined)
        )

    def ask(self, intent: Obj, method: Obj) -> None:
        """The intent waits for the customer."""
        with self.kernel.changing(intent):
            intent.update(status="requires_action", payment_method=method["id"], last_payment_error=None)
            intent["next_action"] = {
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {
                    "type": "three_d_secure_redirect",
                    "stripe_js": f"https://hooks.stripe.com/redirect/authenticate/{intent['id']}",
                    "source": f"src_{intent['id'].removeprefix('pi_')}",
                },
            }
        self.kernel.emit("payment_intent.requires_action", intent)

    def answer(self, intent: Obj, *, confirms: bool) -> None:
        """The customer has confirmed the payment, and it is charged now; or has not."""
        if not self.waits(intent):
            raise invalid(
                f"This PaymentIntent has a status of {intent['status']}: its customer is asked for nothing.",
                code="payment_intent_unexpected_state",
            )
        method = self.kernel.get(
            "payment_method", intent["payment_method"] or intent["last_payment_error"]["payment_method"]["id"]
        )
        if confirms:
            method["_set_up"] = True
            self.billing.late_money.confirmed(intent, method)
            return
        with self.kernel.changing(intent):
            intent.update(status="requires_payment_method", payment_method=None, next_action=None)
            intent["last_payment_error"] = {
                "type": "invalid_request_error",
                "code": "payment_intent_authentication_failure",
                "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
                "message": _FAILED,
                "payment_method": method,
            }
        self.kernel.emit("payment_intent.payment_failed", intent)
        self.billing.late_money.refused(intent)


def of_invoice(invoice: Obj) -> StripeError:
    """The 402 of a request that can't pay an invoice without its customer."""
    message = (
        "Payment for this invoice requires additional user action before it can be completed successfully. Payment can be"
        f" completed using the PaymentIntent associated with invoice `{invoice['id']}`. For more details see:"
        " https://stripe.com/docs/billing/subscriptions/overview#requires-action"
    )
    return StripeError(402, "card_error", "invoice_payment_intent_requires_action", message)
