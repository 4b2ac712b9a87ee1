"""Accounts whose rows can't be said: what one of them stands on is strange, and the others are compared all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.desired.differences import Cure, Difference, Kind
from sync.desired.mirror import Shown
from sync.errors import Terminal
from sync.run.mirror import Mirror

Customers = Mapping[str, Sequence[str]]


def shown_of(mirror: Mirror, customers: Customers) -> tuple[Mapping[str, Shown], Mapping[str, str]]:
    """Every row of these Accounts, with their customers; and why there are none, of each that can't be shown."""
    try:
        return mirror.show_all(customers), {}
    except Terminal:
        pass  # one of them: each by itself
    shown: dict[str, Shown] = {}
    why: dict[str, str] = {}
    for account_id, ids in customers.items():
        try:
            shown |= mirror.show_all({account_id: ids})
        except Terminal as error:
            why[account_id] = f"{error.code}: {error.message}"
    return shown, why


def not_shown(account_id: str, why: str) -> Difference:
    """Told in place of whatever else may be unlike on the Account."""
    return Difference(
        Kind.BEHIND, f"account:{account_id}", account_id, f"Account {account_id}", "", "its rows, as Stripe has them",
        f"none can be said ({why})", cure=Cure.PERSON,
    )  # fmt: skip
