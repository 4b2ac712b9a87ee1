"""What a comparison asks of the store, set-wise, and what people have decided about differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sync.crm import CrmRow
from sync.ports.queue import SubjectState


@dataclass(frozen=True)
class Accepted:
    """A person lets a difference stand, until the end of a day or for as long as it stays the same."""

    subject: str
    fingerprint: str
    actor: str
    reason: str
    until: date | None = None


@dataclass(frozen=True)
class LateQuote:
    """A signed quote that nothing bills yet. Business time."""

    quote_id: str
    signed_at: datetime
    code: str | None = None
    message: str | None = None
    sum_minor: int | None = None
    currency: str | None = None


class Comparing(Protocol):
    """The store's side of a comparison."""

    def states(self, keys: Iterable[str]) -> Mapping[str, SubjectState]:
        """How these subjects stand; unknown ones are absent."""

    def busy(self, units: Iterable[str], ids: Iterable[str]) -> frozenset[str]:
        """Of these units and ids of Stripe objects: those with something due, running, or about to wake."""

    def under_way(self, groups: Iterable[str]) -> frozenset[tuple[str, str]]:
        """Rows (object, key) of these Accounts that are on their way to the CRM; refused ones are not."""

    def acknowledged(self, sobject: str, keys: Iterable[str], *, standing: bool = False) -> Sequence[CrmRow]:
        """Rows as the CRM acknowledged them last, or, unless only what is ``standing`` is asked for, as they wait for it;
        those it never had are absent.
        """

    def linked_accounts(self) -> Sequence[str]:
        """Every Account that is linked to a customer, by id."""

    def late(self, signed_before: datetime) -> Sequence[LateQuote]:
        """Quotes that we know to be signed since before this business instant and that nothing bills: the oldest first."""

    def last_report(self) -> tuple[datetime, Mapping[str, object]] | None:
        """The last comparison of everything that came to its end: its machine instant, and its report."""

    def told(self, sobject: str, prefix: str) -> Mapping[str, bool]:
        """Keys of rows of this object with this prefix that we put into the CRM, and whether they say Open."""


class Decisions(Protocol):
    """What people decided, for good on record (`audit`)."""

    def put_back(self, subject: str, drift: str, *, actor: str, reason: str) -> None:
        """A person agrees that this drift of this subject (a digest) is overwritten, once."""

    def may_put_back(self, subject: str, drift: str) -> bool:
        """Whether the newest decision on the subject is to put back exactly this drift, and it was not done yet."""

    def was_put_back(self, subject: str, drift: str) -> None:
        """It was done: the same change made again has to be decided again."""

    def accept(self, accepted: Accepted) -> None:
        """A person lets this difference stand."""

    def accepted(self, subjects: Iterable[str], today: date) -> Mapping[str, Accepted]:
        """Of these subjects, the differences (by fingerprint) that stand by decision today."""
