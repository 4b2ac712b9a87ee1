"""Backfill: a CRM and a Stripe account with years of history adopted, without a write that is not needed.

Both sides are read by their lists, what belongs together is linked, and the CRM's rows are worked out by the mirror from
what was read, in the lane bulk. Nothing is written to Stripe. What was stopped anywhere goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from sync.clock import Clock
from sync.desired.mirrored import Mirrored
from sync.ports import (
    MARKED_KINDS,
    ROW_KINDS,
    Adoption,
    Budgets,
    FactKind,
    Facts,
    Mark,
    Outbox,
    RowCounts,
    SalesforceLists,
    StripeGateway,
    StripeLists,
    Subjects,
)
from sync.run.adopting import QUESTION, Adopting, Payers, Whose
from sync.run.allowance import BulkAllowance
from sync.run.flush import Flusher
from sync.run.intake import unit_of
from sync.run.listing import LONGEST_PAUSE_S, TRIES, Listing
from sync.run.mirror import Mirror
from sync.run.signed_quotes import Signed, SignedQuotes
from sync.run.standing_coupons import read_deleted

log = structlog.get_logger()
T = TypeVar("T")

NAME = "backfill:"
#: Accounts marked in one transaction.
MARKED = 500
#: Rows that fill a call to Salesforce: until so many wait, working out goes on.
FULL = 1000
#: Machine seconds to wait for what other processes hold, in all.
OTHERS_S = 120.0
#: What is said when the allowance is used up.
KEPT = ". What was read is kept; run the same command again later and it goes on."
#: What the mirror shows of the facts that were listed.
SHOWN: tuple[FactKind, ...] = ("customer", "subscription", "schedule", "invoice")


class Org(SalesforceLists, Payers, Protocol):
    """The org as a backfill reads it."""


class Account(StripeLists, StripeGateway, Protocol):
    """The Stripe account as a backfill reads it."""


@dataclass(frozen=True)
class Report:
    """What a backfill found and did. ``found`` counts objects by list and ``adopted`` those whose customer belongs to an
    Account; ``skipped`` are customers without one, by reason; ``failed`` are subjects by code; ``invoices`` are those of
    adopted customers and those that are shown, ``without_row`` those that policy gives none.
    """

    found: Mapping[FactKind, int]
    adopted: Mapping[FactKind, int]
    linked: int
    skipped: Mapping[str, int]
    rows: RowCounts
    failed: Mapping[str, int]
    invoices: tuple[int, int]
    quotes: Signed
    without_row: int = 0
    resumed: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that was to be shown is, and nothing asks for a person."""
        asked = self.skipped.get(QUESTION) or self.quotes.undecided
        return not (self.rows.refused or self.rows.waiting or self.failed or self.missing or asked)

    @property
    def missing(self) -> int:
        """Invoices that should have a row and have none."""
        wanted, shown = self.invoices
        return wanted - shown - self.without_row


