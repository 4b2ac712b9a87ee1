"""Stripe's billing: subscriptions, schedules, invoices, payments and credits, over virtual time.

Written from the vendor's documentation alone; shares no code and no constant with the product that it tests.
"""

from __future__ import annotations

from importlib import import_module

from sandbox.stripe.billing.engine import Billing, billing_of, install

__all__ = ["Billing", "billing_of", "install"]

# The endpoints register when their modules are imported.
for _name in (
    "cash_routes",
    "checkout_routes",
    "clock_routes",
    "credit_routes",
    "customer_discount_routes",
    "dispute_routes",
    "invoice_item_routes",
    "invoice_routes",
    "meter_event_routes",
    "meter_routes",
    "part_payment_routes",
    "payment_routes",
    "preview",
    "schedule_routes",
    "subscription_routes",
):
    import_module(f"{__name__}.{_name}")
