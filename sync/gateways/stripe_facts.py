"""Stripe's JSON -> facts. Strict about what every object of a kind has (BUG-502 names the missing field), tolerant of
new enum values and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from sync.errors import Terminal
from sync.facts import (
    Charge,
    Coupon,
    Customer,
    Fact,
    Invoice,
    InvoicePayment,
    Item,
    Line,
    Phase,
    PhaseItem,
    Price,
    Product,
    Schedule,
    Subscription,
)

Json = Mapping[str, Any]


def fact_of(obj: object) -> Fact:
    """The fact that ``obj`` (one API object of a kind we keep) states. A deleted one (``{"id", "deleted": true}``)
    becomes a fact with deleted=True.
    """
    if not isinstance(obj, Mapping):
        raise _fault("an object", "object", obj)
    kind = _need(obj, "object", str)
    maker = _MAKERS.get(kind)
    if maker is None:
        raise _fault("an object of a kind we keep", "object", kind)
    if obj.get("deleted") is True:
        return _gone(kind, obj)
    try:
        return maker(obj)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise _fault(f"{kind} {obj.get('id', '')}", where, error.errors()[0]["input"]) from error


def _gone(kind: str, obj: Json) -> Fact:
    types: dict[str, type[Fact]] = {
        "customer": Customer,
        "product": Product,
        "coupon": Coupon,
        "subscription": Subscription,
    }
    if kind not in types:
        raise _fault(f"a deleted {kind}", "deleted", True)
    return types[kind](id=_need(obj, "id", str), deleted=True)


def _fault(what: str, path: str, seen: object) -> Terminal:
    shown = f"a {type(seen).__name__}" if seen is not None else "nothing"
    return Terminal(
        "BUG-502", f"Unexpected answer from Stripe: {what} has {shown} where {path} should be; this deal is set aside."
    )


def _need(obj: Json, name: str, kind: type, *, of: str = "") -> Any:
    value = obj.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        what = of or str(obj.get("object") or "an object")
        raise _fault(f"{what} {obj.get('id', '')}".strip(), name, value)
    return value


def _base(obj: Json) -> dict[str, Any]:
    return {
        "id": _need(obj, "id", str),
        "created_s": _need(obj, "created", int),
        "livemode": bool(obj.get("livemode", False)),
        "metadata": _metadata(obj.get("metadata")),
    }


def _metadata(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def ref_id(value: object) -> str | None:
    """The id of a reference, expanded or not; None where there is none."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def _part(obj: Json, name: str) -> Json:
    value = obj.get(name)
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Json]:
    """The members of an embedded list object (``{"data": [...]}``) or of a plain array."""
    members = value.get("data") if isinstance(value, Mapping) else value
    return [m for m in members if isinstance(m, Mapping)] if isinstance(members, list) else []


def _coupons(discounts: object) -> tuple[str, ...]:
    """Coupon ids in order, of Discount objects (``source.coupon``) or of a phase's entries (``coupon``). Reads must
    expand `discounts`.
    """
    found: list[str] = []
    for entry in discounts if isinstance(discounts, list) else []:
        if not isinstance(entry, Mapping):
            raise _fault("a discount", "source.coupon (it was not expanded)", entry)
        coupon = ref_id(_part(entry, "source").get("coupon")) or ref_id(entry.get("coupon"))
        if coupon is None and isinstance(entry.get("discount"), Mapping):
            coupon = ref_id(_part(_part(entry, "discount"), "source").get("coupon"))
        found.append(
            coupon or "unknown"
        )  # a promotion code without its coupon: there is a discount, we can't say which
    return tuple(found)


def _coupon(obj: Json) -> Coupon:
    return Coupon(
        **_base(obj),
        percent_off=_decimal(obj.get("percent_off")),
        amount_off_minor=_int(obj.get("amount_off")),
        currency=obj.get("currency"),
        duration=str(_need(obj, "duration", str)),
        duration_in_months=_int(obj.get("duration_in_months")),
        valid=bool(obj.get("valid", True)),
    )


def _product(obj: Json) -> Product:
    return Product(
        **_base(obj),
        name=_need(obj, "name", str),
        description=obj.get("description"),
        active=_need(obj, "active", bool),
        tax_code=ref_id(obj.get("tax_code")),
    )


def _price(obj: Json) -> Price:
    recurring = _part(obj, "recurring")
    amount = _decimal(obj.get("unit_amount_decimal"))
    return Price(
        **_base(obj),
        product=ref_id(obj.get("product")) or "",
        currency=_need(obj, "currency", str),
        active=_need(obj, "active", bool),
        lookup_key=obj.get("lookup_key"),
        unit_amount_decimal=amount if amount is not None else _decimal(obj.get("unit_amount")),
        interval=recurring.get("interval"),
        interval_count=_int(recurring.get("interval_count")) or 1,
        usage_type=recurring.get("usage_type"),
        billing_scheme=str(obj.get("billing_scheme") or "per_unit"),
    )


