"""Who is moved to Stripe from another billing system, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """How far a member of a cohort is. Only one that was cut over, or rolled back after that, is Tandem's to bill."""

    PLANNED = "planned"
    EQUAL = "equal"  # its next invoice is what the old system would bill
    UNLIKE = "unlike"  # it is not: held out until somebody corrects the quote or accepts the difference
    ACCEPTED = "accepted"  # a person agreed to the difference
    BLOCKED = "blocked"  # it can't be billed; the code says why
    CUT = "cut"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Member:
    """One contract that is moved: the quote that says it, and what the old system said of it.

    ``paid_through`` is the last day that the old system was paid for; ``legacy_minor`` what it would bill next, in minor
    units of ``currency``; ``ours_minor`` what Tandem would, and ``digest`` what that rests on; ``moved_at`` is when it was
    cut over or rolled back (business time).
    """

    cohort: str
    quote_id: str
    paid_through: date
    legacy_minor: int
    currency: str
    stage: Stage = Stage.PLANNED
    ours_minor: int | None = None
    digest: str = ""
    code: str | None = None
    detail: str = ""
    moved_at: datetime | None = None


class Cohorts(Protocol):
    """The members of all cohorts; a quote is in one at most."""

    def put(self, members: Sequence[Member]) -> None:
        """Each stands as given, whatever stood there before."""

    def of(self, cohort: str | None = None) -> Sequence[Member]:
        """The members of one cohort, or of all, by cohort and quote."""

    def member(self, quote_id: str) -> Member | None: ...

    def members(self, quote_ids: Sequence[str]) -> Mapping[str, Member]: ...
