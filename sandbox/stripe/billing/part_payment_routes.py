"""Endpoints of payments that are made apart from an invoice and attached to it: intents, records of other money."""

from __future__ import annotations

from sandbox.stripe.billing import shapes_money
from sandbox.stripe.billing.engine import billing_of
from sandbox.stripe.billing.invoice_parameters import LARGEST_AMOUNT
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Obj, route
from sandbox.stripe.params import (
    Fields,
    boolean,
    currency,
    integer,
    merged_metadata,
    metadata,
    one_of,
    struct,
    text,
    timestamp,
)
from sandbox.stripe.resources import payment_methods

_BY_THE_ACCOUNT: Fields = {
    "enabled": boolean().required(),
    "allow_redirects": one_of("always", "never"),
}
INTENT_CREATE: Fields = {
    "amount": integer(min=1, max=LARGEST_AMOUNT).required(),
    "automatic_payment_methods": struct(_BY_THE_ACCOUNT),
    "confirm": boolean(),
    "currency": currency().required(),
    "customer": text(),
    "description": text(max=1000),
    "metadata": metadata(clearable=False),
    "off_session": boolean(),
    "payment_method": text(),
    "return_url": text(),
}
INTENT_CONFIRM: Fields = {"off_session": boolean(), "payment_method": text(), "return_url": text()}
ATTACH: Fields = {"payment_intent": text(), "payment_record": text()}
REPORT_PAYMENT: Fields = {
    "amount_requested": struct(
        {"currency": currency().required(), "value": integer(min=1, max=LARGEST_AMOUNT).required()}
    ).required(),
    "customer_details": struct({"customer": text()}),
    "description": text(max=1000),
    "guaranteed": struct({"guaranteed_at": timestamp().required()}),
    "initiated_at": timestamp().required(),
    "outcome": one_of("guaranteed"),
    "payment_method_details": struct({"custom": struct({"display_name": text()}), "type": one_of("custom")}).required(),
}


@route("POST", "/v1/payment_intents", INTENT_CREATE)
def create_intent(call: Call) -> Obj:
    """A payment apart from any invoice; ``confirm`` charges it at once."""
    given, kernel = call.params, call.kernel
    customer = kernel.get("customer", given["customer"], "customer") if "customer" in given else None
    method = _method(call, customer["id"] if customer else None)
    if given.get("confirm") and method is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.", "payment_method")
    intent = shapes_money.payment_intent(
        kernel.new_id("pi"), kernel.new_id("x").removeprefix("x_"), customer["id"] if customer else "",
        given["amount"], given["currency"], kernel.now_s(),
    )  # fmt: skip
    intent["customer"] = customer["id"] if customer else None
    intent["description"] = given.get("description")
    intent["metadata"] = merged_metadata({}, given.get("metadata"))
    if (chosen := given.get("automatic_payment_methods")) is not None:
        intent["automatic_payment_methods"] = {"allow_redirects": "always", **chosen}
    if method is not None:
        intent["status"], intent["payment_method"] = "requires_confirmation", method["id"]
    kernel.add(intent, "payment_intent.created")
    if given.get("confirm") and method is not None:
        billing_of(kernel).part_payments.confirm(intent, method, off_session=call.params.get("off_session", False))
    return intent


@route("POST", "/v1/payment_intents/{id}/confirm", INTENT_CONFIRM)
def confirm_intent(call: Call) -> Obj:
    """Charge it. The intent of an invoice is paid through its invoice."""
    kernel = call.kernel
    intent = kernel.get("payment_intent", call.ids["id"])
    if any(
        p["is_default"] and p["payment"].get("payment_intent") == intent["id"]
        for p in kernel.store.all("invoice_payment")
    ):
        raise invalid(
            "This PaymentIntent belongs to an invoice: pay the invoice.", code="payment_intent_unexpected_state"
        )
    method = _method(call, intent["customer"])
    if method is None and intent["payment_method"]:
        method = kernel.get("payment_method", intent["payment_method"])
    if method is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.", "payment_method")
    billing_of(kernel).part_payments.confirm(intent, method, off_session=call.params.get("off_session", False))
    return intent


def _method(call: Call, customer: str | None) -> Obj | None:
    if "payment_method" not in call.params:
        return None
    method = payment_methods.resolve(call.kernel, call.params["payment_method"], "payment_method")
    if method["customer"] not in (None, customer):
        raise invalid("The payment method belongs to another customer.", "payment_method")
    return method


@route("POST", "/v1/payment_records/report_payment", REPORT_PAYMENT)
def report_payment(call: Call) -> Obj:
    """Money that came by other ways, as received."""
    given, kernel = call.params, call.kernel
    if given.get("outcome") != "guaranteed" or "guaranteed" not in given:
        raise invalid("Only payments that were received are kept here: outcome=guaranteed and guaranteed.", "outcome")
    wanted = given["amount_requested"]
    return kernel.add(
        shapes_money.payment_record(kernel.new_id("pr"), wanted["value"], wanted["currency"], given, kernel.now_s())
    )


@route("GET", "/v1/payment_records/{id}")
def retrieve_record(call: Call) -> Obj:
    """One record of a payment."""
    return call.kernel.get("payment_record", call.ids["id"])


@route("POST", "/v1/invoices/{id}/attach_payment", ATTACH)
def attach_payment(call: Call) -> Obj:
    """An intent's or a record's money counts for the invoice."""
    given, kernel = call.params, call.kernel
    invoice = kernel.get("invoice", call.ids["id"])
    if len(given) != 1:
        raise invalid("You must provide exactly one of `payment_intent` or `payment_record`.", "payment_intent")
    if "payment_intent" in given:
        intent = kernel.get("payment_intent", given["payment_intent"], "payment_intent")
        billing_of(kernel).part_payments.attach_intent(invoice, intent)
    else:
        record = kernel.get("payment_record", given["payment_record"], "payment_record")
        billing_of(kernel).part_payments.attach_record(invoice, record)
    return invoice