def _customer(obj: Json) -> Customer:
    method = _part(obj, "invoice_settings").get("default_payment_method")
    return Customer(
        **_base(obj),
        email=obj.get("email"),
        name=obj.get("name"),
        currency=obj.get("currency"),
        balance_minor=_int(obj.get("balance")) or 0,
        payment_method=method_words(method) if isinstance(method, Mapping) else None,
        delinquent=bool(obj.get("delinquent")),
    )


def method_words(method: Json) -> str | None:
    """``visa •••• 4242, 12/2030`` of a payment method or of a charge's payment_method_details."""
    kind = method.get("type")
    if not isinstance(kind, str):
        return None
    details = _part(method, kind)
    name = str(details.get("brand") or kind.replace("_", " "))
    last4 = details.get("last4")
    words = f"{name} •••• {last4}" if last4 else name
    month, year = details.get("exp_month"), details.get("exp_year")
    return f"{words}, {month:02d}/{year}" if isinstance(month, int) and isinstance(year, int) else words


def _item(obj: Json) -> Item:
    return Item(
        id=_need(obj, "id", str),
        price=_price(_need(obj, "price", Mapping)),
        quantity=_int(obj.get("quantity")),
        coupons=_coupons(obj.get("discounts")),
        period_start_s=_need(obj, "current_period_start", int),
        period_end_s=_need(obj, "current_period_end", int),
        metadata=_metadata(obj.get("metadata")),
    )


def _subscription(obj: Json) -> Subscription:
    return Subscription(
        **_base(obj),
        customer=ref_id(obj.get("customer")) or _need(obj, "customer", str),
        status=_need(obj, "status", str),
        currency=_need(obj, "currency", str),
        schedule=ref_id(obj.get("schedule")),
        collection_method=_need(obj, "collection_method", str),
        days_until_due=_int(obj.get("days_until_due")),
        start_date_s=_need(obj, "start_date", int),
        billing_cycle_anchor_s=_need(obj, "billing_cycle_anchor", int),
        trial_end_s=_int(obj.get("trial_end")),
        cancel_at_s=_int(obj.get("cancel_at")),
        cancel_at_period_end=bool(obj.get("cancel_at_period_end")),
        canceled_at_s=_int(obj.get("canceled_at")),
        ended_at_s=_int(obj.get("ended_at")),
        paused=obj.get("pause_collection") is not None,
        items=tuple(_item(i) for i in rows(_need(obj, "items", Mapping))),
        coupons=_coupons(obj.get("discounts")),
    )


def _phase_item(obj: Json) -> PhaseItem:
    return PhaseItem(
        price=ref_id(obj.get("price")) or _need(obj, "price", str, of="a phase's item"),
        quantity=_int(obj.get("quantity")),
        coupons=_coupons(obj.get("discounts")),
        metadata=_metadata(obj.get("metadata")),
    )


def _phase(obj: Json) -> Phase:
    return Phase(
        start_s=_need(obj, "start_date", int, of="a phase"),
        end_s=_need(obj, "end_date", int, of="a phase"),
        items=tuple(_phase_item(i) for i in rows(obj.get("items"))),
        add_invoice_items=tuple(_phase_item(i) for i in rows(obj.get("add_invoice_items"))),
        coupons=_coupons(obj.get("discounts")),
        proration_behavior=str(obj.get("proration_behavior") or ""),
        metadata=_metadata(obj.get("metadata")),
    )


def _schedule(obj: Json) -> Schedule:
    settings = _part(obj, "default_settings")
    invoices = _part(settings, "invoice_settings")
    phases = rows(_need(obj, "phases", list))
    return Schedule(
        **_base(obj),
        customer=ref_id(obj.get("customer")) or _need(obj, "customer", str),
        status=_need(obj, "status", str),
        subscription=ref_id(obj.get("subscription")),
        released_subscription=obj.get("released_subscription"),
        end_behavior=_need(obj, "end_behavior", str),
        collection_method=str(settings.get("collection_method") or ""),
        days_until_due=_int(invoices.get("days_until_due")),
        custom_fields=tuple((str(f.get("name")), str(f.get("value"))) for f in rows(invoices.get("custom_fields"))),
        currency=str(phases[0].get("currency") or "") if phases else "",
        phases=tuple(_phase(p) for p in phases),
        canceled_at_s=_int(obj.get("canceled_at")),
        completed_at_s=_int(obj.get("completed_at")),
    )


def _charge(obj: Json) -> Charge:
    return Charge(
        **_base(obj),
        payment_intent=ref_id(obj.get("payment_intent")),
        customer=ref_id(obj.get("customer")),
        amount_minor=_need(obj, "amount", int),
        currency=_need(obj, "currency", str),
        status=_need(obj, "status", str),
        failure_code=obj.get("failure_code"),
        failure_message=obj.get("failure_message"),
        method=method_words(_part(obj, "payment_method_details")),
    )


