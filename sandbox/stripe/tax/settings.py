"""Tax settings of the account (https://docs.stripe.com/api/tax/settings): active once a head office is named."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import StripeError, invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, route
from sandbox.stripe.params import Fields, one_of, struct, text
from sandbox.stripe.resources.shapes import ADDRESS, full_address
from sandbox.stripe.tax.codes import check_code
from sandbox.stripe.tax.location import place_of

_ID = "tax_settings"
_UPDATE: Fields = {
    "defaults": struct({"tax_behavior": one_of("exclusive", "inclusive", "inferred_by_currency"), "tax_code": text()}),
    "head_office": struct({"address": struct(ADDRESS).required()}),
}
NO_LOCATION = (
    "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate tax."
)


def settings_of(kernel: Kernel) -> Obj:
    """The account's one settings object."""
    found = kernel.store.get("tax.settings", _ID)
    if found is not None:
        return found
    return {
        "id": _ID,
        "object": "tax.settings",
        "defaults": {"provider": "stripe", "tax_behavior": None, "tax_code": None},
        "head_office": None,
        "livemode": False,
        "status": "pending",
        "status_details": {"pending": {"missing_fields": ["head_office"]}},
    }


@route("GET", "/v1/tax/settings")
def retrieve_settings(call: Call) -> Obj:
    """The settings, `pending` while they are incomplete."""
    return _without_id(settings_of(call.kernel))


@route("POST", "/v1/tax/settings", _UPDATE)
def update_settings(call: Call) -> Obj:
    """Change what is given."""
    kernel, given = call.kernel, call.params
    address = (given.get("head_office") or {}).get("address")
    if address is not None and not address.get("country"):
        raise invalid("The head office needs a country.", "head_office[address][country]", "parameter_missing")
    check_code((given.get("defaults") or {}).get("tax_code"), "defaults[tax_code]")
    settings = settings_of(kernel)
    if kernel.store.get("tax.settings", _ID) is None:
        kernel.add(settings)
    with kernel.changing(settings):
        settings["defaults"] = {**settings["defaults"], **(given.get("defaults") or {})}
        if address is not None:
            settings["head_office"] = {"address": full_address(address)}
            settings["status"], settings["status_details"] = "active", {"active": {}}
    kernel.emit("tax.settings.updated", settings)
    return _without_id(settings)


def _without_id(settings: Obj) -> Obj:
    """As it is answered: the only object of its kind has no id."""
    return {key: value for key, value in settings.items() if key != "id"}


def check_enabled(kernel: Kernel, given: dict[str, Any], customer: Obj | None, at: str = "automatic_tax") -> bool:
    """Whether a request switches automatic tax on; refused while the account or the customer isn't ready for it."""
    if not (given.get("automatic_tax") or {}).get("enabled"):
        return False
    if settings_of(kernel)["status"] != "active":
        raise StripeError(
            400,
            "invalid_request_error",
            "stripe_tax_inactive",
            "You must have a valid head office address to enable automatic tax calculation in test mode. Visit"
            " https://dashboard.stripe.com/test/settings/tax to update it.",
            at,
        )
    if customer is not None and place_of(customer) is None:
        raise StripeError(400, "invalid_request_error", "customer_tax_location_invalid", NO_LOCATION, f"{at}[enabled]")
    return True


def state_of(enabled: bool) -> Obj:
    """`automatic_tax` of a subscription, schedule or phase."""
    return {"disabled_reason": None, "enabled": enabled, "liability": {"type": "self"} if enabled else None}
