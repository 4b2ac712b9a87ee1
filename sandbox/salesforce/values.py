"""One value of one field: from JSON to the kept value, checked, and back.

Kept are text, bool, whole numbers, Decimal, date and aware UTC datetime in whole seconds. Numbers are rounded half away
from zero to the decimals of the field, amounts also to those of the record's currency.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sandbox.salesforce.errors import BodyRefused, SalesforceError
from sandbox.salesforce.ids import full_id
from sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from sandbox.salesforce.standard_facts import CURRENCY_DECIMALS

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(T.*)?\Z")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)\Z")
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}\Z")
_LARGEST_EXPONENT = 40
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def parse(field: Field, raw: Any) -> Any:
    """The JSON value as a value of this field; blank text is null.

    Raises :class:`BodyRefused` if it is no such, and refuses this one record for a malformed id or a giant number.
    """
    if raw is None or (isinstance(raw, str) and raw.strip() == ""):
        return None
    if isinstance(raw, (dict, list)):
        token = "START_OBJECT" if isinstance(raw, dict) else "START_ARRAY"
        raise _not_a(field, token, "")
    if field.type in TEXT_TYPES:
        if not isinstance(raw, str):
            raise _not_a(field, _token(raw), raw)
        return raw.strip()
    if field.type in ("id", "reference"):
        if not isinstance(raw, str):
            raise _not_a(field, _token(raw), raw)
        return _id(field, raw)
    return _PARSERS[field.type](field, raw)


def _token(raw: Any) -> str:
    if isinstance(raw, bool):
        return "VALUE_TRUE" if raw else "VALUE_FALSE"
    if isinstance(raw, int):
        return "VALUE_NUMBER_INT"
    return "VALUE_NUMBER_FLOAT" if isinstance(raw, Decimal) else "VALUE_STRING"


def _not_a(field: Field, token: str, raw: Any) -> BodyRefused:
    kind = field.type if field.type not in TEXT_TYPES | NUMBER_TYPES else "string"
    kind = "double" if field.type in NUMBER_TYPES else kind
    shown = str(raw).lower() if isinstance(raw, bool) else raw
    return BodyRefused(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required field "
        f"at [line:1, column:1]",
    )


def _id(field: Field, raw: str) -> str:
    found = full_id(raw.strip())
    if found is None:
        raise SalesforceError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {raw}", [field.name])
    return found


def _number(field: Field, raw: Any) -> Decimal:
    if isinstance(raw, bool):
        raise _not_a(field, _token(raw), raw)
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise _not_a(field, _token(raw), raw) from None
    if not number.is_finite():
        raise _not_a(field, _token(raw), raw)
    if number.adjusted() > _LARGEST_EXPONENT:
        raise _out_of_range(field, str(raw))
    return number


def _whole(field: Field, raw: Any) -> int:
    number = _number(field, raw)
    if number != number.to_integral_value():
        raise _not_a(field, _token(raw), raw)
    return int(number)


def _truth(field: Field, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in _TRUTHS:
        return _TRUTHS[raw.lower()]
    raise _not_a(field, _token(raw), raw)


def _date(field: Field, raw: Any) -> date:
    match = _DATE.match(raw) if isinstance(raw, str) else None
    try:
        if match and match.group(2) is None:
            return date.fromisoformat(match.group(1))
        if match:
            return to_datetime(raw).date()
    except ValueError:
        pass  # the refusal below says it in Salesforce's words
    raise _not_a(field, _token(raw), raw)


def _datetime(field: Field, raw: Any) -> datetime:
    try:
        if isinstance(raw, str):
            return to_datetime(raw)
    except ValueError:
        pass  # the refusal below says it in Salesforce's words
    raise _not_a(field, _token(raw), raw)


def to_datetime(text: str) -> datetime:
    """An ISO 8601 stamp with a zone as aware UTC, fractions cut off. Raises ``ValueError``."""
    if not _DATETIME.match(text):
        raise ValueError(f"not a date and time with a zone: {text}")
    normal = re.sub(r"([+-]\d\d)(\d\d)\Z", r"\1:\2", text)
    return datetime.fromisoformat(normal).astimezone(UTC).replace(microsecond=0)


def _address(field: Field, raw: Any) -> Any:
    raise _not_a(field, _token(raw), raw)


_PARSERS = {
    "currency": _number,
    "double": _number,
    "percent": _number,
    "int": _whole,
    "boolean": _truth,
    "date": _date,
    "datetime": _datetime,
    "address": _address,
}


def checked(field: Field, value: Any, currency: str | None) -> Any:
    """The value as it will be kept. Raises what Salesforce answers for this row if the field can't hold it."""
    if value is None:
        return None
    if field.type in NUMBER_TYPES:
        return _fitted(field, value, currency)
    if field.type == "int":
        if not -(2**31) <= value < 2**31:
            raise _out_of_range(field, str(value))
        return value
    if field.type in ("picklist", "multipicklist") and field.restricted:
        return _listed(field, value)
    if field.type in TEXT_TYPES and field.length and len(value) > field.length:
        text = f"{field.label}: data value too large: {value} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", text, [field.name])
    if field.type == "email" and not _EMAIL.match(value):
        text = f"{field.label}: invalid email address: {value}"
        raise SalesforceError("INVALID_EMAIL_ADDRESS", text, [field.name])
    return value


def decimals(field: Field, currency: str | None) -> int:
    """How many decimals a number of this field keeps; a custom amount keeps no more than its currency has."""
    if field.type != "currency":
        return field.scale
    of_currency = CURRENCY_DECIMALS.get(currency or "", 2)
    return min(field.scale, of_currency) if field.custom else of_currency


def _fitted(field: Field, value: Decimal, currency: str | None) -> Decimal:
    step = Decimal(1).scaleb(-decimals(field, currency))
    kept = rounded(value, step)
    if abs(kept) >= Decimal(10) ** (field.precision - field.scale):
        raise _out_of_range(field, number_text(value))
    return kept


def rounded(value: Decimal, step: Decimal) -> Decimal:
    """Half away from zero to a multiple of the step, which is a power of ten."""
    whole = (value / step).to_integral_value(ROUND_HALF_UP)
    return whole * step


def _out_of_range(field: Field, shown: str) -> SalesforceError:
    text = f"{field.label}: value outside of valid range on numeric field: {shown}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", text, [field.name])


def _listed(field: Field, value: str) -> str:
    chosen = value.split(";") if field.type == "multipicklist" else [value]
    known = {entry.lower(): entry for entry in field.picklist}
    for one in chosen:
        if one.strip().lower() not in known:
            text = f"{field.label}: bad value for restricted picklist field: {one.strip()}"
            raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, [field.name])
    return ";".join(known[one.strip().lower()] for one in chosen)


def stamp(at: datetime) -> str:
    """``2026-03-01T00:00:00.000+0000``, as every answer writes a time."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def number_text(value: Decimal) -> str:
    """A number the way Salesforce's Java writes a double: ``49.0``, from ten million on ``1.0E7``."""
    if value == 0:
        return "0.0"
    sign, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    power = len(digits) + exponent - 1
    if -3 <= power < 7:
        text = format(value.normalize(), "f")
        return text if "." in text else f"{text}.0"
    head, tail = str(digits[0]), "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{head}.{tail}E{power}"
