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
from sandbox.stripe.resources.promotion_codes import is_active

Specs = list[dict[str, Any]] | Literal[""] | None
"""`discounts` as a request gives it; `""` is none."""


def coupon_of(kernel: Kernel, spec: dict[str, Any], currency: str | None, param: str) -> Obj:
    """The valid coupon that a spec names, by itself or by a promotion code; raises Stripe's refusal otherwise.

    `currency` is that of what is billed; of a customer who was never billed there is none yet.
    """
    coupon_id = spec.get("coupon")
    if spec.get("promotion_code"):
        coupon_id = kernel.get("promotion_code", spec["promotion_code"], f"{param}[promotion_code]")["promotion"][
            "coupon"
        ]
    if not coupon_id:
        raise invalid("You must provide one of `coupon`, `discount` or `promotion_code` for each discount.", param)
    coupon = kernel.get("coupon", coupon_id, param=f"{param}[coupon]")
    used_up = coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]
    expired = coupon["redeem_by"] is not None and coupon["redeem_by"] <= kernel.now_s()
    if not coupon["valid"] or used_up or expired:
        raise invalid(f"Coupon {coupon_id} is used up or expired and cannot be applied.", f"{param}[coupon]")
    priced = {coupon["currency"], *coupon["_currency_options"]}
    if coupon.get("amount_off") is not None and currency is not None and currency not in priced:
        raise invalid(
            f"The coupon {coupon_id} is in `{coupon['currency']}` and cannot be used on an object in `{currency}`.",
            f"{param}[coupon]",
        )
    return coupon


def check(
    kernel: Kernel,
    specs: Specs,
    currency: str | None,
    param: str = "discounts",
    *,
    customer: str | None = None,
    purchase: int | None = None,
) -> None:
    """Refuse what `attach` could not attach; changes nothing.

    `customer` is who redeems; `purchase` what is bought with a promotion code, in minor units before discounts: without
    it a code that asks for a least amount is refused.
    """
    seen: set[str] = set()
    for index, spec in enumerate(specs or []):
        at = f"{param}[{index}]"
        if spec.get("discount"):
            kernel.get("discount", spec["discount"], param=f"{at}[discount]")
            continue
        if spec.get("promotion_code"):
            if spec.get("coupon"):
                raise invalid("You may only specify one of these parameters: coupon, promotion_code.", at)
            _check_code(kernel, spec["promotion_code"], customer, currency, purchase, f"{at}[promotion_code]")
        coupon = coupon_of(kernel, spec, currency, at)
        if coupon["id"] in seen:
            raise invalid(f"The coupon {coupon['id']} is given more than once.", at)
        seen.add(coupon["id"])


def _check_code(
    kernel: Kernel, id: str, customer: str | None, currency: str | None, purchase: int | None, param: str
) -> None:
    """Refuse a promotion code that this customer can't redeem with this purchase."""
    code = kernel.get("promotion_code", id, param)
    cannot = "This promotion code cannot be redeemed"
    if not is_active(kernel, code):
        if code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]:
            raise invalid(f"{cannot} because it has been used the maximum number of times.", param)
        raise invalid(f"{cannot} because it is expired or no longer active.", param)
    if code["customer"] is not None and code["customer"] != customer:
        raise invalid(f"{cannot} because it is restricted to another customer.", param)
    rules = code["restrictions"]
    if rules["first_time_transaction"] and customer is not None and _has_paid(kernel, customer):
        raise invalid(f"{cannot} because the associated customer has prior transactions.", param)
    if rules["minimum_amount"] is None:
        return
    if purchase is None:
        raise invalid(
            f"{cannot} on a subscription update because it uses the `minimum_amount` restriction and the amount may"
            " change.",
            param,
        )
    if rules["minimum_amount_currency"] != currency or purchase < rules["minimum_amount"]:
        raise invalid(f"{cannot} because the purchase does not meet its minimum amount.", param)


def _has_paid(kernel: Kernel, customer: str) -> bool:
    """Whether the customer has any paid invoice or successful payment."""
    of = ("customer", customer)
    return any(invoice["status"] == "paid" for invoice in kernel.store.all("invoice", of=of))


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
        attached.append(kept["id"] if kept else _new(kernel, coupon, owner, start, spec.get("promotion_code"))["id"])
    return attached


def _found(kernel: Kernel, ids: list[str]) -> list[Obj]:
    return [found for id in ids if (found := kernel.store.get("discount", id)) is not None]


def _new(kernel: Kernel, coupon: Obj, owner: dict[str, Any], start: int, code_id: str | None) -> Obj:
    months = coupon.get("duration_in_months")
    end = add_months(start, months) if coupon["duration"] == "repeating" and months else None
    found = shapes.discount(kernel.new_id("di"), coupon["id"], owner["customer"], start, end)
    for field in ("subscription", "subscription_item", "invoice", "invoice_item"):
        found[field] = owner.get(field)
    found["promotion_code"] = code_id
    found["_terms"] = {
        "percent": None if coupon["percent_off"] is None else Decimal(str(coupon["percent_off"])),
        "amount": _amount_in(owner["currency"], coupon),
        "duration": coupon["duration"],
        "products": (coupon.get("_applies_to") or {}).get("products"),
    }
    kernel.add(found)
    code = kernel.store.get("promotion_code", code_id or "")
    if code is not None:
        with kernel.changing(code, "promotion_code.updated"):
            code["times_redeemed"] += 1
            code["active"] = is_active(kernel, code)
    with kernel.changing(coupon):
        coupon["times_redeemed"] += 1
        coupon["valid"] = coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]
    return found


def _amount_in(currency: str | None, coupon: Obj) -> int | None:
    option = coupon["_currency_options"].get(currency)
    return option["amount_off"] if option is not None else coupon["amount_off"]


def of_customer(kernel: Kernel, customer_id: str) -> list[str]:
    """The discount of the customer as a whole, if one is at work."""
    found = (kernel.store.get("customer", customer_id) or {}).get("discount")
    return [found["id"]] if found is not None and still_running(kernel, [found["id"]], kernel.now_s()) else []


def foreign_to(kernel: Kernel, customer: Obj, currency: str) -> list[str]:
    """The currency of the customer's discount, where it is an amount that has none in this currency."""
    coupon = kernel.store.buried("coupon", customer["discount"]["source"]["coupon"]) if customer["discount"] else None
    if coupon is None or coupon["amount_off"] is None or currency in (coupon["currency"], *coupon["_currency_options"]):
        return []
    return [coupon["currency"]]


def at_work(kernel: Kernel, subscription: Obj) -> list[str]:
    """What comes off the invoices of a subscription: its own discounts, else its customer's.

    It is without any where the phase that it is in says so by `''`.
    """
    if subscription["discounts"] or not subscription.get("_inherits", True):
        return list(subscription["discounts"])
    return of_customer(kernel, subscription["customer"])


def deleted(gone: Obj) -> Obj:
    """What is answered for a discount that was taken away."""
    return {**{key: value for key, value in gone.items() if key != "end"}, "deleted": True}


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
