"""What a test may ask of the org that no Salesforce API offers, at ``/tandem-sandbox/`` and for the harness only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.salesforce import features
from sandbox.salesforce.calls import Reply
from sandbox.salesforce.errors import SalesforceError, not_found
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.oauth import LogIn
from sandbox.salesforce.org import Org
from sandbox.salesforce.records import Writer

_KINDS: dict[str, type | tuple[type, ...]] = {
    "commit_delay_s": int,
    "duplicate_rules": bool,
    "daily_calls": int,
    "token_ttl_s": (int, float),
    "enforce_integration_rights": bool,
    "withheld": list,
}


def run_switch(org: Org, log_in: LogIn, name: str, data: Any) -> Reply:
    """Do what the switch says. 404 for an unknown one, 400 for a body that it can't read."""
    if name not in _SWITCHES:
        raise not_found()
    if not isinstance(data, dict):
        raise SalesforceError("JSON_PARSER_ERROR", "a switch takes a JSON object")
    return _SWITCHES[name](org, log_in, data)


def _settings(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Change how the org behaves until the next reset; answers how it stands. ``withheld`` names fields that do not exist
    for its users (``Account.MRR__c``), and objects that they may only read (``Quote``).
    """
    for key, value in data.items():
        if key not in _KINDS or not isinstance(value, _KINDS[key]) or isinstance(value, bool) != (_KINDS[key] is bool):
            raise SalesforceError("INVALID_PARAMETER", f"{key} is no setting, or {value!r} is no value for it")
        setattr(org.switches, key, frozenset(str(one) for one in data["withheld"]) if key == "withheld" else value)
    shown = {key: getattr(org.switches, key) for key in _KINDS if key != "token_ttl_s"}
    shown["withheld"] = sorted(org.switches.withheld)
    return Reply(200, shown | {"token_ttl_s": int(org.switches.token_ttl_s)})


def _features(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """The org has these features (`features.install`)."""
    return Reply(200, features.install(org, data))


def _commit(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Show every commit that is held back."""
    held = len(org.store.held)
    org.store.release()
    return Reply(200, {"released": held})


def _merge(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Merge ``losers`` into ``master``, all records of one object."""
    master = _id(data.get("master"))
    entity = org.schema.of_id(master)
    if entity is None or not isinstance(data.get("losers"), list):
        raise SalesforceError("INVALID_PARAMETER", "give master and losers: ids of one object")
    writer = Writer(org, org.access("harness"))
    with org.store.all_or_nothing():
        writer.merge(entity, master, [_id(one) for one in data["losers"]])
    return Reply(200, {"id": master, "success": True})


def _undelete(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Bring ``id`` back from the recycle bin."""
    record_id = _id(data.get("id"))
    entity = org.schema.of_id(record_id)
    if entity is None:
        raise not_found()
    Writer(org, org.access("harness")).undelete(entity, record_id)
    return Reply(200, {"id": record_id, "success": True})


def _deactivate(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """The user ``id`` has left: nothing can be given to him any more."""
    user_id = _id(data.get("id"))
    row = org.store.get("User", user_id)
    if row is None:
        raise not_found()
    org.store.put("User", {**row, "IsActive": False})
    return Reply(200, {"id": user_id, "success": True})


def _certificate(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Register ``public_key`` (PEM) for log-ins by JWT."""
    if not isinstance(data.get("public_key"), str):
        raise SalesforceError("INVALID_PARAMETER", "give public_key: a PEM text")
    log_in.public_key = data["public_key"]
    users = [org.administrator.username, org.integration_user.username]
    return Reply(200, {"client_id": log_in.client_id, "usernames": users})


def _expire(org: Org, log_in: LogIn, data: dict[str, Any]) -> Reply:
    """Expire every token given out so far."""
    log_in.forget_sessions()
    return Reply(204)


def _id(value: Any) -> str:
    found = full_id(value) if isinstance(value, str) else None
    if found is None:
        raise SalesforceError("MALFORMED_ID", f"malformed id {value}")
    return found


_SWITCHES: dict[str, Callable[[Org, LogIn, dict[str, Any]], Reply]] = {
    "settings": _settings,
    "features": _features,
    "commit": _commit,
    "merge": _merge,
    "undelete": _undelete,
    "deactivate": _deactivate,
    "certificate": _certificate,
    "expire-tokens": _expire,
}
