"""Rows on their way to the CRM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sync.clock import Deadline
from sync.crm import CrmRow


@dataclass(frozen=True)
class OutRow:
    """A row waiting to be flushed. ``attempts`` counts this try."""

    id: int
    row: CrmRow
    hash: str
    fence: int
    attempts: int


@dataclass(frozen=True)
class RowResult:
    """What Salesforce said of one row: the id, or an error already sorted."""

    ok: bool
    salesforce_id: str | None = None
    created: bool = False
    code: str | None = None
    message: str | None = None
    transient: bool = False
    status_code: str | None = None  # Salesforce's own, e.g. FIELD_CUSTOM_VALIDATION_EXCEPTION
    no_parent: bool = False  # a row of ours that it belongs to is not in the CRM after all
    unknown: bool = False  # it may have taken effect all the same, now or until the flush's deadline


@dataclass(frozen=True)
class RefusedRows:
    """Rows of one object that Salesforce refused under one code; ``message`` is what it said of one of them."""

    code: str
    sobject: str
    many: int
    message: str


#: The row that goes along when another one begins to stand open, or None. Given are the fields as which that one stood
#: closed, or None where nothing was known of it.
Opening = Callable[[Mapping[str, object] | None], CrmRow | None]


class Announce(Protocol):
    """What is to be said when rows begin to stand open."""

    def __call__(self, rows: Sequence[CrmRow]) -> Mapping[tuple[str, str], Opening]:
        """For those of the rows whose opening is told, by (object, key). Asked before anything is locked."""


class Outbox(Protocol):
    """Rows on their way to the CRM, and the hash of what the CRM last acknowledged for each."""

    def put(self, rows: Iterable[CrmRow], fence: int) -> int:
        """Queue each row unless its hash is what was last acknowledged (and nothing else is queued for it) or a newer
        fence is queued. Returns how many wait because of this call.
        """

    def claim_flush(self, limit: int = 1000) -> Flush | None:
        """Take the org's one flusher lease and up to ``limit`` rows, parents' objects first and whole groups
        together, marked sent; None when nothing waits, when somebody else holds it, or while rows may still be on a
        dead flusher's wire.
        """

    def finish_flush(self, flush: Flush, results: Mapping[int, RowResult], *, request_id: str | None) -> None:
        """Record results conditional on the token. If the lease was lost meanwhile, forget what was acknowledged for
        these rows, so that their present values are sent again (no older value stays in the CRM). What a row with an
        unknown or no result holds in the CRM is forgotten too.
        """

    def abandon_flush(self, flush: Flush, *, code: str, message: str, after_s: float | None, unknown: bool) -> None:
        """The call failed as a whole: rows wait again with back-off; ``unknown`` also forgets what was acknowledged."""

    def retry_gone(self, groups: Iterable[str]) -> int:
        """Rows of these Accounts that were refused because a record is gone go with the next flush: it may be back."""

    def waiting(self) -> tuple[int, float | None]:
        """Rows queued, and machine seconds until the earliest may go (None when none waits)."""

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget what was acknowledged for (object, key): the next put sends it whatever it is."""

    def drop(self, keys: Iterable[tuple[str, str]]) -> None:
        """Nothing more is sent for (object, key), and what stood there is forgotten: the record is another's now."""

    def followed(self, loser: str, winner: str) -> int:
        """What waits to be written of an Account that was merged names the one that it became, also where it was refused
        because the loser is gone; and so does what stands there, when it is written next. Returns how many waited.
        """

    def children(self, object_: str, relationship: str, parents: Iterable[str]) -> Sequence[CrmRow]:
        """The rows of ``object_`` that were written, or wait to be, under parents with these keys: as last wanted."""

    def standing(self, object_: str, keys: Iterable[str]) -> Sequence[CrmRow]:
        """Those of these rows that were written, or wait to be: as last wanted."""

    def salesforce_ids(self, object_: str, keys: Iterable[str]) -> Mapping[str, str]: ...

    def failed_rows(self) -> Sequence[tuple[OutRow, str, str]]:
        """Rows that wait for a person, with code and message."""

    def refused(self, code: str | None = None) -> Sequence[RefusedRows]:
        """How many rows wait for a person, by code and object: the most first."""

    def retry_failed(self, code: str | None = None) -> int:
        """Rows that wait for a person go with the next flush (an operator's replay); returns how many."""


@dataclass(frozen=True)
class Flush:
    """The rows of one call to Salesforce, under the flusher's token. They may be sent until the deadline and never after
    it: from then on somebody else may send newer values.
    """

    token: int
    rows: tuple[OutRow, ...]
    deadline: Deadline
