"""Payment methods: test cards by Stripe's token names (https://docs.stripe.com/testing), and how a charge on them ends.

Using a token (``pm_card_visa``) anywhere makes a fresh payment method of that card. One token is the sandbox's own:
``pm_card_declinesThenPays`` declines the first charge and pays every later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.stripe.errors import StripeError, invalid, no_such
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import PAGE, Fields, integer, merged_metadata, metadata, one_of, struct, text
from sandbox.stripe.resources.shapes import address, full_address, unset

expandable("payment_method", "customer", "customer")


@dataclass(frozen=True)
class Decline:
    """Why a bank refused: ``code`` and ``decline_code`` as on a charge, and the message for the cardholder."""

    code: str
    decline_code: str
    message: str


_GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST = Decline("card_declined", "lost_card", "Your card was declined.")
_EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
_ALWAYS = -1


@dataclass(frozen=True)
class TestCard:
    """A card behind a token; ``declines`` charges are refused, ``-1`` for all. ``dispute`` is why each charge is disputed
    at once, as an inquiry or as a chargeback; ``refunds`` says that these are ``pending`` for a day, or that each fails
    after one; ``authenticate`` when the bank wants its customer to confirm (`sandbox.stripe.billing.authentication`).
    """

    last4: str
    brand: str = "visa"
    decline: Decline | None = None
    declines: int = 0
    dispute: str | None = None
    inquiry: bool = False
    refunds: str | None = None
    authenticate: str | None = None


@dataclass(frozen=True)
class TestBank:
    """A bank account behind a token, debited by ACH: the bank answers days later, with ``decline`` if it refuses."""

    last4: str
    decline: Decline | None = None


_DECLINED = TestCard("0002", decline=_GENERIC, declines=_ALWAYS)
_NO_FUNDS = TestCard("9995", decline=_FUNDS, declines=_ALWAYS)
_LOST_CARD = TestCard("9987", decline=_LOST, declines=_ALWAYS)
_EXPIRED_CARD = TestCard("0069", decline=_EXPIRED, declines=_ALWAYS)
TEST_CARDS = {
    "pm_card_visa": TestCard("4242"),
    "pm_card_visa_debit": TestCard("5556"),
    "pm_card_mastercard": TestCard("4444", brand="mastercard"),
    "pm_card_amex": TestCard("8431", brand="amex"),
    "pm_card_chargeDeclined": _DECLINED,
    "pm_card_visa_chargeDeclined": _DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _NO_FUNDS,
    "pm_card_chargeDeclinedLostCard": _LOST_CARD,
    "pm_card_visa_chargeDeclinedLostCard": _LOST_CARD,
    "pm_card_chargeDeclinedExpiredCard": _EXPIRED_CARD,
    "pm_card_visa_chargeDeclinedExpiredCard": _EXPIRED_CARD,
    "pm_card_chargeCustomerFail": TestCard("0341", decline=_GENERIC, declines=_ALWAYS),
    "pm_card_createDispute": TestCard("0259", dispute="fraudulent"),
    "pm_card_createDisputeProductNotReceived": TestCard("2685", dispute="product_not_received"),
    "pm_card_createDisputeInquiry": TestCard("1976", dispute="general", inquiry=True),
    "pm_card_pendingRefund": TestCard("7726", refunds="pending"),
    "pm_card_refundFail": TestCard("5126", refunds="fails"),
    "pm_card_authenticationRequired": TestCard("3184", authenticate="always"),
    "pm_card_authenticationRequiredOnSetup": TestCard("3155", authenticate="unless_set_up"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": TestCard(
        "3178", decline=_FUNDS, declines=_ALWAYS, authenticate="always"
    ),
    "pm_card_declinesThenPays": TestCard("0341", decline=_FUNDS, declines=1),
}
TEST_BANKS = {
    "pm_usBankAccount_success": TestBank("6789"),
    "pm_usBankAccount_accountClosed": TestBank(
        "1113", Decline("account_closed", "account_closed", "The customer's bank account has been closed.")
    ),
    "pm_usBankAccount_noAccount": TestBank(
        "1116", Decline("no_account", "no_account", "The customer's bank account could not be located.")
    ),
    "pm_usBankAccount_insufficientFunds": TestBank(
        "2227",
        Decline(
            "insufficient_funds",
            "insufficient_funds",
            "The customer's account has insufficient funds to cover this payment.",
        ),
    ),
    "pm_usBankAccount_debitNotAuthorized": TestBank(
        "3335",
        Decline(
            "debit_not_authorized",
            "debit_not_authorized",
            "The customer has notified their bank that this payment was unauthorized.",
        ),
    ),
}
_DETAILS: Fields = {
    "address": address(),
    "email": text().clearable(),
    "name": text().clearable(),
    "phone": text().clearable(),
}
_UPDATE: Fields = {
    "billing_details": struct(_DETAILS),
    "card": struct({"exp_month": integer(1, 12), "exp_year": integer(2000, 2100)}),
    "metadata": metadata(),
}
_TYPES = one_of("card", "us_bank_account", "sepa_debit", "link", "customer_balance")
_LIST: Fields = {**PAGE, "type": _TYPES}


def charge(kernel: Kernel, payment_method_id: str) -> Decline | None:
    """Try to charge the card once: ``None`` when it pays. The outcome of the next try may be another."""
    method = kernel.get("payment_method", payment_method_id)
    left = method["_declines_left"]
    if left == 0:
        return None
    if left > 0:
        method["_declines_left"] = left - 1
    decline: Decline = method["_decline"]
    return decline


def resolve(kernel: Kernel, id: str, param: str) -> Obj:
    """The payment method of that id; a test token becomes a fresh one. Raises ``resource_missing``."""
    if id in TEST_CARDS or id in TEST_BANKS:
        method = _fresh(kernel, TEST_CARDS[id]) if id in TEST_CARDS else _fresh_bank(kernel, TEST_BANKS[id])
        kernel.add(method)
        return method
    return kernel.get("payment_method", id, param)


def _method(kernel: Kernel, type: str) -> Obj:
    return {
        "id": kernel.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": full_address({"city": None}),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "created": kernel.now_s(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": type,
    }


def _fresh_bank(kernel: Kernel, bank: TestBank) -> Obj:
    return {
        **_method(kernel, "us_bank_account"),
        "us_bank_account": {
            "account_holder_type": "company",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": f"sandboxbank{bank.last4}",
            "last4": bank.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": None,
        },
        "_decline": bank.decline,
    }


def of_cash(kernel: Kernel) -> Obj:
    """The method that a customer's cash balance is."""
    method = {**_method(kernel, "customer_balance"), "customer_balance": {}}
    kernel.add(method)
    return method