def _line(obj: Json) -> Line:
    parent = _part(obj, "parent")
    details = _part(parent, "subscription_item_details") or _part(parent, "invoice_item_details")
    period = _part(obj, "period")
    return Line(
        amount_minor=_need(obj, "amount", int, of="a line of an invoice"),
        quantity=_int(obj.get("quantity")),
        description=obj.get("description"),
        price=ref_id(_part(_part(obj, "pricing"), "price_details").get("price")),
        proration=bool(details.get("proration")),
        period_start_s=_int(period.get("start")) or 0,
        period_end_s=_int(period.get("end")) or 0,
        metadata=_metadata(obj.get("metadata")),
    )


def _period(obj: Json, lines: list[Json]) -> tuple[int, int]:
    """The time that is billed: of the recurring lines, else of all lines, else Stripe's own (which is only when it
    looked for items).
    """

    def recurring(line: Json) -> bool:
        details = _part(_part(line, "parent"), "subscription_item_details")
        return bool(details) and not details.get("proration")

    chosen = [x for x in lines if recurring(x)] or lines
    spans = [
        (s, e)
        for x in chosen
        if (s := _int(_part(x, "period").get("start"))) and (e := _int(_part(x, "period").get("end")))
    ]
    if not spans:
        return _int(obj.get("period_start")) or 0, _int(obj.get("period_end")) or 0
    return min(s for s, _ in spans), max(e for _, e in spans)


def _payment(obj: Json) -> InvoicePayment:
    status = _need(obj, "status", str)
    paid = _int(obj.get("amount_paid"))
    payment = _part(obj, "payment")
    return InvoicePayment(
        id=_need(obj, "id", str),
        status=status,
        amount_minor=paid if status == "paid" and paid is not None else _need(obj, "amount_requested", int),
        created_s=_need(obj, "created", int),
        paid_at_s=_int(_part(obj, "status_transitions").get("paid_at")),
        payment_intent=ref_id(payment.get("payment_intent")),
        out_of_band=payment.get("type") not in ("payment_intent", "charge"),
    )


def _last_error(obj: Json) -> Json:
    """`last_payment_error` of the newest payment intent that is expanded on the invoice's payments."""
    newest = sorted(
        rows(obj.get("payments")), key=lambda p: (_int(p.get("created")) or 0, str(p.get("id"))), reverse=True
    )
    for payment in newest:
        intent = _part(payment, "payment").get("payment_intent")
        if isinstance(intent, Mapping) and isinstance(intent.get("last_payment_error"), Mapping):
            error: Json = intent["last_payment_error"]
            return error
    return {}


def _invoice(obj: Json) -> Invoice:
    """An invoice whose ``payments`` are expanded and whose embedded lists are complete (`stripe_reads` sees to both)."""
    lines = rows(_need(obj, "lines", Mapping))
    moments = _part(obj, "status_transitions")
    of_subscription = _part(_part(obj, "parent"), "subscription_details")
    start_s, end_s = _period(obj, lines)
    error = _last_error(obj)
    return Invoice(
        **_base(obj),
        customer=ref_id(obj.get("customer")) or _need(obj, "customer", str),
        subscription=ref_id(of_subscription.get("subscription")),
        number=obj.get("number"),
        status=_need(obj, "status", str),
        currency=_need(obj, "currency", str),
        billing_reason=obj.get("billing_reason"),
        collection_method=_need(obj, "collection_method", str),
        subtotal_minor=_need(obj, "subtotal", int),
        tax_minor=sum(_int(t.get("amount")) or 0 for t in rows(obj.get("total_taxes"))),
        total_minor=_need(obj, "total", int),
        amount_due_minor=_need(obj, "amount_due", int),
        amount_paid_minor=_need(obj, "amount_paid", int),
        amount_remaining_minor=_need(obj, "amount_remaining", int),
        attempt_count=_int(obj.get("attempt_count")) or 0,
        next_payment_attempt_s=_int(obj.get("next_payment_attempt")),
        due_date_s=_int(obj.get("due_date")),
        finalized_at_s=_int(moments.get("finalized_at")),
        paid_at_s=_int(moments.get("paid_at")),
        voided_at_s=_int(moments.get("voided_at")),
        period_start_s=start_s,
        period_end_s=end_s,
        hosted_url=obj.get("hosted_invoice_url"),
        pdf_url=obj.get("invoice_pdf"),
        subscription_metadata=_metadata(of_subscription.get("metadata")),
        payments=tuple(_payment(p) for p in rows(obj.get("payments"))),
        lines=tuple(_line(x) for x in lines),
        last_error=error.get("message"),
        last_error_code=error.get("decline_code") or error.get("code"),
    )


_MAKERS: Mapping[str, Callable[[Json], Fact]] = {
    "coupon": _coupon,
    "product": _product,
    "price": _price,
    "customer": _customer,
    "subscription": _subscription,
    "subscription_schedule": _schedule,
    "charge": _charge,
    "invoice": _invoice,
}


def facts_of(objects: Iterable[object]) -> tuple[Fact, ...]:
    """`fact_of` each."""
    return tuple(fact_of(o) for o in objects)
