"""JSON with exact decimals in both directions."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from sandbox.salesforce.errors import BodyRefused
from sandbox.salesforce.values import number_text, stamp


def loads(body: bytes) -> Any:
    """The parsed body. Raises :class:`BodyRefused` (``JSON_PARSER_ERROR``) on anything that is not JSON."""
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BodyRefused("JSON_PARSER_ERROR", f"The HTTP entity body could not be parsed as JSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def dumps(value: Any) -> str:
    """JSON text of an answer; Decimal, date and datetime as Salesforce writes them."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: Any, out: Any) -> None:
    if isinstance(value, str):
        out(encode_basestring(value))
    elif value is None:
        out("null")
    elif isinstance(value, bool):
        out("true" if value else "false")
    elif isinstance(value, dict):
        _write_object(value, out)
    elif isinstance(value, (list, tuple)):
        _write_list(value, out)
    elif isinstance(value, int):
        out(str(value))
    elif isinstance(value, Decimal):
        out(number_text(value))
    elif isinstance(value, datetime):
        out(f'"{stamp(value)}"')
    elif isinstance(value, date):
        out(f'"{value.isoformat()}"')
    else:
        raise TypeError(f"no JSON for {type(value).__name__}")


def _write_object(value: dict[str, Any], out: Any) -> None:
    separator = "{"
    for key, item in value.items():
        out(separator)
        out(encode_basestring(key))
        out(":")
        _write(item, out)
        separator = ","
    out("}" if value else "{}")


def _write_list(value: list[Any] | tuple[Any, ...], out: Any) -> None:
    separator = "["
    for item in value:
        out(separator)
        _write(item, out)
        separator = ","
    out("]" if value else "[]")
