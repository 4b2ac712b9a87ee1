"""Endpoints of cash balances (https://docs.stripe.com/api/cash_balance). A transfer comes by Stripe's own test helper."""

from __future__ import annotations

from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.invoice_parameters import LARGEST_AMOUNT
from sandbox.stripe.kernel import Call, Obj, expandable, route
from sandbox.stripe.params import PAGE, Fields, currency, integer, text

_FUND: Fields = {
    "amount": integer(min=1, max=LARGEST_AMOUNT).required(),
    "currency": currency().required(),
    "reference": text(),
}
expandable("customer_cash_balance_transaction", "customer", "customer")
expandable("customer_cash_balance_transaction", "applied_to_payment.payment_intent", "payment_intent")


@route("POST", "/v1/test_helpers/customers/{id}/fund_cash_balance", _FUND)
def fund_cash_balance(call: Call) -> Obj:
    """Money of the customer's comes by bank transfer."""
    given = call.params
    customer = call.kernel.get("customer", call.ids["id"])
    return billing_of(call.kernel).cash.fund(customer, given["amount"], given["currency"], given.get("reference"))


@route("GET", "/v1/customers/{id}/cash_balance")
def retrieve_cash_balance(call: Call) -> Obj:
    """What came and was not applied."""
    return billing_of(call.kernel).cash.balance(call.kernel.get("customer", call.ids["id"]))


@route("GET", "/v1/customers/{id}/cash_balance_transactions", PAGE)
def list_cash_balance_transactions(call: Call) -> Obj:
    """Newest first."""
    customer = call.kernel.get("customer", call.ids["id"])
    return call.page("customer_cash_balance_transaction", of=("customer", customer["id"]))
