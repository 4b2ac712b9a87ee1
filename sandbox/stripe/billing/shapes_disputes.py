"""Disputes and the money that they move, as API version 2026-10-28.endive answers them."""

from __future__ import annotations

from sandbox.stripe.billing.shapes import Obj

EVIDENCE = (
    "access_activity_log",
    "appeal",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def dispute(dispute_id: str, charge_obj: Obj, reason: str, created: int, answer_by: int) -> Obj:
    """A chargeback of a whole charge that waits for evidence; no money has moved yet."""
    brand = charge_obj["payment_method_details"]["card"]["brand"]
    return {
        "id": dispute_id,
        "object": "dispute",
        "amount": charge_obj["amount"],
        "balance_transactions": [],
        "charge": charge_obj["id"],
        "created": created,
        "currency": charge_obj["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": answer_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "network_reason_code": None,
        "payment_intent": charge_obj["payment_intent"],
        "payment_method_details": {
            "card": {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": "83"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }


def dispute_movement(transaction_id: str, dispute_obj: Obj, amount: int, fee: int, created: int) -> Obj:
    """The balance transaction by which a dispute takes money (negative), or gives it back."""
    what = "Chargeback withdrawal" if amount < 0 else "Chargeback reversal"
    cost = {"amount": fee, "application": None, "currency": dispute_obj["currency"], "type": "stripe_fee"}
    return {
        "id": transaction_id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": created,
        "balance_type": "payments",
        "created": created,
        "currency": dispute_obj["currency"],
        "description": f"{what} for {dispute_obj['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [{**cost, "description": "Dispute fee"}],
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute_obj["id"],
        "status": "available",
        "type": "adjustment",
    }
