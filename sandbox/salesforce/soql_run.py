"""Runs a parsed query for one user: fields he may not read do not exist, deleted rows only with queryAll."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sandbox.salesforce.access import Access
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import NUMBER_TYPES, Entity
from sandbox.salesforce.soql_filter import candidates, compile_filter
from sandbox.salesforce.soql_parse import parse_query
from sandbox.salesforce.soql_scope import HINT, Getter, Scope
from sandbox.salesforce.soql_tokens import located
from sandbox.salesforce.soql_tree import Aggregate, AllFields, Comparison, FieldRef, Ordering, Query
from sandbox.salesforce.store import Row

_ALL_FIELDS_LIMIT = 200


class QueryRun:
    """One query by one user. ``records`` are ready to be written as JSON."""

    def __init__(self, org: Org, access: Access, text: str, version: str, *, with_deleted: bool = False) -> None:
        self.org, self.access, self.text = org, access, text
        self._version, self._with_deleted = version, with_deleted
        self._query = parse_query(text)

    @property
    def entity_name(self) -> str:
        """The object the query is about."""
        return self._entity(self._query).name

    @property
    def selected_names(self) -> list[str]:
        """The plain fields of SELECT as columns; a bulk query has no child queries and no aggregates."""
        scope = self._scope(self._entity(self._query), self._query)
        items = [*self._expanded(scope, self._query), *(i for i in self._query.select if isinstance(i, Aggregate))]
        if not all(isinstance(item, FieldRef) for item in items):
            raise SalesforceError("INVALIDJOB", "a bulk query selects plain fields only")
        return [".".join(scope.canonical(item)) for item in items if isinstance(item, FieldRef)]

    def run(self) -> tuple[int, list[Row]]:
        """The number of records found and the records; ``COUNT()`` finds a number and no records."""
        query = self._query
        aggregates = [item for item in query.select if isinstance(item, Aggregate)]
        if len(query.select) == 1 and aggregates and aggregates[0].field is None:
            if query.group_by or query.order_by:
                raise SalesforceError("MALFORMED_QUERY", "COUNT() allows neither GROUP BY nor ORDER BY")
            return len(self.matching(query)[0]), []
        if aggregates or query.group_by:
            records = self._grouped(query)
        else:
            rows, scope = self.matching(query)
            render = self._renderer(scope, query)
            records = [render(row) for row in rows]
        return len(records), records

    def matching(self, query: Query) -> tuple[list[Row], Scope]:
        """The rows the query is about, filtered, ordered and cut; and what names mean in it."""
        scope = self._scope(self._entity(query), query)
        chosen = self._chooser(scope, query)
        return chosen(candidates(scope, scope.entity, query.where)), scope

    def _scope(self, entity: Entity, query: Query) -> Scope:
        return Scope(self.org, self.access, self.text, entity, query, self._semi_join)

    def _semi_join(self, comparison: Comparison) -> set[Any]:
        assert comparison.subquery is not None
        selected = comparison.subquery.select
        rows, scope = self.matching(comparison.subquery)
        if len(selected) != 1 or not isinstance(selected[0], FieldRef):
            raise scope.malformed(comparison.field.at, "semi join sub-selects select exactly one field")
        _, get = scope.resolve(selected[0])
        return {value for row in rows if (value := get(row)) is not None}

    def _chooser(self, scope: Scope, query: Query) -> Callable[[Iterable[Row]], list[Row]]:
        test = compile_filter(scope, query.where) if query.where else lambda row: True
        keys = [(self._sort_key(scope, one), one) for one in query.order_by if not query.group_by]

        def chosen(rows: Iterable[Row]) -> list[Row]:
            found = [row for row in rows if (self._with_deleted or not row.get("IsDeleted")) and test(row)]
            for key, one in reversed(keys):
                found.sort(key=key, reverse=one.descending)
            return found if query.group_by else found[query.offset :][: query.limit]

        return chosen

    def _entity(self, query: Query) -> Entity:
        try:
            return self.access.entity(query.entity)
        except SalesforceError as error:
            raise SalesforceError(error.code, located(self.text, query.entity_at, error.message)) from None

    def _sort_key(self, scope: Scope, one: Ordering) -> Callable[[Row], Any]:
        field, get = scope.resolve(one.field)
        if not field.filterable or field.type == "multipicklist":
            raise scope.malformed(one.field.at, f"field '{field.name}' can not be sorted in a query call")
        nulls_low = one.nulls_first != one.descending

        def key(row: Row) -> tuple[bool, Any]:
            value = get(row)
            if value is None:
                return (not nulls_low, 0)
            return (nulls_low, value.lower() if isinstance(value, str) and field.type != "id" else value)

        return key

    def _renderer(self, scope: Scope, query: Query) -> Callable[[Row], Row]:
        writers: list[Callable[[Row, Row], None]] = []
        seen: set[str] = set()
        for item in self._expanded(scope, query):
            if isinstance(item, Query):
                writers.append(self._child_writer(scope, item))
                continue
            if item.text.lower() in seen:
                raise scope.malformed(item.at, f"duplicate field selected: {item.text}")
            seen.add(item.text.lower())
            writers.append(self._field_writer(scope, item))
        return self._record_maker(scope.entity, writers)

    def _record_maker(self, entity: Entity, writers: list[Callable[[Row, Row], None]]) -> Callable[[Row], Row]:
        def render(row: Row) -> Row:
            record: Row = {"attributes": self.attributes(entity, row)}
            for write in writers:
                write(row, record)
            return record

        return render

    def attributes(self, entity: Entity, row: Row) -> Row:
        """The ``attributes`` member of a record."""
        return {"type": entity.name, "url": f"/services/data/{self._version}/sobjects/{entity.name}/{row['Id']}"}

    def _expanded(self, scope: Scope, query: Query) -> list[FieldRef | Query]:
        items: list[FieldRef | Query] = []
        for item in query.select:
            if isinstance(item, AllFields):
                if item.kind != "standard" and not (query.limit and query.limit <= _ALL_FIELDS_LIMIT):
                    text = f"The SOQL FIELDS function must have a LIMIT of at most {_ALL_FIELDS_LIMIT}"
                    raise SalesforceError("MALFORMED_QUERY", text)
                for field in self.access.fields(scope.entity):
                    if item.kind == "all" or field.custom == (item.kind == "custom"):
                        items.append(FieldRef((field.name,), 0))
            elif isinstance(item, (FieldRef, Query)):
                items.append(item)
        return items

    def _field_writer(self, scope: Scope, ref: FieldRef) -> Callable[[Row, Row], None]:
        field, get = scope.resolve(ref)
        path = scope.path(ref)
        if len(path) == 1:

            def write(row: Row, record: Row) -> None:
                record[field.name] = get(row)

            return write
        return self._parent_writer(scope, scope.entity, path, field.name, get)

    def _parent_writer(
        self, scope: Scope, entity: Entity, path: tuple[str, ...], last: str, get: Getter
    ) -> Callable[[Row, Row], None]:
        steps = []
        for name in path[:-1]:
            step, parents = scope.parent_of(entity, name, 0)
            steps.append(step)
            entity = parents[0]

        def write(row: Row, record: Row) -> None:
            current, target = row, record
            for step in steps:
                parent = scope.parent_row(current.get(step.name))
                if parent is None:
                    target.setdefault(step.relationship, None)
                    return
                if target.get(step.relationship) is None:
                    target[step.relationship] = {"attributes": self.attributes(*parent)}
                target, current = target[step.relationship], parent[1]
            target[last] = get(row)

        return write

    def _child_writer(self, scope: Scope, query: Query) -> Callable[[Row, Row], None]:
        relation = scope.entity.child(query.entity)
        if relation is None:
            detail = (
                f"Didn't understand relationship '{query.entity}' in FROM part of query call. If you are attempting to "
                f"use a custom relationship, be sure to append the '__r' after the custom relationship name. {HINT}"
            )
            raise SalesforceError("INVALID_TYPE", located(self.text, query.entity_at, detail))
        child = self.access.entity(relation.child)
        inner = self._scope(child, query)
        chosen, render = self._chooser(inner, query), self._renderer(inner, query)
        pointing = child.fields[relation.field]

        def write(row: Row, record: Row) -> None:
            found = chosen(self.org.store.find(child, pointing, row["Id"]))
            listed = {"totalSize": len(found), "done": True, "records": [render(one) for one in found]}
            record[relation.name] = listed if found else None

        return write

    def _grouped(self, query: Query) -> list[Row]:
        rows, scope = self.matching(query)
        if query.order_by:
            raise SalesforceError("MALFORMED_QUERY", "the sandbox orders no aggregate results")
        keys = {ref.text.lower(): scope.resolve(ref) for ref in query.group_by}
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): rows}
        for row in rows if keys else ():
            groups.setdefault(tuple(get(row) for _, get in keys.values()), []).append(row)
        records = [self._aggregate_record(scope, query, members) for members in groups.values()]
        return records[query.offset :][: query.limit]

    def _aggregate_record(self, scope: Scope, query: Query, members: list[Row]) -> Row:
        record: Row = {"attributes": {"type": "AggregateResult"}}
        grouped, unnamed = {ref.text.lower() for ref in query.group_by}, 0
        for item in query.select:
            if isinstance(item, Aggregate):
                record[item.alias or f"expr{unnamed}"] = _aggregate(scope, item, members)
                unnamed += not item.alias
            elif isinstance(item, FieldRef) and item.text.lower() in grouped:
                field, get = scope.resolve(item)
                record[field.name] = get(members[0])
            else:
                at = item.at if isinstance(item, FieldRef) else 0
                shown = item.text if isinstance(item, FieldRef) else "sub-select"
                raise scope.malformed(at, f"Field must be grouped or aggregated: {shown}")
        return record


def _aggregate(scope: Scope, item: Aggregate, members: list[Row]) -> Any:
    if item.field is None:
        return len(members)
    field, get = scope.resolve(item.field)
    values = [value for row in members if (value := get(row)) is not None]
    if item.function == "count":
        return len(values)
    if item.function == "count_distinct":
        return len(set(values))
    if item.function in ("sum", "avg"):
        if field.type not in NUMBER_TYPES and field.type != "int":
            raise scope.malformed(
                item.at, f"field {field.name} does not support aggregate operator {item.function.upper()}"
            )
        total = sum(values, Decimal(0))
        return total if item.function == "sum" or not values else total / len(values)
    if not values:
        return None
    return min(values) if item.function == "min" else max(values)
