"""Products, prices, coupons and meters: Stripe's JSON -> facts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sync.facts import Coupon, Meter, Price, PriceOption, PriceTier, Product
from sync.gateways.stripe_json import (
    Json,
    base,
    decimal_of,
    int_of,
    need,
    part,
    ref_id,
)
from sync.gateways.stripe_shapes import values_of


def coupon(obj: Json) -> Coupon:
    """A coupon."""
    return Coupon(
        **base(obj),
        percent_off=decimal_of(obj.get("percent_off")),
        amount_off_minor=int_of(obj.get("amount_off")),
        currency=obj.get("currency"),
        duration=str(need(obj, "duration", str)),
        duration_in_months=int_of(obj.get("duration_in_months")),
        valid=bool(obj.get("valid", True)),
        products=tuple(str(id_) for id_ in part(obj, "applies_to").get("products") or ()),
        max_redemptions=int_of(obj.get("max_redemptions")),
        redeem_by_s=int_of(obj.get("redeem_by")),
        amounts={
            str(code): amount
            for code, option in part(obj, "currency_options").items()
            if isinstance(option, Mapping) and (amount := int_of(option.get("amount_off"))) is not None
        },
    )


def product(obj: Json) -> Product:
    """A product."""
    return Product(
        **base(obj),
        name=need(obj, "name", str),
        description=obj.get("description"),
        active=need(obj, "active", bool),
        tax_code=ref_id(obj.get("tax_code")),
        values=values_of("product", obj),
    )


def price(obj: Json) -> Price:
    """A price, with its steps where they were asked for."""
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
        options=_options(obj),
    )


def _options(obj: Json) -> tuple[PriceOption, ...]:
    """The amounts in each currency of a price that has several, where they were asked for."""
    given = part(obj, "currency_options")
    if not set(given) - {obj.get("currency")}:
        return ()
    return tuple(_option(code, part(given, code)) for code in sorted(given))


def _option(code: str, obj: Json) -> PriceOption:
    amount = decimal_of(obj.get("unit_amount_decimal"))
    return PriceOption(
        currency=code,
        unit_amount_decimal=amount if amount is not None else decimal_of(obj.get("unit_amount")),
        tiers=tuple(_tier(tier) for tier in obj.get("tiers") or ()),
        tax_behavior=str(obj.get("tax_behavior") or "unspecified"),
    )


def _tier(obj: Json) -> PriceTier:
    unit, flat = decimal_of(obj.get("unit_amount_decimal")), decimal_of(obj.get("flat_amount_decimal"))
    return PriceTier(up_to=int_of(obj.get("up_to")), unit=unit or Decimal(0), flat=flat or Decimal(0))


def meter(obj: Json) -> Meter:
    """A billing meter."""
    return Meter(
        **base(obj),
        event_name=need(obj, "event_name", str),
        status=need(obj, "status", str),
        display_name=need(obj, "display_name", str),
        formula=str(part(obj, "default_aggregation").get("formula") or ""),
        customer_key=str(part(obj, "customer_mapping").get("event_payload_key") or "stripe_customer_id"),
        value_key=str(part(obj, "value_settings").get("event_payload_key") or "value"),
    )
