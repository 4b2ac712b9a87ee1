"""What a backfill needs of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sync.facts import Customer, Fact
from sync.ports.knowledge import NewLink
from sync.ports.listing import FoundRow
from sync.ports.queue import Lane


@dataclass(frozen=True)
class RowCounts:
    """The CRM's rows that were worked out since a fence: all of them, those acknowledged since an instant of machine
    time, those that were right already, and those not there, by the reason's code.
    """

    expected: int
    written: int
    unchanged: int
    refused: Mapping[str, int]
    waiting: int


@dataclass(frozen=True)
class Held:
    """A quote that waits for a decision: signed before the start, and nothing in Stripe is of it."""

    quote_id: str
    unit: str
    seen_at: datetime
    code: str
    message: str
    sum_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Keyed:
    """An object of Stripe that carries a key of ours: of all that is known of it what says whose it is."""

    kind: str
    id: str
    status: str
    metadata: Mapping[str, str]


class Adoption(Protocol):
    """How far a backfill is, what it found, and what came of it. A page and the cursor behind it are one transaction."""

    def progress(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every cursor whose name begins so, by name."""

    def clear(self, prefix: str) -> None:
        """Nothing is known of how far it was."""

    def keep(self, progress: Mapping[str, Mapping[str, object]]) -> None:
        """These cursors stand."""

    def begin(self) -> tuple[int, float]:
        """A new fence, and machine time in unix seconds."""

    def facts_page(self, found: Iterable[Fact], fence: int, progress: Mapping[str, Mapping[str, object]]) -> None:
        """The page's facts and the cursor behind it."""

    def rows_page(self, found: Sequence[FoundRow], progress: Mapping[str, Mapping[str, object]]) -> None:
        """What stands in the CRM is known of every row of the page of which nothing is known yet, and the cursor behind
        it. What we wrote, or are about to write, is left as it is.
        """

    def link(self, new: Sequence[NewLink]) -> int:
        """Those of these links that clash with none that stands are there; returns how many are new."""

    def unlinked_customers(self, after: str, limit: int) -> Sequence[Customer]:
        """Living customers without a link, by id, behind this one."""

    def emails(self, among: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The ids of all living customers with these e-mails, by the e-mail in lower case."""

    def with_business(self, customers: Iterable[str]) -> set[str]:
        """Those of these customers to whom something was ever sold or billed."""

    def linked_accounts(self, after: str, limit: int) -> Sequence[str]:
        """Ids of Accounts that have a customer, by id, behind this one."""

    def keyed(self, kind: str, name: str) -> Sequence[Keyed]:
        """Everything of this kind that carries this key in its metadata, the newest first."""

    def counts_of(self, kind: str) -> tuple[int, int]:
        """How many living objects of this kind are known, and how many of them belong to a linked customer."""

    def of_quotes(self, ids: Sequence[str]) -> tuple[set[str], Mapping[str, datetime]]:
        """Those of these quotes that are frozen, and when each was first seen signed, where it was."""

    def quotes_page(self, found: Sequence[FoundRow], held: Sequence[Held], now: datetime) -> None:
        """What stands on these quotes and lines is known; the quotes held wait for a decision, as failures that stand
        since ``now``, unless somebody looks at them already.
        """

    def without_coupon(self) -> Mapping[str, Sequence[str]]:
        """By kind the ids of customers and of subscriptions that have not ended, on which a coupon stands that is not known:
        no list has it, because it was deleted.
        """

    def unfinished(self, lane: Lane) -> tuple[int, float | None]:
        """How many subjects of this lane are due, retrying or in somebody's hands, and the machine seconds until the
        first may be claimed.
        """

    def row_counts(self, fence: int, since_machine_s: float) -> RowCounts:
        """What became of the rows that were worked out since ``fence``."""

    def shown_invoices(self) -> tuple[int, int]:
        """Invoices of linked customers, and how many of them have a row in the CRM that was acknowledged or seen."""
