"""How an administrator set the org up, beyond what it comes with: a switch for the harness, until the next reset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.salesforce.addresses import COUNTRIES, STATE_CODES
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Entity, Field
from sandbox.salesforce.standard import standard_entities

_KINDS = {
    "person_accounts": bool, "state_codes": bool, "fields": list, "required": list, "optional": list, "record_types": list,
    "keep_record_types": list,
}  # fmt: skip


def install(org: Org, data: dict[str, Any]) -> dict[str, Any]:
    """The org has these features from now on; answers the record types by name.

    ``person_accounts`` and ``state_codes`` bring their fields; ``fields`` are custom ones (``{"object": "Account", "name":
    "Segment__c", "type": "picklist", "values": ["Web"]}``); ``required`` and ``optional`` name fields (``Account.Industry``);
    ``record_types`` are made (``{"object": "Account", "name": "Customer", "person": false}``); ``keep_record_types`` are
    names of those that the integration user may not give.
    """
    for key, value in data.items():
        if key not in _KINDS or not isinstance(value, _KINDS[key]):
            raise SalesforceError("INVALID_PARAMETER", f"{key} is no feature, or {value!r} is no value for it")
    _standard(org, person=data.get("person_accounts") is True, states=data.get("state_codes") is True)
    for given in data.get("fields", []):
        _entity(org, given["object"]).add(_custom(given))
    for names, nillable in (("required", False), ("optional", True)):
        for path in data.get(names, []):
            _need(org, path, nillable)
    for given in data.get("record_types", []):
        org.add_row(
            "RecordType", Name=given["name"], DeveloperName=given["name"].replace(" ", "_"), SobjectType=given["object"],
            IsActive=True, IsPersonType=given.get("person") is True,
        )  # fmt: skip
    made = {row["Name"]: row["Id"] for row in org.store.rows("RecordType")}
    if "keep_record_types" in data:
        org.kept_record_types = frozenset(made[name] for name in data["keep_record_types"])
    return {"record_types": made}


def _standard(org: Org, *, person: bool, states: bool) -> None:
    """The fields that come with a feature are there, blank on every row."""
    if not person and not states:
        return
    org.switches.person_accounts, org.switches.state_codes = (
        org.switches.person_accounts or person,
        org.switches.state_codes or states,
    )
    for rich in standard_entities(person_accounts=person, state_codes=states):
        entity = org.schema.find(rich.name)
        for name, entry in rich.fields.items():
            if entity is None or name in entity.fields:
                continue
            entity.add(_listed(entry))
            if entry.type == "boolean":
                for row in org.store.rows(rich.name):
                    row[name] = False


def _listed(entry: Field) -> Field:
    values = tuple(COUNTRIES) if entry.name.endswith("CountryCode") else STATE_CODES
    if entry.name.endswith(("CountryCode", "StateCode")):
        return replace(entry, type="picklist", length=10, picklist=values, restricted=True)
    return entry


def _custom(given: dict[str, Any]) -> Field:
    kind = given.get("type", "string")
    return Field(
        given["name"], given["name"].removesuffix("__c").replace("_", " "), kind, length=given.get("length", 255), custom=True,
        nillable=given.get("required") is not True, picklist=tuple(given.get("values", ())), restricted=kind == "picklist",
    )  # fmt: skip


def _need(org: Org, path: str, nillable: bool) -> None:
    name, _, field = str(path).partition(".")
    entity = _entity(org, name)
    found = entity.find(field)
    if found is None:
        raise SalesforceError("INVALID_PARAMETER", f"{path} is no field of this org")
    entity.add(replace(found, nillable=nillable))


def _entity(org: Org, name: str) -> Entity:
    found = org.schema.find(name)
    if found is None:
        raise SalesforceError("INVALID_PARAMETER", f"{name} is no object of this org")
    return found
