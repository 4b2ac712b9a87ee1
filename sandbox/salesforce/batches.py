"""Up to 200 records in one call: ``composite/sobjects``. Errors stand in each record's result, under ``statusCode``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from sandbox.salesforce.calls import Call, Reply, Router
from sandbox.salesforce.errors import BodyRefused, SalesforceError, not_found
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.schema import Entity
from sandbox.salesforce.single import key_field, whole_record
from sandbox.salesforce.values import parse

_MOST_RECORDS, _MOST_CHUNKS, _MOST_READ = 200, 10, 2000

Step = Callable[[], dict[str, Any]]


def add_routes(router: Router) -> None:
    """Answer for collections."""
    router.add("POST", "composite/sobjects", create)
    router.add("PATCH", "composite/sobjects", update)
    router.add("DELETE", "composite/sobjects", delete)
    router.add("GET", "composite/sobjects/*", retrieve)
    router.add("POST", "composite/sobjects/*", retrieve)
    router.add("PATCH", "composite/sobjects/*/*", upsert)


def create(call: Call) -> Reply:
    """One result for each record, in order."""

    def step(entity: Entity, data: dict[str, Any]) -> Step:
        given = _row_level(lambda: call.reader.read(entity, data, creating=True))

        def run() -> dict[str, Any]:
            return {"id": call.writer.insert(entity, given()), "success": True, "errors": []}

        return run

    records = _records(call)
    return _run(call, [step(_entity_of(call, data), data) for data in records], [{} for _ in records])


def update(call: Call) -> Reply:
    """One result for each record, in order; each record carries its ``Id``."""

    def step(entity: Entity, data: dict[str, Any], record_id: str | None) -> Step:
        given = _row_level(lambda: call.reader.read(entity, data, creating=False, ignore=("Id",)))

        def run() -> dict[str, Any]:
            if record_id is None:
                raise SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", [])
            call.writer.update(entity, _checked_id(record_id), given())
            return {"id": _checked_id(record_id), "success": True, "errors": []}

        return run

    records = _records(call)
    ids = [_member(data, "id") for data in records]
    steps = [step(_entity_of(call, data), data, one) for data, one in zip(records, ids, strict=True)]
    return _run(call, steps, [{"id": one} if one else {} for one in ids])


def upsert(call: Call) -> Reply:
    """One result for each record, in order, with ``created``; each record carries its external id."""
    entity = call.access.entity(call.parts[2])
    key = key_field(call, entity, call.parts[3])
    seen: set[Any] = set()

    def step(data: dict[str, Any]) -> Step:
        raw = _member(data, key.name)
        wanted = _row_level(lambda: parse(key, raw))
        creating = _row_level(lambda: _is_new(call, entity, key, wanted()))
        given = _row_level(lambda: call.reader.read(entity, data, creating=creating(), ignore=(key.name,)))

        def run() -> dict[str, Any]:
            value = wanted()
            if value is None and key.name != "Id":
                raise SalesforceError("MISSING_ARGUMENT", f"{key.name} not specified", [])
            if value is not None and value in seen:
                raise SalesforceError("DUPLICATE_VALUE", f"Duplicate external id specified: {raw}", [key.name])
            seen.add(value)
            if value is None:
                return {"id": call.writer.insert(entity, given()), "success": True, "errors": [], "created": True}
            done = call.writer.upsert(entity, key, value, given())
            return {"id": done.id, "success": True, "errors": [], "created": done.created}

        return run

    records = _records(call)
    for data in records:
        if _entity_of(call, data).name != entity.name:
            text = f"attributes.type must be {entity.name} in an upsert of {entity.name}"
            raise BodyRefused("INVALID_FIELD", text)
    return _run(call, [step(data) for data in records], [{} for _ in records])


def delete(call: Call) -> Reply:
    """One result for each id of ``?ids=``, in order."""
    ids = _ids(call.params.get("ids", ""), _MOST_RECORDS)

    def step(record_id: str) -> Step:
        def run() -> dict[str, Any]:
            wanted = _checked_id(record_id)
            entity = call.org.schema.of_id(wanted)
            if entity is None:
                raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            call.writer.delete(call.access.entity(entity.name), wanted)
            return {"id": wanted, "success": True, "errors": []}

        return run

    return _run(call, [step(one) for one in ids], [{"id": one} for one in ids], call.flag("allOrNone"))


def retrieve(call: Call) -> Reply:
    """The records of one object by id, in order; ``null`` where there is none."""
    entity = call.access.entity(call.parts[2])
    source: dict[str, Any] = call.object_body() if call.method == "POST" else dict(call.params)
    ids, fields = source.get("ids", ""), source.get("fields", "")
    ids = _ids(ids, _MOST_READ) if isinstance(ids, str) else list(ids)
    fields = fields.split(",") if isinstance(fields, str) else list(fields)
    wanted = [name.strip() for name in fields if name.strip()]
    if not ids or not wanted:
        raise SalesforceError("MISSING_ARGUMENT", "ids and fields are required")
    return Reply(200, [_read_one(call, entity, one, wanted) for one in ids[:_MOST_READ]])


def _read_one(call: Call, entity: Entity, record_id: str, wanted: list[str]) -> dict[str, Any] | None:
    row = call.org.store.get(entity.name, full_id(str(record_id)) or "")
    if row is None or row.get("IsDeleted"):
        return None
    record = whole_record(call, entity, row, wanted)
    return record if any(name.lower() == "id" for name in wanted) else {k: v for k, v in record.items() if k != "Id"}


def _row_level(read: Callable[[], Any]) -> Callable[[], Any]:
    """Read now, so that a body that is no record refuses the whole call; keep other refusals for the row's turn."""
    try:
        value = read()
    except BodyRefused:
        raise
    except SalesforceError as error:
        refused = error

        def fail() -> Any:
            raise refused

        return fail
    return lambda: value


