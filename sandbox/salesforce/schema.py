"""What objects and fields the org has: plain facts, read by checks, queries and describe alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

TEXT_TYPES = frozenset({"string", "textarea", "picklist", "multipicklist", "email", "phone", "url", "combobox"})
NUMBER_TYPES = frozenset({"currency", "double", "percent"})
ID_TYPES = frozenset({"id", "reference"})
LONG_TEXT_FROM = 256
"""A text area longer than 255 can't be filtered or sorted by."""


@dataclass(frozen=True)
class Field:
    """One field of an object, in the words of describe. Lengths in characters; precision in digits."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    custom: bool = False
    calculated: bool = False
    auto_number: str = ""
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    default: str | bool | None = None
    reference_to: tuple[str, ...] = ()
    relationship: str = ""
    child_relationship: str = ""
    cascade_delete: bool = False
    restrict_delete: bool = False
    help_text: str = ""

    @property
    def defaulted(self) -> bool:
        """Whether Salesforce fills it in at creation when the caller does not."""
        return (
            self.type == "boolean"
            or self.default is not None
            or bool(self.auto_number)
            or self.name in ("OwnerId", "CurrencyIsoCode")
        )

    @property
    def required(self) -> bool:
        """Whether a caller has to give it at creation."""
        return not self.nillable and self.createable and not self.defaulted

    @property
    def filterable(self) -> bool:
        """Whether it may stand in WHERE or ORDER BY."""
        return self.type != "address" and not (self.type == "textarea" and self.length >= LONG_TEXT_FROM)

    @property
    def id_lookup(self) -> bool:
        """Whether an upsert may name a record by it."""
        return self.external_id or self.name == "Id"


@dataclass(frozen=True)
class ChildRelationship:
    """Records of ``child`` point with ``field`` at the object that has this relationship."""

    name: str
    child: str
    field: str
    cascade_delete: bool


@dataclass
class Entity:
    """One object. Names of fields are found in any case, as Salesforce finds them."""

    name: str
    label: str
    plural: str
    prefix: str
    custom: bool = False
    writable: bool = True
    fields: dict[str, Field] = field(default_factory=dict)
    children: list[ChildRelationship] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = {name.lower(): name for name in self.fields}
        self._relationships = {f.relationship.lower(): f for f in self.fields.values() if f.relationship}

    def add(self, added: Field) -> None:
        """The object has this field from now on."""
        self.fields[added.name] = added
        self.__post_init__()

    def find(self, name: str) -> Field | None:
        """The field of this name, in any case."""
        canonical = self._names.get(name.lower())
        return self.fields[canonical] if canonical else None

    def by_relationship(self, name: str) -> Field | None:
        """The reference field whose parent is reached by this relationship name (``Account``, ``Parent__r``)."""
        return self._relationships.get(name.lower())

    def child(self, name: str) -> ChildRelationship | None:
        """The child relationship of this name, in any case."""
        return next((c for c in self.children if c.name.lower() == name.lower()), None)


class Schema:
    """All objects of the org."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._entities = {entity.name.lower(): entity for entity in entities}
        self._by_prefix = {entity.prefix: entity for entity in self}

    def __iter__(self) -> Iterator[Entity]:
        return iter(self._entities.values())

    def find(self, name: str) -> Entity | None:
        """The object of this name, in any case."""
        return self._entities.get(name.lower())

    def get(self, name: str) -> Entity:
        """The object of this name, which must exist."""
        return self._entities[name.lower()]

    def of_id(self, record_id: str) -> Entity | None:
        """The object an id belongs to, by its first three characters."""
        return self._by_prefix.get(record_id[:3])

    def link_children(self) -> None:
        """Work out each object's child relationships from the fields that point at it."""
        for entity in self:
            for pointing in entity.fields.values():
                for target in pointing.reference_to:
                    parent = self.find(target)
                    if parent and pointing.child_relationship:
                        parent.children.append(
                            ChildRelationship(
                                pointing.child_relationship, entity.name, pointing.name, pointing.cascade_delete
                            )
                        )


def prefixed(entry: Field, namespace: str) -> Field:
    """The same custom field as a managed package with this namespace has it."""
    if not namespace or not entry.custom:
        return entry
    return replace(
        entry,
        name=namespaced(entry.name, namespace),
        relationship=namespaced(entry.relationship, namespace),
        child_relationship=namespaced(entry.child_relationship, namespace),
        reference_to=tuple(namespaced(target, namespace) for target in entry.reference_to),
    )


def namespaced(name: str, namespace: str) -> str:
    """``Billing_Key__c`` as ``ns__Billing_Key__c``; standard names stay."""
    return f"{namespace}__{name}" if namespace and name.endswith(("__c", "__r")) else name
