"""SOQL text to a tree. A construct the sandbox does not know is refused as malformed, never skipped."""

from __future__ import annotations

import re

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.soql_tokens import Token, Tokens
from sandbox.salesforce.soql_tree import (
    Aggregate,
    AllFields,
    Comparison,
    Condition,
    FieldRef,
    Junction,
    Literal,
    Negation,
    Ordering,
    Query,
)

LONGEST_QUERY = 100_000
LARGEST_OFFSET = 2000
_ESCAPES = {"n": "\n", "N": "\n", "r": "\r", "R": "\r", "t": "\t", "T": "\t", "b": "\b", "B": "\b", "f": "\f",
            "F": "\f", '"': '"', "'": "'", "\\": "\\"}  # fmt: skip
_RESERVED_WORDS = """and asc desc excludes first from group having in includes last like limit not null nulls or select
    using where with order by offset for"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
_AGGREGATES = ("count", "count_distinct", "sum", "min", "max", "avg")


def parse_query(text: str) -> Query:
    """The tree of a whole query. Raises ``MALFORMED_QUERY`` with the place of the fault."""
    if len(text) > LONGEST_QUERY:
        raise SalesforceError(
            "QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {LONGEST_QUERY} characters."
        )
    if not text.strip():
        raise SalesforceError("MALFORMED_QUERY", "SOQL statement is empty")
    tokens = Tokens(text)
    query = _query(tokens, nested=False)
    if tokens.peek().kind != "end":
        raise tokens.unexpected()
    return query


def _query(tokens: Tokens, *, nested: bool) -> Query:
    tokens.expect("select")
    select = [_selected(tokens, nested=nested)]
    while tokens.accept(","):
        select.append(_selected(tokens, nested=nested))
    tokens.expect("from")
    entity = _name(tokens)
    tokens.accept("as")
    alias = tokens.take().text if _is_plain_name(tokens.peek()) else ""
    where = _conditions(tokens) if tokens.accept("where") else None
    group_by = _group_by(tokens) if tokens.accept("group") else ()
    order_by = _order_by(tokens) if tokens.accept("order") else ()
    limit = _count(tokens) if tokens.accept("limit") else None
    offset = _count(tokens) if tokens.accept("offset") else 0
    if offset > LARGEST_OFFSET:
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {LARGEST_OFFSET}")
    return Query(tuple(select), entity.text, entity.at, alias, where, group_by, order_by, limit, offset)


def _is_plain_name(token: Token) -> bool:
    return token.kind == "name" and token.text.lower() not in _RESERVED and "." not in token.text


def _name(tokens: Tokens) -> Token:
    token = tokens.peek()
    if token.kind != "name" or token.text.lower() in _RESERVED:
        raise tokens.unexpected()
    return tokens.take()


def _field(tokens: Tokens) -> FieldRef:
    token = _name(tokens)
    if tokens.peek().text == "(":
        raise tokens.refuse(token.at, f"unexpected token: '{token.text}('")
    return FieldRef(tuple(token.text.split(".")), token.at)


def _selected(tokens: Tokens, *, nested: bool) -> FieldRef | Aggregate | AllFields | Query:
    if tokens.peek().text == "(":
        if nested:
            raise tokens.unexpected()
        tokens.take()
        child = _query(tokens, nested=True)
        tokens.expect(")")
        return child
    if tokens.peek(1).text != "(":
        return _field(tokens)
    token = tokens.take()
    function = token.text.lower()
    tokens.expect("(")
    if function == "fields":
        kind = tokens.take().text.lower()
        if kind not in ("all", "standard", "custom"):
            raise tokens.refuse(token.at, "FIELDS needs ALL, STANDARD or CUSTOM")
        tokens.expect(")")
        return AllFields(kind)
    if function not in _AGGREGATES or nested:
        raise tokens.refuse(token.at, f"unexpected token: '{token.text}'")
    field = None if tokens.peek().text == ")" else _field(tokens)
    if field is None and function != "count":
        raise tokens.unexpected()
    tokens.expect(")")
    alias = tokens.take().text if _is_plain_name(tokens.peek()) else ""
    return Aggregate(function, field, alias, token.at)


def _conditions(tokens: Tokens) -> Condition:
    first = _term(tokens)
    for kind in ("and", "or"):
        if tokens.is_word(kind):
            terms = [first]
            while tokens.accept(kind):
                terms.append(_term(tokens))
            if tokens.is_word("and") or tokens.is_word("or"):
                raise tokens.unexpected()  # AND and OR may only be mixed with parentheses
            return Junction(kind, tuple(terms))
    return first


def _term(tokens: Tokens) -> Condition:
    if tokens.accept("not"):
        return Negation(_term(tokens))
    if tokens.accept("("):
        inside = _conditions(tokens)
        tokens.expect(")")
        return inside
    return _comparison(tokens)


def _comparison(tokens: Tokens) -> Comparison:
    field = _field(tokens)
    if tokens.is_word("not"):
        tokens.take()
        tokens.expect("in")
        return _membership(tokens, field, "not in")
    for word in ("in", "includes", "excludes"):
        if tokens.accept(word):
            return _membership(tokens, field, word)
    if tokens.accept("like"):
        return Comparison(field, "like", (_literal(tokens, like=True),))
    token = tokens.take()
    if token.text not in ("=", "!=", "<>", "<", "<=", ">", ">="):
        raise tokens.refuse(token.at, f"unexpected token: '{token.text}'")
    return Comparison(field, "!=" if token.text == "<>" else token.text, (_literal(tokens),))


def _membership(tokens: Tokens, field: FieldRef, operator: str) -> Comparison:
    tokens.expect("(")
    if tokens.is_word("select") and operator in ("in", "not in"):
        subquery = _query(tokens, nested=True)
        tokens.expect(")")
        return Comparison(field, operator, (), subquery)
    values = [_literal(tokens)]
    while tokens.accept(","):
        values.append(_literal(tokens))
    tokens.expect(")")
    return Comparison(field, operator, tuple(values))


def _literal(tokens: Tokens, *, like: bool = False) -> Literal:
    token = tokens.peek()
    if token.kind == "string":
        tokens.take()
        return Literal("string", token.text[1:-1] if like else _unescaped(tokens, token))
    if like:
        raise tokens.unexpected()
    if token.kind in ("number", "date", "datetime"):
        tokens.take()
        return Literal(token.kind, token.text)
    word = token.text.lower()
    if token.kind == "name" and word in ("true", "false", "null"):
        tokens.take()
        return Literal("null" if word == "null" else "boolean", word)
    raise tokens.unexpected()


def _unescaped(tokens: Tokens, token: Token) -> str:
    def resolved(match: re.Match[str]) -> str:
        if match.group(1) not in _ESCAPES:
            raise tokens.refuse(
                token.at + match.start() + 1, f"Illegal backslash sequence in string: \\{match.group(1)}"
            )
        return _ESCAPES[match.group(1)]

    return re.sub(r"\\(.)", resolved, token.text[1:-1], flags=re.DOTALL)


def _group_by(tokens: Tokens) -> tuple[FieldRef, ...]:
    tokens.expect("by")
    fields = [_field(tokens)]
    while tokens.accept(","):
        fields.append(_field(tokens))
    return tuple(fields)


def _order_by(tokens: Tokens) -> tuple[Ordering, ...]:
    tokens.expect("by")
    orderings = [_ordering(tokens)]
    while tokens.accept(","):
        orderings.append(_ordering(tokens))
    return tuple(orderings)


def _ordering(tokens: Tokens) -> Ordering:
    field = _field(tokens)
    descending = tokens.accept("desc")
    if not descending:
        tokens.accept("asc")
    nulls_first = True
    if tokens.accept("nulls"):
        nulls_first = tokens.accept("first")
        if not nulls_first:
            tokens.expect("last")
    return Ordering(field, descending, nulls_first)


def _count(tokens: Tokens) -> int:
    token = tokens.peek()
    if token.kind != "number" or not token.text.isdigit():
        raise tokens.unexpected()
    return int(tokens.take().text)
