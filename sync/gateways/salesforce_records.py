"""Salesforce's JSON -> the typed records of `sync.crm`, as `mappings/` says."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sync.ends import end_of
from sync.errors import Terminal
from sync.gateways.names import Names
from sync.mapping import FieldMap, ObjectMap

Json = Mapping[str, Any]


def select(
    mapped: ObjectMap, names: Names, *, available: Collection[str] | None = None, through: str = ""
) -> list[str]:
    """The SELECT list that fills the object's record, by the org's names; ``through`` is the relationship that leads to
    it. Optional fields only where ``available`` (lower case) has them.
    """
    path = f"{through}." if through else ""
    return [path + names.to_org(f.api_name) for f in mapped.read_fields() if usable(f, available, names)]


def usable(one: FieldMap, available: Collection[str] | None, names: Names) -> bool:
    """Whether the org has the field; only optional ones are asked about, a missing other one is a fault that has to
    show
    (CONF-302).
    """
    return not one.optional or available is None or names.to_org(one.api_name).lower() in available


def record_of(mapped: ObjectMap, raw: Json, names: Names) -> Any:
    """The typed record that a row states. A field that was not selected, or is blank, is its default or None."""
    assert mapped.record is not None
    values: dict[str, object] = {}
    if mapped.sent():
        values["sent"] = tuple(
            _sent(one, _at(raw, names.to_org(one.api_name)), mapped.api_name) for one in mapped.sent()
        )
    for one in (f for f in mapped.read_fields() if f.attribute):
        assert one.attribute is not None
        value = converted(one, _at(raw, names.to_org(one.api_name)), mapped.api_name)
        if value is None and not _nullable(mapped.record, one.attribute):
            value = _blank(mapped.record, one.attribute)
        values[one.attribute] = value
    return mapped.record(**values)


def converted(one: FieldMap, value: object, of: str) -> object:
    """One value in its Python type: days stay days, instants are aware UTC, numbers are exact. Anything else is
    BUG-502,
    naming the field.
    """
    if value is None or value == "":
        return None
    try:
        return _CONVERTERS[one.type](value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise Terminal(
            "BUG-502", f"Unexpected answer from Salesforce: {of}.{one.api_name} is no {one.type}."
        ) from error


def _sent(one: FieldMap, raw: object, of: str) -> tuple[str, str | bool | None]:
    """What a field sends to Stripe, and where: metadata takes text only, so days, numbers and answers are written out."""
    assert one.target is not None
    value = as_sent(one, raw, of)
    if isinstance(value, bool):
        return one.target, value if end_of(one.target).key is None else str(value).lower()
    if value is None:
        return one.target, None
    return one.target, format(value, "f") if isinstance(value, Decimal) else str(value)


def as_sent(one: FieldMap, value: object, of: str) -> object:
    """One value in the form in which `sync.crm.CrmRow` has it: days and instants as text, numbers exact, blank None."""
    plain = converted(one, value, of)
    if isinstance(plain, datetime):
        return plain.strftime("%Y-%m-%dT%H:%M:%SZ")
    return plain.isoformat() if isinstance(plain, date) else plain


def instant(text: str) -> datetime:
    """``2026-03-01T00:00:00.000+0000`` as an aware instant in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _date(value: object) -> date:
    return date.fromisoformat(_text(value))


def _instant(value: object) -> datetime:
    return instant(_text(value))


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise TypeError
    return Decimal(value)


def _integer(value: object) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_CONVERTERS: Mapping[str, typing.Callable[[object], object]] = {
    "text": _text,
    "id": _text,
    "picklist": _text,
    "date": _date,
    "datetime": _instant,
    "decimal": _decimal,
    "money": _decimal,
    "percent": _decimal,
    "integer": _integer,
    "boolean": _boolean,
}


def _at(raw: Json, path: str) -> object:
    value: object = raw
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


@cache
def _hints(record: type) -> Mapping[str, Any]:
    return typing.get_type_hints(record)


def _nullable(record: type, attribute: str) -> bool:
    return type(None) in typing.get_args(_hints(record)[attribute])


def _blank(record: type, attribute: str) -> object:
    """What stands for blank where the record knows no None: the attribute's default, else ''."""
    for one in dataclasses.fields(record):
        if one.name == attribute and one.default is not dataclasses.MISSING:
            return one.default
    return ""
