"""Parameter tables: what an endpoint takes, declared as data, and the check of a decoded form against it.

    CREATE = {"email": text(max=512).clearable(), "items": array(struct({...}), max=20).required()}

A value comes out typed: ``int``, ``bool``, ``Decimal``, ``str``, list, dict. A clearable parameter given as ``''``
comes out as ``''``: the handler unsets it. What is absent stays absent. Whatever is not declared is refused with
``parameter_unknown``, as Stripe does. Error shapes: https://docs.stripe.com/error-codes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sandbox.stripe.currencies import CURRENCIES
from sandbox.stripe.errors import StripeError, missing_param

_INT = re.compile(r"-?\d{1,18}\Z")
_DECIMAL = re.compile(r"-?\d{1,18}(\.\d+)?\Z")
Check = Callable[[Any, str], Any]


@dataclass(frozen=True)
class Kind:
    """How one parameter is read. ``fields`` of a struct and ``item`` of an array are kept for inspection by tests."""

    name: str
    check: Check
    is_required: bool = False
    is_clearable: bool = False
    fields: Mapping[str, Kind] | None = None
    item: Kind | None = None
    choices: tuple[Kind, ...] = field(default=())
    options: tuple[str, ...] = ()

    def required(self) -> Kind:
        """The same, refused when absent."""
        return replace(self, is_required=True)

    def clearable(self) -> Kind:
        """The same, where ``''`` unsets."""
        return replace(self, is_clearable=True)

    def read(self, value: Any, at: str) -> Any:
        """The typed value; raises :class:`StripeError`."""
        if value == "":
            if self.is_clearable:
                return ""
            raise _empty(at)
        return self.check(value, at)


Fields = Mapping[str, Kind]


def read_fields(fields: Fields, given: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Judge a decoded form. Unknown first, then missing, then each value in the order given."""
    unknown = [join(at, key) for key in given if key not in fields]
    if unknown:
        s = "s" if len(unknown) > 1 else ""
        raise _refuse(f"Received unknown parameter{s}: {', '.join(unknown)}", unknown[0], "parameter_unknown")
    for key, kind in fields.items():
        if kind.is_required and key not in given:
            raise missing_param(join(at, key))
    return {key: fields[key].read(value, join(at, key)) for key, value in given.items()}


def join(at: str, key: object) -> str:
    """``a`` and ``b`` to ``a[b]``."""
    return f"{at}[{key}]" if at else str(key)


def _refuse(message: str, param: str, code: str | None = None) -> StripeError:
    return StripeError(400, "invalid_request_error", code, message, param, storable=False)


def _empty(at: str) -> StripeError:
    return _refuse(
        f"You passed an empty string for '{at}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{at}' cannot be unset. You should remove '{at}' from your request or supply a non-empty value.",
        at,
        "parameter_invalid_empty",
    )


def _scalar(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise _refuse(f"Invalid string: {_shown(value)}", at, "parameter_invalid_string")
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:28]}...{text[-28:]}"


def text(max: int = 5000, pattern: str | None = None) -> Kind:
    """A string of at most ``max`` characters."""
    compiled = re.compile(pattern) if pattern else None

    def check(value: Any, at: str) -> str:
        if len(_scalar(value, at)) > max:
            raise _refuse(f"Invalid string: {_shown(value)}; must be at most {max} characters", at)
        if compiled and not compiled.fullmatch(value):
            raise _refuse(f"Invalid string: {_shown(value)}", at, "parameter_invalid_string")
        return str(value)

    return Kind("text", check)


def integer(min: int | None = None, max: int | None = None) -> Kind:
    """A whole number within bounds, both included."""

    def check(value: Any, at: str) -> int:
        if not isinstance(value, str) or not _INT.match(value):
            raise _refuse(f"Invalid integer: {_shown(value)}", at, "parameter_invalid_integer")
        number = int(value)
        if min is not None and number < min:
            raise _refuse(f"This value must be greater than or equal to {min}.", at, "parameter_invalid_integer")
        if max is not None and number > max:
            raise _refuse(f"This value must be less than or equal to {max}.", at, "parameter_invalid_integer")
        return number

    return Kind("integer", check)


def timestamp() -> Kind:
    """Unix seconds, a whole number up to the year 2286."""

    def check(value: Any, at: str) -> int:
        if not isinstance(value, str) or not _INT.match(value):
            raise _refuse(f"Invalid timestamp: {_shown(value)}", at, "parameter_invalid_integer")
        if not 0 <= int(value) <= 9_999_999_999:
            raise _refuse("Invalid timestamp: must be an integer Unix timestamp in seconds", at)
        return int(value)

    return Kind("timestamp", check)


def boolean() -> Kind:
    """``true`` or ``false``, nothing else."""

    def check(value: Any, at: str) -> bool:
        if value not in ("true", "false"):
            raise _refuse(f"Invalid boolean: {_shown(value)}", at, "parameter_invalid_boolean")
        return bool(value == "true")

    return Kind("boolean", check)


