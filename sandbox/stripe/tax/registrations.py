"""Where the account is registered to collect tax (https://docs.stripe.com/api/tax/registrations)."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.errors import invalid, missing_param
from sandbox.stripe.kernel import Call, Kernel, Obj, route
from sandbox.stripe.params import PAGE, Fields, Kind, either, one_of, struct, text, timestamp
from sandbox.stripe.tax.rates import EU

_PLAIN = struct({"type": one_of("standard").required()})
_IN_EU = struct({"type": one_of("ioss", "oss_non_union", "oss_union", "standard").required()})
_US = struct({"type": one_of("state_sales_tax").required(), "state": text(max=2).required()})
_CA = struct(
    {
        "type": one_of("province_standard", "simplified", "standard").required(),
        "province_standard": struct({"province": text(max=2).required()}),
    }
)
_OTHERS = ("AU", "CH", "GB", "JP", "NO", "NZ", "SG", "ZA")
_OPTIONS: dict[str, Kind] = {
    **{country.lower(): _IN_EU for country in EU},
    **{country.lower(): _PLAIN for country in _OTHERS},
    "us": _US,
    "ca": _CA,
}
_CREATE: Fields = {
    "active_from": either(one_of("now"), timestamp()).required(),
    "country": text(max=2, pattern="[A-Z]{2}").required(),
    "country_options": struct(_OPTIONS).required(),
    "expires_at": timestamp(),
}
_UPDATE: Fields = {
    "active_from": either(one_of("now"), timestamp()),
    "expires_at": either(one_of("now"), timestamp()).clearable(),
}


@route("POST", "/v1/tax/registrations", _CREATE)
def create_registration(call: Call) -> Obj:
    """Register in a country, in the United States in a state."""
    given, kernel = call.params, call.kernel
    options = given["country_options"].get(given["country"].lower())
    if options is None:
        raise missing_param(f"country_options[{given['country'].lower()}]")
    since = given["active_from"]
    made: Obj = {
        "id": kernel.new_id("taxreg"),
        "object": "tax.registration",
        "active_from": kernel.now_s() if since == "now" else since,
        "country": given["country"],
        "country_options": {given["country"].lower(): options},
        "created": kernel.now_s(),
        "expires_at": given.get("expires_at"),
        "livemode": False,
    }
    made["status"] = _status(made, kernel.now_s())
    return kernel.add(made)


@route("POST", "/v1/tax/registrations/{id}", _UPDATE)
def update_registration(call: Call) -> Obj:
    """Let one begin or end at another time."""
    found, now = call.kernel.get("tax.registration", call.ids["id"]), call.kernel.now_s()
    if "active_from" in call.params and found["active_from"] <= now:
        raise invalid("A registration that is active can't begin at another time.", "active_from")
    with call.kernel.changing(found):
        for key in ("active_from", "expires_at"):
            if key in call.params:
                found[key] = now if call.params[key] == "now" else call.params[key] or None
        found["status"] = _status(found, now)
    return found


@route("GET", "/v1/tax/registrations/{id}")
def retrieve_registration(call: Call) -> Obj:
    """One registration."""
    return call.kernel.get("tax.registration", call.ids["id"])


@route("GET", "/v1/tax/registrations", {**PAGE, "status": one_of("active", "all", "expired", "scheduled")})
def list_registrations(call: Call) -> Obj:
    """Newest first, by status as of now."""
    wanted, now = call.params.get("status", "all"), call.kernel.now_s()
    return call.page("tax.registration", where=lambda found: wanted in ("all", _status(found, now)))


def _status(registration: Obj, now: int) -> str:
    if registration["expires_at"] is not None and registration["expires_at"] <= now:
        return "expired"
    return "active" if registration["active_from"] <= now else "scheduled"


def collects(kernel: Kernel, country: str, state: str | None, at: int) -> bool:
    """Whether the account collects tax in this place: by a registration there, or by the one-stop shop of the EU."""
    active = (r for r in kernel.store.all("tax.registration") if _status(r, at) == "active")
    return any(_covers(registration, country, state) for registration in active)


def _covers(registration: Obj, country: str, state: str | None) -> bool:
    options: dict[str, Any] = registration["country_options"][registration["country"].lower()]
    if registration["country"] != country:
        return country in EU and registration["country"] in EU and options["type"].startswith("oss")
    if country == "US":
        return bool(options["state"] == state)
    if options["type"] == "province_standard":
        return bool((options.get("province_standard") or {}).get("province") == state)
    return True
