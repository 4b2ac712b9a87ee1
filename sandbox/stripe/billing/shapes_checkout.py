"""A Checkout session and its lines as API version 2026-10-28.endive answers them."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
SESSION = "checkout.session"


def session(id: str, given: Obj, now: int, expires_at: int) -> Obj:
    """An open session of what was asked for; what it comes to is filled in by the caller."""
    texts = dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"))
    made: Obj = {
        "id": id,
        "object": SESSION,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": None,
        "currency_conversion": None,
        "custom_fields": [custom_field(field) for field in given.get("custom_fields") or []],
        "custom_text": texts,
        "customer": given.get("customer"),
        "customer_account": None,
        "customer_creation": None if "customer" in given else "always",
        "customer_details": None,
        "customer_email": given.get("customer_email"),
        "discounts": [
            {"coupon": each.get("coupon"), "promotion_code": each.get("promotion_code")}
            for each in given.get("discounts") or []
        ],
        "expires_at": expires_at,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": given.get("locale"),
        "metadata": {key: value for key, value in (given.get("metadata") or {}).items() if value != ""},
        "mode": given["mode"],
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": given.get("payment_method_collection", "always"),
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card", "us_bank_account"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": given.get("phone_number_collection") or {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "subscription": None,
        "success_url": given.get("success_url"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{id}",
        "wallet_options": None,
    }
    if (given.get("automatic_tax") or {}).get("enabled"):
        made["automatic_tax"] = {"enabled": True, "liability": {"type": "self"}, "provider": "stripe", "status": None}
    if "name_collection" in given:
        asked = given["name_collection"]
        made["name_collection"] = {who: {"optional": False, **asked[who]} for who in asked}
    if "tax_id_collection" in given:
        made["tax_id_collection"] = {"required": "never", **given["tax_id_collection"]}
    return made


def custom_field(given: Obj) -> Obj:
    """A question of the page, not answered yet."""
    kind = given["type"]
    lengths = {"default_value": None, "maximum_length": None, "minimum_length": None}
    own = {"default_value": None} if kind == "dropdown" else lengths
    return {
        "dropdown": None,
        "key": given["key"],
        "label": given["label"],
        "numeric": None,
        "optional": given.get("optional", False),
        "text": None,
        "type": kind,
        kind: {**own, **(given.get(kind) or {}), "value": None},
    }


def line(id: str, given: Obj, price: Obj, amount: int, description: str) -> Obj:
    """One thing that is bought."""
    return {
        "id": id,
        "object": "item",
        "adjustable_quantity": given.get("adjustable_quantity"),
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": description,
        "metadata": dict(given.get("metadata") or {}),
        "price": price,
        "quantity": given.get("quantity"),
    }


def customer_details(customer: Obj, tax_ids: list[Obj]) -> Obj:
    """Who has bought, as the page has it in the end."""
    return {
        "address": customer["address"],
        "business_name": customer.get("business_name"),
        "email": customer["email"],
        "individual_name": customer.get("individual_name"),
        "name": customer["name"],
        "phone": customer["phone"],
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": [{"type": each["type"], "value": each["value"]} for each in tax_ids],
    }