def decimal(places: int = 12, min: str | None = None, max: str | None = None) -> Kind:
    """A decimal of at most ``places`` places, without exponent."""

    def check(value: Any, at: str) -> Decimal:
        if not isinstance(value, str) or not _DECIMAL.match(value):
            raise _refuse(f"Invalid decimal: {_shown(value)}", at, "parameter_invalid_decimal")
        if len(value.partition(".")[2].rstrip("0")) > places:
            raise _refuse(f"Invalid decimal: {value}; must contain at maximum {places} decimal places.", at)
        number = Decimal(value)
        if min is not None and number < Decimal(min):
            raise _refuse(f"Invalid decimal: {value}; must be at least {min}.", at)
        if max is not None and number > Decimal(max):
            raise _refuse(f"Invalid decimal: {value}; must be at most {max}.", at)
        return number

    return Kind("decimal", check)


def one_of(*options: str) -> Kind:
    """One of the named values."""
    listed = options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"

    def check(value: Any, at: str) -> str:
        if value not in options:
            raise _refuse(f"Invalid {at}: must be one of {listed}", at)
        return str(value)

    return Kind("one_of", check, options=options)


def currency() -> Kind:
    """A three-letter currency code that Stripe knows; comes out in lower case."""

    def check(value: Any, at: str) -> str:
        code = value.lower() if isinstance(value, str) else ""
        if code not in CURRENCIES:
            known = ", ".join(sorted(CURRENCIES))
            raise _refuse(f"Invalid currency: {_shown(value)}. Stripe currently supports these currencies: {known}", at)
        return str(code)

    return Kind("currency", check)


def array(item: Kind, max: int | None = None) -> Kind:
    """A list, sent as ``a[0]``, ``a[]``; at most ``max`` entries."""

    def check(value: Any, at: str) -> list[Any]:
        if not isinstance(value, list):
            raise _refuse("Invalid array", at)
        if max is not None and len(value) > max:
            raise _refuse(f"Array {at} exceeded maximum {max} allowed elements.", at)
        return [item.read(entry, join(at, number)) for number, entry in enumerate(value)]

    return Kind("array", check, item=item)


def struct(fields: Fields) -> Kind:
    """A nested object of declared fields."""

    def check(value: Any, at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refuse("Invalid object", at)
        return read_fields(fields, value, at)

    return Kind("struct", check, fields=fields)


def by_currency(fields: Fields) -> Kind:
    """An object of the same fields for each of some currencies: ``a[eur][b]``."""
    code, value_kind = currency(), struct(fields)

    def check(value: Any, at: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refuse("Invalid object", at)
        return {code.check(key, join(at, key)): value_kind.read(item, join(at, key)) for key, item in value.items()}

    return Kind("by_currency", check, fields={"eur": value_kind})


def either(*choices: Kind) -> Kind:
    """The first kind that takes the value; an object is only tried as an object. The last one words the refusal."""

    def check(value: Any, at: str) -> Any:
        fitting = [c for c in choices if (c.name == "struct") == isinstance(value, dict)] or list(choices)
        for choice in fitting[:-1]:
            try:
                return choice.check(value, at)
            except StripeError:
                continue  # the next kind may take it; the last one's refusal is the one to tell
        return fitting[-1].check(value, at)

    return Kind("either", check, choices=choices)


def metadata(clearable: bool = True) -> Kind:
    """Up to 50 keys of 40 characters without brackets, values of 500; ``''`` for a key, or for all, unsets."""

    def check(value: Any, at: str) -> dict[str, str]:
        pairs = {str(i): v for i, v in enumerate(value)} if isinstance(value, list) else value
        if not isinstance(pairs, dict):
            raise _refuse("Invalid object", at)
        if len(pairs) > 50:
            raise _refuse("Metadata can have at most 50 keys.", at)
        for key, item in pairs.items():
            here = join(at, key)
            if len(key) > 40 or "[" in key or "]" in key:
                raise _refuse("Metadata keys must be under 40 characters long and have no square brackets.", here)
            if not isinstance(item, str):
                raise _refuse("Metadata values must be strings.", here)
            if len(item) > 500:
                message = (
                    f"Metadata values can have up to 500 characters, but you passed in a value that is {len(item)}"
                )
                raise _refuse(f"{message} characters.", here)
        return dict(pairs)

    return Kind("metadata", check, is_clearable=clearable)


def merged_metadata(old: Mapping[str, str], given: Any) -> dict[str, str]:
    """Metadata after an update: ``''`` for a key removes it, ``''`` for all removes all. Raises above 50 keys."""
    if given == "":
        return {}
    kept = {k: v for k, v in {**old, **(given or {})}.items() if v != ""}
    if len(kept) > 50:
        raise _refuse("Metadata can have at most 50 keys.", "metadata")
    return kept


RANGE = either(timestamp(), struct({name: timestamp() for name in ("gt", "gte", "lt", "lte")}))
"""A date filter of a list: a stamp, or bounds."""
EXPAND = array(text())
PAGE: Fields = {"limit": integer(1, 100), "starting_after": text(), "ending_before": text()}
"""What every list takes."""


def in_range(value: int | None, wanted: Any) -> bool:
    """Whether a stamp passes a date filter read by :data:`RANGE`; an absent filter lets all pass."""
    if wanted is None:
        return True
    if value is None:
        return False
    if isinstance(wanted, int):
        return value == wanted
    tests = {"gt": value.__gt__, "gte": value.__ge__, "lt": value.__lt__, "lte": value.__le__}
    return all(tests[name](bound) for name, bound in wanted.items())
