"""What a SOQL query says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """``kind``: string, number, date, datetime, boolean or null. ``text`` as written, quotes and escapes resolved."""

    kind: str
    text: str


@dataclass(frozen=True)
class FieldRef:
    """A field, perhaps through parents: ``Quote.Account.Name``."""

    path: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Aggregate:
    """``function`` in lower case; ``COUNT()`` has no field."""

    function: str
    field: FieldRef | None
    alias: str
    at: int


@dataclass(frozen=True)
class AllFields:
    """``FIELDS(ALL)``, ``FIELDS(STANDARD)`` or ``FIELDS(CUSTOM)``, in lower case."""

    kind: str


@dataclass(frozen=True)
class Comparison:
    """``operator``: = != < <= > >= like in, not in, includes, excludes. ``like`` texts keep their escapes."""

    field: FieldRef
    operator: str
    values: tuple[Literal, ...]
    subquery: Query | None = None


@dataclass(frozen=True)
class Junction:
    """Terms joined by ``and`` or ``or``."""

    kind: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Negation:
    """NOT of a condition."""

    term: Condition


Condition = Comparison | Junction | Negation


@dataclass(frozen=True)
class Ordering:
    """One field of ORDER BY."""

    field: FieldRef
    descending: bool
    nulls_first: bool


@dataclass(frozen=True)
class Query:
    """A whole SELECT; nested ones in ``select`` are child sub-queries."""

    select: tuple[FieldRef | Aggregate | AllFields | Query, ...]
    entity: str
    entity_at: int
    alias: str
    where: Condition | None
    group_by: tuple[FieldRef, ...]
    order_by: tuple[Ordering, ...]
    limit: int | None
    offset: int
