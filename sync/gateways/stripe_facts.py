"""Stripe's JSON -> facts. Strict about what every object of a kind has (BUG-502 names the missing field), tolerant of
new enum values and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pydantic import ValidationError

from sync.facts import (
    Coupon,
    Customer,
    Fact,
    Invoice,
    Portal,
    Product,
    Subscription,
    TaxId,
    TaxSettings,
)
from sync.gateways.stripe_agreement_facts import schedule, subscription
from sync.gateways.stripe_catalogue_facts import coupon, meter, price, product
from sync.gateways.stripe_invoice_facts import invoice
from sync.gateways.stripe_json import (
    Json,
    base,
    coupons_of,
    fault,
    int_of,
    need,
    part,
    ref_id,
)
from sync.gateways.stripe_money_facts import (
    balance,
    cash,
    charge,
    credit_note,
    dispute,
    method_words,
    pending_item,
    refund,
)
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
        source=ref_id(obj.get("default_source")),
        delinquent=bool(obj.get("delinquent")),
        coupon=next(iter(coupons_of([obj["discount"]])), None) if obj.get("discount") else None,
        coupon_end_s=int_of(part(obj, "discount").get("end")),
        address={str(name): str(value) for name, value in part(obj, "address").items() if value},
        tax_exempt=str(obj.get("tax_exempt") or "none"),
        values=values_of("customer", obj),
    )


def _portal(obj: Json) -> Portal:
    page = part(obj, "login_page")
    return Portal(login_url=str(page.get("url") or "") or None if page.get("enabled") else None)


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


def preview_of(raw: object) -> Invoice:
    """The invoice that Stripe says it would make, under the id ``upcoming``: it can't be fetched by its own."""
    if not isinstance(raw, Mapping) or raw.get("object") != "invoice":
        raise fault("a preview", "an invoice", raw)
    found = fact_of({**raw, "id": UPCOMING})
    assert isinstance(found, Invoice)
    return found


_MAKERS: Mapping[str, Callable[[Json], Fact]] = {
    "coupon": coupon,
    "product": product,
    "price": price,
    "billing.meter": meter,
    "customer": _customer,
    "subscription": subscription,
    "subscription_schedule": schedule,
    "charge": charge,
    "refund": refund,
    "dispute": dispute,
    "invoice": invoice,
    "invoiceitem": pending_item,
    "credit_note": credit_note,
    "customer_balance_transaction": balance,
    "cash_balance": cash,
    "tax_id": _tax_id,
    "tax.settings": _tax_settings,
    "billing_portal.configuration": _portal,
}


def facts_of(objects: Iterable[object]) -> tuple[Fact, ...]:
    """`fact_of` each."""
    return tuple(fact_of(o) for o in objects)
