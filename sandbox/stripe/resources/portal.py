"""The customer portal: its settings (https://docs.stripe.com/api/customer_portal/configurations), and sessions in which customers
use it. What they do there is the control port's (`sandbox.stripe.portals`).
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid
from sandbox.stripe.kernel import Call, Kernel, Obj, expandable, route
from sandbox.stripe.params import array, boolean, integer, merged_metadata, metadata, one_of, struct, text

CONFIGURATION, SESSION = "billing_portal.configuration", "billing_portal.session"
expandable(SESSION, "configuration", CONFIGURATION)
_PAGE = {"ending_before": text(), "limit": integer(min=1, max=100), "starting_after": text()}
_LIST = {**_PAGE, "active": boolean(), "is_default": boolean()}
_ENABLED = {"enabled": boolean().required()}
_PRORATION = one_of("always_invoice", "create_prorations", "none")
_FEATURES = struct(
    {
        "customer_update": struct(
            {
                **_ENABLED,
                "allowed_updates": array(one_of("address", "email", "name", "phone", "shipping", "tax_id")).clearable(),
            }
        ),
        "invoice_history": struct(_ENABLED),
        "payment_method_update": struct(_ENABLED),
        "subscription_cancel": struct(
            {**_ENABLED, "mode": one_of("at_period_end", "immediately"), "proration_behavior": _PRORATION}
        ),
        "subscription_pause": struct(
            {"enabled": boolean(), "duration": struct({"type": one_of("indefinite").required()})}
        ),
        "subscription_update": struct(
            {
                **_ENABLED,
                "default_allowed_updates": array(one_of("price", "promotion_code", "quantity")).clearable(),
                "products": array(
                    struct({"prices": array(text()).required(), "product": text().required()}), max=10
                ).clearable(),
                "proration_behavior": _PRORATION,
            }
        ),
    }
)
_UPDATE = {
    "active": boolean(),
    "default_return_url": text().clearable(),
    "features": _FEATURES,
    "login_page": struct(_ENABLED),
    "metadata": metadata(),
    "name": text().clearable(),
}
_CREATE = {
    **{key: kind for key, kind in _UPDATE.items() if key != "active"},
    "features": _FEATURES.required(),
    "metadata": metadata(clearable=False),
}
_SESSION = {
    "configuration": text(),
    "customer": text(),
    "locale": one_of("auto", "en", "de", "fr"),
    "return_url": text(),
}


def new_configuration(kernel: Kernel, *, default: bool = True) -> Obj:
    """The default settings: payment methods may be changed, and customers may log in."""
    made = kernel.new_id("bpc")
    off = {"enabled": False, "mode": "at_period_end", "proration_behavior": "none"}
    return {
        "id": made,
        "object": CONFIGURATION,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": kernel.now_s(),
        "default_return_url": None,
        "features": {
            "customer_update": {"allowed_updates": ["email", "tax_id"], "enabled": True},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True, "payment_method_configuration": None},
            "subscription_cancel": {**off, "cancellation_reason": {"enabled": False, "options": []}},
            "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
            "subscription_update": {
                "billing_cycle_anchor": None,
                "default_allowed_updates": [],
                "enabled": False,
                "proration_behavior": "none",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": default,
        "livemode": False,
        "login_page": _login(made, enabled=default),
        "metadata": {},
        "name": None,
        "updated": kernel.now_s(),
    }


def _login(id_: str, *, enabled: bool) -> dict[str, Any]:
    return {"enabled": enabled, "url": f"https://billing.stripe.com/p/login/test_{id_[-14:]}" if enabled else None}


@route("POST", "/v1/billing_portal/configurations", _CREATE)
def create_configuration(call: Call) -> Obj:
    """Settings beside the default ones."""
    made = new_configuration(call.kernel, default=False)
    for feature in made["features"].values():
        feature["enabled"] = False
    made["features"]["customer_update"]["allowed_updates"] = []
    _apply(call.kernel, made, call.params)
    return call.kernel.add(made, "billing_portal.configuration.created")


def _apply(kernel: Kernel, found: Obj, given: dict[str, Any]) -> None:
    for name, wanted in (given.get("features") or {}).items():
        found["features"][name] = _feature(kernel, name, found["features"][name], wanted)
    for key in ("active", "name", "default_return_url"):
        if key in given:
            found[key] = None if given[key] == "" else given[key]
    if "metadata" in given:
        found["metadata"] = merged_metadata(found["metadata"], given["metadata"])
    if "login_page" in given:
        found["login_page"] = _login(found["id"], enabled=given["login_page"]["enabled"])


def _feature(kernel: Kernel, name: str, before: Obj, given: dict[str, Any]) -> Obj:
    """A feature after the change; lists that are cleared are empty."""
    at = f"features[{name}]"
    after = {**before, **{key: [] if value == "" else value for key, value in given.items()}}
    if name == "subscription_pause" and "duration" in given:
        after["duration"] = {"interval_options": [], **given["duration"]}
    if name == "customer_update" and after["enabled"] and not after["allowed_updates"]:
        raise invalid(f"You must set `{at}[allowed_updates]` to enable it.", f"{at}[allowed_updates]")
    if name == "subscription_update" and after["enabled"]:
        for key in ("default_allowed_updates", "products"):
            if not after.get(key):
                raise invalid(f"You must set `{at}[{key}]` to enable it.", f"{at}[{key}]")
        for number, product in enumerate(after["products"]):
            kernel.get("product", product["product"], f"{at}[products][{number}][product]")
            product.setdefault("adjustable_quantity", {"enabled": True, "maximum": None, "minimum": 1})
            for price in product["prices"]:
                kernel.get("price", price, f"{at}[products][{number}][prices]")
    return after


@route("POST", "/v1/billing_portal/sessions", _SESSION)
def create_session(call: Call) -> Obj:
    """A customer uses the portal."""
    kernel, given = call.kernel, call.params
    if "customer" not in given:
        raise invalid("Missing required param: customer.", "customer", "parameter_missing")
    kernel.get("customer", given["customer"], "customer")
    if "configuration" in given:
        settings = kernel.get(CONFIGURATION, given["configuration"], "configuration")
    else:
        settings = next(found for found in kernel.store.all(CONFIGURATION) if found["is_default"])
    if not settings["active"]:
        raise invalid(f"The configuration {settings['id']} is not active.", "configuration")
    made = kernel.new_id("bps")
    session = {
        "id": made,
        "object": SESSION,
        "configuration": settings["id"],
        "created": kernel.now_s(),
        "customer": given["customer"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": given.get("locale"),
        "on_behalf_of": None,
        "return_url": given.get("return_url") or settings["default_return_url"],
        "url": f"https://billing.stripe.com/p/session/test_{made.removeprefix('bps_')}",
    }
    return kernel.add(session, "billing_portal.session.created")


@route("GET", "/v1/billing_portal/configurations", _LIST)
def list_configurations(call: Call) -> Obj:
    """Newest first."""
    asked = {key: call.params[key] for key in ("active", "is_default") if key in call.params}
    return call.page(CONFIGURATION, where=lambda found: all(found[key] == value for key, value in asked.items()))


@route("GET", "/v1/billing_portal/configurations/{id}")
def retrieve_configuration(call: Call) -> Obj:
    """One of them."""
    return call.kernel.get(CONFIGURATION, call.ids["id"])


@route("POST", "/v1/billing_portal/configurations/{id}", _UPDATE)
def update_configuration(call: Call) -> Obj:
    """Change what customers may do."""
    kernel, found = call.kernel, call.kernel.get(CONFIGURATION, call.ids["id"])
    wanted = {**found, "features": dict(found["features"])}
    _apply(kernel, wanted, call.params)
    with kernel.changing(found, "billing_portal.configuration.updated"):
        found.update(wanted, updated=kernel.now_s())
    return found
