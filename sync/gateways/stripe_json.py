"""Reading Stripe's JSON member by member: what must be there, what may be, and references in both of their forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sync.errors import Terminal
from sync.facts.catalogue import UNKNOWN_COUPON

Json = Mapping[str, Any]


def fault(what: str, path: str, seen: object) -> Terminal:
    """BUG-502, naming the object and the field, without repeating what stood there."""
    shown = f"a {type(seen).__name__}" if seen is not None else "nothing"
    return Terminal(
        "BUG-502", f"Unexpected answer from Stripe: {what} has {shown} where {path} should be; this deal is set aside."
    )


def need(obj: Json, name: str, kind: type, *, of: str = "") -> Any:
    """The member that every such object has, of this type; BUG-502 without it."""
    value = obj.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        what = of or str(obj.get("object") or "an object")
        raise fault(f"{what} {obj.get('id', '')}".strip(), name, value)
    return value


def base(obj: Json) -> dict[str, Any]:
    """What every object has in common."""
    return {
        "id": need(obj, "id", str),
        "created_s": need(obj, "created", int),
        "livemode": bool(obj.get("livemode", False)),
        "metadata": metadata(obj.get("metadata")),
    }


def metadata(value: object) -> dict[str, str]:
    """Metadata as text to text; empty where there is none."""
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def ref_id(value: object) -> str | None:
    """The id of a reference, expanded or not; None where there is none."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def int_of(value: object) -> int | None:
    """A whole number, or None for anything else (a boolean is none)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def decimal_of(value: object) -> Decimal | None:
    """An exact number in one spelling (``100``, never ``1E+2`` or ``100.00``), or None for anything that is no finite
    number.
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def part(obj: Json, name: str) -> Json:
    """An embedded object; empty where there is none."""
    value = obj.get(name)
    return value if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Json]:
    """The members of an embedded list object (``{"data": [...]}``) or of a plain array."""
    members = value.get("data") if isinstance(value, Mapping) else value
    return [m for m in members if isinstance(m, Mapping)] if isinstance(members, list) else []


def coupons_of(discounts: object) -> tuple[str, ...]:
    """Coupon ids in order, of Discount objects (``source.coupon``) or of a phase's entries (``coupon``, a discount that is
    taken along, or a promotion code). Reads must expand `discounts`, and what a phase names in place of a coupon.
    """
    found: list[str] = []
    for entry in discounts if isinstance(discounts, list) else []:
        if not isinstance(entry, Mapping):
            raise fault("a discount", "source.coupon (it was not expanded)", entry)
        coupon = ref_id(part(entry, "source").get("coupon")) or ref_id(entry.get("coupon"))
        if coupon is None and isinstance(entry.get("discount"), Mapping):
            coupon = ref_id(part(part(entry, "discount"), "source").get("coupon"))
        if coupon is None and isinstance(entry.get("promotion_code"), Mapping):
            coupon = ref_id(part(part(entry, "promotion_code"), "promotion").get("coupon"))
        found.append(coupon or UNKNOWN_COUPON)
    return tuple(found)


def coupon_ends_of(discounts: object) -> tuple[int | None, ...]:
    """When each discount of `coupons_of` stops working (Unix seconds), in the same order; () where none does by itself.

    https://docs.stripe.com/api/discounts/object (`end`: set for the duration `repeating`).
    """
    found = tuple(int_of(entry.get("end")) for entry in rows(discounts))
    return found if any(end is not None for end in found) else ()


def tax_sum(taxes: Iterable[Json], *, included: bool) -> int:
    """What these taxes come to: those that are part of the amount, or those on top of it."""
    return sum(int_of(t.get("amount")) or 0 for t in taxes if (t.get("tax_behavior") == "inclusive") is included)


def method_types(obj: Json) -> tuple[str, ...]:
    """The ways to pay that an object names; none: the account decides."""
    return tuple(str(kind) for kind in part(obj, "payment_settings").get("payment_method_types") or ())
