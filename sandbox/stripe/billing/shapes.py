"""The billing objects as API version 2026-10-28.endive answers them: every key present, unset ones null.

Each function returns a fresh object; what an object shares with others (a price) is shared by reference, so that a
later change of a nickname shows everywhere. Field names and meaning: docs.stripe.com/api.
"""

from __future__ import annotations

from typing import Any

EMBEDDED_LIMIT = 10

Obj = dict[str, Any]


def embedded_list(entries: list[Obj], url: str) -> Obj:
    """A list inside an object: it shows the first ten, the rest is read from `url`."""
    return {
        "object": "list",
        "data": entries[:EMBEDDED_LIMIT],
        "has_more": len(entries) > EMBEDDED_LIMIT,
        "total_count": len(entries),
        "url": url,
    }


def issuer() -> Obj:
    """The account itself issues every invoice."""
    return {"type": "self"}


def plan(price: Obj) -> Obj:
    """The legacy plan that a subscription item still carries beside its price."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": recurring.get("meter"),
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price.get("tiers_mode"),
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def subscription(sub_id: str, customer: str, currency: str, created: int) -> Obj:
    """A subscription without items; the caller fills in what was asked for."""
    return {
        "id": sub_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": created,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": issuer(),
        },
        "items": embedded_list([], f"/v1/subscription_items?subscription={sub_id}"),
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": created,
        "status": "incomplete",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"},
        },
        "trial_start": None,
    }


def subscription_item(item_id: str, sub_id: str, price: Obj, quantity: int | None, created: int) -> Obj:
    """An item whose period the caller sets; a metered one (`quantity` is none) has no such key."""
    return {
        "id": item_id,
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": created,
        "current_period_end": created,
        "current_period_start": created,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        **({} if quantity is None else {"quantity": quantity}),
        "subscription": sub_id,
        "tax_rates": [],
    }


def discount(discount_id: str, coupon: str, customer: str, start: int, end: int | None) -> Obj:
    """A coupon at work; the caller says on what."""
    return {
        "id": discount_id,
        "object": "discount",
        "checkout_session": None,
        "customer": customer,
        "customer_account": None,
        "end": end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": coupon, "type": "coupon"},
        "start": start,
        "subscription": None,
        "subscription_item": None,
    }


def schedule(schedule_id: str, customer: str, created: int) -> Obj:
    """A schedule without phases."""
    return {
        "id": schedule_id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
        "canceled_at": None,
        "completed_at": None,
        "created": created,
        "current_phase": None,
        "customer": customer,
        "customer_account": None,
        "default_settings": default_settings(),
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "pause_schedules": [],
        "phases": [],
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": None,
    }


def default_settings() -> Obj:
    """A schedule's settings where nothing was asked for."""
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "days_until_due": None,
            "description": None,
            "footer": None,
            "issuer": issuer(),
        },
        "on_behalf_of": None,
        "transfer_data": None,
    }


def phase(start: int, end: int, currency: str) -> Obj:
    """A phase without items."""
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "automatic_tax": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": [],
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


def invoice_item(item_id: str, customer: str, currency: str, date: int) -> Obj:
    """An invoice item of amount 0 for this instant."""
    return {
        "id": item_id,
        "object": "invoiceitem",
        "amount": 0,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "date": date,
        "description": None,
        "discountable": True,
        "discounts": [],
        "frozen_fields": None,
        "invoice": None,
        "invoicing_rules": None,
        "livemode": False,
        "metadata": {},
        "net_amount": None,
        "parent": None,
        "period": {"start": date, "end": date},
        "pricing": None,
        "proration": False,
        "proration_details": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": None,
    }


def price_details(price: Obj, unit_text: str | None) -> Obj:
    """The `pricing` of an invoice item or a line."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": unit_text,
    }


def line(line_id: str, invoice_id: str, currency: str, amount: int, period: tuple[int, int]) -> Obj:
    """An invoice line; `amount` is before discounts."""
    return {
        "id": line_id,
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
    }


def balance_transaction(txn_id: str, customer: str, amount: int, currency: str, created: int) -> Obj:
    """A move of a customer's credit balance; negative amounts are credit."""
    return {
        "id": txn_id,
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": created,
        "credit_note": None,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "ending_balance": amount,
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "type": "adjustment",
    }
