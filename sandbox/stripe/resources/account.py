"""``GET /v1/account``: the account that the key opens. A start and a reset each make another first one."""

from __future__ import annotations

from sandbox.stripe.kernel import Call, Kernel, Obj, route


def new_account(kernel: Kernel) -> Obj:
    """A standard US account that can charge."""
    return {
        "id": kernel.account_id,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": "Sandbox",
            "product_description": None,
            "support_email": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": kernel.now_s(),
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@sandbox.example",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{kernel.account_id}/external_accounts",
        },
        "future_requirements": _nothing_required(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _nothing_required(),
        "settings": {
            "bacs_debit_payments": {"display_name": None, "service_user_number": None},
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": "Sandbox", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "SANDBOX"},
        },
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }


def _nothing_required() -> Obj:
    lists = ("alternatives", "currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    return {"current_deadline": None, "disabled_reason": None, **{name: [] for name in lists}}


@route("GET", "/v1/account")
def retrieve_account(call: Call) -> Obj:
    """The account of the key."""
    return call.kernel.get("account", call.kernel.account_id)


@route("GET", "/v1/accounts/{id}")
def retrieve_account_by_id(call: Call) -> Obj:
    """The same account by its id; any other is unknown."""
    return call.kernel.get("account", call.ids["id"])
