"""Reading a record out of a request body: names to fields, JSON to values, parents named by their external id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.errors import BodyRefused, SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Entity, Field
from sandbox.salesforce.values import parse


@dataclass(frozen=True)
class Given:
    """The values a caller gave, by the field's own name. The right to give them was checked."""

    values: dict[str, Any]


class BodyReader:
    """Reads bodies for one user."""

    def __init__(self, org: Org, access: Access) -> None:
        self._org, self._access = org, access

    def read(self, entity: Entity, data: Any, *, creating: bool, ignore: tuple[str, ...] = ()) -> Given:
        """The values in the body. ``ignore``: keys that name the record and are read elsewhere.

        Raises :class:`BodyRefused` where the body is no record of this object, else what refuses this one record.
        """
        if not isinstance(data, Mapping):
            raise BodyRefused("JSON_PARSER_ERROR", f"Can not deserialize instance of {entity.name} from this value")
        self._access.require(entity, "create" if creating else "edit")
        skipped = {"attributes", *(name.lower() for name in ignore)}
        given = {key: value for key, value in data.items() if key.lower() not in skipped}
        entries = [(self._field(entity, key, value), value) for key, value in given.items()]
        self._refuse_read_only(entity, [entry for entry, _ in entries], creating)
        return Given({entry.name: self._value(entry, value) for entry, value in entries})

    def _field(self, entity: Entity, name: str, value: Any) -> Field:
        if (found := self._access.field(entity, name)) is not None:
            return found
        parent = entity.by_relationship(name)
        if parent is not None and isinstance(value, Mapping) and self._access.reads(entity, parent):
            return parent
        raise BodyRefused("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")

    def _refuse_read_only(self, entity: Entity, entries: list[Field], creating: bool) -> None:
        def closed(entry: Field) -> bool:
            return not (entry.createable if creating else entry.updateable) or not self._access.edits(entity, entry)

        if creating and any(entry.name == "Id" for entry in entries):
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
        if names := [entry.name for entry in entries if closed(entry)]:
            text = (
                f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field "
                "and verify that it is read/write for your profile or permission set."
            )
            raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", text, names)

    def _value(self, entry: Field, raw: Any) -> Any:
        if entry.type == "reference" and isinstance(raw, Mapping):
            return self._by_external_id(entry, raw)
        return parse(entry, raw)

    def _by_external_id(self, entry: Field, raw: Mapping[str, Any]) -> str:
        keys = {name: value for name, value in raw.items() if name != "attributes"}
        target = self._org.schema.find(entry.reference_to[0]) if len(entry.reference_to) == 1 else None
        if target is None or len(keys) != 1:
            text = f"{entry.relationship}: name the parent by exactly one external id field"
            raise BodyRefused("INVALID_FIELD", text)
        [(name, value)] = keys.items()
        key = self._access.field(target, name)
        if key is None or not key.id_lookup:
            raise BodyRefused("INVALID_FIELD", f"{name} is not an External ID or indexed field for {target.name}")
        wanted = parse(key, value)
        found = [] if wanted is None else self._org.store.find(target, key, wanted)
        ids = [row["Id"] for row in found if not row.get("IsDeleted")]
        if len(ids) != 1:
            text = f"Foreign key external ID: {value} not found for field {key.name} in entity {target.name}"
            if ids:
                text = f"{key.name}: more than one record found for external id field: [{', '.join(ids)}]"
            raise SalesforceError("DUPLICATE_EXTERNAL_ID" if ids else "INVALID_FIELD", text, [])
        return str(ids[0])
