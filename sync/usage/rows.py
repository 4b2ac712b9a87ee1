"""One reported use as a counting system says it: a row of a file, or an event of `POST /usage`. Pure; no I/O.

A row that is not whole is refused with a reason that a program can act on and words that a person can.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sync.salesforce_ids import NoId, full_id

#: The counting system of rows that name none. Identifiers are unique within one.
DEFAULT_SOURCE = "default"
#: What a row may say. ``event`` or ``product`` says what was used, one of the `WHOSE` says by whom.
WHAT = ("event", "product")
WHOSE = ("customer", "account", "subscription")
COLUMNS = ("identifier", *WHAT, *WHOSE, "quantity", "timestamp", "source")

#: Stripe takes events of the past 35 days, and up to 5 minutes ahead of its clock (reference: Stripe, 11).
OLDEST, NEWEST = timedelta(days=35), timedelta(minutes=5)
#: Stripe counts values of at most 15 digits, and takes identifiers of at most 100 characters.
MOST_DIGITS, LONGEST_IDENTIFIER = 15, 100
LONGEST_NAME = 255

_SOURCE = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
_WHOLE = re.compile(r"[0-9]+\Z")
#: What stands in place of bytes that are no UTF-8.
_NOT_READ = "\ufffd"
_PRINTABLE = re.compile(r"[\x20-\x7e]+\Z")

Reason = Literal[
    "incomplete", "unknown_column", "bad_source", "bad_identifier", "bad_quantity", "bad_timestamp", "late", "early",
    "differs", "unknown_customer", "several_customers", "unknown_meter", "not_billed", "period_billed", "refused_by_stripe", "outcome_unknown",
]  # fmt: skip


@dataclass(frozen=True)
class UsageRow:
    """A row that is whole. ``quantity`` is what is added to the meter; ``happened_at`` is business time in UTC."""

    source: str
    identifier: str
    quantity: int
    happened_at: datetime
    event: str = ""
    product: str = ""
    customer: str = ""
    account: str = ""
    subscription: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it is counted once by."""
        return self.source, self.identifier

    @property
    def stripe_identifier(self) -> str:
        """By what Stripe knows it again: readable where it fits. A source has no colon, so no two rows share one."""
        name = f"{self.source}:{self.identifier}"
        if len(name) <= LONGEST_IDENTIFIER:
            return name
        return f"{self.source}:#{hashlib.sha256(name.encode()).hexdigest()[:48]}"

    def idempotency_key(self, revision: int) -> str:
        """The key under which it is sent; another one each time that it has to count as a new request."""
        return hashlib.sha256(f"usage|{self.stripe_identifier}|{revision}".encode()).hexdigest()


@dataclass(frozen=True)
class Refusal:
    """Why a row is not taken. ``reason`` is for programs, ``message`` for people."""

    reason: Reason
    message: str


def read_row(given: Mapping[str, object], *, source: str = DEFAULT_SOURCE) -> UsageRow | Refusal:
    """The row that these columns say; blank ones say nothing. The first fault found, where it can't be taken."""
    unknown = sorted(str(name) for name in given if name not in COLUMNS)
    if unknown:
        return Refusal("unknown_column", f"{', '.join(unknown)}: no such column; known are {', '.join(COLUMNS)}.")
    said = {name: _text(value) for name, value in given.items()}
    if bad := [name for name, value in said.items() if value is None]:
        return Refusal("incomplete", f"{', '.join(bad)}: must be text or a whole number.")
    words = {name: value for name, value in said.items() if value}
    return _faults(words) or _row(words, source)


def timely(row: UsageRow, now: datetime) -> Refusal | None:
    """Why Stripe would not take it at ``now`` (business time) for its age; None where it would."""
    stamp = row.happened_at.isoformat().replace("+00:00", "Z")
    if row.happened_at < now - OLDEST:
        return Refusal("late", f"{stamp} is more than {OLDEST.days} days ago: Stripe takes no older usage.")
    if row.happened_at > now + NEWEST:
        return Refusal("early", f"{stamp} is still to come: Stripe takes no usage of the future.")
    return None


def _text(value: object) -> str | None:
    """A cell as text; None for what a cell can't be."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _number(value)


def _number(value: object) -> str | None:
    """A fraction is told as it is written, so that its refusal can name it."""
    return str(value) if isinstance(value, float) or type(value).__name__ == "Decimal" else None


def _faults(words: Mapping[str, str]) -> Refusal | None:
    missing = [name for name in ("identifier", "quantity", "timestamp") if name not in words]
    if missing:
        return Refusal("incomplete", f"{', '.join(missing)}: missing.")
    for names, what in ((WHAT, "what was used"), (WHOSE, "who used it")):
        given = [name for name in names if name in words]
        if len(given) != 1:
            saw = f"it names {' and '.join(given)}" if given else "it names none"
            return Refusal("incomplete", f"exactly one of {', '.join(names)} says {what}; {saw}.")
    long = [name for name, value in words.items() if len(value) > LONGEST_NAME]
    if long:
        return Refusal("incomplete", f"{', '.join(long)}: longer than {LONGEST_NAME} characters.")
    odd = [name for name, value in words.items() if "\x00" in value or _NOT_READ in value]
    return Refusal("incomplete", f"{', '.join(odd)}: holds what is no text in UTF-8.") if odd else None


def _row(words: Mapping[str, str], source: str) -> UsageRow | Refusal:
    source = words.get("source", source)
    if not _SOURCE.match(source):
        return Refusal("bad_source", f'source "{source[:50]}": up to 40 letters, digits, dots, dashes, underscores.')
    if not _PRINTABLE.match(words["identifier"]):
        return Refusal("bad_identifier", "identifier: printable ASCII characters only.")
    quantity, stamp = words["quantity"], words["timestamp"]
    if not _WHOLE.match(quantity) or len(quantity) > MOST_DIGITS:
        return Refusal(
            "bad_quantity",
            f'quantity "{quantity[:50]}": a whole number, not negative, of at most {MOST_DIGITS} digits.',
        )
    at = _moment(stamp)
    if at is None:
        return Refusal(
            "bad_timestamp", f'timestamp "{stamp[:50]}": an ISO 8601 moment with its zone, like 2026-06-30T23:59:59Z.'
        )
    named = {name: _full(words[name]) for name in (*WHAT, *WHOSE) if name in words}
    return UsageRow(source, words["identifier"], int(quantity), at, **named)


def _full(name: str) -> str:
    """An id of 15 characters, as reports of Salesforce show it, as the 18 by which it is known; any other name unchanged."""
    try:
        return full_id(name)
    except NoId:  # nobody is known by it, which is what its row is refused for
        return name


def _moment(text: str) -> datetime | None:
    """The instant in UTC, to the second; None without a zone."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(microsecond=0) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
