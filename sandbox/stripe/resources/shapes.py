"""Parameter tables and small rules that several resources share."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.params import Fields, Kind, struct, text

ADDRESS: Fields = {
    "city": text(),
    "country": text(max=2),
    "line1": text(),
    "line2": text(),
    "postal_code": text(),
    "state": text(),
}
_ADDRESS_KEYS = tuple(ADDRESS)


def address(clearable: bool = True) -> Kind:
    """An address, each part of which may be unset too."""
    kind = struct({key: part.clearable() for key, part in ADDRESS.items()})
    return kind.clearable() if clearable else kind


def full_address(given: Any) -> dict[str, Any] | None:
    """The address with all its keys; ``''`` and absent become null."""
    if not given:
        return None
    return {key: given.get(key) or None for key in _ADDRESS_KEYS}


def unset(value: Any) -> Any:
    """``''`` to null: what an update stores for a cleared parameter."""
    return None if value == "" else value
