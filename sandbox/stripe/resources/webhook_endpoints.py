"""Webhook endpoints (https://docs.stripe.com/api/webhook_endpoints): loopback addresses only, secret shown once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sandbox.stripe.errors import invalid
from sandbox.stripe.event_types import EVENT_TYPES
from sandbox.stripe.kernel import API_VERSION, Call, Obj, route
from sandbox.stripe.params import PAGE, Fields, array, boolean, merged_metadata, metadata, one_of, text
from sandbox.stripe.resources.shapes import unset

MOST_ENDPOINTS = 16
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_EVENT = one_of("*", *sorted(EVENT_TYPES))
_UPDATE: Fields = {
    "description": text().clearable(),
    "disabled": boolean(),
    "enabled_events": array(_EVENT),
    "metadata": metadata(),
    "url": text(),
}
_CREATE: Fields = {
    "api_version": one_of(API_VERSION),
    "connect": boolean(),
    "description": text().clearable(),
    "enabled_events": array(_EVENT).required(),
    "metadata": metadata(),
    "url": text().required(),
}


def check_address(params: dict[str, Any]) -> None:
    """The ``url``, if there is one, is one that this sandbox delivers to."""
    if "url" in params:
        parts = urlsplit(params["url"])
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise invalid("Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid")
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            message = "Invalid URL: this sandbox delivers to http addresses on loopback only."
            raise invalid(message, "url", "url_invalid")


@route("POST", "/v1/webhook_endpoints", _CREATE)
def create_webhook_endpoint(call: Call) -> Obj:
    """Create and show the secret, this once. The first endpoint after start or reset has the ready file's secret."""
    kernel, params = call.kernel, call.params
    check_address(params)
    if params.get("connect"):
        raise invalid("Connect endpoints are not part of this sandbox.", "connect")
    if len(kernel.store.all("webhook_endpoint")) >= MOST_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
    secret = kernel.webhooks.take_first_secret() or kernel.new_id("whsec")
    kernel.world.traffic.hide(secret)
    endpoint: Obj = {
        "id": kernel.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": kernel.now_s(),
        "description": unset(params.get("description")),
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata")),
        "status": "enabled",
        "url": params["url"],
        "_secret": secret,
    }
    kernel.add(endpoint)
    return {**endpoint, "secret": secret}


@route("POST", "/v1/webhook_endpoints/{id}", _UPDATE)
def update_webhook_endpoint(call: Call) -> Obj:
    """Change address, events or activity; what is queued for a disabled endpoint is dropped."""
    endpoint, params = call.kernel.get("webhook_endpoint", call.ids["id"]), call.params
    check_address(params)
    kept = merged_metadata(endpoint["metadata"], params.get("metadata"))
    with call.kernel.changing(endpoint):
        endpoint["metadata"] = kept
        for key in ("description", "enabled_events", "url"):
            if key in params:
                endpoint[key] = unset(params[key])
        if "disabled" in params:
            endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    return endpoint


@route("GET", "/v1/webhook_endpoints/{id}")
def retrieve_webhook_endpoint(call: Call) -> Obj:
    """Without the secret."""
    return call.kernel.get("webhook_endpoint", call.ids["id"])


@route("GET", "/v1/webhook_endpoints", PAGE)
def list_webhook_endpoints(call: Call) -> Obj:
    """Newest first."""
    return call.page("webhook_endpoint")


@route("DELETE", "/v1/webhook_endpoints/{id}")
def delete_webhook_endpoint(call: Call) -> Obj:
    """Nothing is delivered to it any more."""
    return call.kernel.remove(call.kernel.get("webhook_endpoint", call.ids["id"]))
