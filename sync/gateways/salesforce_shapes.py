"""What an org's `describe` says of a field, held against the line of the mappings that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.ends import VALUE_LENGTH, end_of
from sync.mapping import FieldMap

_NUMBERS = frozenset({"int", "double", "currency", "percent", "long"})
_WORDS = frozenset(
    (
        "string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone", "url", "id", "reference",
        "encryptedstring",
    )
)  # fmt: skip
#: Salesforce's types that each type of the mappings can be.
FITTING: Mapping[str, frozenset[str]] = {
    "text": _WORDS,
    "id": frozenset({"id", "reference"}),
    "picklist": frozenset({"picklist", "multipicklist", "combobox", "string"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
    "decimal": _NUMBERS,
    "money": _NUMBERS,
    "percent": _NUMBERS,
    "integer": _NUMBERS,
    "boolean": frozenset({"boolean"}),
}


@dataclass(frozen=True)
class FieldFault:
    """What is wrong with a mapped field, in words. ``stops``: billing reads it, and can't as it is."""

    said: str
    stops: bool


def faults_of(one: FieldMap, name: str, described: Mapping[str, Any] | None) -> list[FieldFault]:
    """What the log-in may not do with this field and has to, and how it differs from its line; ``described`` is None for a
    field that the log-in does not see.
    """
    if described is None:
        return [FieldFault(f"{name} can't be read (CONF-302)", stops=one.is_read)]
    faults = []
    if one.written and not (described.get("updateable") or described.get("createable")):
        faults.append(FieldFault(f"{name} can't be written (CONF-302)", stops=False))
    stops = one.is_read and not _fits(one, described)
    return faults + [FieldFault(f"{name} {what}", stops=stops) for what in unlike(one, described)]


def _fits(one: FieldMap, described: Mapping[str, Any]) -> bool:
    kind = str(described.get("type") or "")
    return not kind or kind in FITTING[one.type]


def unlike(one: FieldMap, described: Mapping[str, Any]) -> list[str]:
    """How a field of the org differs from what its line says of it; nothing where it fits."""
    kind, scale, length = str(described.get("type") or ""), described.get("scale"), described.get("length")
    found = []
    if not _fits(one, described):
        found.append(f"is {kind} in the org; the mapping says {one.type} (CONF-302)")
    elif one.type == "integer" and isinstance(scale, int) and scale > 0:
        found.append(f"has {scale} decimals in the org; the mapping says integer (CONF-302)")
    sent = one.target is not None and end_of(one.target).key is not None
    if sent and one.type == "text" and isinstance(length, int) and length > VALUE_LENGTH:
        found.append(f"has {length} characters; a value of Stripe's metadata has {VALUE_LENGTH} (CONF-302)")
    if one.longest is not None and isinstance(length, int) and 0 < length < one.longest:
        found.append(f"holds {length} characters; write length: {length}, and longer text is cut (CONF-302)")
    return found
