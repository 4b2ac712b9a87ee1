"""Customers (https://docs.stripe.com/api/customers). ``email`` is not unique; a list finds it letter by letter."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.clocks import CLOCK
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    array,
    in_range,
    integer,
    merged_metadata,
    metadata,
    one_of,
    struct,
    text,
)
from sandbox.stripe.resources import payment_methods
from sandbox.stripe.resources.shapes import address, full_address, unset

expandable("customer", "invoice_settings.default_payment_method", "payment_method")

_INVOICE_SETTINGS: Fields = {
    "custom_fields": array(
        struct({"name": text(max=40).required(), "value": text(max=140).required()}), max=4
    ).clearable(),
    "default_payment_method": text().clearable(),
    "footer": text().clearable(),
    "rendering_options": struct(
        {"amount_tax_display": one_of("exclude_tax", "include_inclusive_tax").clearable(), "template": text()}
    ).clearable(),
}
_SHIPPING: Fields = {"address": address(False).required(), "name": text().required(), "phone": text().clearable()}
_UPDATE: Fields = {
    "address": address(),
    "balance": integer(),
    "business_name": text(max=150).clearable(),
    "description": text().clearable(),
    "email": text(max=512).clearable(),
    "individual_name": text(max=150).clearable(),
    "invoice_prefix": text(max=12, pattern="[A-Z0-9]{3,12}"),
    "invoice_settings": struct(_INVOICE_SETTINGS),
    "metadata": metadata(),
    "name": text(max=256).clearable(),
    "next_invoice_sequence": integer(1),
    "phone": text(max=20).clearable(),
    "preferred_locales": array(text()),
    "shipping": struct(_SHIPPING).clearable(),
    "tax_exempt": one_of("exempt", "none", "reverse").clearable(),
}
_CREATE: Fields = {**_UPDATE, "payment_method": text(), "test_clock": text()}
MOST_A_CLOCK = 3
"""Customers that a test clock takes."""
_PLAIN = ("business_name", "description", "email", "individual_name", "name", "phone")


def _fresh(kernel: Kernel) -> Obj:
    return {
        "id": kernel.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": kernel.now_s(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": "".join(kernel.world.rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=8)),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _apply(kernel: Kernel, customer: Obj, params: dict[str, Any]) -> None:
    for key in _PLAIN:
        if key in params:
            customer[key] = unset(params[key])
    for key in ("balance", "invoice_prefix", "next_invoice_sequence"):
        if key in params:
            customer[key] = params[key]
    if "address" in params:
        customer["address"] = full_address(params["address"])
    if "shipping" in params:
        customer["shipping"] = _shipping(params["shipping"])
    if "preferred_locales" in params:
        customer["preferred_locales"] = params["preferred_locales"] or []
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    for key, value in params.get("invoice_settings", {}).items():
        customer["invoice_settings"][key] = unset(value)


def _shipping(given: Any) -> dict[str, Any] | None:
    if not given:
        return None
    return {"address": full_address(given["address"]), "name": given["name"], "phone": given.get("phone") or None}


def _check(call: Call, customer_id: str | None) -> None:
    """The default payment method has to be attached to this customer already."""
    settings = call.params.get("invoice_settings", {})
    method_id = settings.get("default_payment_method")
    if not method_id:
        return
    param = "invoice_settings[default_payment_method]"
    method = call.kernel.get("payment_method", method_id, param)
    if method["customer"] != customer_id:
        message = (
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be attached"
            " to the customer."
        )
        raise invalid(message, param, "resource_missing")


@route("POST", "/v1/customers", _CREATE)
def create_customer(call: Call) -> Obj:
    """Create; ``payment_method`` is attached in the same request and may be made the default by its own id."""
    kernel, params = call.kernel, dict(call.params)
    named = params.pop("payment_method", None)
    default = params.get("invoice_settings", {}).get("default_payment_method")
    if named is None or default != named:
        _check(call, None)
    clock = params.pop("test_clock", None)
    _check_clock(kernel, clock)
    customer = _fresh(kernel)
    customer["test_clock"] = clock
    method = payment_methods.resolve(kernel, named, "payment_method") if named else None
    if method is not None and default == named:
        params["invoice_settings"] = {**params["invoice_settings"], "default_payment_method": method["id"]}
    _apply(kernel, customer, params)
    kernel.add(customer, "customer.created")
    if method is not None:
        payment_methods.attach(kernel, method, customer)
    return customer


def made(kernel: Kernel, values: dict[str, Any]) -> Obj:
    """A new customer of these values, as one of Stripe's own pages makes it."""
    customer = _fresh(kernel)
    _apply(kernel, customer, values)
    return kernel.add(customer, "customer.created")


def changed(kernel: Kernel, customer: Obj, values: dict[str, Any]) -> None:
    """These values are the customer's now."""
    with kernel.changing(customer, "customer.updated"):
        _apply(kernel, customer, values)


def _check_clock(kernel: Kernel, clock_id: str | None) -> None:
    if clock_id is None:
        return
    kernel.get(CLOCK, clock_id, "test_clock")
    if sum(1 for customer in kernel.store.all("customer") if customer["test_clock"] == clock_id) >= MOST_A_CLOCK:
        raise invalid(f"A test clock can have at most {MOST_A_CLOCK} customers.", "test_clock")


@route("POST", "/v1/customers/{id}", _UPDATE)
def update_customer(call: Call) -> Obj:
    """Change what is given, leave the rest."""
    customer = call.kernel.get("customer", call.ids["id"])
    _check(call, customer["id"])
    merged_metadata(customer["metadata"], call.params.get("metadata"))
    with call.kernel.changing(customer, "customer.updated"):
        _apply(call.kernel, customer, call.params)
    return customer


@route("GET", "/v1/customers/{id}")
def retrieve_customer(call: Call) -> Obj:
    """A deleted customer is answered with ``deleted: true``."""
    return call.kernel.get("customer", call.ids["id"], deleted=True)


@route("GET", "/v1/customers", {**PAGE, "created": RANGE, "email": text(max=512), "test_clock": text()})
def list_customers(call: Call) -> Obj:
    """Newest first; ``email`` is compared with regard to case. Those of a test clock are listed only for it."""
    wanted = call.params
    if "test_clock" in wanted:
        call.kernel.get(CLOCK, wanted["test_clock"], "test_clock")
    return call.page(
        "customer",
        where=lambda c: (
            ("email" not in wanted or c["email"] == wanted["email"])
            and c["test_clock"] == wanted.get("test_clock")
            and in_range(c["created"], wanted.get("created"))
        ),
    )


@route("DELETE", "/v1/customers/{id}")
def delete_customer(call: Call) -> Obj:
    """Delete for good, with what is attached; live subscriptions are cancelled by the billing engine's hook."""
    return remove_customer(call.kernel, call.kernel.get("customer", call.ids["id"]))


def remove_customer(kernel: Kernel, customer: Obj) -> Obj:
    """Delete the customer and what is attached. Returns what is answered for them from now on."""
    for hook in kernel.before_customer_deleted:
        hook(customer)
    for method in [m for m in kernel.store.all("payment_method") if m["customer"] == customer["id"]]:
        payment_methods.detach(kernel, method)
    return kernel.remove(customer, "customer.deleted")
