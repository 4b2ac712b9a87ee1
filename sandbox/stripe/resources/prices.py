"""Prices (https://docs.stripe.com/api/prices): immutable in all that is money; found by ``lookup_key``."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, includable, route
from sandbox.stripe.params import (
    PAGE,
    RANGE,
    Fields,
    array,
    boolean,
    currency,
    in_range,
    integer,
    merged_metadata,
    metadata,
    one_of,
    struct,
    text,
)
from sandbox.stripe.resources.price_amounts import AMOUNTS, TIER, amounts, money
from sandbox.stripe.resources.price_currencies import OPTIONS, changed_options, options
from sandbox.stripe.resources.products import new_product
from sandbox.stripe.resources.shapes import unset

expandable("price", "product", "product")
includable("price", "tiers", lambda kernel, price: price["_tiers"])

_INTERVAL = one_of("day", "week", "month", "year")
_LONGEST = {"day": 3 * 365, "week": 3 * 52, "month": 36, "year": 3}
RECURRING: Fields = {"interval": _INTERVAL.required(), "interval_count": integer(1)}
_CREATE: Fields = {
    **AMOUNTS,
    "active": boolean(),
    "billing_scheme": one_of("per_unit", "tiered"),
    "currency": currency().required(),
    "currency_options": OPTIONS,
    "lookup_key": text(max=200),
    "metadata": metadata(clearable=False),
    "nickname": text(),
    "product": text(),
    "product_data": struct(
        {
            "active": boolean(),
            "id": text(max=255),
            "metadata": metadata(clearable=False),
            "name": text(max=250).required(),
            "statement_descriptor": text(max=22),
            "tax_code": text(),
            "unit_label": text(max=12),
        }
    ),
    "recurring": struct(
        {
            **RECURRING,
            "meter": text(),
            "trial_period_days": integer(1, 730),
            "usage_type": one_of("licensed", "metered"),
        }
    ),
    "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
    "tiers": array(struct(TIER)),
    "tiers_mode": one_of("graduated", "volume"),
    "transfer_lookup_key": boolean(),
    "transform_quantity": struct({"divide_by": integer(1).required(), "round": one_of("down", "up").required()}),
}
_UPDATE: Fields = {
    "active": boolean(),
    "currency_options": OPTIONS.clearable(),
    "lookup_key": text(max=200).clearable(),
    "metadata": metadata(),
    "nickname": text().clearable(),
    "tax_behavior": one_of("exclusive", "inclusive", "unspecified"),
    "transfer_lookup_key": boolean(),
}


def inline_price(kernel: Kernel, data: dict[str, Any], at: str) -> Obj:
    """A price from ``price_data``: stored, retrievable, inactive and left out of lists. Checks before it stores."""
    product = kernel.get("product", data["product"], f"{at}[product]")
    recurring = data.get("recurring")
    if recurring:
        _check_interval(recurring, f"{at}[recurring]")
    whole, exact = amounts(data, at)
    price = _fresh(kernel, product["id"], data, recurring)
    price.update({"unit_amount": whole, "unit_amount_decimal": exact, "active": False, "_inline": True})
    return kernel.add(price)


def _fresh(kernel: Kernel, product_id: str, params: dict[str, Any], recurring: dict[str, Any] | None) -> Obj:
    return {
        "id": kernel.new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": kernel.now_s(),
        "currency": params["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": params.get("lookup_key"),
        "metadata": merged_metadata({}, params.get("metadata")),
        "nickname": params.get("nickname"),
        "product": product_id,
        "recurring": _recurring(recurring),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": None,
        "unit_amount_decimal": None,
        "_tiers": None,
        "_options": {},
        "_inline": False,
    }


def _recurring(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if not given:
        return None
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": given.get("meter"),
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def _check_interval(recurring: dict[str, Any], at: str) -> None:
    if recurring.get("interval_count", 1) > _LONGEST[recurring["interval"]]:
        raise invalid("The maximum billing interval is three years.", f"{at}[interval_count]")


@route("POST", "/v1/prices", _CREATE)
def create_price(call: Call) -> Obj:
    """Create for a product, or with a new one; a taken lookup key is refused unless it is transferred."""
    kernel, params = call.kernel, call.params
    if ("product" in params) == ("product_data" in params):
        raise invalid("You must specify either `product` or `product_data` when creating a price.", "product")
    if "product" in params:
        kernel.get("product", params["product"], "product")
    recurring = params.get("recurring")
    if recurring:
        _check_recurring(kernel, recurring)
    amounts_given = money(params)
    scheme = params.get("billing_scheme", "per_unit")
    amounts_given["_options"] = options(params.get("currency_options") or {}, scheme, params["currency"])
    holder = _lookup_holder(call, None)
    product_id = params["product"] if "product" in params else new_product(kernel, params["product_data"])["id"]
    _release_lookup(kernel, holder)
    price = _fresh(kernel, product_id, params, recurring)
    price.update(amounts_given)
    return kernel.add(price, "price.created")


def _check_recurring(kernel: Kernel, recurring: dict[str, Any]) -> None:
    _check_interval(recurring, "recurring")
    metered = recurring.get("usage_type") == "metered"
    if metered and "meter" not in recurring:
        raise invalid(
            "Starting with Stripe version `2025-03-31.basil`, metered prices must be backed by meters. Please specify"
            " `recurring[meter]`.",
            "recurring[meter]",
            "parameter_missing",
        )
    if "meter" in recurring:
        if not metered:
            raise invalid("`recurring[meter]` can only be set with `usage_type=metered`.", "recurring[meter]")
        meter = kernel.get("billing.meter", recurring["meter"], "recurring[meter]")
        if meter["status"] != "active":
            raise invalid(f"The meter {meter['id']} is inactive and can't be attached to a price.", "recurring[meter]")


def _lookup_holder(call: Call, own: Obj | None) -> Obj | None:
    """The other active price that holds the wanted key; refused unless the key is to be transferred."""
    key = call.params.get("lookup_key")
    active = call.params.get("active", own["active"] if own else True)
    if not key or not active:
        return None
    holders = (p for p in call.kernel.store.newest_first("price") if p["lookup_key"] == key and p["active"])
    holder = next((p for p in holders if p is not own), None)
    if holder is not None and not call.params.get("transfer_lookup_key"):
        message = (
            f"A price (`{holder['id']}`) already uses that lookup key. Pass `transfer_lookup_key=true` to transfer it"
            " to this price."
        )
        raise invalid(message, "lookup_key")
    return holder


def _release_lookup(kernel: Kernel, holder: Obj | None) -> None:
    if holder is not None:
        with kernel.changing(holder, "price.updated"):
            holder["lookup_key"] = None


@route("POST", "/v1/prices/{id}", _UPDATE)
def update_price(call: Call) -> Obj:
    """Activity, nickname, lookup key, metadata, amounts in other currencies; its own money never."""
    kernel, params = call.kernel, call.params
    price = kernel.get("price", call.ids["id"])
    wanted_tax = params.get("tax_behavior", price["tax_behavior"])
    if price["tax_behavior"] != "unspecified" and wanted_tax != price["tax_behavior"]:
        raise invalid("You cannot change `tax_behavior` once it is set to `inclusive` or `exclusive`.", "tax_behavior")
    kept = merged_metadata(price["metadata"], params.get("metadata"))
    wanted_options = _wanted_options(kernel, price, params.get("currency_options"))
    if params.get("active") and "lookup_key" not in params and price["lookup_key"]:
        params = call.params = {**params, "lookup_key": price["lookup_key"]}
    holder = _lookup_holder(call, price)
    _release_lookup(kernel, holder)
    with kernel.changing(price, "price.updated"):
        price["metadata"] = kept
        if wanted_options != price["_options"]:
            price["_options"] = wanted_options
            kernel.touch()
        price["tax_behavior"] = wanted_tax
        for key in ("active", "lookup_key", "nickname"):
            if key in params:
                price[key] = unset(params[key])
    return price


def _wanted_options(kernel: Kernel, price: Obj, given: Any) -> dict[str, Obj]:
    """A price's amounts in other currencies after an update; ``''`` takes them all away, where nothing is billed by one."""
    if given is None:
        return dict(price["_options"])
    if given != "":
        return changed_options(given, price)
    if _billed_in(kernel, price) & set(price["_options"]):
        raise invalid("A subscription is billed in a currency of this price: it can't be removed.", "currency_options")
    return {}


