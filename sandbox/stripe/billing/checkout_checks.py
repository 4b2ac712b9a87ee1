"""What Stripe refuses of a Checkout session before it makes one."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.billing import pricing
from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Kernel, Obj

Given = dict[str, Any]
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def check(kernel: Kernel, given: Given) -> list[Obj]:
    """The prices of the lines; refuses what can't be one session."""
    if given["mode"] != "subscription":
        raise invalid("This sandbox has Checkout sessions of `mode=subscription` only.", "mode")
    if "success_url" not in given:
        raise invalid("Missing required param: success_url.", "success_url", "parameter_missing")
    _check_exclusive(given)
    _check_customer(kernel, given)
    _check_expiry(given, kernel.now_s())
    _check_trial(given.get("subscription_data") or {}, kernel.now_s())
    return _prices(kernel, given)


def _check_exclusive(given: Given) -> None:
    for one, other in (("customer", "customer_email"), ("allow_promotion_codes", "discounts")):
        if one in given and other in given:
            message = f"You may only specify one of these parameters: {one}, {other}."
            raise invalid(message, one, "parameters_exclusive")
    if "customer_creation" in given:
        raise invalid("`customer_creation` can only be used in `payment` mode.", "customer_creation")
    keys = [field["key"] for field in given.get("custom_fields") or []]
    if len(set(keys)) < len(keys):
        raise invalid("The keys of `custom_fields` must be unique.", "custom_fields")
    for number, field in enumerate(given.get("custom_fields") or []):
        strange = [kind for kind in ("dropdown", "numeric", "text") if kind in field and kind != field["type"]]
        if strange or (field["type"] == "dropdown" and "dropdown" not in field):
            raise invalid("Only the settings of a custom field's own type can be set.", f"custom_fields[{number}]")


def _check_customer(kernel: Kernel, given: Given) -> None:
    if "customer" not in given:
        if "customer_update" in given:
            raise invalid("`customer_update` can only be used with `customer`.", "customer_update")
        return
    customer = kernel.get("customer", given["customer"], "customer")
    update = given.get("customer_update") or {}
    if (given.get("tax_id_collection") or {}).get("enabled") and update.get("name") != "auto":
        raise invalid(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an"
            " existing customer, please set `customer_update[name]` to `auto`.",
            "customer_update[name]",
        )
    taxed = (given.get("automatic_tax") or {}).get("enabled")
    if taxed and customer["address"] is None and update.get("address") != "auto":
        raise invalid(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the"
            " Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to"
            " save the address entered in Checkout to the Customer.",
            "automatic_tax[enabled]",
            "customer_tax_location_invalid",
        )


def _check_expiry(given: Given, now: int) -> None:
    expires = given.get("expires_at")
    if expires is not None and not now + 30 * MINUTE_S <= expires <= now + DAY_S:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.",
            "expires_at",
        )


def _check_trial(given: Given, now: int) -> None:
    if "trial_end" in given and "trial_period_days" in given:
        raise invalid(
            "You may only specify one of these parameters: trial_end, trial_period_days.",
            "subscription_data[trial_end]",
            "parameters_exclusive",
        )
    if "trial_end" in given and given["trial_end"] < now + 2 * DAY_S:
        raise invalid("The `trial_end` date has to be at least 2 days in the future.", "subscription_data[trial_end]")
    if "trial_settings" in given and not {"trial_end", "trial_period_days"} & set(given):
        raise invalid("`trial_settings` needs a trial.", "subscription_data[trial_settings]")


def _prices(kernel: Kernel, given: Given) -> list[Obj]:
    lines = given.get("line_items") or []
    if not lines:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    found = []
    for number, line in enumerate(lines):
        at = f"line_items[{number}]"
        price = kernel.get("price", line["price"], f"{at}[price]")
        if not price["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise invalid(message, f"{at}[price]")
        _check_quantity(price, line, at)
        found.append(price)
    if not any(price["type"] == "recurring" for price in found):
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise invalid(message, "line_items")
    return found


def _check_quantity(price: Obj, line: Given, at: str) -> None:
    metered = price["type"] == "recurring" and pricing.is_metered(price)
    if metered and "quantity" in line:
        raise invalid(
            f"Quantity should not be specified where usage_type is `metered`. Remove `quantity` from `{at}`",
            f"{at}[quantity]",
        )
    if not metered and "quantity" not in line:
        raise StripeError(
            400,
            "invalid_request_error",
            "parameter_missing",
            f"Quantity is required. Add `quantity` to `{at}`",
            f"{at}[quantity]",
        )
    limits = line.get("adjustable_quantity") or {}
    if limits.get("enabled") and not limits.get("minimum", 0) <= line.get("quantity", 0) <= limits.get("maximum", 99):
        message = "`quantity` must lie within the limits of `adjustable_quantity`."
        raise invalid(message, f"{at}[adjustable_quantity]")