def _fresh(kernel: Kernel, card: TestCard) -> Obj:
    return {
        **_method(kernel, "card"),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": card.brand,
            "exp_month": 12,
            "exp_year": kernel.world.now().year + 3,
            "fingerprint": f"sandbox{card.last4}{card.brand}"[:16],
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "_authenticate": card.authenticate,
        "_decline": card.decline,
        "_declines_left": card.declines,
        "_dispute": card.dispute,
        "_inquiry": card.inquiry,
        "_refunds": card.refunds,
    }


def attach(kernel: Kernel, method: Obj, customer: Obj) -> Obj:
    """The customer can be charged with it from now on."""
    with kernel.changing(method):
        method["customer"] = customer["id"]
    kernel.emit("payment_method.attached", method)
    return method


def detach(kernel: Kernel, method: Obj) -> Obj:
    """No customer can be charged with it any more, and none has it as default."""
    customer = kernel.store.get("customer", method["customer"])
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        with kernel.changing(customer, "customer.updated"):
            customer["invoice_settings"]["default_payment_method"] = None
    with kernel.changing(method):
        method["customer"] = None
        method["_detached"] = True
    kernel.emit("payment_method.detached", method, {"customer": customer["id"]} if customer else None)
    return method


@route("POST", "/v1/payment_methods/{id}/attach", {"customer": text().required()})
def attach_payment_method(call: Call) -> Obj:
    """Attach a test token's fresh card, or a card that no customer has."""
    kernel = call.kernel
    customer = kernel.get("customer", call.params["customer"], "customer")
    method = resolve(kernel, call.ids["id"], "id")
    if method["customer"] is not None and method["customer"] != customer["id"]:
        raise invalid("The payment method you provided has already been attached to a customer.")
    if method.get("_detached"):
        message = (
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a"
            " Customer, and may not be used again."
        )
        raise invalid(message, "payment_method")
    return method if method["customer"] else attach(kernel, method, customer)


@route("POST", "/v1/payment_methods/{id}/detach")
def detach_payment_method(call: Call) -> Obj:
    """Take it off its customer."""
    method = call.kernel.get("payment_method", call.ids["id"])
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    return detach(call.kernel, method)


@route("POST", "/v1/payment_methods/{id}", _UPDATE)
def update_payment_method(call: Call) -> Obj:
    """Change billing details, expiry or metadata of an attached method."""
    method = call.kernel.get("payment_method", call.ids["id"])
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise StripeError(400, "invalid_request_error", None, message, "payment_method")
    kept = merged_metadata(method["metadata"], call.params.get("metadata"))
    with call.kernel.changing(method, "payment_method.updated"):
        method["metadata"] = kept
        if "card" in call.params and method["type"] != "card":
            raise invalid("You can't set `card` on a payment method of another type.", "card")
        if method["type"] == "card":
            method["card"].update(call.params.get("card", {}))
        for key, value in call.params.get("billing_details", {}).items():
            method["billing_details"][key] = full_address(value) if key == "address" else unset(value)
    return method


@route("GET", "/v1/payment_methods/{id}")
def retrieve_payment_method(call: Call) -> Obj:
    """The payment method, attached or not."""
    return call.kernel.get("payment_method", call.ids["id"])


@route("GET", "/v1/payment_methods", {**_LIST, "customer": text()})
def list_payment_methods(call: Call) -> Obj:
    """The methods of a customer."""
    customer_id = call.params.get("customer")
    if customer_id is not None:
        call.kernel.get("customer", customer_id, "customer")
    return call.page("payment_method", where=lambda m: _listed(m, customer_id, call.params))


@route("GET", "/v1/customers/{id}/payment_methods", _LIST)
def list_customer_payment_methods(call: Call) -> Obj:
    """The methods of the customer in the path."""
    customer = call.kernel.get("customer", call.ids["id"])
    return call.page("payment_method", where=lambda m: _listed(m, customer["id"], call.params))


@route("GET", "/v1/customers/{customer}/payment_methods/{id}")
def retrieve_customer_payment_method(call: Call) -> Obj:
    """One method of the customer in the path."""
    customer = call.kernel.get("customer", call.ids["customer"])
    method = call.kernel.get("payment_method", call.ids["id"])
    if method["customer"] != customer["id"]:
        raise no_such("payment_method", method["id"])
    return method


def _listed(method: Obj, customer_id: str | None, params: dict[str, Any]) -> bool:
    return bool(method["customer"] == customer_id) and params.get("type", method["type"]) == method["type"]
