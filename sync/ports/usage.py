"""What taking in and sending usage needs of the store and of Stripe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sync.errors import Transient
from sync.facts import Meter
from sync.usage.rows import UsageRow
from sync.usage.windows import Window

UsageState = Literal["waiting", "sending", "sent", "refused", "unknown", "dropped"]


@dataclass(frozen=True)
class NewUsage:
    """A row that can be billed: for which customer, by which event."""

    row: UsageRow
    event: str
    customer: str


@dataclass(frozen=True)
class StoredUsage:
    """A row as it is kept. ``first_sent_at`` is business time: from there Stripe remembers the identifier for a day. None:
    Stripe was surely never told of it.
    """

    id: int
    row: UsageRow
    event: str
    customer: str
    state: UsageState
    tries: int
    revision: int
    first_sent_at: datetime | None


@dataclass(frozen=True)
class UsageGroup:
    """Rows of one customer, event and code that wait for a person."""

    customer: str
    event: str
    code: str
    many: int
    quantity: int
    message: str
    oldest: datetime  # happened_at
    example: str  # source:identifier


class UsageStore(Protocol):
    """Every use that was taken, once for each (source, identifier)."""

    def add(self, found: Sequence[NewUsage]) -> Sequence[Literal["new", "known", "differs"]]:
        """Committed on return, those of which nothing is there yet. Of each: whether it is new, was there for the same
        use, or is not taken because its identifier stands there for another.
        """

    def known(self, rows: Sequence[UsageRow]) -> Sequence[bool]:
        """Of each row, whether it is surely there already, for the same use."""

    def claim(self, limit: int) -> Sequence[StoredUsage]:
        """The next rows that may go, marked as being sent: also those of a process that died."""

    def calling(self, id: int, now: datetime) -> None:
        """From here on Stripe may have it. ``now`` is business time."""

    def sent(self, id: int, request_id: str, now: datetime) -> None: ...

    def again(self, ids: Sequence[int], error: Transient, *, fresh: bool) -> None:
        """They wait, as long as the error asks for or else by the back-off of their tries. ``fresh``: the next try goes
        under a new idempotency key.
        """

    def given_back(self, ids: Sequence[int]) -> None:
        """They wait as if they had never been claimed."""

    def not_there(self, id: int) -> None:
        """Stripe never took it: it waits, and what Stripe remembers of it begins with the next try."""

    def set_aside(self, id: int, *, state: UsageState, code: str, message: str) -> None:
        """``refused`` or ``unknown``: a person has to look."""

    def around(self, customer: str, event: str, start: datetime, end: datetime) -> Sequence[StoredUsage]:
        """Rows of this customer and event with ``start <= happened_at < end``."""

    def set_aside_of(
        self, customers: Iterable[str] | None = None, *, newest: int | None = None
    ) -> Sequence[UsageGroup]: ...

    def any(self) -> bool:
        """Whether any usage was ever taken in."""

    def reported(self, names: Sequence[str], at: datetime, *, code: str, message: str) -> Sequence[StoredUsage]:
        """The rows that Stripe knows by one of these names: their identifier there, or the key under which they were sent
        in the days before ``at`` (business time). Those that count as sent by then are ``refused`` on return.
        """

    def stand_in(
        self, source: str, identifier: str, event: str, happened_at: datetime, *, code: str, message: str
    ) -> None:
        """A refused row of no quantity and no customer, for events that nobody can name. Once for each identifier."""

    def waiting(self) -> tuple[int, float | None]:
        """How many are still to be sent, and in how many machine seconds the next may go; None when there are none."""

    def accounts_of_rows(self, names: Iterable[str]) -> Mapping[str, str]:
        """Account id by Billing_Key__c, or by record id, of rows of Billing_Subscription__c."""


class UsageWindows(Protocol):
    """Times that are over whose use we bill ourselves."""

    def keep(self, deal: str, windows: Sequence[Window]) -> None:
        """Of this deal there are these; others of it are gone unless they were stated."""

    def of_customers(self, customers: Iterable[str]) -> Sequence[Window]: ...

    def unsettled(self, customer: str, event: str, start: datetime, end: datetime, since: datetime) -> bool:
        """Whether a use of this time was taken in that Stripe has not, or got after ``since``."""


class Metering(Protocol):
    """Billing Meters of one Stripe account. Errors are sorted as `StripeGateway` says; AlreadyExists: it was counted."""

    def meters(self) -> Sequence[Meter]:
        """Every active meter."""

    def report(self, meter: Meter, customer: str, row: UsageRow, key: str) -> str:
        """Stripe has counted the row; returns its request id. ``key`` is the idempotency key."""

    def error_reports(self, since: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Thin events by which Stripe tells of usage that it took and did not count, made at ``since`` or later; those of
        thirty days without.
        """

    def error_report(self, id: str) -> Mapping[str, Any] | None:
        """One of them, whole; None when Stripe does not keep it any more."""

    def counted(self, meter: Meter, customer: str, start: datetime, end: datetime) -> int:
        """What the meter makes of the customer's events from ``start`` until ``end`` (exclusive), both whole minutes."""