@dataclass(frozen=True)
class Backfill:
    """Everything that a backfill needs of the outside."""

    stripe: Account
    salesforce: Org
    adoption: Adoption
    adopting: Adopting
    signed: SignedQuotes
    facts: Facts
    subjects: Subjects
    outbox: Outbox
    budgets: Budgets
    mirror: Mirror
    flusher: Flusher
    clock: Clock
    say: Callable[[str], None] = field(default=lambda _: None)

    def run(self, *, since: datetime | None = None) -> Report:
        """Both sides were read, and all that was found is shown, or the report says what is not and why. Goes on where an
        earlier one stopped. Raises the Transient of a side that stays away, and what a list is refused with.
        """
        state = self._state(since)
        listing = Listing(
            self.stripe, self.adoption, self.facts, f"{NAME}stripe:", state.since_s, self.say
        )  # fmt: skip
        if since is None:  # else an older invoice may have been paid, of which only an event tells
            self.signed.changes.begin_with_what_comes()
        self._see_rows()
        found = listing.read()
        read_deleted(self.stripe, self.adoption, self.facts)
        self.adopting.objects()
        whose = self.adopting.customers(ask=self.allowance.ask)
        quotes = self.signed.look(self.allowance.ask)
        self.signed.read_first(quotes)
        self._mark()
        self._show()
        report = self._report(state, found, whose, quotes)
        self.adoption.clear(NAME)
        return report

    # ------------------------------------------------------------ how far it is

    def _state(self, since: datetime | None) -> State:
        """The backfill that was begun, or a new one; one of another ``since`` is begun anew."""
        known = self.adoption.progress(NAME)
        since_s = int(since.timestamp()) if since else None
        begun = known.get(f"{NAME}state")
        if begun is not None and begun["since_s"] == since_s:
            self.say("going on where the last one stopped")
            return State(since_s, int(begun["fence"]), float(begun["machine_s"]), resumed=True)
        if begun is not None:
            self.adoption.clear(NAME)
        fence, machine_s = self.adoption.begin()
        self.adoption.keep({f"{NAME}state": {"since_s": since_s, "fence": fence, "machine_s": str(machine_s)}})
        return State(since_s, fence, machine_s)

    @property
    def allowance(self) -> BulkAllowance:
        """What it may ask of Salesforce today."""
        return BulkAllowance(self.budgets, KEPT)

    # ------------------------------------------------------------ reading

    def _see_rows(self) -> None:
        """What stands in the CRM is known, so that nothing is written that stands there already."""
        for kind in (*MARKED_KINDS, *ROW_KINDS):
            name = f"{NAME}rows:{kind}"
            at = self.adoption.progress(name).get(name, {"after": None, "found": 0, "done": False})
            while not at["done"]:
                page = self.allowance.ask(lambda kind=kind, at=at: self.salesforce.list_rows(kind, at["after"]))  # type: ignore[misc]
                at = {"after": page.after, "found": at["found"] + len(page.rows), "done": page.after is None}
                self.adoption.rows_page(page.rows, {name: at})
                self.say(f"{kind}: {at['found']} read")

    # ------------------------------------------------------------ showing

    def _mark(self) -> None:
        """Every Account that has a customer is due in the lane bulk."""
        name = f"{NAME}marked"
        at = self.adoption.progress(name).get(name, {"after": "", "done": False})
        while not at["done"]:
            ids = self.adoption.linked_accounts(str(at["after"]), MARKED)
            self.subjects.mark([Mark(f"account:{i}", "bulk", unit_of(i)) for i in ids], reason="backfill")
            at = {"after": ids[-1] if ids else at["after"], "done": len(ids) < MARKED}
            self.adoption.keep({name: at})

    def _show(self) -> None:
        """The rows of all that is due in the lane bulk are in the CRM, or refused for good."""
        again, waits, fewest, deadline = Counter[str](), 0, None, time.monotonic() + OTHERS_S
        worked = 0
        while True:
            before = again.total()
            ran = self.mirror.run_once("bulk", again=again)
            worked += ran - (again.total() - before)
            rows, rows_in_s = self.outbox.waiting()
            sent = self._flush() if rows >= FULL or (rows and not ran) else 0
            if ran - (again.total() - before) or sent:
                self.say(f"{worked} Accounts worked out, {rows} rows wait for Salesforce")
                continue
            unfinished, next_in_s = self.adoption.unfinished("bulk")
            left = unfinished + rows
            if fewest is None or left < fewest:
                waits, fewest = 0, left
            if not left or waits >= TRIES or time.monotonic() > deadline:
                return  # what is left, the report says
            waits += 1
            pauses_s = [s for s in (next_in_s, rows_in_s if rows else None) if s is not None]
            time.sleep(min(max(min(pauses_s, default=0.1), 0.02), LONGEST_PAUSE_S))

    def _flush(self) -> int:
        """One call's worth of rows is in Salesforce; raises TEMP-405 when bulk work may not spend more."""
        self.allowance.check()
        return self.flusher.run_once()

    # ------------------------------------------------------------ telling

    def _report(self, state: State, found: Mapping[FactKind, int], whose: Whose, quotes: Signed) -> Report:
        failures = Counter(s.error_code or "" for s in self.subjects.failures() if s.key.startswith("account:"))
        wanted, there = self.adoption.shown_invoices()
        return Report(
            found=found,
            adopted={kind: self.adoption.counts_of(kind)[1] for kind in SHOWN},
            linked=whose.linked,
            skipped=dict(whose.skipped),
            rows=self.adoption.row_counts(state.fence, state.machine_s),
            failed=dict(failures),
            invoices=(wanted, there),
            without_row=0 if self.mirror.mirrored == Mirrored() else wanted - there,
            quotes=quotes,
            resumed=state.resumed,
        )


@dataclass(frozen=True)
class State:
    """A backfill under way: from when on history counts, and the fence and machine second at which it began."""

    since_s: int | None
    fence: int
    machine_s: float
    resumed: bool = False
