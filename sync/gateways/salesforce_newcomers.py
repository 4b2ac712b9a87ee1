"""Whether the org would have the Accounts and Contacts that we would make for customers of the web site, found out by describe
before there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.gateways.names import Names
from sync.gateways.salesforce_client import Part, SalesforceHttp
from sync.gateways.salesforce_creation import SETTINGS
from sync.gateways.salesforce_errors import of_call

Json = Mapping[str, Any]
_PERMISSION_SET = "assign the permission set Billing Integration Self-Serve"


def faults_of_new(
    http: SalesforceHttp, names: Names, made: Sequence[tuple[str, Mapping[str, object]]]
) -> Sequence[str]:
    """What stands in the way of records with these fields, by object, in plain words with their codes. One call."""
    objects = list(dict.fromkeys(object_ for object_, _ in made))
    parts = [Part("GET", f"/sobjects/{names.to_org(one)}/describe", what=one) for one in objects]
    described: dict[str, Json] = {}
    for one, answer in zip(objects, http.composite(parts).parts, strict=True):
        if not answer.ok or not isinstance(answer.body, dict):
            raise of_call(answer.status, answer.body, what=one, writing=False)
        described[one] = answer.body
    found = [fault for object_, fields in made for fault in _faults(object_, fields, described[object_], names)]
    return list(dict.fromkeys(found))


def _faults(object_: str, given: Mapping[str, object], told: Json, names: Names) -> list[str]:
    if not told.get("createable"):
        return [f"{object_} can't be created (CONF-302): {_PERMISSION_SET}"]
    fields = {str(f["name"]).lower(): f for f in told.get("fields", [])}
    wanted = {names.to_org(name).lower(): name for name in given}
    closed = [name for key, name in wanted.items() if not fields.get(key, {}).get("createable")]
    faults = [f"{object_}.{name} can't be given to a new {object_} (CONF-302)" for name in closed]
    if "lastname" in wanted:
        wanted["name"] = "Name"  # it is made of the parts
    asked = [f for key, f in fields.items() if _is_required(f) and key not in wanted]
    faults += [f"{object_}.{f['name']} is required of a new {object_} (DATA-220): {SETTINGS[object_]}" for f in asked]
    kind = given.get("RecordTypeId")
    known = {str(one.get("recordTypeId")): bool(one.get("available")) for one in told.get("recordTypeInfos", [])}
    if kind and not any(ok and _same(str(kind), one) for one, ok in known.items()):
        faults.append(
            f"the record type {kind} is not one that the integration user may give to an {object_} (CONF-302)"
        )
    return faults


def _is_required(field: Json) -> bool:
    return bool(field.get("createable")) and not field.get("nillable") and not field.get("defaultedOnCreate")


def _same(one: str, other: str) -> bool:
    """Ids are the same when their first fifteen characters are."""
    return one[:15] == other[:15]