def _is_new(call: Call, entity: Entity, key: Any, value: Any) -> bool:
    return value is None or not call.writer.matches(entity, key, value)


def _run(call: Call, steps: list[Step], failed: list[dict[str, Any]], all_or_none: bool | None = None) -> Reply:
    if all_or_none is None:
        all_or_none = _all_or_none(call)
    mark = call.org.store.mark()
    effect_before = call.writer.effect
    results: list[dict[str, Any]] = []
    for step, shown in zip(steps, failed, strict=True):
        try:
            results.append(step())
        except SalesforceError as error:
            results.append({**shown, "success": False, "errors": [error.as_row()]})
    if all_or_none and not all(result["success"] for result in results):
        call.org.store.undo_to(mark)
        call.writer.effect = effect_before
        results = [_rolled_back(result) if result["success"] else result for result in results]
    return Reply(200, results)


def _rolled_back(result: dict[str, Any]) -> dict[str, Any]:
    text = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    error = {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": text, "fields": []}
    kept = {} if result.get("created") else {"id": result["id"]}
    return {**kept, "success": False, "errors": [error]}


def _all_or_none(call: Call) -> bool:
    value = call.object_body().get("allOrNone", False)
    if not isinstance(value, bool):
        raise BodyRefused("JSON_PARSER_ERROR", "Cannot deserialize instance of boolean: allOrNone")
    return value


def _records(call: Call) -> list[dict[str, Any]]:
    records = call.object_body().get("records")
    if not isinstance(records, list) or not all(isinstance(data, dict) for data in records):
        raise BodyRefused("JSON_PARSER_ERROR", "records must be a list of objects")
    if len(records) > _MOST_RECORDS:
        text = f"record limit reached. cannot submit more than {_MOST_RECORDS} records into this call"
        raise SalesforceError("EXCEEDED_ID_LIMIT", text)
    types = [_type_of(data) for data in records]
    if 1 + sum(a != b for a, b in pairwise(types)) > _MOST_CHUNKS:
        text = f"Cannot have more than {_MOST_CHUNKS} chunks in a single operation. Please rearrange the data."
        raise SalesforceError("INVALID_OPERATION", text)
    return records


def _type_of(data: dict[str, Any]) -> str:
    attributes = data.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise BodyRefused("INVALID_FIELD", "attributes.type is required for each record")
    return name


def _entity_of(call: Call, data: dict[str, Any]) -> Entity:
    return call.access.entity(_type_of(data))


def _member(data: dict[str, Any], name: str) -> Any:
    return next((value for key, value in data.items() if key.lower() == name.lower()), None)


def _checked_id(record_id: Any) -> str:
    found = full_id(record_id) if isinstance(record_id, str) else None
    if found is None:
        raise SalesforceError("MALFORMED_ID", f"malformed id {record_id}", ["Id"])
    return found


def _ids(text: str, most: int) -> list[str]:
    ids = [one.strip() for one in text.split(",") if one.strip()]
    if not ids:
        raise not_found()
    if len(ids) > most:
        raise SalesforceError("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {most} records")
    return ids
