"""WHERE: conditions to plain functions over rows, and the rows an index says are worth looking at."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, Entity, Field
from sandbox.salesforce.soql_tokens import located
from sandbox.salesforce.soql_tree import Comparison, Condition, Junction, Literal, Negation
from sandbox.salesforce.store import Row, key_of
from sandbox.salesforce.values import to_datetime

if TYPE_CHECKING:
    from sandbox.salesforce.soql_scope import Scope

Test = Callable[[Row], bool]
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_filter(scope: Scope, condition: Condition) -> Test:
    """A function that says whether a row meets the condition."""
    if isinstance(condition, Junction):
        tests = [compile_filter(scope, term) for term in condition.terms]
        every = condition.kind == "and"
        return (lambda row: all(t(row) for t in tests)) if every else (lambda row: any(t(row) for t in tests))
    if isinstance(condition, Negation):
        inner = compile_filter(scope, condition.term)
        return lambda row: not inner(row)
    return _comparison(scope, condition)


def _comparison(scope: Scope, comparison: Comparison) -> Test:
    field, value_of = scope.resolve(comparison.field)
    text, at = scope.text, comparison.field.at
    if not field.filterable:
        raise SalesforceError(
            "INVALID_FIELD", located(text, at, f"field '{field.name}' can not be filtered in a query call")
        )
    if comparison.subquery is not None:
        found = scope.semi_join(comparison)
        return (
            (lambda row: value_of(row) in found)
            if comparison.operator == "in"
            else (lambda row: value_of(row) is not None and value_of(row) not in found)
        )
    if comparison.operator == "like":
        return _like(field, comparison, value_of, text)
    wanted = [literal_value(field, literal, text, at) for literal in comparison.values]
    return _tests(field, comparison, wanted, value_of, text)


def _tests(field: Field, comparison: Comparison, wanted: list[Any], value_of: Callable[[Row], Any], text: str) -> Test:
    first, sign = wanted[0], comparison.operator
    if sign == "=":
        return lambda row: _same(field, value_of(row)) == first
    if sign == "!=":
        return lambda row: _same(field, value_of(row)) != first
    if sign in ("in", "not in"):
        among = set(wanted)
        return lambda row: (_same(field, value_of(row)) in among) == (sign == "in")
    if sign in _ORDERS:
        return _ordered(field, comparison, first, value_of, text)
    if field.type != "multipicklist":
        raise _bad_operator(field, comparison, text)
    chosen = [set(literal.text.lower().split(";")) for literal in comparison.values]

    def includes(row: Row) -> bool:
        has = set((value_of(row) or "").lower().split(";"))
        return any(group <= has for group in chosen) == (sign == "includes")

    return includes


def _ordered(field: Field, comparison: Comparison, first: Any, value_of: Callable[[Row], Any], text: str) -> Test:
    if field.type in ("boolean", "multipicklist"):
        raise _bad_operator(field, comparison, text)
    compare = _ORDERS[comparison.operator]

    def test(row: Row) -> bool:
        value = _same(field, value_of(row))
        return value is not None and first is not None and compare(value, first)

    return test


def _like(field: Field, comparison: Comparison, value_of: Callable[[Row], Any], text: str) -> Test:
    if field.type in ID_TYPES | NUMBER_TYPES | {"int", "boolean", "date", "datetime", "multipicklist"}:
        raise _bad_operator(field, comparison, text)
    pattern = ""
    for part in re.findall(r"\\.|.", comparison.values[0].text, re.DOTALL):
        wild = {"%": ".*", "_": "."}.get(part)
        pattern += wild if wild else re.escape(part[-1])
    matcher = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda row: matcher.fullmatch(value_of(row) or "") is not None


def _bad_operator(field: Field, comparison: Comparison, text: str) -> SalesforceError:
    detail = f"invalid operator on {field.type} field"
    return SalesforceError("INVALID_QUERY_FILTER_OPERATOR", located(text, comparison.field.at, detail))


def _same(field: Field, value: Any) -> Any:
    return key_of(field, value) if isinstance(value, str) else value


def literal_value(field: Field, literal: Literal, text: str, at: int) -> Any:
    """The literal as a value to compare this field with; refused if it is of another type."""
    if literal.kind == "null":
        return None
    kind = _literal_kind(field)
    if literal.kind != kind:
        quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
        shown = {"number": "double", "datetime": "dateTime"}.get(kind, kind)
        detail = f"value of filter criterion for field '{field.name}' must be of type {shown} and {quotes}"
        raise SalesforceError("INVALID_FIELD", located(text, at, detail))
    if kind == "string":
        return _text_value(field, literal.text, text, at)
    if kind == "number":
        return Decimal(literal.text)
    if kind == "boolean":
        return literal.text == "true"
    try:
        return date.fromisoformat(literal.text) if kind == "date" else to_datetime(literal.text)
    except ValueError as error:
        raise SalesforceError("MALFORMED_QUERY", located(text, at, f"invalid {kind}: {literal.text}")) from error


def _text_value(field: Field, value: str, text: str, at: int) -> str:
    if field.type not in ID_TYPES:
        return str(key_of(field, value))
    found = full_id(value)
    if found is None:
        detail = f"invalid ID field: {value}"
        raise SalesforceError("INVALID_QUERY_FILTER_OPERATOR", located(text, at, detail))
    return found


def _literal_kind(field: Field) -> str:
    if field.type in NUMBER_TYPES or field.type == "int":
        return "number"
    return field.type if field.type in ("boolean", "date", "datetime") else "string"


def candidates(scope: Scope, entity: Entity, condition: Condition | None) -> Iterator[Row]:
    """Rows that may meet the condition: by an index where an AND-ed equality allows it, else all."""
    terms = condition.terms if isinstance(condition, Junction) and condition.kind == "and" else (condition,)
    for term in terms:
        if isinstance(term, Comparison) and term.operator in ("=", "in") and len(term.field.path) == 1:
            field = entity.find(term.field.path[0])
            if field is None or not scope.org.store.is_indexed(entity.name, field.name):
                continue
            if term.subquery is None and all(literal.kind == "string" for literal in term.values):
                return _by_index(scope, entity, field, term)
    return scope.org.store.rows(entity.name)


def _by_index(scope: Scope, entity: Entity, field: Field, term: Comparison) -> Iterator[Row]:
    wanted = dict.fromkeys(literal_value(field, literal, scope.text, term.field.at) for literal in term.values)
    rows = [row for value in wanted for row in scope.org.store.find(entity, field, value)]
    order = {row["Id"]: at for at, row in enumerate(rows)}
    return iter([rows[at] for at in order.values()])
