"""Single records: ``sobjects/Account``, by id and by external id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from sandbox.salesforce.calls import Call, Reply, Router
from sandbox.salesforce.errors import BodyRefused, SalesforceError, SeveralMatches, not_found
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.schema import Entity, Field
from sandbox.salesforce.soql_scope import address
from sandbox.salesforce.store import Row
from sandbox.salesforce.values import parse


def add_routes(router: Router) -> None:
    """Answer for single records."""
    router.add("POST", "sobjects/*", create)
    router.add("GET", "sobjects/*/*", retrieve)
    router.add("PATCH", "sobjects/*/*", update)
    router.add("DELETE", "sobjects/*/*", delete)
    router.add("POST", "sobjects/*/*", create_by_id_field)
    router.add("GET", "sobjects/*/*/*", retrieve_by_external_id)
    router.add("PATCH", "sobjects/*/*/*", upsert)
    router.add("DELETE", "sobjects/*/*/*", delete_by_external_id)


def create(call: Call) -> Reply:
    """201 with the new id."""
    entity = call.access.entity(call.parts[1])
    given = call.reader.read(entity, call.object_body(), creating=True)
    record_id = call.writer.insert(entity, given)
    location = {"location": f"{call.base}/sobjects/{entity.name}/{record_id}"}
    return Reply(201, {"id": record_id, "success": True, "errors": []}, location)


def create_by_id_field(call: Call) -> Reply:
    """``POST sobjects/Account/Id`` creates; any other last segment is no address for POST."""
    if call.parts[2].lower() != "id":
        raise SalesforceError("METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are DELETE, GET, PATCH",
                              status=405)  # fmt: skip
    return create(call)


def retrieve(call: Call) -> Reply:
    """The record's fields, all of them or those of ``?fields=``."""
    entity, row = _record(call)
    return _shown(call, entity, row)


def retrieve_by_external_id(call: Call) -> Reply:
    """The same by external id; 300 with addresses where several records carry it."""
    entity, key, value = _key(call)
    found = call.writer.matches(entity, key, value)
    if len(found) > 1:
        return _several(call, entity, [row["Id"] for row in found])
    if not found:
        raise not_found()
    return _shown(call, entity, found[0])


def update(call: Call) -> Reply:
    """204; nothing changed if a precondition does not hold."""
    entity, row = _record(call)
    if not _may_write(call.headers, row):
        raise SalesforceError("PRECONDITION_FAILED", "the record was modified since", status=412)
    given = call.reader.read(entity, _without_id(call.object_body()), creating=False)
    call.writer.update(entity, row["Id"], given)
    return Reply(204)


def delete(call: Call) -> Reply:
    """204; the record is in the recycle bin."""
    entity, row = _record(call)
    call.writer.delete(entity, row["Id"])
    return Reply(204)


def delete_by_external_id(call: Call) -> Reply:
    """204; 300 where several records carry the external id."""
    entity, key, value = _key(call)
    found = call.writer.matches(entity, key, value)
    if len(found) > 1:
        return _several(call, entity, [row["Id"] for row in found])
    if not found:
        raise not_found()
    call.writer.delete(entity, found[0]["Id"])
    return Reply(204)


def upsert(call: Call) -> Reply:
    """201 created, 200 updated, 300 several matches. The key stands in the address only."""
    entity, key, value = _key(call)
    data = call.object_body()
    if any(name.lower() == key.name.lower() for name in data):
        text = f"The {key.name} field should not be specified in the sobject data."
        raise BodyRefused("INVALID_FIELD", text)
    matches = call.writer.matches(entity, key, value)
    if len(matches) == 1 and not _may_write(call.headers, matches[0]):
        raise SalesforceError("PRECONDITION_FAILED", "the record was modified since", status=412)
    given = call.reader.read(entity, data, creating=not matches)
    try:
        done = call.writer.upsert(entity, key, value, given, update_only=call.flag("updateOnly"))
    except SeveralMatches as several:
        return _several(call, entity, several.ids)
    body = {"id": done.id, "success": True, "errors": [], "created": done.created}
    location = {"location": f"{call.base}/sobjects/{entity.name}/{done.id}"} if done.created else {}
    return Reply(201 if done.created else 200, body, location)


def key_field(call: Call, entity: Entity, name: str) -> Field:
    """The external id field of this name, or ``Id``. Raises 404 if it is none."""
    key = call.access.field(entity, name)
    if key is None or not key.id_lookup:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return key


def _key(call: Call) -> tuple[Entity, Field, Any]:
    entity = call.access.entity(call.parts[1])
    key = key_field(call, entity, call.parts[2])
    value = parse(key, call.parts[3])
    if value is None:
        raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified")
    return entity, key, value


def _record(call: Call) -> tuple[Entity, Row]:
    entity = call.access.entity(call.parts[1])
    record_id = full_id(call.parts[2])
    if record_id is None:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {call.parts[2]}")
    return entity, call.writer.live(entity, record_id)


def _without_id(data: dict[str, Any]) -> dict[str, Any]:
    if any(name.lower() == "id" for name in data):
        raise BodyRefused("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    return data


def _several(call: Call, entity: Entity, ids: list[str]) -> Reply:
    return Reply(300, [f"{call.base}/sobjects/{entity.name}/{record_id}" for record_id in ids])


def _shown(call: Call, entity: Entity, row: Row) -> Reply:
    since = _header_time(call.headers, "if-modified-since")
    if since is not None and row.get("LastModifiedDate") and row["LastModifiedDate"] <= since:
        return Reply(304)
    wanted = [name for name in call.params.get("fields", "").split(",") if name]
    changed = row.get("LastModifiedDate")
    headers = {"last-modified": format_datetime(changed, usegmt=True)} if changed else {}
    return Reply(200, whole_record(call, entity, row, wanted), headers)


def whole_record(call: Call, entity: Entity, row: Row, wanted: list[str]) -> dict[str, Any]:
    """The record with the wanted fields, all readable ones if none are named."""
    url = f"{call.base}/sobjects/{entity.name}/{row['Id']}"
    record: dict[str, Any] = {"attributes": {"type": entity.name, "url": url}}
    fields = [_readable(call, entity, name.strip()) for name in wanted] or call.access.fields(entity)
    for entry in fields:
        record[entry.name] = address(entity, entry, row) if entry.type == "address" else row.get(entry.name)
    return record | {"Id": row["Id"]}


def _readable(call: Call, entity: Entity, name: str) -> Field:
    found = call.access.field(entity, name)
    if found is None:
        raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")
    return found


def _may_write(headers: Mapping[str, str], row: Row) -> bool:
    """Whether the preconditions of the headers hold; compared in whole seconds."""
    changed = row.get("LastModifiedDate")
    unmodified = _header_time(headers, "if-unmodified-since")
    modified = _header_time(headers, "if-modified-since")
    if changed is None:
        return True
    return not (unmodified is not None and changed > unmodified) and not (modified is not None and changed <= modified)


def _header_time(headers: Mapping[str, str], name: str) -> datetime | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
    except ValueError as error:
        raise SalesforceError("MALFORMED_HEADER", f"{name} is not an HTTP date: {text}") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
