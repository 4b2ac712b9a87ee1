"""Invoices and what pays or corrects them, as API version 2026-10-28.endive answers them."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing.shapes import Obj, embedded_list, issuer


def invoice(invoice_id: str, customer: Obj, currency: str, created: int) -> Obj:
    """A draft without lines, for this customer as they are now."""
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Tandem Sandbox",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        **customer_copy(customer),
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": issuer(),
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": embedded_list([], f"/v1/invoices/{invoice_id}/lines"),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": created,
        "period_start": created,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"] or 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "threshold_reason": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def customer_copy(customer: Obj) -> Obj:
    """The customer's details that an invoice carries; they freeze when it is finalised."""
    return {
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": customer.get("shipping"),
        "customer_tax_exempt": customer.get("tax_exempt") or "none",
    }


def invoice_payment(payment_id: str, invoice_id: str, intent: str, amount: int, currency: str, created: int) -> Obj:
    """The default payment of a finalised invoice, still open."""
    return {
        "id": payment_id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": created,
        "currency": currency,
        "invoice": invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": {"type": "payment_intent", "payment_intent": intent},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def payment_record(record_id: str, amount: int, currency: str, given: Obj, created: int) -> Obj:
    """Money that came by other ways than Stripe, reported as received."""
    nothing, whole = {"currency": currency, "value": 0}, {"currency": currency, "value": amount}
    customer = given.get("customer_details", {})
    details = {"billing_details": None, "payment_method": None, "type": "custom"}
    custom = given["payment_method_details"].get("custom", {})
    return {
        "id": record_id,
        "object": "payment_record",
        "amount": whole,
        "amount_authorized": dict(nothing),
        "amount_canceled": dict(nothing),
        "amount_failed": dict(nothing),
        "amount_guaranteed": dict(whole),
        "amount_refunded": dict(nothing),
        "amount_requested": dict(whole),
        "application": None,
        "created": created,
        "customer_details": {key: customer.get(key) for key in ("customer", "email", "name", "phone")},
        "customer_presence": None,
        "description": given.get("description"),
        "latest_payment_attempt_record": None,
        "livemode": False,
        "metadata": {},
        "payment_method_details": {**details, "custom": {"display_name": custom.get("display_name", ""), "type": None}},
        "processor_details": {"custom": None, "type": "custom"},
        "reported_by": "self",
        "shipping_details": None,
    }


def payment_intent(intent_id: str, secret: str, customer: str, amount: int, currency: str, created: int) -> Obj:
    """The intent behind an invoice, waiting for a payment method."""
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{intent_id}_secret_{secret}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def charge(charge_id: str, intent: Obj, method: Obj, created: int) -> Obj:
    """An attempt on a card; the caller says how it went."""
    card = method.get("card") or {}
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "authorization_code": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": None,
        "captured": False,
        "created": created,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": "card", "card": charge_card(card)},
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed",
        "transfer_data": None,
        "transfer_group": None,
    }


def outcome(kind: str, network_status: str, reason: str | None, seller_message: str) -> Obj:
    """What the networks said of a charge."""
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": seller_message,
        "type": kind,
    }


def charge_card(card: Obj) -> Obj:
    """What a charge tells of the card."""
    kept = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        **{key: card.get(key) for key in kept},
        "amount_authorized": None,
        "authorization_code": None,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        "installments": None,
        "mandate": None,
        "network": card.get("brand"),
        "network_transaction_id": None,
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }


def refund(refund_id: str, charge_obj: Obj, amount: int, created: int) -> Obj:
    """A refund that has succeeded."""
    return {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge_obj["id"],
        "created": created,
        "currency": charge_obj["currency"],
        "customer": charge_obj["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge_obj["payment_intent"],
        "payment_method": charge_obj["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def credit_note(note_id: str, invoice_obj: Obj, number: str, created: int) -> Obj:
    """A credit note of amount 0 on an invoice."""
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": 0,
        "amount_shipping": 0,
        "created": created,
        "currency": invoice_obj["currency"],
        "customer": invoice_obj["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": created,
        "invoice": invoice_obj["id"],
        "lines": embedded_list([], f"/v1/credit_notes/{note_id}/lines"),
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": number,
        "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.com/credit_notes/{note_id}/pdf",
        "post_payment_amount": 0,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": None,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_excluding_tax": 0,
        "total_taxes": [],
        "type": "pre_payment",
        "voided_at": None,
    }


def credit_note_line(line_id: str, amount: int, quantity: int | None, values: dict[str, Any]) -> Obj:
    """A line of a credit note; `values` overrides the neutral defaults."""
    return {
        "id": line_id,
        "object": "credit_note_line_item",
        "amount": amount,
        "description": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": None,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": None,
        "unit_amount_decimal": None,
        **values,
    }
