"""The fields by which a quote finds its Stripe account, read along with the quote, and of Accounts by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync.gateways.names import Names


class RoutedBy:
    """``fields`` are named ``Quote.Field`` or ``Account.Field``, without namespace."""

    def __init__(self, fields: Sequence[str], names: Names) -> None:
        self.fields = tuple(dict.fromkeys(fields))
        split = [name.split(".", 1) for name in self.fields]
        self._paths = [(object_, names.to_org(field)) for object_, field in split]

    @property
    def of_account(self) -> list[str]:
        """Columns of Account, by the org's names."""
        return [column for object_, column in self._paths if object_ == "Account"]

    @property
    def of_quote(self) -> list[str]:
        """Columns of a query on Quote, by the org's names; those of its Account through the relationship."""
        return [column if object_ == "Quote" else f"{object_}.{column}" for object_, column in self._paths]

    def read(self, row: Mapping[str, Any]) -> dict[str, object]:
        """What a quote's row says, or ``{"Account": row}`` of an Account; a blank field is None."""
        found: dict[str, object] = {}
        for name, (object_, column) in zip(self.fields, self._paths, strict=True):
            of = row if object_ == "Quote" else row.get(object_)
            found[name] = of.get(column) if isinstance(of, Mapping) else None
        return found
