"""Stripe's JSON -> facts. Strict about what every object of a kind has (BUG-502 names the missing field), tolerant of
new enum values and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from sync.facts import (
    Coupon,
    Customer,
    Fact,
    Invoice,
    InvoicePayment,
    Item,
    Line,
    Meter,
    Phase,
    PhaseItem,
    Price,
    PriceTier,
    Product,
    Schedule,
    Subscription,
    TaxId,
    TaxSettings,
)
from sync.gateways.stripe_json import (
    Json,
    base,
    coupons_of,
    decimal_of,
    fault,
    int_of,
    metadata,
    need,
    part,
    ref_id,
    rows,
    tax_sum,
)
from sync.gateways.stripe_money_facts import balance, charge, credit_note, dispute, method_words, refund
from sync.gateways.stripe_shapes import values_of

#: The id of an invoice that is only previewed.
UPCOMING = "upcoming"


def fact_of(obj: object) -> Fact:
    """The fact that ``obj`` (one API object of a kind we keep) states. A deleted one (``{"id", "deleted": true}``)
    becomes a fact with deleted=True.
    """
    if not isinstance(obj, Mapping):
        raise fault("an object", "object", obj)
    kind = need(obj, "object", str)
    maker = _MAKERS.get(kind)
    if maker is None:
        raise fault("an object of a kind we keep", "object", kind)
    if obj.get("deleted") is True:
        return _gone(kind, obj)
    try:
        return maker(obj)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise fault(f"{kind} {obj.get('id', '')}", where, error.errors()[0]["input"]) from error


def _gone(kind: str, obj: Json) -> Fact:
    types: dict[str, type[Fact]] = {
        "customer": Customer,
        "product": Product,
        "coupon": Coupon,
        "subscription": Subscription,
    }
    if kind not in types:
        raise fault(f"a deleted {kind}", "deleted", True)
    return types[kind](id=need(obj, "id", str), deleted=True)


def _coupon(obj: Json) -> Coupon:
    return Coupon(
        **base(obj),
        percent_off=decimal_of(obj.get("percent_off")),
        amount_off_minor=int_of(obj.get("amount_off")),
        currency=obj.get("currency"),
        duration=str(need(obj, "duration", str)),
        duration_in_months=int_of(obj.get("duration_in_months")),
        valid=bool(obj.get("valid", True)),
    )


def _product(obj: Json) -> Product:
    return Product(
        **base(obj),
        name=need(obj, "name", str),
        description=obj.get("description"),
        active=need(obj, "active", bool),
        tax_code=ref_id(obj.get("tax_code")),
        values=values_of("product", obj),
    )


def _price(obj: Json) -> Price:
    recurring = part(obj, "recurring")
    amount = decimal_of(obj.get("unit_amount_decimal"))
    return Price(
        **base(obj),
        product=ref_id(obj.get("product")) or "",
        currency=need(obj, "currency", str),
        active=need(obj, "active", bool),
        lookup_key=obj.get("lookup_key"),
        unit_amount_decimal=amount if amount is not None else decimal_of(obj.get("unit_amount")),
        interval=recurring.get("interval"),
        interval_count=int_of(recurring.get("interval_count")) or 1,
        usage_type=recurring.get("usage_type"),
        meter=ref_id(recurring.get("meter")),
        billing_scheme=str(obj.get("billing_scheme") or "per_unit"),
        tiers_mode=obj.get("tiers_mode"),
        tiers=tuple(_tier(tier) for tier in obj.get("tiers") or ()),
        packaged=bool(obj.get("transform_quantity")),
        tax_behavior=str(obj.get("tax_behavior") or "unspecified"),
        package_units=int_of(part(obj, "transform_quantity").get("divide_by")),
        package_begun=part(obj, "transform_quantity").get("round") != "down",
    )


def _tier(obj: Json) -> PriceTier:
    unit, flat = decimal_of(obj.get("unit_amount_decimal")), decimal_of(obj.get("flat_amount_decimal"))
    return PriceTier(up_to=int_of(obj.get("up_to")), unit=unit or Decimal(0), flat=flat or Decimal(0))


def _meter(obj: Json) -> Meter:
    return Meter(
        **base(obj),
        event_name=need(obj, "event_name", str),
        status=need(obj, "status", str),
        display_name=need(obj, "display_name", str),
        formula=str(part(obj, "default_aggregation").get("formula") or ""),
        customer_key=str(part(obj, "customer_mapping").get("event_payload_key") or "stripe_customer_id"),
        value_key=str(part(obj, "value_settings").get("event_payload_key") or "value"),
    )


def _customer(obj: Json) -> Customer:
    method = part(obj, "invoice_settings").get("default_payment_method")
    return Customer(
        **base(obj),
        email=obj.get("email"),
        name=obj.get("name"),
        individual_name=obj.get("individual_name"),
        business_name=obj.get("business_name"),
        currency=obj.get("currency"),
        balance_minor=int_of(obj.get("balance")) or 0,
        payment_method=method_words(method) if isinstance(method, Mapping) else None,
        delinquent=bool(obj.get("delinquent")),
        address={str(name): str(value) for name, value in part(obj, "address").items() if value},
        tax_exempt=str(obj.get("tax_exempt") or "none"),
        values=values_of("customer", obj),
    )


def _tax_settings(obj: Json) -> TaxSettings:
    missing = part(part(obj, "status_details"), "pending").get("missing_fields") or ()
    return TaxSettings(status=need(obj, "status", str), missing=tuple(str(name) for name in missing))


def _tax_id(obj: Json) -> TaxId:
    return TaxId(
        **base(obj),
        customer=ref_id(obj.get("customer")) or "",
        type=need(obj, "type", str),
        value=need(obj, "value", str),
        verification=part(obj, "verification").get("status"),
    )


def _item(obj: Json) -> Item:
    return Item(
        id=need(obj, "id", str),
        price=_price(need(obj, "price", Mapping)),
        quantity=int_of(obj.get("quantity")),
        coupons=coupons_of(obj.get("discounts")),
        period_start_s=need(obj, "current_period_start", int),
        period_end_s=need(obj, "current_period_end", int),
        metadata=metadata(obj.get("metadata")),
    )


def _subscription(obj: Json) -> Subscription:
    return Subscription(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        status=need(obj, "status", str),
        currency=need(obj, "currency", str),
        schedule=ref_id(obj.get("schedule")),
        collection_method=need(obj, "collection_method", str),
        days_until_due=int_of(obj.get("days_until_due")),
        start_date_s=need(obj, "start_date", int),
        billing_cycle_anchor_s=need(obj, "billing_cycle_anchor", int),
        trial_end_s=int_of(obj.get("trial_end")),
        cancel_at_s=int_of(obj.get("cancel_at")),
        cancel_at_period_end=bool(obj.get("cancel_at_period_end")),
        canceled_at_s=int_of(obj.get("canceled_at")),
        ended_at_s=int_of(obj.get("ended_at")),
        paused=obj.get("pause_collection") is not None,
        payment_method_types=_method_types(obj),
        items=tuple(_item(i) for i in rows(need(obj, "items", Mapping))),
        coupons=coupons_of(obj.get("discounts")),
    )


def _method_types(obj: Json) -> tuple[str, ...]:
    return tuple(str(kind) for kind in part(obj, "payment_settings").get("payment_method_types") or ())


def _phase_item(obj: Json) -> PhaseItem:
    return PhaseItem(
        price=ref_id(obj.get("price")) or need(obj, "price", str, of="a phase's item"),
        quantity=int_of(obj.get("quantity")),
        coupons=coupons_of(obj.get("discounts")),
        metadata=metadata(obj.get("metadata")),
    )


def _phase(obj: Json) -> Phase:
    return Phase(
        start_s=need(obj, "start_date", int, of="a phase"),
        end_s=need(obj, "end_date", int, of="a phase"),
        items=tuple(_phase_item(i) for i in rows(obj.get("items"))),
        add_invoice_items=tuple(_phase_item(i) for i in rows(obj.get("add_invoice_items"))),
        coupons=coupons_of(obj.get("discounts")),
        proration_behavior=str(obj.get("proration_behavior") or ""),
        billing_cycle_anchor=obj.get("billing_cycle_anchor"),
        trial_end_s=int_of(obj.get("trial_end")),
        metadata=metadata(obj.get("metadata")),
    )


def _schedule(obj: Json) -> Schedule:
    settings = part(obj, "default_settings")
    invoices = part(settings, "invoice_settings")
    phases = rows(need(obj, "phases", list))
    return Schedule(
        **base(obj),
        customer=ref_id(obj.get("customer")) or need(obj, "customer", str),
        status=need(obj, "status", str),
        subscription=ref_id(obj.get("subscription")),
        released_subscription=obj.get("released_subscription"),
        end_behavior=need(obj, "end_behavior", str),
        collection_method=str(settings.get("collection_method") or ""),
        days_until_due=int_of(invoices.get("days_until_due")),
        custom_fields=tuple((str(f.get("name")), str(f.get("value"))) for f in rows(invoices.get("custom_fields"))),
        currency=str(phases[0].get("currency") or "") if phases else "",
        phases=tuple(_phase(p) for p in phases),
        canceled_at_s=int_of(obj.get("canceled_at")),
        completed_at_s=int_of(obj.get("completed_at")),
    )


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
    )


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


def _invoice(obj: Json) -> Invoice:
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
        payment_method_types=_method_types(obj),
        status=need(obj, "status", str),
        currency=need(obj, "currency", str),
        billing_reason=obj.get("billing_reason"),
        collection_method=need(obj, "collection_method", str),
        auto_advance=obj.get("auto_advance"),
        subtotal_minor=need(obj, "subtotal", int),
        **_taxes(obj),
        total_minor=need(obj, "total", int),
        amount_due_minor=need(obj, "amount_due", int),
        amount_paid_minor=need(obj, "amount_paid", int),
        amount_remaining_minor=need(obj, "amount_remaining", int),
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
        payments=tuple(_payment(p) for p in rows(obj.get("payments"))),
        lines=tuple(_line(x) for x in lines),
        more_lines=part(obj, "lines").get("has_more") is True,
        last_error=error.get("message"),
        last_error_code=error.get("decline_code") or error.get("code"),
    )


def preview_of(raw: object) -> Invoice:
    """The invoice that Stripe says it would make, under the id ``upcoming``: it can't be fetched by its own."""
    if not isinstance(raw, Mapping) or raw.get("object") != "invoice":
        raise fault("a preview", "an invoice", raw)
    found = fact_of({**raw, "id": UPCOMING})
    assert isinstance(found, Invoice)
    return found


_MAKERS: Mapping[str, Callable[[Json], Fact]] = {
    "coupon": _coupon,
    "product": _product,
    "price": _price,
    "billing.meter": _meter,
    "customer": _customer,
    "subscription": _subscription,
    "subscription_schedule": _schedule,
    "charge": charge,
    "refund": refund,
    "dispute": dispute,
    "invoice": _invoice,
    "credit_note": credit_note,
    "customer_balance_transaction": balance,
    "tax_id": _tax_id,
    "tax.settings": _tax_settings,
}


def facts_of(objects: Iterable[object]) -> tuple[Fact, ...]:
    """`fact_of` each."""
    return tuple(fact_of(o) for o in objects)
