"""What an org's `describe` says of a field, held against the line of the mappings that names it."""

from __future__ import annotations

from collections.abc import Mapping
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


def unlike(one: FieldMap, described: Mapping[str, Any]) -> list[str]:
    """How a field of the org differs from what its line says of it; nothing where it fits."""
    kind, scale, length = str(described.get("type") or ""), described.get("scale"), described.get("length")
    found = []
    if kind and kind not in FITTING[one.type]:
        found.append(f"is {kind} in the org; the mapping says {one.type} (CONF-302)")
    elif one.type == "integer" and isinstance(scale, int) and scale > 0:
        found.append(f"has {scale} decimals in the org; the mapping says integer (CONF-302)")
    sent = one.target is not None and end_of(one.target).key is not None
    if sent and one.type == "text" and isinstance(length, int) and length > VALUE_LENGTH:
        found.append(f"has {length} characters; a value of Stripe's metadata has {VALUE_LENGTH} (CONF-302)")
    return found
