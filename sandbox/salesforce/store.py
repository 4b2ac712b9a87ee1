"""The rows of the org, with indexes, transactions that can be undone, and commits that show late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.schema import Entity, Field, Schema

Row = dict[str, Any]
"""Values by the field's own name. A row is never changed in place: a write puts a new one."""

_Change = tuple[str, str, Row | None]


@dataclass(frozen=True)
class HeldCommit:
    """Rows already written by a transaction that other callers can't see before ``visible_at_s`` (business time)."""

    visible_at_s: int
    taken_at_s: int
    rows: dict[tuple[str, str], Row]


class Store:
    """All rows by object and id. Deleted rows stay, with ``IsDeleted``, as in the recycle bin."""

    def __init__(self, schema: Schema) -> None:
        self._rows: dict[str, dict[str, Row]] = {entity.name: {} for entity in schema}
        self._indexed = {entity.name: [f for f in entity.fields.values() if _is_indexed(f)] for entity in schema}
        self._index: dict[tuple[str, str], dict[Any, dict[str, None]]] = defaultdict(dict)
        self._journal: list[_Change] = []
        self.held: list[HeldCommit] = []

    def rows(self, entity: str) -> Iterator[Row]:
        """Every row of the object, in order of creation."""
        return iter(list(self._rows[entity].values()))

    def get(self, entity: str, record_id: str) -> Row | None:
        """The row of this 18 character id, also if deleted."""
        return self._rows[entity].get(record_id)

    def is_indexed(self, entity: str, field: str) -> bool:
        """Whether :meth:`find` knows this field."""
        return any(entry.name == field for entry in self._indexed[entity])

    def find(self, entity: Entity, field: Field, value: Any) -> list[Row]:
        """Rows, deleted ones too, with this value in an indexed field."""
        ids = self._index[entity.name, field.name].get(key_of(field, value), {})
        return [self._rows[entity.name][record_id] for record_id in ids]

    def put(self, entity: str, row: Row) -> None:
        """The row is this from now on (new or changed)."""
        record_id = row["Id"]
        self._journal.append((entity, record_id, self._rows[entity].get(record_id)))
        self._place(entity, record_id, row)

    def remove(self, entity: str, record_id: str) -> None:
        """The row is gone for good."""
        self._journal.append((entity, record_id, self._rows[entity].get(record_id)))
        self._place(entity, record_id, None)

    def _place(self, entity: str, record_id: str, row: Row | None) -> None:
        old = self._rows[entity].get(record_id)
        for field in self._indexed[entity]:
            if old is not None and (value := old.get(field.name)) is not None:
                self._index[entity, field.name][key_of(field, value)].pop(record_id, None)
            if row is not None and (value := row.get(field.name)) is not None:
                self._index[entity, field.name].setdefault(key_of(field, value), {})[record_id] = None
        if row is None:
            self._rows[entity].pop(record_id, None)
        else:
            self._rows[entity][record_id] = row

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """An error inside undoes every write made inside. May be nested."""
        mark = len(self._journal)
        try:
            yield
        except BaseException:
            self.undo_to(mark)
            raise

    def mark(self) -> int:
        """A place to undo to."""
        return len(self._journal)

    def undo_to(self, mark: int) -> None:
        """Take back every write since the mark."""
        while len(self._journal) > mark:
            entity, record_id, old = self._journal.pop()
            self._place(entity, record_id, old)

    def commit(self, now_s: int, delay_s: int = 0) -> None:
        """End the transaction: what was written stays, seen at once or after ``delay_s`` of business time."""
        if delay_s and self._journal:
            touched = {(entity, record_id) for entity, record_id, _ in self._journal}
            after = {key: row for key in touched if (row := self._rows[key[0]].get(key[1])) is not None}
            self.undo_to(0)
            self.held.append(HeldCommit(now_s + delay_s, now_s, after))
        self._journal.clear()

    def is_held(self, entity: str, record_id: str) -> bool:
        """Whether a transaction whose commit is late has this row locked."""
        return any((entity, record_id) in commit.rows for commit in self.held)

    def held_duplicates(self, entity: Entity, field: Field, value: Any) -> list[str]:
        """Ids of not yet visible rows with this value: a unique value is taken before it can be seen."""
        wanted = key_of(field, value)
        return [
            record_id
            for commit in self.held
            for (name, record_id), row in commit.rows.items()
            if name == entity.name and row.get(field.name) is not None and key_of(field, row[field.name]) == wanted
        ]

    def release(self, until_s: int | None = None) -> None:
        """Show the held commits that are due by ``until_s``; all of them without it."""
        due = [commit for commit in self.held if until_s is None or commit.visible_at_s <= until_s]
        self.held = [commit for commit in self.held if commit not in due]
        for commit in due:
            for (entity, record_id), row in commit.rows.items():
                self._place(entity, record_id, row)


def _is_indexed(field: Field) -> bool:
    return field.type in ("id", "reference") or field.unique or field.external_id


def key_of(field: Field, value: Any) -> Any:
    """The value as it is compared: text ignores case unless the field heeds it."""
    if isinstance(value, str) and field.type not in ("id", "reference") and not field.case_sensitive:
        return value.lower()
    return value
