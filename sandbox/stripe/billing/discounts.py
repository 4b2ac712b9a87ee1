"""Discounts: coupons at work on a subscription, an item, an invoice or an invoice item.

A coupon that was deleted goes on working where it already stands, so a discount keeps the coupon's terms in `_terms`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from sandbox.stripe.billing import shapes
from sandbox.stripe.billing.amounts import DiscountTerm
from sandbox.stripe.billing.calendar import add_months
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Kernel, Obj

Specs = list[dict[str, Any]] | Literal[""] | None
"""`discounts` as a request gives it; `""` is none."""


def coupon_of(kernel: Kernel, spec: dict[str, Any], currency: str, param: str) -> Obj:
    """The valid coupon that a `{"coupon": id}` names; raises Stripe's refusal otherwise."""
    if spec.get("promotion_code"):
        raise invalid(f"No such promotion code: '{spec['promotion_code']}'", param, "resource_missing")
    coupon_id = spec.get("coupon")
    if not coupon_id:
        raise invalid("You must provide one of `coupon`, `discount` or `promotion_code` for each discount.", param)
    coupon = kernel.get("coupon", coupon_id, param=f"{param}[coupon]")
    used_up = coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]
    expired = coupon["redeem_by"] is not None and coupon["redeem_by"] <= kernel.now_s()
    if not coupon["valid"] or used_up or expired:
        raise invalid(f"Coupon {coupon_id} is used up or expired and cannot be applied.", f"{param}[coupon]")
    if coupon.get("amount_off") is not None and coupon["currency"] != currency:
        raise invalid(
            f"The coupon {coupon_id} is in `{coupon['currency']}` and cannot be used on an object in `{currency}`.",
            f"{param}[coupon]",
        )
    return coupon


def check(kernel: Kernel, specs: Specs, currency: str, param: str = "discounts") -> None:
    """Refuse what `attach` could not attach; changes nothing."""
    seen: set[str] = set()
    for index, spec in enumerate(specs or []):
        at = f"{param}[{index}]"
        if spec.get("discount"):
            kernel.get("discount", spec["discount"], param=f"{at}[discount]")
            continue
        coupon = coupon_of(kernel, spec, currency, at)
        if coupon["id"] in seen:
            raise invalid(f"The coupon {coupon['id']} is given more than once.", at)
        seen.add(coupon["id"])


def attach(
    kernel: Kernel, specs: Specs, owner: dict[str, Any], start: int, current: list[str] | None = None
) -> list[str]:
    """The discount ids for these specs, in their order; a discount in `current` of the same coupon is kept.

    `owner` says what the discount stands on: `customer` and `currency`, and one of `subscription`,
    `subscription_item`, `invoice`, `invoice_item`.
    """
    standing = {d["source"]["coupon"]: d for d in _found(kernel, current or [])}
    attached: list[str] = []
    for index, spec in enumerate(specs or []):
        if spec.get("discount"):
            attached.append(kernel.get("discount", spec["discount"], param="discounts")["id"])
            continue
        coupon = coupon_of(kernel, spec, owner["currency"], f"discounts[{index}]")
        kept = standing.get(coupon["id"])
        attached.append(kept["id"] if kept else _new(kernel, coupon, owner, start)["id"])
    return attached


def _found(kernel: Kernel, ids: list[str]) -> list[Obj]:
    return [found for id in ids if (found := kernel.store.get("discount", id)) is not None]


def _new(kernel: Kernel, coupon: Obj, owner: dict[str, Any], start: int) -> Obj:
    months = coupon.get("duration_in_months")
    end = add_months(start, months) if coupon["duration"] == "repeating" and months else None
    found = shapes.discount(kernel.new_id("di"), coupon["id"], owner["customer"], start, end)
    for field in ("subscription", "subscription_item", "invoice", "invoice_item"):
        found[field] = owner.get(field)
    found["_terms"] = {
        "percent": None if coupon["percent_off"] is None else Decimal(str(coupon["percent_off"])),
        "amount": coupon["amount_off"],
        "duration": coupon["duration"],
        "products": (coupon.get("_applies_to") or {}).get("products"),
    }
    kernel.add(found)
    with kernel.changing(coupon):
        coupon["times_redeemed"] += 1
        coupon["valid"] = coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]
    return found


def terms(kernel: Kernel, ids: list[str], at: int) -> list[DiscountTerm]:
    """What these discounts take off at this instant, in order; ended ones take nothing."""
    live = [d for d in _found(kernel, ids) if d["end"] is None or d["end"] > at]
    return [_term(d["id"], d["_terms"]) for d in live]


def _term(id: str, stored: dict[str, Any]) -> DiscountTerm:
    products = None if stored["products"] is None else frozenset(stored["products"])
    return DiscountTerm(id, percent=stored["percent"], amount=stored["amount"], products=products)


def used_once(kernel: Kernel, ids: list[str]) -> list[str]:
    """The discounts that stay after an invoice has used them: those of duration `once` go."""
    return [d["id"] for d in _found(kernel, ids) if d["_terms"]["duration"] != "once"]


def still_running(kernel: Kernel, ids: list[str], at: int) -> list[str]:
    """The discounts that have not ended at this instant."""
    return [d["id"] for d in _found(kernel, ids) if d["end"] is None or d["end"] > at]


def as_specs(kernel: Kernel, ids: list[str]) -> list[dict[str, Any]]:
    """Standing discounts as a schedule phase lists them."""
    return [{"coupon": d["source"]["coupon"], "discount": None, "promotion_code": None} for d in _found(kernel, ids)]
