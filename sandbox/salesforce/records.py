"""Writing records: create, update, upsert, delete, undelete and merge, with every check the org makes on saving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce import derived, duplicates, people, record_types
from sandbox.salesforce.access import Access
from sandbox.salesforce.bodies import Given
from sandbox.salesforce.errors import SalesforceError, SeveralMatches, deleted, locked, not_found
from sandbox.salesforce.org import Deletion, Org
from sandbox.salesforce.schema import Entity, Field
from sandbox.salesforce.store import Row
from sandbox.salesforce.values import checked

_STAMPS = ("LastModifiedDate", "SystemModstamp", "LastModifiedById")


def no_locks() -> Iterator[bool]:
    """No row is locked."""
    while True:
        yield False


def every_other_locked() -> Iterator[bool]:
    """The first row is locked, the second is not, and so on."""
    while True:
        yield True
        yield False


@dataclass
class Writer:
    """The writes of one request by one user. ``effect``: whether any of them changed something."""

    org: Org
    access: Access
    locks: Iterator[bool] = field(default_factory=no_locks)
    effect: bool = False

    def insert(self, entity: Entity, given: Given) -> str:
        """Keep a new record; its 18 character id."""
        self.access.require(entity, "create")
        with self.org.store.all_or_nothing():
            row = self._blank(entity) | given.values
            self._lock(entity, None, *_masters(entity, row))
            self._save(entity, row, None)
            return str(row["Id"])

    def update(self, entity: Entity, record_id: str, given: Given) -> None:
        """Change an existing record; fields that are not given stay."""
        self.access.require(entity, "edit")
        old = self.live(entity, record_id)
        with self.org.store.all_or_nothing():
            row = old | given.values
            self._lock(entity, record_id, *_masters(entity, row))
            self._save(entity, row, old)

    def upsert(self, entity: Entity, key: Field, value: Any, given: Given, *, update_only: bool = False) -> Upserted:
        """Update the one record with this external id or create it; says which."""
        matches = self.matches(entity, key, value)
        if len(matches) > 1:
            raise SeveralMatches(key.name, [row["Id"] for row in matches])
        if matches:
            self.update(entity, matches[0]["Id"], given)
            return Upserted(matches[0]["Id"], created=False)
        if update_only or key.name == "Id":
            raise not_found()
        return Upserted(self.insert(entity, Given({**given.values, key.name: value})), created=True)

    def matches(self, entity: Entity, key: Field, value: Any) -> list[Row]:
        """The records, not deleted, that carry this external id."""
        return [row for row in self.org.store.find(entity, key, value) if not row.get("IsDeleted")]

    def delete(self, entity: Entity, record_id: str) -> None:
        """Move the record, and what depends on it, to the recycle bin."""
        self.access.require(entity, "delete")
        row = self.live(entity, record_id)
        with self.org.store.all_or_nothing():
            self._lock(entity, record_id)
            gone = Deletion()
            self._bin(entity, row, gone)
            self.org.deletions[record_id] = gone
        self.effect = True

    def undelete(self, entity: Entity, record_id: str) -> None:
        """Bring the record back from the recycle bin with all that went with it, and the look-ups to it that nobody has
        filled since (Apex Developer Guide, Restoring Deleted Records).
        """
        row = self.org.store.get(entity.name, record_id)
        if row is None or not row.get("IsDeleted"):
            raise SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
        deletion = self.org.deletions.pop(record_id, None) or Deletion([(entity.name, record_id)])
        for name, gone_id in deletion.records:
            gone = self.org.store.get(name, gone_id)
            if gone is not None:
                self._keep(self.org.schema.get(name), {**gone, "IsDeleted": False})
        for name, child_id, pointing, target in deletion.look_ups:
            child = self.org.store.get(name, child_id)
            if child is not None and child.get(pointing) is None:
                self.org.store.put(name, {**child, pointing: target})
        self.effect = True

    def merge(self, entity: Entity, master_id: str, loser_ids: list[str]) -> None:
        """Make the losers' children the master's, and the losers deleted with ``MasterRecordId`` set."""
        master = self.live(entity, master_id)
        for loser_id in loser_ids:
            loser = self.live(entity, loser_id)
            for other, pointing, child in list(self._children(entity, loser_id)):
                self._keep(other, {**child, pointing.name: master_id})
            self._keep(entity, {**loser, "IsDeleted": True, "MasterRecordId": master_id})
        self._keep(entity, master)
        self.effect = True

    def live(self, entity: Entity, record_id: str) -> Row:
        """The record, which must exist and not be deleted."""
        row = self.org.store.get(entity.name, record_id)
        if row is None:
            raise not_found()
        if row.get("IsDeleted"):
            raise deleted()
        return row

    def _blank(self, entity: Entity) -> Row:
        row: Row = {"Id": self.org.mint.new(entity.prefix)}
        for entry in entity.fields.values():
            if entry.type == "boolean":
                row[entry.name] = entry.default is True
            elif entry.auto_number:
                row[entry.name] = self.org.next_number(entity, entry)
            elif entry.default is not None:
                row[entry.name] = entry.default
        if "OwnerId" in entity.fields:
            row["OwnerId"] = self.access.user.id
        if "CreatedDate" in entity.fields:
            row |= {"CreatedDate": self.org.now, "CreatedById": self.access.user.id}
        return row

    def _lock(self, entity: Entity, record_id: str | None, *masters: tuple[str, str]) -> None:
        rows = [(entity.name, record_id or ""), *masters]
        if next(self.locks):
            raise locked(record_id or next((row_id for _, row_id in masters), None))
        for name, row_id in rows:
            if self.org.store.is_held(name, row_id):
                raise locked(row_id)

    def _save(self, entity: Entity, row: Row, old: Row | None) -> None:
        self._check_references(entity, row, old)
        self._check_owner(entity, row, old)
        if "RecordTypeId" in entity.fields:
            record_types.settle(self.org, self.access.user, entity.name, row, old)
        derived.fill_before_save(self.org, entity.name, row, old)
        self._check_required(entity, row)
        for entry in entity.fields.values():
            if entry.name in row:
                row[entry.name] = checked(entry, row[entry.name], row.get("CurrencyIsoCode"))
        derived.fill_before_save(self.org, entity.name, row, old)
        self._check_unique(entity, row, old)
        if old is None:
            duplicates.check(self.org, entity.name, row)
        if old is None or any(row.get(key) != old.get(key) for key in row.keys() | old.keys() if key not in _STAMPS):
            self.effect = True
        self._keep(entity, row)
        if entity.name == "Account":
            self._keep_person(row)
        for name, parent in derived.roll_up_after_save(self.org, entity.name, row):
            self._keep(self.org.schema.get(name), parent)

    def _keep_person(self, account: Row) -> None:
        """The Contact behind a person account is there and says the same."""
        theirs = people.contact_of(account)
        if theirs is None:
            return
        contact = self.org.schema.get("Contact")
        known = self.org.store.get("Contact", account.get("PersonContactId") or "")
        behind = (known or self._blank(contact)) | theirs
        self._keep(contact, behind)
        if known is None:
            account["PersonContactId"] = behind["Id"]
            self._keep(self.org.schema.get("Account"), account)

    def _keep(self, entity: Entity, row: Row) -> None:
        stamps: Row = dict(zip(_STAMPS, (self.org.now, self.org.now, self.access.user.id), strict=True))
        self.org.store.put(entity.name, row | {key: value for key, value in stamps.items() if key in entity.fields})

    def _check_required(self, entity: Entity, row: Row) -> None:
        system = {"LastModifiedDate", "SystemModstamp", "LastModifiedById", "CreatedDate", "CreatedById"}
        missing = [
            entry.name
            for entry in entity.fields.values()
            if not entry.nillable and row.get(entry.name) is None and entry.name not in system
        ]
        if missing:
            text = f"Required fields are missing: [{', '.join(missing)}]"
            raise SalesforceError("REQUIRED_FIELD_MISSING", text, missing)

    def _check_unique(self, entity: Entity, row: Row, old: Row | None) -> None:
        for entry in entity.fields.values():
            value = row.get(entry.name)
            if not entry.unique or value is None or (old is not None and old.get(entry.name) == value):
                continue
            taken = [r["Id"] for r in self.org.store.find(entity, entry, value) if not r.get("IsDeleted")]
            taken += self.org.store.held_duplicates(entity, entry, value)
            if other := next((record_id for record_id in taken if record_id != row["Id"]), None):
                text = f"duplicate value found: {entry.name} duplicates value on record with id: {other[:15]}"
                raise SalesforceError("DUPLICATE_VALUE", text, [])

    def _check_references(self, entity: Entity, row: Row, old: Row | None) -> None:
        for entry in entity.fields.values():
            value = row.get(entry.name)
            if entry.type != "reference" or value is None or (old is not None and old.get(entry.name) == value):
                continue
            target = self.org.schema.of_id(value)
            if entry.reference_to and (target is None or target.name not in entry.reference_to):
                text = f"{entry.label}: id value of incorrect type: {value}"
                raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, [entry.name])
            found = self.org.store.get(target.name, value) if target else None
            if found is None:
                raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            if found.get("IsDeleted"):
                raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", [])

    def _check_owner(self, entity: Entity, row: Row, old: Row | None) -> None:
        """Nothing is given to a user who is no longer active; what he has may be changed."""
        owner = row.get("OwnerId")
        if owner is None or (old is not None and old.get("OwnerId") == owner):
            return
        found = self.org.store.get("User", owner)
        if found is not None and not found.get("IsActive"):
            text = f"operation performed with inactive user [{owner[:15]}] as owner of {entity.label.lower()}"
            raise SalesforceError("INACTIVE_OWNER_OR_USER", text, [])

    def _children(self, entity: Entity, record_id: str) -> Iterator[tuple[Entity, Field, Row]]:
        for other in self.org.schema:
            for pointing in other.fields.values():
                if entity.name in pointing.reference_to:
                    for child in self.org.store.find(other, pointing, record_id):
                        yield other, pointing, child

    def _bin(self, entity: Entity, row: Row, gone: Deletion) -> None:
        gone.records.append((entity.name, row["Id"]))
        self._keep(entity, {**row, "IsDeleted": True})
        for other, pointing, child in list(self._children(entity, row["Id"])):
            if child.get("IsDeleted"):
                continue
            if pointing.restrict_delete:
                text = f"Your attempt to delete {row.get('Name')} could not be completed: {other.label} records need it"
                raise SalesforceError("DELETE_FAILED", text, [])
            if pointing.cascade_delete:
                self._bin(other, child, gone)
            elif pointing.custom and pointing.nillable:
                self.org.store.put(other.name, {**child, pointing.name: None})
                gone.look_ups.append((other.name, child["Id"], pointing.name, row["Id"]))
        for name, parent in derived.roll_up_after_save(self.org, entity.name, row):
            self._keep(self.org.schema.get(name), parent)


@dataclass(frozen=True)
class Upserted:
    """What an upsert did."""

    id: str
    created: bool


def _masters(entity: Entity, row: Row) -> list[tuple[str, str]]:
    """Master records that saving this one locks."""
    return [
        (entry.reference_to[0], row[entry.name])
        for entry in entity.fields.values()
        if entry.cascade_delete and entry.custom and row.get(entry.name)
    ]
