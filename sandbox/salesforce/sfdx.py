"""Reads the CRM package's SFDX source: its objects and fields, and what a permission set allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from sandbox.salesforce import standard_facts as facts
from sandbox.salesforce.schema import Entity, Field, Schema, namespaced, prefixed

_NS = "{http://soap.sforce.com/2006/04/metadata}"
_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Checkbox": "boolean",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
    "AutoNumber": "string",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
}
_FIXED_LENGTHS = {"TextArea": 255, "Email": 80, "Phone": 40, "Url": 255, "Picklist": 255, "MultiselectPicklist": 4099}


class PackageRefused(ValueError):
    """The package's source can't be read; the text names the file."""


@dataclass
class PermissionSet:
    """What one permission set allows, by names without namespace."""

    name: str
    readable: set[str] = field(default_factory=set)
    editable: set[str] = field(default_factory=set)
    objects: dict[str, set[str]] = field(default_factory=dict)
    user: set[str] = field(default_factory=set)  # user permissions, as EditTask


def find_package(given: Path | None = None) -> Path:
    """The folder of the CRM package: the given one, the one shipped inside this package, or the repository's."""
    here = Path(__file__).resolve()
    candidates = [given] if given else [here.with_name("package"), here.parents[2] / "salesforce"]
    for candidate in candidates:
        if (candidate / "force-app" / "main" / "default" / "objects").is_dir():
            return candidate
    raise PackageRefused(f"no SFDX source below {' or '.join(map(str, candidates))}")


def add_package(schema_entities: list[Entity], package: Path, namespace: str) -> Schema:
    """The standard objects plus everything the package defines, names prefixed with the namespace."""
    objects = package / "force-app" / "main" / "default" / "objects"
    entities = {entity.name: entity for entity in schema_entities}
    number = 0
    for folder in sorted(path for path in objects.iterdir() if path.is_dir()):
        if folder.name.endswith("__c"):
            name = namespaced(folder.name, namespace)
            fields = list(_fields(folder))
            entities[name] = _custom_entity(folder, name, f"a{number:02d}", any(f.cascade_delete for f in fields))
            number += 1
        elif folder.name not in entities:
            raise PackageRefused(f"{folder}: the org has no object {folder.name}")
        for entry in _fields(folder):
            entities[namespaced(folder.name, namespace)].add(prefixed(entry, namespace))
    schema = Schema(entities.values())
    schema.link_children()
    return schema


def _custom_entity(folder: Path, name: str, prefix: str, is_detail: bool) -> Entity:
    source = _parse(folder / f"{folder.name}.object-meta.xml")
    label, plural = _text(source, "label", folder.name), _text(source, "pluralLabel", folder.name)
    name_field = source.find(f"{_NS}nameField")
    auto_number = ""
    if name_field is not None and _text(name_field, "type") == "AutoNumber":
        auto_number = _text(name_field, "displayFormat", "{0}")
    entity = Entity(name, label, plural, prefix, custom=True)
    for entry in _system_fields(auto_number, _text(name_field, "label", "Name"), is_detail):
        entity.add(entry)
    return entity


def _system_fields(auto_number: str, name_label: str, is_detail: bool) -> Iterator[Field]:
    yield _locked("Id", "Record ID", "id", 18)
    if not is_detail:
        owners = ("Group", "User")
        yield Field("OwnerId", "Owner ID", "reference", 18, nillable=False, reference_to=owners, relationship="Owner")
    yield _locked("IsDeleted", "Deleted", "boolean")
    writable = not auto_number
    yield Field("Name", name_label, "string", 80, createable=writable, updateable=writable, auto_number=auto_number)
    currencies = tuple(facts.CURRENCY_DECIMALS)
    yield Field(
        "CurrencyIsoCode", "Currency ISO Code", "picklist", 255, nillable=False, restricted=True, picklist=currencies
    )
    for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
        yield _locked(name, name, "datetime")
    for name in ("CreatedById", "LastModifiedById"):
        entry = _locked(name, name, "reference", 18)
        yield replace(entry, reference_to=("User",), relationship=name.removesuffix("Id"))
    for name in ("LastViewedDate", "LastReferencedDate"):
        yield replace(_locked(name, name, "datetime"), nillable=True)


