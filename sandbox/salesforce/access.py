"""Who may see and change what: users and field-level security.

A field that a user may not read looks to him as if it did not exist; one he may read but not edit is refused on write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.salesforce.errors import SalesforceError, unsupported_type
from sandbox.salesforce.schema import Entity, Field, Schema
from sandbox.salesforce.sfdx import PermissionSet

_RIGHTS = {"read": "allowRead", "create": "allowCreate", "edit": "allowEdit", "delete": "allowDelete"}
#: Objects to which user permissions give rights, not object permissions; for every right, (permission for read, for the rest).
_BY_USER_PERMISSION = {"Task": ("ActivitiesAccess", "EditTask")}


@dataclass(frozen=True)
class Grants:
    """What permission sets give together, by names without namespace; ``None`` in place of it: everything."""

    readable: frozenset[str]
    editable: frozenset[str]
    objects: dict[str, frozenset[str]]
    user: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sets: Iterable[PermissionSet]) -> Grants:
        """The union of the sets."""
        readable: set[str] = set()
        editable: set[str] = set()
        objects: dict[str, frozenset[str]] = {}
        given = list(sets)
        for one in given:
            readable |= one.readable
            editable |= one.editable
            for name, rights in one.objects.items():
                objects[name] = objects.get(name, frozenset()) | rights
        return cls(frozenset(readable), frozenset(editable), objects, frozenset().union(*(one.user for one in given)))


@dataclass(frozen=True)
class User:
    """One user of the org. ``grants`` None: an administrator."""

    id: str
    username: str
    name: str
    grants: Grants | None = None
    withheld: frozenset[str] = field(default_factory=frozenset)


class Access:
    """The rights of one user in one org."""

    def __init__(self, schema: Schema, user: User, plain_name: Callable[[str], str]) -> None:
        self._schema, self.user, self._plain = schema, user, plain_name

    def entity(self, name: str) -> Entity:
        """The object, if the user may read it; else it is no object to him."""
        found = self._schema.find(name)
        if found is None or not self.may(found, "read"):
            raise unsupported_type(name)
        return found

    def may(self, entity: Entity, right: str) -> bool:
        """Whether the user may ``read``, ``create``, ``edit`` or ``delete`` records of the object."""
        if right != "read" and entity.name.lower() in self.user.withheld:
            return False
        grants = self.user.grants
        if grants is not None and entity.name in _BY_USER_PERMISSION:
            reading, writing = _BY_USER_PERMISSION[entity.name]
            return (reading if right == "read" else writing) in grants.user
        if grants is None or self._plain(entity.name) not in grants.objects:
            return grants is None or not entity.custom
        return _RIGHTS[right] in grants.objects[self._plain(entity.name)]

    def require(self, entity: Entity, right: str) -> None:
        """Raises what Salesforce says when the right is missing."""
        if not entity.writable:
            text = f"entity type cannot be changed: {entity.name}"
            raise SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text, [])
        if not self.may(entity, right):
            verb = {"create": "create", "edit": "update", "delete": "delete"}[right]
            text = f"insufficient access rights to {verb} {entity.name}"
            raise SalesforceError("INSUFFICIENT_ACCESS_OR_READONLY", text, [])

    def field(self, entity: Entity, name: str) -> Field | None:
        """The field, if it exists for this user."""
        found = entity.find(name)
        return found if found and self.reads(entity, found) else None

    def fields(self, entity: Entity) -> list[Field]:
        """Every field that exists for this user, in order."""
        return [entry for entry in entity.fields.values() if self.reads(entity, entry)]

    def reads(self, entity: Entity, entry: Field) -> bool:
        """Whether the field exists for this user."""
        return not self._is_withheld(entity, entry) and self._granted(entity, entry, "readable")

    def edits(self, entity: Entity, entry: Field) -> bool:
        """Whether the user may give the field a value, as far as rights go."""
        return self.reads(entity, entry) and self._granted(entity, entry, "editable")

    def _granted(self, entity: Entity, entry: Field, kind: str) -> bool:
        """Required and master-detail fields go with the object; standard fields that no set names with the profile."""
        grants = self.user.grants
        if grants is None or entry.cascade_delete or not (entry.nillable or entry.type == "boolean"):
            return True
        name = f"{self._plain(entity.name)}.{self._plain(entry.name)}"
        granted: frozenset[str] = getattr(grants, kind)
        return name in granted or not (entry.custom or name in grants.readable)

    def _is_withheld(self, entity: Entity, entry: Field) -> bool:
        return f"{entity.name}.{entry.name}".lower() in self.user.withheld
