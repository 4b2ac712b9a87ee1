"""Which of several Stripe accounts a deal is billed in: rules over fields of the Account and the quote. Pure.

The first route whose conditions all hold is taken; the last one has none and takes the rest. A field that is blank, or
that nothing is known of, meets no condition. Text is compared without regard to case and to blanks around it, as
Salesforce does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

#: The records whose fields a route may look at.
Sobject = Literal["Account", "Quote"]
SOBJECTS: tuple[Sobject, ...] = ("Account", "Quote")
#: What is known of the fields of a record, by API name as the rules spell it.
Fields = Mapping[str, object]


@dataclass(frozen=True)
class Condition:
    """The field has one of these values (as `comparable` makes them)."""

    sobject: Sobject
    field: str
    values: frozenset[str]

    def holds(self, fields: Mapping[Sobject, Fields]) -> bool:
        """Whether it does; never for a blank field."""
        value = comparable(fields[self.sobject].get(self.field))
        return bool(value) and value in self.values

    def implies(self, other: Condition) -> bool:
        """Whether ``other`` holds wherever this one does."""
        return (self.sobject, self.field) == (other.sobject, other.field) and self.values <= other.values


@dataclass(frozen=True)
class Route:
    """Where all conditions hold, the deal is billed in ``account``."""

    account: str
    when: tuple[Condition, ...] = ()

    def hides(self, later: Route) -> bool:
        """Whether ``later`` can never be taken, because this one is wherever it would be."""
        return all(any(mine.implies(each) for mine in later.when) for each in self.when)


@dataclass(frozen=True)
class Routes:
    """All routes in order. The last one has no condition."""

    routes: tuple[Route, ...]

    def route(self, quote: Fields, account: Fields) -> str:
        """The name of the Stripe account for a quote of this Account."""
        fields: dict[Sobject, Fields] = {"Account": account, "Quote": quote}
        return next(r.account for r in self.routes if all(c.holds(fields) for c in r.when))

    def home(self, account: Fields) -> str:
        """The name of the Stripe account that an Account belongs to whatever its quotes say."""
        return self.route({}, account)

    def fields(self, sobject: Sobject) -> tuple[str, ...]:
        """The fields of the record that any route looks at, in order of their names."""
        return tuple(sorted({c.field for r in self.routes for c in r.when if c.sobject == sobject}))


#: Of an installation with one account, which has no name.
ONE_ACCOUNT = Routes((Route(""),))


def comparable(value: object) -> str:
    """A field's value, or one in the rules, as text that is equal where the values are; "" for a blank one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        exact = Decimal(str(value))
        return format(exact.normalize() if exact else Decimal(0), "f")
    return str(value).strip().casefold()
