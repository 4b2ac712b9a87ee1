"""What was said, what is due, and who holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Lane = Literal["deal", "mirror", "bulk"]
#: Of a mark: whatever Stripe account the subject may be on.
EVERY = "every"


@dataclass(frozen=True)
class NewNotice:
    """Something was said. Unique by (source, external_id). ``body`` is the payload as received (JSON text) or ''."""

    source: str  # "stripe:acct_..", "salesforce:00D..", "request"
    external_id: str
    type: str  # "invoice.paid", "Quote", "retry" ...
    object_kind: str  # Stripe's object name or the Salesforce object
    object_id: str
    object_created_s: int | None = None
    related: Mapping[str, str] = field(default_factory=dict)  # {"customer": "cus_..", "invoice": "in_.."}
    body: str = ""


@dataclass(frozen=True)
class Notice(NewNotice):
    """A stored notice."""

    id: int = 0


@dataclass(frozen=True)
class Mark:
    """Makes a subject due. ``key`` is ``kind:id``. ``settle_s`` > 0 waits that long (machine time) for company, five
    seconds at most in all.

    ``hint_created_s`` is the Stripe creation second of the object, if known: the gateway reads cheaper with it.
    """

    key: str
    lane: Lane
    unit: str  # "unit:<account or customer>"; mirror subjects may carry ""
    settle_s: float = 0.0
    hint_created_s: int | None = None
    stripe_account: str | None = None  # None: the one whose queue it is given to; a known quote stays where it is


@dataclass(frozen=True)
class Due:
    """A claimed subject: the ``revision`` this claim saw; ``attempts`` counts this one too."""

    key: str
    revision: int
    attempts: int
    hint_created_s: int | None = None
    error_code: str | None = None

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]

    @property
    def id(self) -> str:
        return self.key.partition(":")[2]


@dataclass(frozen=True)
class Claim:
    """A lease on a unit (deal lane) or on a batch of subjects (mirror lane). ``token`` is the fence; ``others`` are further
    units that are held with it.
    """

    lane: Lane
    unit: str
    token: int
    subjects: tuple[Due, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """The subject is as it should be; it wakes at the business instant ``wake_at`` (None = never by itself)."""

    wake_at: datetime | None = None


@dataclass(frozen=True)
class Failed:
    """It waits for a person. Becomes due again by a notice, by a change of a record in ``blocked_on``, or by replay."""

    code: str
    message: str
    blocked_on: tuple[str, ...] = ()
    sum_minor: int | None = None
    currency: str | None = None
    wake_at: datetime | None = None


@dataclass(frozen=True)
class Again:
    """It will pass: due again after the back-off of `attempts` (5 s, 30 s, 2 min, 10 min, 1 h, 6 h with jitter) or
    ``after_s``.
    """

    code: str
    message: str
    after_s: float | None = None


@dataclass(frozen=True)
class Moved:
    """It is another Stripe account's (named as in `Mark`) and is due there, as it was here."""

    stripe_account: str


Outcome = Done | Failed | Again | Moved


class Subjects(Protocol):
    """What is due, what failed, who holds it. All instants of leases and back-off are machine time inside PostgreSQL."""

    def intake(self, route: Callable[[Notice], Iterable[Mark]], limit: int = 500) -> int:
        """Turn stored notices into marks, in one transaction with marking them processed; returns how many were
        taken. Concurrent callers take different ones.
        """

    def add_notices(self, notices: Sequence[NewNotice]) -> int:
        """Store notices; known (source, external_id) pairs are ignored. Returns how many were new. Committed on
        return.
        """

    def mark(self, marks: Iterable[Mark], *, reason: str) -> int:
        """Raise each subject's revision (creating it if new): it is due. Clears retry_machine_at and wakes nothing
        else.
        """

    def wake_due(self, now: datetime) -> int:
        """Mark every subject whose wake_at <= now (business time) and clear that wake."""

    def wake(self, mark: Mark, at: datetime) -> None:
        """The subject (created if new, not made due) wakes at the business instant ``at``, unless it wakes earlier
        already.
        """

    def claim_unit(self, lane: Lane) -> Claim | None:
        """Lease the unit that has been due longest in ``lane`` with all its due subjects of that lane, or None. A
        busy unit is passed over and costs no attempt.
        """

    def with_company(self, claim: Claim, kind: str, limit: int) -> Claim:
        """The claim with up to ``limit`` more units of its lane in which nothing but subjects of this kind is due."""

    def claim_batch(self, lane: Lane, limit: int = 200) -> Claim | None:
        """Lease up to ``limit`` due, settled subjects of ``lane`` (mirror, bulk), whatever their unit; no unit lock."""

    def renew(self, claim: Claim) -> None:
        """Extend the lease; raises LeaseLost when the token is no longer the newest."""

    def finish(self, claim: Claim, outcomes: Mapping[str, Outcome]) -> None:
        """Record each outcome, conditional on the token (LeaseLost otherwise), and release the lease. A subject whose
        revision moved on stays due.
        """

    def release(self, claim: Claim) -> None:
        """Give everything back undone (graceful stop); attempts counted by the claim are taken back."""

    def hold(self, claim: Claim, units: Sequence[str]) -> tuple[Claim, frozenset[str]]:
        """The claim with those of these units that nobody else holds, until it ends; and those that somebody does. Waits for
        nobody. LeaseLost when the claim is another's by now.
        """

    def merge_units(self, into: str, other: str, *, claim: Claim | None = None) -> None:
        """All that belonged to unit ``other`` belongs to ``into``, now and later. Transient TEMP-402 when somebody
        other than ``claim`` works on either.
        """

    def take_merged(self, into: str, other: str) -> Claim:
        """As `merge_units`, and the unit that they are is held until it is released: nothing of it runs meanwhile."""

    def failures(
        self,
        *,
        code: str | None = None,
        keys: Sequence[str] = (),
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[SubjectState]:
        """What waits for a person, on whatever Stripe account, the longest standing first."""

    def failing(self) -> Sequence[Failing]:
        """What waits for a person, a row a code: the most first."""

    def state(self, key: str) -> SubjectState | None:
        """Of this Stripe account; a quote wherever it is."""

    def mark_blocked_on(self, record_ids: Iterable[str], *, reason: str) -> int:
        """Mark due every failed subject that waits for one of these records."""

    def counts(self, now: datetime) -> QueueCounts:
        """Of every Stripe account."""


@dataclass(frozen=True)
class SubjectState:
    """How a subject stands."""

    key: str
    lane: Lane
    unit: str
    revision: int
    done_revision: int
    attempts: int
    error_code: str | None
    error_message: str | None
    blocked_on: tuple[str, ...]
    sum_minor: int | None
    currency: str | None
    wake_at: datetime | None
    retry_machine_at: datetime | None
    failed_at: datetime | None  # business time of the failure now standing
    reference: str  # short, said to people: "7F3K"
    stripe_account: str = ""  # '' for the one that the store began with


@dataclass(frozen=True)
class Failing:
    """What waits for a person under one code. ``sums`` are minor units by currency; ``oldest`` is business time."""

    code: str
    many: int
    sums: Mapping[str, int]
    oldest: datetime | None


@dataclass(frozen=True)
class QueueCounts:
    """``due`` counts what can run now, by lane; ``retrying`` waits for a back-off (``next_retry_in_s`` machine
    seconds for the earliest); ``leased`` is held by somebody.
    """

    due: Mapping[str, int]
    retrying: int
    next_retry_in_s: float | None
    leased: int
    settling: int
    failed: Mapping[str, int]  # by code
    next_wake_at: datetime | None
    notices: int  # stored, not yet taken in
