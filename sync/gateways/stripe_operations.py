"""Every endpoint of Stripe that the gateway can call, as data: sending, least privilege and the interop test derive
from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.records import Verb


@dataclass(frozen=True)
class LookUp:
    """How an object whose creation may or may not have happened is found before it is sent again (DESIGN 4).

    ``read`` is the kind of reference whose answer holds it (`sync.ports.StripeGateway.read`; of a webhook endpoint, the
    list). ``by`` is what tells it apart there: the name of a field that equals our key, or ``metadata``, in which our key
    stands (of an invoice item: in that of the invoice's line).
    """

    read: str
    by: str


@dataclass(frozen=True)
class Endpoint:
    """``path`` has at most one ``{id}``: the object's own, or what the payload says under ``id_from``. ``right`` is the
    right of a restricted key that it needs. ``always`` is sent with every call, whatever the payload says.
    """

    method: str
    path: str
    right: str
    words: str
    always: Mapping[str, object] = field(default_factory=dict)
    look_up: LookUp | None = None
    id_from: str = ""


Operations = Mapping[tuple[str, Verb, str], Endpoint]


def registered(table: Operations) -> Operations:
    """``table``, in which every Create says how it is looked up; ValueError where one does not."""
    for (kind, verb, _), endpoint in table.items():
        if (verb is Verb.CREATE) != (endpoint.look_up is not None):
            raise ValueError(f"{verb} {kind}: a Create, and nothing else, declares its look-up")
    return table


#: Every credit and every amount of a part of a cycle is ours to state (DESIGN 4).
NO_PRORATION: Mapping[str, object] = {"proration_behavior": "none"}
NOTHING_BILLED: Mapping[str, object] = {"invoice_now": False, "prorate": False}
#: Of a plan without use that a deal takes over: what waits for its next invoice would be on none.
PENDING_BILLED: Mapping[str, object] = {"invoice_now": True, "prorate": False}

#: (kind of ref, verb, action) -> where it is sent. Whatever is not here can't be sent.
OPERATIONS: Operations = registered(
    {
        ("customer", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/customers",
            "Customers: write",
            "create a customer",
            look_up=LookUp("customers_by_email", "metadata"),
        ),
        ("customer", Verb.UPDATE, ""): Endpoint("POST", "/v1/customers/{id}", "Customers: write", "update a customer"),
        ("taxid", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/customers/{id}/tax_ids",
            "Customers: write",
            "add a tax id to a customer",
            look_up=LookUp("tax_ids_of", "value"),
            id_from="customer",
        ),
        ("taxid", Verb.ACT, "delete"): Endpoint(
            "DELETE", "/v1/tax_ids/{id}", "Customers: write", "take a tax id of ours off a customer"
        ),
        ("product", Verb.CREATE, ""): Endpoint(
            "POST", "/v1/products", "Products: write", "create a product", look_up=LookUp("product", "id")
        ),
        ("product", Verb.UPDATE, ""): Endpoint("POST", "/v1/products/{id}", "Products: write", "update a product"),
        ("meter", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/billing/meters",
            "Billing Meters: write",
            "create a meter",
            look_up=LookUp("meter", "event_name"),
        ),
        ("price", Verb.CREATE, ""): Endpoint(
            "POST", "/v1/prices", "Prices: write", "create a price", look_up=LookUp("price", "lookup_key")
        ),
        ("price", Verb.UPDATE, ""): Endpoint("POST", "/v1/prices/{id}", "Prices: write", "update a price"),
        ("coupon", Verb.CREATE, ""): Endpoint(
            "POST", "/v1/coupons", "Coupons: write", "create a coupon", look_up=LookUp("coupon", "id")
        ),
        ("schedule", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/subscription_schedules",
            "Subscriptions: write",
            "create a subscription schedule",
            look_up=LookUp("schedules_of", "metadata"),  # one fresh from a subscription: by its subscription
        ),
        ("schedule", Verb.UPDATE, ""): Endpoint(
            "POST",
            "/v1/subscription_schedules/{id}",
            "Subscriptions: write",
            "change a subscription schedule",
            NO_PRORATION,
        ),
        ("schedule", Verb.ACT, "release"): Endpoint(
            "POST",
            "/v1/subscription_schedules/{id}/release",
            "Subscriptions: write",
            "release a subscription schedule",
        ),
        ("schedule", Verb.ACT, "cancel"): Endpoint(
            "POST",
            "/v1/subscription_schedules/{id}/cancel",
            "Subscriptions: write",
            "cancel a subscription schedule",
            NOTHING_BILLED,
        ),
        ("subscription", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/subscriptions",
            "Subscriptions: write",
            "create a subscription",
            NO_PRORATION,
            look_up=LookUp("subscriptions_of", "metadata"),
        ),
        ("subscription", Verb.UPDATE, ""): Endpoint(
            "POST", "/v1/subscriptions/{id}", "Subscriptions: write", "change a subscription", NO_PRORATION
        ),
        ("subscription", Verb.ACT, "cancel"): Endpoint(
            "DELETE", "/v1/subscriptions/{id}", "Subscriptions: write", "cancel a subscription", NOTHING_BILLED
        ),
        ("subscription", Verb.ACT, "settle"): Endpoint(
            "DELETE", "/v1/subscriptions/{id}", "Subscriptions: write", "cancel a subscription", PENDING_BILLED
        ),
        ("invoice", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/invoices",
            "Invoices: write",
            "create an invoice",
            look_up=LookUp("invoices_of_customer", "metadata"),
        ),
        ("invoice", Verb.UPDATE, ""): Endpoint("POST", "/v1/invoices/{id}", "Invoices: write", "change an invoice"),
        ("invoice", Verb.ACT, "finalize"): Endpoint(
            "POST", "/v1/invoices/{id}/finalize", "Invoices: write", "finalise an invoice"
        ),
        ("invoiceitem", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/invoiceitems",
            "Invoices: write",
            "create an invoice item",
            look_up=LookUp("invoice_id", "metadata"),
        ),
        ("creditnote", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/credit_notes",
            "Credit Notes: write",
            "create a credit note",
            look_up=LookUp("credit_notes_of", "metadata"),
        ),
        ("balance", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/customers/{id}/balance_transactions",
            "Customers: write",
            "change a customer's balance",
            look_up=LookUp("balance_of", "metadata"),
            id_from="customer",
        ),
        ("webhook_endpoint", Verb.CREATE, ""): Endpoint(
            "POST",
            "/v1/webhook_endpoints",
            "Webhook Endpoints: write",
            "create a webhook endpoint",
            look_up=LookUp("webhook_endpoints", "url"),
        ),
    }
)

PREVIEW = Endpoint("POST", "/v1/invoices/create_preview", "Invoices: write", "preview an invoice")

#: Usage has no id and can't be read back one by one: `sync.store.usage` is its ledger (docs/decisions/0016).
METER_EVENT = Endpoint("POST", "/v1/billing/meter_events", "Billing Meter Events: write", "report usage")

#: Reads, by the name under which `stripe_reads` and `stripe_events` call them.
READS: Mapping[str, Endpoint] = {
    "account": Endpoint("GET", "/v1/account", "Account: read", "read the account"),
    "customer": Endpoint("GET", "/v1/customers/{id}", "Customers: read", "read a customer"),
    "customers": Endpoint("GET", "/v1/customers", "Customers: read", "list customers"),
    "products": Endpoint("GET", "/v1/products", "Products: read", "list products"),
    "price": Endpoint("GET", "/v1/prices/{id}", "Prices: read", "read a price"),
    "prices": Endpoint("GET", "/v1/prices", "Prices: read", "list prices"),
    "coupon": Endpoint("GET", "/v1/coupons/{id}", "Coupons: read", "read a coupon"),
    "coupons": Endpoint("GET", "/v1/coupons", "Coupons: read", "list coupons"),
    "meters": Endpoint("GET", "/v1/billing/meters", "Billing Meters: read", "list meters"),
    "meter_summaries": Endpoint(
        "GET", "/v1/billing/meters/{id}/event_summaries", "Billing Meters: read", "read what a meter counted"
    ),
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
    "pending_items": Endpoint("GET", "/v1/invoiceitems", "Invoices: read", "list pending invoice items"),
    "payment_intent": Endpoint("GET", "/v1/payment_intents/{id}", "PaymentIntents: read", "read a payment intent"),
    "payment_intents": Endpoint("GET", "/v1/payment_intents", "PaymentIntents: read", "list payment intents"),
    "charges": Endpoint("GET", "/v1/charges", "Charges: read", "list charges"),
    "refunds": Endpoint("GET", "/v1/refunds", "Charges: read", "list refunds"),
    "disputes": Endpoint("GET", "/v1/disputes", "Disputes: read", "list disputes"),
    "credit_notes": Endpoint("GET", "/v1/credit_notes", "Credit Notes: read", "list credit notes"),
    "credit_note_preview": Endpoint("GET", "/v1/credit_notes/preview", "Credit Notes: read", "preview a credit note"),
    "balance_transactions": Endpoint(
        "GET", "/v1/customers/{id}/balance_transactions", "Customers: read", "list what moved a customer's balance"
    ),
    "portals": Endpoint(
        "GET", "/v1/billing_portal/configurations", "Customer portal: read", "read the customer portal's settings"
    ),
    "tax_settings": Endpoint("GET", "/v1/tax/settings", "Tax Settings: read", "read the tax settings"),
    "tax_ids": Endpoint("GET", "/v1/customers/{id}/tax_ids", "Customers: read", "list the tax ids of a customer"),
    "cash_balance": Endpoint(
        "GET", "/v1/customers/{id}/cash_balance", "Customers: read", "read what a customer sent by bank transfer"
    ),
    "events": Endpoint("GET", "/v1/events", "Events: read", "list events"),
    "usage_reports": Endpoint("GET", "/v2/core/events", "Events: read", "list reports of usage"),
    "usage_report": Endpoint("GET", "/v2/core/events/{id}", "Events: read", "read a report of usage"),
    "webhook_endpoints": Endpoint("GET", "/v1/webhook_endpoints", "Webhook Endpoints: read", "list webhook endpoints"),
}


def rights() -> tuple[str, ...]:
    """Every right that a restricted key needs for what this release does, sorted."""
    return tuple(sorted({e.right for e in (*OPERATIONS.values(), *READS.values(), PREVIEW, METER_EVENT)}))
