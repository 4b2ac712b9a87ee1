"""Coupons (https://docs.stripe.com/api/coupons): immutable but for name and metadata, own ids allowed."""

from __future__ import annotations

from sandbox.stripe.currencies import CURRENCIES
from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Obj, includable, route
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    array,
    currency,
    decimal,
    in_range,
    integer,
    merged_metadata,
    metadata,
    one_of,
    struct,
    text,
    timestamp,
)
from sandbox.stripe.resources.shapes import unset

includable("coupon", "applies_to", lambda kernel, coupon: coupon["_applies_to"])
includable("coupon", "currency_options", lambda kernel, coupon: coupon["_currency_options"])

_OPTIONS = struct({code: struct({"amount_off": integer(1, 99_999_999).required()}) for code in sorted(CURRENCIES)})

_CREATE: Fields = {
    "amount_off": integer(1, 99_999_999),
    "applies_to": struct({"products": array(text())}),
    "currency": currency(),
    "currency_options": _OPTIONS,
    "duration": one_of("forever", "once", "repeating"),
    "duration_in_months": integer(1),
    "id": text(max=200, pattern=r"[A-Za-z0-9_\-.]+"),
    "max_redemptions": integer(1),
    "metadata": metadata(),
    "name": text(max=40),
    "percent_off": decimal(places=2, max="100"),
    "redeem_by": timestamp(),
}


@route("POST", "/v1/coupons", _CREATE)
def create_coupon(call: Call) -> Obj:
    """Create a percent or an amount off; ``duration`` is ``once`` unless given."""
    kernel, params = call.kernel, call.params
    _check_rules(call)
    id = params.get("id") or kernel.new_id("cpn").removeprefix("cpn_")[1:9]
    if kernel.store.get("coupon", id):
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    percent = params.get("percent_off")
    redeem_by = params.get("redeem_by")
    coupon: Obj = {
        "id": id,
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": kernel.now_s(),
        "currency": params["currency"] if "amount_off" in params else None,
        "duration": params.get("duration", "once"),
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "name": params.get("name"),
        "percent_off": None if percent is None else float(percent),
        "redeem_by": redeem_by,
        "times_redeemed": 0,
        "valid": True,
        "_applies_to": params.get("applies_to"),
        "_currency_options": params.get("currency_options") or {},
    }
    return kernel.add(coupon, "coupon.created")


def _check_rules(call: Call) -> None:
    params = call.params
    if ("percent_off" in params) == ("amount_off" in params):
        raise invalid("Must provide either percent_off or amount_off, but not both.", "percent_off")
    if "percent_off" in params and params["percent_off"] <= 0:
        raise invalid("Invalid decimal: percent_off must be greater than 0.", "percent_off")
    _check_options(params)
    if "amount_off" in params and "currency" not in params:
        raise invalid("Must provide currency when amount_off is used.", "currency", "parameter_missing")
    repeating = params.get("duration", "once") == "repeating"
    if repeating and "duration_in_months" not in params:
        message = "You must specify `duration_in_months` when `duration` is `repeating`."
        raise invalid(message, "duration_in_months", "parameter_missing")
    if "duration_in_months" in params and not repeating:
        raise invalid("`duration_in_months` can only be set when `duration` is `repeating`.", "duration_in_months")
    if params.get("redeem_by", call.kernel.now_s() + 1) <= call.kernel.now_s():
        raise invalid("`redeem_by` must be in the future.", "redeem_by")
    for number, product_id in enumerate((params.get("applies_to") or {}).get("products", [])):
        call.kernel.get("product", product_id, f"applies_to[products][{number}]")


def _check_options(params: Obj) -> None:
    options = params.get("currency_options") or {}
    if options and "amount_off" not in params:
        raise invalid("`currency_options` is only supported if `amount_off` is passed.", "currency_options")
    if params.get("currency") in options:
        at = f"currency_options[{params['currency']}]"
        raise invalid("Each currency in `currency_options` must be another than `currency`.", at)


_UPDATE: Fields = {"currency_options": _OPTIONS, "metadata": metadata(), "name": text(max=40).clearable()}


@route("POST", "/v1/coupons/{id}", _UPDATE)
def update_coupon(call: Call) -> Obj:
    """Name, metadata and amounts in further currencies; every other parameter is unknown here, as at Stripe."""
    coupon = call.kernel.get("coupon", call.ids["id"])
    added = call.params.get("currency_options") or {}
    _check_options({**coupon, "currency_options": added} if coupon["amount_off"] else {"currency_options": added})
    kept = merged_metadata(coupon["metadata"], call.params.get("metadata"))
    with call.kernel.changing(coupon, "coupon.updated"):
        coupon["metadata"] = kept
        coupon["_currency_options"] = {**coupon["_currency_options"], **added}
        if "name" in call.params:
            coupon["name"] = unset(call.params["name"])
    return coupon


@route("GET", "/v1/coupons/{id}")
def retrieve_coupon(call: Call) -> Obj:
    """A deleted coupon is gone: 404. Discounts that exist keep it."""
    return call.kernel.get("coupon", call.ids["id"])


@route("GET", "/v1/coupons", {**PAGE, "created": RANGE})
def list_coupons(call: Call) -> Obj:
    """Newest first."""
    return call.page("coupon", where=lambda c: in_range(c["created"], call.params.get("created")))


@route("DELETE", "/v1/coupons/{id}")
def delete_coupon(call: Call) -> Obj:
    """It can't be redeemed any more; what it was redeemed for keeps it."""
    coupon = call.kernel.get("coupon", call.ids["id"])
    coupon["valid"] = False
    return call.kernel.remove(coupon, "coupon.deleted")
