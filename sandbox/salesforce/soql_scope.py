"""What names mean in one query: fields, parents through relationships, and this user's right to see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import Entity, Field
from sandbox.salesforce.soql_tokens import located
from sandbox.salesforce.soql_tree import Comparison, FieldRef, Query
from sandbox.salesforce.store import Row

Getter = Callable[[Row], Any]
SemiJoin = Callable[[Comparison], set[Any]]
"""Runs the query of an ``IN (SELECT …)`` and gives the values it allows."""
_DEEPEST_PATH = 5
HINT = "Please reference your WSDL or the describe call for the appropriate names."


class Scope:
    """What names mean in one query: its object, its alias, and the user's rights."""

    def __init__(self, org: Org, access: Access, text: str, entity: Entity, query: Query, semi_join: SemiJoin) -> None:
        self.org, self.access, self.text, self.entity = org, access, text, entity
        self.semi_join = semi_join
        self._names = {query.entity.lower(), query.alias.lower()} - {""}

    def resolve(self, ref: FieldRef) -> tuple[Field, Getter]:
        """The field a path ends in and a function that reads it from a row. Raises ``INVALID_FIELD``."""
        return self._resolve(self.entity, self.path(ref), ref)

    def path(self, ref: FieldRef) -> tuple[str, ...]:
        """The path without the alias or the object's own name in front."""
        return ref.path[1:] if len(ref.path) > 1 and ref.path[0].lower() in self._names else ref.path

    def canonical(self, ref: FieldRef) -> tuple[str, ...]:
        """The path in the names' own case."""
        entity, names = self.entity, []
        for name in self.path(ref)[:-1]:
            step, parents = self.parent_of(entity, name, ref.at)
            names.append(step.relationship)
            entity = parents[0]
        return (*names, self.resolve(ref)[0].name)

    def _resolve(self, entity: Entity, path: tuple[str, ...], ref: FieldRef) -> tuple[Field, Getter]:
        if len(ref.path) > _DEEPEST_PATH + 1:
            raise self.malformed(ref.at, "relationship path is deeper than five levels")
        if len(path) == 1:
            field = self.access.field(entity, path[0])
            if field is None:
                raise self.no_column(entity, path[0], ref.at)
            return field, self.reader(entity, field)
        step, parents = self.parent_of(entity, path[0], ref.at)
        field, get = self._resolve(parents[0], path[1:], ref)
        return field, self._through(step, parents, get, path[1:], ref)

    def _through(self, step: Field, parents: list[Entity], get: Getter, rest: tuple[str, ...], ref: FieldRef) -> Getter:
        getters = {parents[0].name: get}

        def read(row: Row) -> Any:
            parent = self.parent_row(row.get(step.name))
            if parent is None:
                return None
            entity, found = parent
            if entity.name not in getters:
                getters[entity.name] = self._resolve(entity, rest, ref)[1]
            return getters[entity.name](found)

        return read

    def parent_of(self, entity: Entity, name: str, at: int) -> tuple[Field, list[Entity]]:
        """The reference field of this relationship and the objects it may point at."""
        step = entity.by_relationship(name)
        parents = [found for target in (step.reference_to if step else ()) if (found := self.org.schema.find(target))]
        if step is None or not parents or not self.access.reads(entity, step):
            detail = (
                f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
                f"relationship, be sure to append the '__r' after the custom relationship name. {HINT}"
            )
            raise SalesforceError("INVALID_FIELD", located(self.text, at, detail))
        parents.sort(key=lambda parent: parent.name != "User")
        return step, parents

    def parent_row(self, record_id: str | None) -> tuple[Entity, Row] | None:
        """The record an id points at, unless it is in the recycle bin."""
        entity = self.org.schema.of_id(record_id) if record_id else None
        row = self.org.store.get(entity.name, record_id) if entity and record_id else None
        return (entity, row) if entity and row is not None and not row.get("IsDeleted") else None

    def reader(self, entity: Entity, field: Field) -> Getter:
        """A function that reads this field from a row of the object."""
        if field.type == "address":
            return lambda row: address(entity, field, row)
        name = field.name
        return lambda row: row.get(name)

    def no_column(self, entity: Entity, name: str, at: int) -> SalesforceError:
        detail = (
            f"No such column '{name}' on entity '{entity.name}'. If you are attempting to use a custom field, be sure "
            f"to append the '__c' after the custom field name. {HINT}"
        )
        return SalesforceError("INVALID_FIELD", located(self.text, at, detail))

    def malformed(self, at: int, detail: str) -> SalesforceError:
        return SalesforceError("MALFORMED_QUERY", located(self.text, at, detail))


def address(entity: Entity, field: Field, row: Row) -> Row | None:
    """The compound address of a row; null if no part of it is filled in."""
    stem = field.name.removesuffix("Address")
    names = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
    parts = {name: row.get(f"{stem}{name[0].upper()}{name[1:]}") for name in names}
    return parts if any(value is not None for value in parts.values()) else None