def _locked(name: str, label: str, kind: str, length: int = 0) -> Field:
    return Field(name, label, kind, length, nillable=False, createable=False, updateable=False)


def _fields(folder: Path) -> Iterator[Field]:
    for path in sorted((folder / "fields").glob("*.field-meta.xml")):
        yield _field(path)


def _field(path: Path) -> Field:
    source = _parse(path)
    name, kind = _text(source, "fullName"), _text(source, "type")
    if not name.endswith("__c"):
        raise PackageRefused(f"{path}: {name or 'a field without fullName'} is not a custom field")
    if kind not in _TYPES or source.find(f"{_NS}formula") is not None:
        raise PackageRefused(f"{path}: the sandbox does not know fields of type {kind or 'formula'}")
    is_detail = kind == "MasterDetail"
    target = _text(source, "referenceTo")
    values, default = _picklist(source)
    return Field(
        name=name,
        label=_text(source, "label", name),
        type=_TYPES[kind],
        length=18 if target else int(_text(source, "length", "0")) or _FIXED_LENGTHS.get(kind, 0),
        precision=int(_text(source, "precision", "0")),
        scale=int(_text(source, "scale", "0")),
        nillable=not (is_detail or kind == "Checkbox" or _true(source, "required")),
        updateable=not is_detail or _true(source, "reparentableMasterDetail"),
        custom=True,
        unique=_true(source, "unique"),
        external_id=_true(source, "externalId"),
        case_sensitive=_true(source, "caseSensitive"),
        picklist=values,
        restricted=_true(source.find(f"{_NS}valueSet"), "restricted"),
        default=_true(source, "defaultValue") if kind == "Checkbox" else default,
        reference_to=(target,) if target else (),
        relationship=f"{name.removesuffix('__c')}__r" if target else "",
        child_relationship=f"{_text(source, 'relationshipName')}__r" if _text(source, "relationshipName") else "",
        cascade_delete=is_detail or _text(source, "deleteConstraint") == "Cascade",
        restrict_delete=_text(source, "deleteConstraint") == "Restrict",
        help_text=_text(source, "inlineHelpText"),
    )


def _picklist(source: ElementTree.Element) -> tuple[tuple[str, ...], str | None]:
    entries = source.findall(f"{_NS}valueSet/{_NS}valueSetDefinition/{_NS}value")
    names = tuple(_text(entry, "fullName") for entry in entries)
    defaults = [_text(entry, "fullName") for entry in entries if _true(entry, "default")]
    return names, defaults[0] if defaults else None


def permission_sets(package: Path) -> dict[str, PermissionSet]:
    """Every permission set of the package, by name."""
    folder = package / "force-app" / "main" / "default" / "permissionsets"
    found = {}
    for path in sorted(folder.glob("*.permissionset-meta.xml")):
        source = _parse(path)
        granted = PermissionSet(re.sub(r"\.permissionset-meta\.xml\Z", "", path.name))
        for entry in source.findall(f"{_NS}fieldPermissions"):
            name = _text(entry, "field")
            granted.readable |= {name} if _true(entry, "readable") else set()
            granted.editable |= {name} if _true(entry, "editable") else set()
        for entry in source.findall(f"{_NS}objectPermissions"):
            allowed = {child.tag.removeprefix(_NS) for child in entry if child.text == "true"}
            granted.objects[_text(entry, "object")] = allowed
        granted.user |= {_text(e, "name") for e in source.findall(f"{_NS}userPermissions") if _true(e, "enabled")}
        found[granted.name] = granted
    return found


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise PackageRefused(f"{path}: {error}") from error


def _text(source: ElementTree.Element | None, tag: str, default: str = "") -> str:
    found = source.find(f"{_NS}{tag}") if source is not None else None
    return default if found is None or found.text is None else found.text.strip()


def _true(source: ElementTree.Element | None, tag: str) -> bool:
    return _text(source, tag) == "true"
