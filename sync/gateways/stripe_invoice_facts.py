"""Invoices with their lines, payments and tax: Stripe's JSON -> facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sync.facts import Invoice, InvoicePayment, Line
from sync.gateways.stripe_json import (
    Json,
    base,
    int_of,
    metadata,
    method_types,
    need,
    part,
    ref_id,
    rows,
    tax_sum,
)
from sync.gateways.stripe_shapes import values_of

#: How a payment intent shows that the customer is to send money.
TRANSFER = "display_bank_transfer_instructions"


def _from_balance(obj: Json) -> int:
    """What the finalised invoice took of the customer's balance; Stripe says a credit there as a negative number."""
    ending = int_of(obj.get("ending_balance"))
    return 0 if ending is None else ending - (int_of(obj.get("starting_balance")) or 0)


def _line(obj: Json) -> Line:
    parent = part(obj, "parent")
    details = part(parent, "subscription_item_details") or part(parent, "invoice_item_details")
    period = part(obj, "period")
    taxes = rows(obj.get("taxes"))
    return Line(
        id=str(obj.get("id") or ""),
        amount_minor=need(obj, "amount", int, of="a line of an invoice"),
        added_tax_minor=tax_sum(taxes, included=False),
        included_tax_minor=tax_sum(taxes, included=True),
        discount_minor=sum(int_of(d.get("amount")) or 0 for d in rows(obj.get("discount_amounts"))),
        quantity=int_of(obj.get("quantity")),
        description=obj.get("description"),
        price=ref_id(part(part(obj, "pricing"), "price_details").get("price")),
        subscription_item=ref_id(part(parent, "subscription_item_details").get("subscription_item")),
        proration=bool(details.get("proration")),
        period_start_s=int_of(period.get("start")) or 0,
        period_end_s=int_of(period.get("end")) or 0,
        metadata=metadata(obj.get("metadata")),
    )


def _period(obj: Json, lines: list[Json]) -> tuple[int, int]:
    """The time that is billed: of the recurring lines, else of all lines, else Stripe's own (which is only when it
    looked for items).
    """

    def recurring(line: Json) -> bool:
        details = part(part(line, "parent"), "subscription_item_details")
        return bool(details) and not details.get("proration")

    chosen = [x for x in lines if recurring(x)] or lines
    spans = [
        (s, e)
        for x in chosen
        if (s := int_of(part(x, "period").get("start"))) and (e := int_of(part(x, "period").get("end")))
    ]
    if not spans:
        return int_of(obj.get("period_start")) or 0, int_of(obj.get("period_end")) or 0
    return min(s for s, _ in spans), max(e for _, e in spans)


def _payment(obj: Json) -> InvoicePayment:
    status = need(obj, "status", str)
    paid = int_of(obj.get("amount_paid"))
    payment = part(obj, "payment")
    return InvoicePayment(
        id=need(obj, "id", str),
        status=status,
        amount_minor=paid if status == "paid" and paid is not None else need(obj, "amount_requested", int),
        created_s=need(obj, "created", int),
        paid_at_s=int_of(part(obj, "status_transitions").get("paid_at")),
        payment_intent=ref_id(payment.get("payment_intent")),
        out_of_band=payment.get("type") not in ("payment_intent", "charge"),
        waits_for=_waits_for(payment.get("payment_intent")) if status == "open" else None,
    )


def _waits_for(intent: object) -> Literal["bank", "customer"] | None:
    """Who has to answer before this payment intent is decided, where it is expanded. One that waits for a bank transfer
    was not tried: nobody is asked anything.
    """
    if not isinstance(intent, Mapping):
        return None
    if intent.get("status") == "processing":
        return "bank"
    asked = intent.get("status") == "requires_action" and part(intent, "next_action").get("type") != TRANSFER
    return "customer" if asked else None


def _last_error(obj: Json) -> Json:
    """`last_payment_error` of the newest payment intent that is expanded on the invoice's payments."""
    newest = sorted(
        rows(obj.get("payments")), key=lambda p: (int_of(p.get("created")) or 0, str(p.get("id"))), reverse=True
    )
    for payment in newest:
        intent = part(payment, "payment").get("payment_intent")
        if isinstance(intent, Mapping) and isinstance(intent.get("last_payment_error"), Mapping):
            error: Json = intent["last_payment_error"]
            return error
    return {}


def _taxes(obj: Json) -> dict[str, Any]:
    """What an invoice says of its tax, and why it could not be finalised."""
    taxes, automatic = rows(obj.get("total_taxes")), part(obj, "automatic_tax")
    error = part(obj, "last_finalization_error")
    return {
        "tax_minor": tax_sum(taxes, included=False) + tax_sum(taxes, included=True),
        "added_tax_minor": tax_sum(taxes, included=False),
        "tax_status": automatic.get("status") if automatic.get("enabled") else None,
        "tax_disabled": automatic.get("disabled_reason"),
        "tax_reasons": tuple(sorted({str(t["taxability_reason"]) for t in taxes if t.get("taxability_reason")})),
        "country": part(obj, "customer_address").get("country"),
        "finalization_error": error.get("message"),
        "finalization_error_code": error.get("code"),
    }


def invoice(obj: Json) -> Invoice:
    """An invoice whose ``payments`` are expanded and whose embedded lists are complete (`stripe_reads` sees to both)."""
    lines = rows(need(obj, "lines", Mapping))
    moments = part(obj, "status_transitions")
    of_subscription = part(part(obj, "parent"), "subscription_details")
    start_s, end_s = _period(obj, lines)
    error = _last_error(obj)
    return Invoice(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        subscription=ref_id(of_subscription.get("subscription")),
        number=obj.get("number"),
        payment_method_types=method_types(obj),
        status=need(obj, "status", str),
        currency=need(obj, "currency", str),
        billing_reason=obj.get("billing_reason"),
        collection_method=need(obj, "collection_method", str),
        auto_advance=obj.get("auto_advance"),
        subtotal_minor=need(obj, "subtotal", int),
        **_taxes(obj),
        values=values_of("invoice", obj),
        total_minor=need(obj, "total", int),
        amount_due_minor=need(obj, "amount_due", int),
        amount_paid_minor=need(obj, "amount_paid", int),
        amount_remaining_minor=need(obj, "amount_remaining", int),
        from_balance_minor=_from_balance(obj),
        overpaid_minor=int_of(obj.get("amount_overpaid")) or 0,
        credited_minor=sum(int_of(obj.get(f"{when}_payment_credit_notes_amount")) or 0 for when in ("pre", "post")),
        attempt_count=int_of(obj.get("attempt_count")) or 0,
        next_payment_attempt_s=int_of(obj.get("next_payment_attempt")),
        due_date_s=int_of(obj.get("due_date")),
        finalized_at_s=int_of(moments.get("finalized_at")),
        paid_at_s=int_of(moments.get("paid_at")),
        voided_at_s=int_of(moments.get("voided_at")),
        uncollectible_at_s=int_of(moments.get("marked_uncollectible_at")),
        period_start_s=start_s,
        period_end_s=end_s,
        hosted_url=obj.get("hosted_invoice_url"),
        pdf_url=obj.get("invoice_pdf"),
        subscription_metadata=metadata(of_subscription.get("metadata")),
        discounts=tuple(i for d in obj.get("discounts") or () if (i := ref_id(d))),
        payments=tuple(_payment(p) for p in rows(obj.get("payments"))),
        lines=tuple(_line(x) for x in lines),
        more_lines=part(obj, "lines").get("has_more") is True,
        last_error=error.get("message"),
        last_error_code=error.get("decline_code") or error.get("code"),
    )
