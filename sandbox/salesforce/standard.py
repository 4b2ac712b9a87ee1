"""The standard objects, built from the published field list and the facts of ``standard_facts.py``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sandbox.salesforce import standard_facts as facts
from sandbox.salesforce.ids import PREFIXES
from sandbox.salesforce.schema import Entity, Field

FIELD_LIST = Path(__file__).with_name("standard_fields.json")
_TYPES = {
    "Id": "reference",
    "String": "string",
    "Decimal": "double",
    "Integer": "int",
    "Boolean": "boolean",
    "Date": "date",
    "Datetime": "datetime",
    "Address": "address",
    "SObject": "string",
}
_NOT_OBJECTS = {"Name"}
_ADDRESS_PART = re.compile(r".+(Street|City|State|PostalCode|Country)\Z")
_PERSON_ONLY = {"FirstName", "LastName", "Salutation", "PersonContactId"}


def standard_entities(*, person_accounts: bool = False, state_codes: bool = False) -> list[Entity]:
    """Every standard object of the org. Fields of features that are off do not exist."""
    listed: dict[str, Any] = json.loads(FIELD_LIST.read_text(encoding="utf-8"))["objects"]
    hidden = _Hidden(person_accounts, state_codes)
    return [_entity(name, listed[name], listed, hidden) for name in listed if name not in _NOT_OBJECTS]


class _Hidden:
    """Which listed fields belong to features that are switched off."""

    def __init__(self, person_accounts: bool, state_codes: bool) -> None:
        self._person_accounts, self._state_codes = person_accounts, state_codes

    def __call__(self, entity: str, name: str) -> bool:
        person = name.startswith("Person") or (name in _PERSON_ONLY and entity == "Account")
        if not self._person_accounts and (person or name == "IsPersonAccount"):
            return True
        return not self._state_codes and name.endswith(("StateCode", "CountryCode"))


def _entity(name: str, entry: dict[str, Any], listed: dict[str, Any], hidden: _Hidden) -> Entity:
    label = _label(name.removesuffix("2"))
    plural = f"{label[:-1]}ies" if label.endswith("y") else f"{label}s"
    writable = name not in facts.NOT_WRITABLE
    fields = [_field(name, field, kind, entry["parents"], listed) for field, kind in entry["fields"].items()]
    shown = {field.name: field for field in fields if not hidden(name, field.name)}
    return Entity(name, label, plural, PREFIXES[name], writable=writable, fields=shown)


def _label(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)


def _field(entity: str, name: str, apex_type: str, parents: dict[str, str], listed: dict[str, Any]) -> Field:
    kind = _kind(entity, name, apex_type)
    precision, scale = _digits(entity, name, kind)
    relationship = name.removesuffix("Id") if kind == "reference" and name.removesuffix("Id") in parents else ""
    targets = _targets(relationship, parents.get(relationship, ""))
    read_only = _read_only(entity, name, kind)
    return Field(
        name=name,
        label="Record ID" if name == "Id" else _label(name.removesuffix("Id") + (" ID" if kind == "reference" else "")),
        type=kind,
        length=_length(entity, name, kind),
        precision=precision,
        scale=scale,
        nillable=not _never_null(entity, name, kind),
        createable=not read_only,
        updateable=not read_only and name not in facts.CREATE_ONLY.get(entity, ()),
        calculated=False,
        auto_number=facts.AUTO_NUMBERS.get((entity, name), ""),
        external_id=False,
        picklist=tuple(facts.CURRENCY_DECIMALS)
        if name == "CurrencyIsoCode"
        else facts.PICKLISTS.get((entity, name), ()),
        restricted=name == "CurrencyIsoCode",
        default=facts.DEFAULTS.get((entity, name)),
        reference_to=targets,
        relationship=relationship,
        child_relationship=_child_name(entity, name, targets, listed),
        cascade_delete=(entity, name) in facts.CASCADES,
    )


def _kind(entity: str, name: str, apex_type: str) -> str:
    if name == "Id":
        return "id"
    if name == "CurrencyIsoCode" or (entity, name) in facts.PICKLISTS:
        return "picklist"
    if apex_type == "Decimal" and name in facts.CURRENCY_FIELDS:
        return "currency"
    if apex_type == "Decimal" and name in facts.PERCENT_FIELDS:
        return "percent"
    if apex_type == "String":
        named = ((facts.EMAILS, "email"), (facts.URLS, "url"), (facts.PHONES, "phone"))
        for names, kind in named:
            if name in names:
                return kind
        return "textarea" if _length(entity, name, "string") > 255 or name.endswith("Street") else "string"
    return _TYPES[apex_type]


def _digits(entity: str, name: str, kind: str) -> tuple[int, int]:
    if kind == "currency":
        return facts.NUMBERS.get((entity, name), (18, 2))
    if kind == "percent":
        return facts.PERCENT_FIELDS[name]
    if kind == "double":
        geo = (18, 15) if name.endswith(("Latitude", "Longitude")) else (18, 2)
        return facts.NUMBERS.get((entity, name), geo)
    return (0, 0)


def _length(entity: str, name: str, kind: str) -> int:
    if kind in ("id", "reference"):
        return 18
    if kind not in ("string", "textarea", "picklist", "email", "url", "phone"):
        return 0
    if (entity, name) in facts.OBJECT_LENGTHS:
        return facts.OBJECT_LENGTHS[entity, name]
    part = _ADDRESS_PART.match(name)
    return facts.LENGTHS.get(part.group(1) if part else name, 255)


def _read_only(entity: str, name: str, kind: str) -> bool:
    derived = name in facts.SYSTEM_READ_ONLY or name in facts.READ_ONLY.get(entity, ())
    return derived or kind == "address" or entity in facts.NOT_WRITABLE


def _never_null(entity: str, name: str, kind: str) -> bool:
    required = name in facts.REQUIRED.get(entity, ()) or (entity, name) in facts.AUTO_NUMBERS
    system = {"Id", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp"}
    return required or name in system or name in ("OwnerId", "CurrencyIsoCode") or kind == "boolean"


def _targets(relationship: str, target: str) -> tuple[str, ...]:
    if target == "Name":
        return facts.POLYMORPHIC.get(relationship, ())
    return (target,) if target in PREFIXES else ()


def _child_name(entity: str, name: str, targets: tuple[str, ...], listed: dict[str, Any]) -> str:
    """The name under which the parent lists these children; only the plainest field of several gets one."""
    if (entity, name) in facts.CHILD_NAMES:
        return facts.CHILD_NAMES[entity, name]
    if len(targets) != 1 or name in ("CreatedById", "LastModifiedById", "OwnerId", "MasterRecordId"):
        return ""
    if name != f"{targets[0]}Id":
        return ""
    for relationship, child in listed[targets[0]]["children"].items():
        if child == entity and not relationship.startswith("Person"):
            return str(relationship)
    return ""
