"""What can go wrong, sorted by what happens next.

Every failure is one of three (style.md, users.md 3): ``Transient`` (try again by itself), ``Terminal`` (a person
changes
data or configuration), ``Unsafe`` (a person has to agree). Each carries a code of the catalogue (`sync.catalogue`).
Anything else that escapes is a bug: the run turns it into BUG-502, loudly.
"""

from __future__ import annotations

from dataclasses import dataclass


class SyncError(Exception):
    """Base of every failure that Tandem understands. ``message`` is plain words for the person it is shown to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Transient(SyncError):
    """It will pass: the same work is tried again by itself, not before ``retry_after_s`` (machine time) if that is
    given.
    """

    def __init__(self, code: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(Transient):
    """The other side gave no answer, or a 5xx: it may have acted. The next run looks before it acts (DESIGN 4).

    ``answered`` is True for a 5xx (its idempotency key replays the failure, so an absent object needs a new key) and
    False when no answer came (the same key may be sent again within 24 h of the first sending).
    """

    def __init__(self, code: str, message: str, *, answered: bool, request_id: str | None = None) -> None:
        super().__init__(code, message)
        self.answered = answered
        self.request_id = request_id


class AlreadyExists(Transient):
    """Stripe already has an object of this natural id (product, coupon, lookup key). Nothing was made: the next run
    looks and adopts it.
    """


@dataclass(frozen=True)
class Refusal:
    """One thing that a person must change, on one record, said in plain words (BILLING_RULES 8).

    ``record_id`` and ``field`` are Salesforce's own names of where the fault is. ``blocked_on`` lists the ids of the
    records whose change makes the work due again by itself; the record itself is always one of them.
    """

    code: str
    message: str
    record_id: str = ""
    field: str = ""
    blocked_on: tuple[str, ...] = ()


class Terminal(SyncError):
    """A person must change data or configuration first; trying again would end the same way."""

    def __init__(
        self, code: str, message: str, *, refusals: tuple[Refusal, ...] = (), request_id: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.refusals = refusals
        self.request_id = request_id


class Refused(Terminal):
    """The deal can't be billed as it stands. Nothing was sent to Stripe for it. The first refusal leads."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__(refusals[0].code, refusals[0].message, refusals=refusals)


class Unsafe(SyncError):
    """Going on could move money wrongly; a person has to agree first."""


class LeaseLost(Transient):
    """Another worker holds the unit now; whatever this one read is stale and nothing more is sent."""

    def __init__(self, unit: str) -> None:
        super().__init__("TEMP-402", f"Another worker took over {unit}; this run stops.")
