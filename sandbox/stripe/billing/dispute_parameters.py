"""What the endpoints of disputes take. Files can't be uploaded here, so the evidence that is a file is left out."""

from __future__ import annotations

from sandbox.stripe.params import PAGE, RANGE, Fields, boolean, metadata, struct, text

EVIDENCE_TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
DISPUTE_UPDATE: Fields = {
    "evidence": struct({name: text(max=20_000) for name in EVIDENCE_TEXTS}),
    "metadata": metadata(),
    "submit": boolean(),
}
DISPUTE_LIST: Fields = {**PAGE, "charge": text(), "created": RANGE, "payment_intent": text()}
