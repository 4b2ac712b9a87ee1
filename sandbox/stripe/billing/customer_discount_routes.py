"""Taking discounts away from customers and subscriptions (https://docs.stripe.com/api/discounts), and the control port's
door by which a person gives a customer one: this version of the API has no endpoint for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.stripe.accounts import Accounts
from sandbox.stripe.billing import customer_discounts, discounts
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.clocks import clock_of_customer
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, route

_SHAPE = 'the body must be {"customer": "cus_...", "coupon": "..."} or {"customer": "cus_...", "promotion_code": "promo_..."}'


class CustomerDiscountRefused(ValueError):
    """No such discount can be given; the text says why, in words for the caller of the control port."""


def give(accounts: Accounts, data: Any) -> dict[str, Any]:
    """A person gives a customer a discount, in place of any before; answers with its id. Raises
    :class:`CustomerDiscountRefused`.
    """
    if not isinstance(data, Mapping) or len(data) != 2 or not all(isinstance(v, str) for v in data.values()):
        raise CustomerDiscountRefused(_SHAPE)
    if set(data) not in ({"customer", "coupon"}, {"customer", "promotion_code"}):
        raise CustomerDiscountRefused(_SHAPE)
    for account in accounts:
        customer = account.kernel.store.get("customer", data["customer"])
        if customer is None:
            continue
        spec = {key: value for key, value in data.items() if key != "customer"}
        try:
            with account.kernel.in_time_of(clock_of_customer(account.kernel.store, customer["id"])):
                return {"customer": customer["id"], "discount": _given(account.kernel, customer, spec)["id"]}
        except StripeError as error:
            raise CustomerDiscountRefused(error.message) from error
    raise CustomerDiscountRefused(f"there is no customer {data['customer']}")


def _given(kernel: Kernel, customer: Obj, spec: dict[str, Any]) -> Obj:
    return customer_discounts.put(billing_of(kernel), customer, spec)


@route("DELETE", "/v1/customers/{id}/discount")
def delete_customer_discount(call: Call) -> Obj:
    """Take the customer's discount away; those of its subscriptions stay."""
    customer = call.kernel.get("customer", call.ids["id"])
    gone = customer_discounts.take_away(call.kernel, customer)
    if gone is None:
        raise invalid(f"No active discount for customer: {customer['id']}", "id", "resource_missing", 404)
    return gone


@route("DELETE", "/v1/subscriptions/{id}/discount")
def delete_subscription_discount(call: Call) -> Obj:
    """Take the subscription's discounts away, its items' stay; the last one is answered."""
    kernel = call.kernel
    subscription = kernel.get("subscription", call.ids["id"])
    if not subscription["discounts"]:
        message = f"No active discount for subscription {subscription['id']} on customer {subscription['customer']}"
        raise invalid(message, "id", "resource_missing", 404)
    last = kernel.get("discount", subscription["discounts"][-1])
    with kernel.changing(subscription, "customer.subscription.updated"):
        subscription["discounts"] = []
    kernel.emit("customer.discount.deleted", last)
    return discounts.deleted(last)
