"""How a CRM row is kept as JSON and when two of its states are the same. Decimals survive; floats are refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmRow

#: Parents before children (DESIGN 5); objects not named here come last.
OBJECT_ORDER = (
    "Account",
    "Opportunity",
    "Quote",
    "Billing_Subscription__c",
    "Billing_Subscription_Item__c",
    "Billing_Invoice__c",
    "Billing_Payment__c",
    "Billing_Issue__c",
)
_RANK = {name: rank for rank, name in enumerate(OBJECT_ORDER)}
_DECIMAL = "$decimal"
#: In place of a row's hash: its content was read in the CRM, with all our fields, and is not what we sent.
SEEN = "seen"


def rank_of(sobject: str) -> int:
    """Where rows of this object stand in a flush."""
    return _RANK.get(sobject, len(OBJECT_ORDER))


def content_of(row: CrmRow) -> dict[str, Any]:
    """The row as JSON, without its object and key, which have columns of their own. TypeError for a value that JSON or Salesforce can't carry."""
    return {
        "key_field": row.key_field,
        "fields": {name: _stored(value, name) for name, value in row.fields.items()},
        "group": row.group,
        "parents": {relation: list(parent) for relation, parent in row.parents.items()},
        "quiet": list(row.quiet),
        "currency": row.currency,
    }


def row_from(sobject: str, key: str, content: Mapping[str, Any]) -> CrmRow:
    """The row that `content_of` was made from."""
    parents = {relation: (p[0], p[1], p[2]) for relation, p in content["parents"].items()}
    fields = {name: _restored(value) for name, value in content["fields"].items()}
    return CrmRow(
        sobject,
        content["key_field"],
        key,
        fields,
        content["group"],
        parents,
        tuple(content["quiet"]),
        content["currency"],
    )


def parents_of(content: Mapping[str, Any]) -> list[str]:
    """The rows of ours that must be in the CRM first, as ``object:key``."""
    return sorted({f"{sobject}:{key}" for sobject, _, key in content["parents"].values()})


def hash_of(content: Mapping[str, Any]) -> str:
    """Equal for rows that say the same. Quiet fields don't count, nor does how a number is written (1.50 is 1.5)."""
    quiet = set(content["quiet"])
    said = {
        "key_field": content["key_field"],
        "fields": {name: _canonical(value) for name, value in content["fields"].items() if name not in quiet},
        "parents": content["parents"],
        "currency": content["currency"],
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def says_the_same(seen: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether a row that was seen in the CRM has all that is wanted of it. Blank is blank, however it is written."""
    if seen is None:
        return False
    there, ours = (row_from("", "", content) for content in (seen, wanted))
    fields = {n: v for n, v in ours.fields.items() if n not in ours.quiet}
    same = all(_plain(there.fields.get(name)) == _plain(value) for name, value in fields.items())
    return same and {r: p[2] for r, p in ours.parents.items()} == {r: p[2] for r, p in there.parents.items()}


def _stored(value: object, name: str) -> object:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return {_DECIMAL: format(value, "f")}
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    raise TypeError(f"{name} can't be written to the CRM as {type(value).__name__} ({value!r})")


def _restored(value: Any) -> object:
    return Decimal(value[_DECIMAL]) if isinstance(value, Mapping) and _DECIMAL in value else value


def _canonical(value: Any) -> object:
    number = _restored(value)
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        return value
    plain = format(Decimal(number).normalize(), "f")
    return {_DECIMAL: "0" if plain == "-0" else plain}


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
