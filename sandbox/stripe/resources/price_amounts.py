"""The money in a price: unit amounts whole or fractional, tiers, and what may not stand together."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.stripe.errors import invalid, missing_param
from sandbox.stripe.params import Fields, decimal, either, integer, join, one_of

MOST = 999_999_999_999
"""The largest unit amount, in minor units."""
AMOUNTS: Fields = {
    "unit_amount": integer(0, MOST),
    "unit_amount_decimal": decimal(places=12, min="0", max=str(MOST)),
}
TIER: Fields = {
    "flat_amount": integer(0, MOST),
    "flat_amount_decimal": decimal(places=12, min="0"),
    "unit_amount": integer(0, MOST),
    "unit_amount_decimal": decimal(places=12, min="0"),
    "up_to": either(one_of("inf"), integer(1)).required(),
}


def amounts(params: dict[str, Any], at: str = "") -> tuple[int | None, str | None]:
    """``unit_amount`` (null when fractional) and ``unit_amount_decimal`` of exactly one of the two given."""
    given = [key for key in AMOUNTS if key in params]
    if len(given) != 1:
        where = f" in {at}" if at else ""
        message = f"You must provide exactly one of unit_amount or unit_amount_decimal{where}."
        raise invalid(message, at or None, "parameters_exclusive" if given else "parameter_missing")
    value = Decimal(params[given[0]])
    whole = int(value) if value == value.to_integral_value() else None
    return whole, plain(value)


def plain(value: Decimal) -> str:
    """A decimal as Stripe writes it: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(params: dict[str, Any], scheme: str | None = None, at: str = "") -> dict[str, Any]:
    """The amounts of a per-unit or a tiered price, checked; of an option of a currency where ``scheme`` is its price's."""
    if (scheme or params.get("billing_scheme", "per_unit")) == "per_unit":
        for key in ("tiers", "tiers_mode"):
            if key in params:
                raise invalid(f"`{key}` can only be set when `billing_scheme` is `tiered`.", join(at, key))
        whole, exact = amounts(params, at)
        return {"unit_amount": whole, "unit_amount_decimal": exact, "_tiers": None}
    for key in (*AMOUNTS, "transform_quantity"):
        if key in params:
            raise invalid(f"`{key}` can't be used when `billing_scheme` is `tiered`.", join(at, key))
    for key in ("tiers",) if scheme else ("tiers", "tiers_mode"):
        if key not in params:
            raise missing_param(join(at, key))
    return {"unit_amount": None, "unit_amount_decimal": None, "_tiers": _tiers(params["tiers"], join(at, "tiers"))}


def _tiers(given: list[dict[str, Any]], at: str) -> list[dict[str, Any]]:
    bounds = [tier["up_to"] for tier in given]
    if not bounds or bounds[-1] != "inf" or "inf" in bounds[:-1]:
        raise invalid("The last tier must be unbounded: up_to=inf, and no other.", at)
    if bounds[:-1] != sorted(set(bounds[:-1])):
        raise invalid("Tiers must be in ascending order of up_to.", at)
    shown = []
    for number, tier in enumerate(given):
        row: dict[str, Any] = {"up_to": None if tier["up_to"] == "inf" else tier["up_to"]}
        for key in ("flat_amount", "unit_amount"):
            row[key], row[f"{key}_decimal"] = _tier_amount(tier, key, f"{at}[{number}]")
        if row["flat_amount_decimal"] is None and row["unit_amount_decimal"] is None:
            raise invalid("A tier needs a unit amount or a flat amount.", f"{at}[{number}]")
        shown.append(row)
    return shown


def _tier_amount(tier: dict[str, Any], key: str, at: str) -> tuple[int | None, str | None]:
    if key in tier and f"{key}_decimal" in tier:
        raise invalid(f"Give either {key} or {key}_decimal.", at, "parameters_exclusive")
    value = tier.get(key, tier.get(f"{key}_decimal"))
    if value is None:
        return None, None
    exact = Decimal(value)
    return (int(exact) if exact == exact.to_integral_value() else None), plain(exact)