def _billed_in(kernel: Kernel, price: Obj) -> set[str]:
    """The currencies of the subscriptions that stand on the price, and of the schedules that ever name it."""
    items = [item for item in kernel.store.all("subscription_item") if item["price"]["id"] == price["id"]]
    subscriptions = [kernel.store.get("subscription", item["subscription"]) for item in items]
    phases = [phase for schedule in kernel.store.all("subscription_schedule") for phase in schedule["phases"]]
    planned = [p for p in phases if any(i["price"] == price["id"] for i in (*p["items"], *p["add_invoice_items"]))]
    return {found["currency"] for found in (*subscriptions, *planned) if found is not None}


@route("GET", "/v1/prices/{id}")
def retrieve_price(call: Call) -> Obj:
    """Any price, also an inline one; ``tiers`` only when expanded."""
    return call.kernel.get("price", call.ids["id"])


_LIST: Fields = {
    **PAGE,
    "active": boolean(),
    "created": RANGE,
    "currency": currency(),
    "lookup_keys": array(text(max=200), max=10),
    "product": text(),
    "recurring": struct({"interval": _INTERVAL, "meter": text(), "usage_type": one_of("licensed", "metered")}),
    "type": one_of("one_time", "recurring"),
}


@route("GET", "/v1/prices", _LIST)
def list_prices(call: Call) -> Obj:
    """Newest first; inline prices are left out."""
    wanted = call.params
    of = ("product", wanted["product"]) if "product" in wanted else None
    return call.page("price", where=lambda price: _listed(price, wanted), of=of)


def _listed(price: Obj, wanted: dict[str, Any]) -> bool:
    if price["_inline"] or not in_range(price["created"], wanted.get("created")):
        return False
    if any(price[key] != wanted[key] for key in ("active", "currency", "product", "type") if key in wanted):
        return False
    if "lookup_keys" in wanted and price["lookup_key"] not in wanted["lookup_keys"]:
        return False
    recurring = price["recurring"] or {}
    return all(recurring.get(key) == value for key, value in wanted.get("recurring", {}).items())
