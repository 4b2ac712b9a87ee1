"""Somebody pays on Stripe's Checkout page: the control port's door, no endpoint of Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.stripe.accounts import Accounts
from sandbox.stripe.billing.checkout import Person
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.shapes_checkout import SESSION
from sandbox.stripe.clocks import clock_of_customer
from sandbox.stripe.errors import StripeError

_CUSTOMER = {"address": dict, "business_name": str, "email": str, "individual_name": str, "name": str, "phone": str}
_KINDS: dict[str, type] = {
    **_CUSTOMER, "session": str, "card": str, "custom_fields": dict, "quantities": dict, "tax_id": dict,
}  # fmt: skip
_SHAPE = (
    'the body must be {"session": "cs_test_...", "card": "pm_card_visa"} and what else somebody types: '
    + ", ".join(sorted(set(_KINDS) - {"session", "card"}))
)


class CheckoutRefused(ValueError):
    """The page takes no such thing; the text says why, in words for the caller of the control port."""


def pay(accounts: Accounts, data: Any) -> dict[str, Any]:
    """Somebody has filled in the page and has paid, or was refused; answers with what the session is now. Raises
    :class:`CheckoutRefused`.
    """
    person = _person(data)
    for account in accounts:
        session = account.kernel.store.get(SESSION, data["session"])
        if session is None:
            continue
        customer = session["customer"]
        clock = clock_of_customer(account.kernel.store, customer) if customer else None
        try:
            with account.kernel.in_time_of(clock):
                declined = billing_of(account.kernel).checkout.complete(session, person)
        except StripeError as error:
            raise CheckoutRefused(error.message) from error
        shown = {key: session[key] for key in ("status", "payment_status", "customer", "subscription", "invoice")}
        return {"session": session["id"], **shown, "declined": declined.message if declined else None}
    raise CheckoutRefused(f"there is no Checkout session {data['session']}")


def _person(data: Any) -> Person:
    if not isinstance(data, Mapping) or "session" not in data:
        raise CheckoutRefused(_SHAPE)
    if any(key not in _KINDS or not isinstance(value, _KINDS[key]) for key, value in data.items()):
        raise CheckoutRefused(_SHAPE)
    tax_id = data.get("tax_id")
    if tax_id is not None and set(tax_id) != {"type", "value"}:
        raise CheckoutRefused('tax_id must be {"type": "eu_vat", "value": "DE123456789"}')
    quantities = data.get("quantities", {})
    if not all(str(key).isdigit() and isinstance(value, int) for key, value in quantities.items()):
        raise CheckoutRefused('quantities must be {"0": 5}: how many of which line')
    return Person(
        card=data.get("card"),
        customer={key: data[key] for key in _CUSTOMER if key in data},
        tax_id=(tax_id["type"], tax_id["value"]) if tax_id else None,
        quantities={int(key): value for key, value in quantities.items()},
        answers={str(key): str(value) for key, value in data.get("custom_fields", {}).items()},
    )
