"""Settings of the customer portal (https://docs.stripe.com/api/customer_portal/configurations): the default ones, and whether
customers log in by themselves. The pages themselves are not served.
"""

from __future__ import annotations

from typing import Any

from sandbox.stripe.kernel import Call, Kernel, Obj, route
from sandbox.stripe.params import boolean, integer, struct, text

CONFIGURATION = "billing_portal.configuration"
_PAGE = {"ending_before": text(), "limit": integer(min=1, max=100), "starting_after": text()}
_LIST = {**_PAGE, "active": boolean(), "is_default": boolean()}
_UPDATE = {"active": boolean(), "login_page": struct({"enabled": boolean().required()})}


def new_configuration(kernel: Kernel) -> Obj:
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
        "is_default": True,
        "livemode": False,
        "login_page": _login(made, enabled=True),
        "metadata": {},
        "name": None,
        "updated": kernel.now_s(),
    }


def _login(id_: str, *, enabled: bool) -> dict[str, Any]:
    return {"enabled": enabled, "url": f"https://billing.stripe.com/p/login/test_{id_[-14:]}" if enabled else None}


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
    """Switch the log-in of customers on or off."""
    found = call.kernel.get(CONFIGURATION, call.ids["id"])
    with call.kernel.changing(found):
        if "active" in call.params:
            found["active"] = call.params["active"]
        if "login_page" in call.params:
            found["login_page"] = _login(found["id"], enabled=call.params["login_page"]["enabled"])
        found["updated"] = call.kernel.now_s()
    return found
