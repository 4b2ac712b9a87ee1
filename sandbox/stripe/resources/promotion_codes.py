"""Promotion codes (https://docs.stripe.com/api/promotion_codes): what a customer types in to redeem a coupon."""

from __future__ import annotations

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    boolean,
    currency,
    in_range,
    integer,
    merged_metadata,
    metadata,
    one_of,
    struct,
    text,
    timestamp,
)

expandable("promotion_code", "customer", "customer")
expandable("promotion_code", "promotion.coupon", "coupon")

_RESTRICTIONS: Fields = {
    "first_time_transaction": boolean(),
    "minimum_amount": integer(1),
    "minimum_amount_currency": currency(),
}
_CREATE: Fields = {
    "active": boolean(),
    "code": text(max=500, pattern="[A-Za-z0-9-]+"),
    "customer": text(),
    "expires_at": timestamp(),
    "max_redemptions": integer(1),
    "metadata": metadata(clearable=False),
    "promotion": struct({"type": one_of("coupon").required(), "coupon": text()}).required(),
    "restrictions": struct(_RESTRICTIONS),
}
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@route("POST", "/v1/promotion_codes", _CREATE)
def create_promotion_code(call: Call) -> Obj:
    """Make a code for a coupon; one is invented where none is given. A code is used once among the active ones."""
    kernel, given = call.kernel, call.params
    if "coupon" not in given["promotion"]:
        raise invalid("Missing required param: promotion[coupon].", "promotion[coupon]", "parameter_missing")
    coupon = kernel.get("coupon", given["promotion"]["coupon"], "promotion[coupon]")
    if "customer" in given:
        kernel.get("customer", given["customer"], "customer")
    _check_limits(kernel, given, coupon)
    restrictions = given.get("restrictions") or {}
    if ("minimum_amount" in restrictions) != ("minimum_amount_currency" in restrictions):
        missing = "minimum_amount" if "minimum_amount" not in restrictions else "minimum_amount_currency"
        at = f"restrictions[{missing}]"
        raise invalid(f"Missing required param: {at}.", at, "parameter_missing")
    code = given.get("code") or "".join(kernel.world.rng.choices(_ALPHABET, k=8))
    active = given.get("active", True)
    if active:
        _check_free(kernel, code, given.get("customer"))
    made: Obj = {
        "id": kernel.new_id("promo"),
        "object": "promotion_code",
        "active": active,
        "code": code,
        "created": kernel.now_s(),
        "customer": given.get("customer"),
        "customer_account": None,
        "expires_at": given.get("expires_at"),
        "livemode": False,
        "max_redemptions": given.get("max_redemptions"),
        "metadata": merged_metadata({}, given.get("metadata")),
        "promotion": {"type": "coupon", "coupon": coupon["id"]},
        "restrictions": {
            "first_time_transaction": restrictions.get("first_time_transaction", False),
            "minimum_amount": restrictions.get("minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }
    return kernel.add(made, "promotion_code.created")


def _check_limits(kernel: Kernel, given: Obj, coupon: Obj) -> None:
    if not coupon["valid"]:
        raise invalid(f"Coupon {coupon['id']} is not valid anymore.", "promotion[coupon]")
    expires = given.get("expires_at")
    if expires is not None and expires <= kernel.now_s():
        raise invalid("`expires_at` must be in the future.", "expires_at")
    if expires is not None and coupon["redeem_by"] is not None and expires > coupon["redeem_by"]:
        raise invalid("`expires_at` cannot be after the `redeem_by` of the coupon.", "expires_at")
    most = given.get("max_redemptions")
    if most is not None and coupon["max_redemptions"] is not None and most > coupon["max_redemptions"]:
        raise invalid("`max_redemptions` cannot be greater than that of the coupon.", "max_redemptions")


def _check_free(kernel: Kernel, code: str, customer: str | None) -> None:
    for other in kernel.store.all("promotion_code"):
        alike = other["code"].lower() == code.lower() and other["customer"] == customer
        if alike and is_active(kernel, other):
            message = f"An active promotion code with `code: {other['code']}` already exists."
            raise invalid(message, "code", "resource_already_exists")


def is_active(kernel: Kernel, code: Obj) -> bool:
    """Whether the code can be redeemed now, as far as it alone says: its coupon has to be valid too."""
    coupon = kernel.store.get("coupon", code["promotion"]["coupon"])
    used_up = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    expired = code["expires_at"] is not None and code["expires_at"] <= kernel.now_s()
    return bool(code["active"] and coupon is not None and coupon["valid"] and not used_up and not expired)


def _as_it_is(kernel: Kernel, code: Obj) -> Obj:
    """The code with `active` as it is by now: it ends by the clock, and with its coupon."""
    if code["active"] and not is_active(kernel, code):
        code["active"] = False
    return code


@route("POST", "/v1/promotion_codes/{id}", {"active": boolean(), "metadata": metadata()})
def update_promotion_code(call: Call) -> Obj:
    """Switch it on or off, and its metadata; every other parameter is unknown here. Restrictions take other currencies'
    minimums at Stripe, which this sandbox refuses.
    """
    kernel, given = call.kernel, call.params
    code = _as_it_is(kernel, kernel.get("promotion_code", call.ids["id"]))
    kept = merged_metadata(code["metadata"], given.get("metadata"))
    if given.get("active") and not code["active"]:
        if not is_active(kernel, {**code, "active": True}):
            raise invalid("This promotion code cannot be activated: it or its coupon can't be redeemed.", "active")
        _check_free(kernel, code["code"], code["customer"])
    with kernel.changing(code, "promotion_code.updated"):
        code["metadata"] = kept
        code["active"] = given.get("active", code["active"])
    return code


@route("GET", "/v1/promotion_codes/{id}")
def retrieve_promotion_code(call: Call) -> Obj:
    """By its id, not by what a customer types in: for that there is the list."""
    return _as_it_is(call.kernel, call.kernel.get("promotion_code", call.ids["id"]))


_LIST: Fields = {
    **PAGE,
    "active": boolean(),
    "code": text(),
    "coupon": text(),
    "created": RANGE,
    "customer": text(),
}


@route("GET", "/v1/promotion_codes", _LIST)
def list_promotion_codes(call: Call) -> Obj:
    """Newest first; ``code`` without regard to case."""
    wanted = call.params

    def fits(code: Obj) -> bool:
        _as_it_is(call.kernel, code)
        return (
            ("active" not in wanted or code["active"] == wanted["active"])
            and ("code" not in wanted or code["code"].lower() == wanted["code"].lower())
            and ("coupon" not in wanted or code["promotion"]["coupon"] == wanted["coupon"])
            and ("customer" not in wanted or code["customer"] == wanted["customer"])
            and in_range(code["created"], wanted.get("created"))
        )

    return call.page("promotion_code", where=fits)
