"""``composite/tree/Account``: up to 200 new records with their children in one call, all of them or none.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobject_tree.htm
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.salesforce.calls import Call, Reply, Router
from sandbox.salesforce.errors import BodyRefused, SalesforceError
from sandbox.salesforce.schema import Entity

_MOST_RECORDS, _MOST_TYPES, _DEEPEST = 200, 5, 5


@dataclass
class _Node:
    """A record to be made: ``through`` is its field that names the parent."""

    entity: Entity
    reference: str
    data: dict[str, Any]
    through: str = ""
    children: list[_Node] = field(default_factory=list)

    def all(self) -> Iterator[_Node]:
        """The record and those below it."""
        yield self
        for child in self.children:
            yield from child.all()


def add_routes(router: Router) -> None:
    """Answer for trees."""
    router.add("POST", "composite/tree/*", create)


def create(call: Call) -> Reply:
    """201 with the new ids by reference id; 400 with the records that were refused, and nothing is made."""
    entity = call.access.entity(call.parts[2])
    roots = [_node(call, entity, data, "", 1) for data in _list(call.object_body())]
    _check(roots)
    mark, effect_before = call.org.store.mark(), call.writer.effect
    made: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for root in roots:
        _make(call, root, None, made, refused)
    if not refused:
        return Reply(201, {"hasErrors": False, "results": made})
    call.org.store.undo_to(mark)
    call.writer.effect = effect_before
    return Reply(400, {"hasErrors": True, "results": refused})


def _make(
    call: Call, node: _Node, parent_id: str | None, made: list[dict[str, Any]], refused: list[dict[str, Any]]
) -> None:
    data = {**node.data, node.through: parent_id} if node.through else node.data
    try:
        record_id = call.writer.insert(node.entity, call.reader.read(node.entity, data, creating=True))
    except BodyRefused:
        raise
    except SalesforceError as error:
        refused.append({"referenceId": node.reference, "errors": [error.as_row()]})
        return  # its children are not tried
    made.append({"referenceId": node.reference, "id": record_id})
    for child in node.children:
        _make(call, child, record_id, made, refused)


def _node(call: Call, entity: Entity, data: dict[str, Any], through: str, depth: int) -> _Node:
    """The record and what hangs on it. A member with ``records`` is a child relationship."""
    if depth > _DEEPEST:
        raise BodyRefused("INVALID_INPUT", f"The tree is deeper than {_DEEPEST} levels")
    attributes = data.get("attributes")
    given = attributes if isinstance(attributes, dict) else {}
    if given.get("type") != entity.name:
        raise BodyRefused("INVALID_INPUT", f"attributes.type must be {entity.name}")
    reference = given.get("referenceId")
    if not isinstance(reference, str) or not reference:
        raise BodyRefused("INVALID_INPUT", "Include a reference ID for each record in the request.")
    node = _Node(entity, reference, {}, through)
    for name, value in data.items():
        relation = entity.child(name) if isinstance(value, dict) and "records" in value else None
        if relation is None:
            node.data[name] = value
            continue
        below = call.access.entity(relation.child)
        node.children += [_node(call, below, child, relation.field, depth + 1) for child in _list(value)]
    return node


def _list(body: dict[str, Any]) -> list[dict[str, Any]]:
    records = body.get("records")
    if set(body) != {"records"} or not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise BodyRefused("JSON_PARSER_ERROR", "records must be a list of objects")
    return records


def _check(roots: list[_Node]) -> None:
    nodes = [node for root in roots for node in root.all()]
    if not nodes or len(nodes) > _MOST_RECORDS:
        raise BodyRefused("INVALID_INPUT", f"1 to {_MOST_RECORDS} records may be made in one request, not {len(nodes)}")
    if len({node.entity.name for node in nodes}) > _MOST_TYPES:
        raise BodyRefused("INVALID_INPUT", f"At most {_MOST_TYPES} types of records may be made in one request")
    references = [node.reference for node in nodes]
    if twice := next((one for one in references if references.count(one) > 1), None):
        raise BodyRefused("INVALID_INPUT", f"Duplicate reference ID in the request: {twice}")
