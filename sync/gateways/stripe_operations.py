"""Every endpoint of Stripe that the gateway can call, as data: sending, least privilege and the interop test derive
from
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.records import Verb


@dataclass(frozen=True)
class Endpoint:
    """``path`` has at most one ``{id}``. ``right`` is the right of a restricted key that it needs. ``always`` is sent
    with every call.
    """

    method: str
    path: str
    right: str
    words: str
    always: Mapping[str, object] = field(default_factory=dict)


#: (kind of ref, verb, action) -> where it is sent. Whatever is not here can't be sent.
OPERATIONS: Mapping[tuple[str, Verb, str], Endpoint] = {
    ("customer", Verb.CREATE, ""): Endpoint("POST", "/v1/customers", "Customers: write", "create a customer"),
    ("customer", Verb.UPDATE, ""): Endpoint("POST", "/v1/customers/{id}", "Customers: write", "update a customer"),
    ("product", Verb.CREATE, ""): Endpoint("POST", "/v1/products", "Products: write", "create a product"),
    ("product", Verb.UPDATE, ""): Endpoint("POST", "/v1/products/{id}", "Products: write", "update a product"),
    ("price", Verb.CREATE, ""): Endpoint("POST", "/v1/prices", "Prices: write", "create a price"),
    ("price", Verb.UPDATE, ""): Endpoint("POST", "/v1/prices/{id}", "Prices: write", "update a price"),
    ("coupon", Verb.CREATE, ""): Endpoint("POST", "/v1/coupons", "Coupons: write", "create a coupon"),
    ("schedule", Verb.CREATE, ""): Endpoint(
        "POST", "/v1/subscription_schedules", "Subscriptions: write", "create a subscription schedule"
    ),
    ("schedule", Verb.UPDATE, ""): Endpoint(
        "POST", "/v1/subscription_schedules/{id}", "Subscriptions: write", "change a subscription schedule"
    ),
    ("schedule", Verb.ACT, "release"): Endpoint(
        "POST", "/v1/subscription_schedules/{id}/release", "Subscriptions: write", "release a subscription schedule"
    ),
    ("schedule", Verb.ACT, "cancel"): Endpoint(
        "POST",
        "/v1/subscription_schedules/{id}/cancel",
        "Subscriptions: write",
        "cancel a subscription schedule",
        {"invoice_now": False, "prorate": False},  # every credit is ours to state (DESIGN 4)
    ),
    ("subscription", Verb.CREATE, ""): Endpoint(
        "POST", "/v1/subscriptions", "Subscriptions: write", "create a subscription"
    ),
    ("subscription", Verb.UPDATE, ""): Endpoint(
        "POST", "/v1/subscriptions/{id}", "Subscriptions: write", "change a subscription"
    ),
    ("invoice", Verb.CREATE, ""): Endpoint("POST", "/v1/invoices", "Invoices: write", "create an invoice"),
    ("invoice", Verb.ACT, "finalize"): Endpoint(
        "POST", "/v1/invoices/{id}/finalize", "Invoices: write", "finalise an invoice"
    ),
    ("invoiceitem", Verb.CREATE, ""): Endpoint("POST", "/v1/invoiceitems", "Invoices: write", "create an invoice item"),
    ("webhook_endpoint", Verb.CREATE, ""): Endpoint(
        "POST", "/v1/webhook_endpoints", "Webhook Endpoints: write", "create a webhook endpoint"
    ),
}

PREVIEW = Endpoint("POST", "/v1/invoices/create_preview", "Invoices: write", "preview an invoice")

#: Reads, by the name under which `stripe_reads` and `stripe_events` call them.
READS: Mapping[str, Endpoint] = {
    "account": Endpoint("GET", "/v1/account", "Account: read", "read the account"),
    "customer": Endpoint("GET", "/v1/customers/{id}", "Customers: read", "read a customer"),
    "customers": Endpoint("GET", "/v1/customers", "Customers: read", "list customers"),
    "products": Endpoint("GET", "/v1/products", "Products: read", "list products"),
    "price": Endpoint("GET", "/v1/prices/{id}", "Prices: read", "read a price"),
    "prices": Endpoint("GET", "/v1/prices", "Prices: read", "list prices"),
    "coupon": Endpoint("GET", "/v1/coupons/{id}", "Coupons: read", "read a coupon"),
    "subscription": Endpoint("GET", "/v1/subscriptions/{id}", "Subscriptions: read", "read a subscription"),
    "subscriptions": Endpoint("GET", "/v1/subscriptions", "Subscriptions: read", "list subscriptions"),
    "subscription_items": Endpoint("GET", "/v1/subscription_items", "Subscriptions: read", "list subscription items"),
    "schedule": Endpoint(
        "GET", "/v1/subscription_schedules/{id}", "Subscriptions: read", "read a subscription schedule"
    ),
    "schedules": Endpoint("GET", "/v1/subscription_schedules", "Subscriptions: read", "list subscription schedules"),
    "invoice": Endpoint("GET", "/v1/invoices/{id}", "Invoices: read", "read an invoice"),
    "invoices": Endpoint("GET", "/v1/invoices", "Invoices: read", "list invoices"),
    "invoice_lines": Endpoint("GET", "/v1/invoices/{id}/lines", "Invoices: read", "list the lines of an invoice"),
    "invoice_payments": Endpoint("GET", "/v1/invoice_payments", "Invoices: read", "list the payments of invoices"),
    "payment_intent": Endpoint("GET", "/v1/payment_intents/{id}", "PaymentIntents: read", "read a payment intent"),
    "payment_intents": Endpoint("GET", "/v1/payment_intents", "PaymentIntents: read", "list payment intents"),
    "charges": Endpoint("GET", "/v1/charges", "Charges: read", "list charges"),
    "events": Endpoint("GET", "/v1/events", "Events: read", "list events"),
    "webhook_endpoints": Endpoint("GET", "/v1/webhook_endpoints", "Webhook Endpoints: read", "list webhook endpoints"),
}


def rights() -> tuple[str, ...]:
    """Every right that a restricted key needs for what this release does, sorted."""
    return tuple(sorted({e.right for e in (*OPERATIONS.values(), *READS.values(), PREVIEW)}))
