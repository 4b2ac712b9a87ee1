"""Fields that are reached through lookups (``Contact.Email``), looked for in the org's `describe` step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sync.errors import Terminal
from sync.gateways.names import Names
from sync.gateways.salesforce_shapes import FieldFault, faults_of
from sync.mapping import FieldMap

Described = Mapping[str, Mapping[str, Any]]


def faults_through(
    one: FieldMap, object_: str, names: Names, fields: Callable[[Sequence[str]], Mapping[str, Described]]
) -> list[FieldFault]:
    """What is wrong with a field that lies behind lookups. ``fields`` describes objects by our names; what a lookup to several
    kinds of records leads to (an owner is a user or a queue) is for the org to say.
    """
    *lookups, last = one.api_name.split(".")
    said, at = f"{object_}.{one.api_name}", object_
    for lookup in lookups:
        to = _targets(fields([at])[at], names.to_org(lookup))
        if not to:
            words = f"{said} can't be read: {at} has no lookup called {lookup} that the log-in sees (CONF-302)"
            return [FieldFault(words, stops=one.is_read)]
        if len(to) > 1:
            return []
        at = to[0]
        try:
            fields([at])
        except Terminal as error:
            return [FieldFault(f"{said} can't be read: {error.message}", stops=one.is_read)]
    return faults_of(one, said, fields([at])[at].get(names.to_org(last).lower()))


def _targets(described: Described, relationship: str) -> list[str]:
    for field in described.values():
        if str(field.get("relationshipName") or "").lower() == relationship.lower():
            return [str(name) for name in field.get("referenceTo") or ()]
    return []
