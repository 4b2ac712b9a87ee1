"""Stripe's form encoding, written out so that nothing is dropped or rounded on the way (reference: Stripe, section 14)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal


def form(params: Mapping[str, object]) -> dict[str, str]:
    """``params`` as flat form fields: ``a[b]``, ``a[0]``, ``true``, plain decimals.

    An empty list or mapping becomes ``''`` ("clear it"; the SDK would drop it), None is left out ("nothing said").
    Raises TypeError for anything that has no exact form: floats, datetimes, unresolved references.
    """
    return dict(_fields("", params))


def _fields(name: str, value: object) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        yield from _nested(name, ((str(k), v) for k, v in value.items()), empty=not value)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from _nested(name, ((str(i), v) for i, v in enumerate(value)), empty=not value)
    else:
        yield name, _text(name, value)


def _nested(name: str, members: Iterator[tuple[str, object]], *, empty: bool) -> Iterator[tuple[str, str]]:
    if empty and name:
        yield name, ""
    for key, value in members:
        yield from _fields(f"{name}[{key}]" if name else key, value)


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    raise TypeError(f"{name}: a {type(value).__name__} has no exact form on the wire")
