"""Mirror runs: what Stripe bills and collects, onto the CRM's records. They write nothing to Stripe and hold no unit
lock (DESIGN 1).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import structlog

from sync.clock import Clock
from sync.crm import CrmRow
from sync.desired.account_view import AccountView
from sync.desired.keys import ACCOUNT, DEAL, QUOTE
from sync.desired.mirror import Shown, show
from sync.desired.mirrored import Mirrored
from sync.errors import LeaseLost, OutcomeUnknown, SyncError, Terminal, Transient
from sync.facts import (
    Customer,
    Fact,
    Invoice,
    Schedule,
    Subscription,
)
from sync.ports import (
    Again,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Identities,
    Links,
    Mark,
    Outbox,
    Outcome,
    StripeGateway,
    Subjects,
)
from sync.run.account_views import AccountViews
from sync.run.intake import account_mark, quote_mark, unit_of
from sync.run.opportunities import Opportunities
from sync.run.pending import taken_marks
from sync.run.promise import PromiseCheck
from sync.run.reading import Reading
from sync.run.rows import INVOICE, ISSUE, ITEM, OF_SUBSCRIPTION, PAYMENT, SUBSCRIPTION, Rows
from sync.run.taxing import taxed_marks

log = structlog.get_logger()
F = TypeVar("F", bound=Fact)
#: Subjects of the lane bulk in one batch: each may be an Account with years of invoices.
BULK_BATCH = 50
#: Tries of a batch after which what fails may be one object of it.
LASTING = 2
#: How soon (business time) a customer that no Account was found for is looked up again when something is billed to it.
ASK_AGAIN_AFTER = timedelta(days=1)
#: A schedule or subscription that ended before it was ever read was ended by somebody else.
ENDED_EARLY = frozenset({"canceled", "released"})


@dataclass(frozen=True)
class Mirror:
    """The mirror lane with everything it needs of the outside."""

    stripe: StripeGateway
    facts: Facts
    links: Links
    subjects: Subjects
    outbox: Outbox
    rows: Rows
    clock: Clock
    zone_of: Callable[[Iterable[str]], Mapping[str, str]]
    promise: PromiseCheck
    identities: Identities
    opportunities: Opportunities
    mirrored: Mirrored = field(default_factory=Mirrored)
    batch: int = 200
    #: Where there are several Stripe accounts, what an Account's row is summed over.
    whole: Callable[[Mapping[str, AccountView]], Mapping[str, AccountView]] = dict
    #: Subjects of the lane bulk that are no objects of Stripe, by kind: each is run alone.
    apart: Mapping[str, Callable[[Claim, Due], Outcome]] = field(default_factory=dict)

    def run_once(self, lane: str = "mirror", *, again: Counter[str] | None = None) -> int:
        """Take one batch of due subjects through; returns how many there were. Every claimed subject gets an outcome;
        ``again`` counts each that will be tried again.
        """
        bulk = lane == "bulk"
        claim = self.subjects.claim_batch("bulk" if bulk else "mirror", BULK_BATCH if bulk else self.batch)
        if claim is None:
            return 0
        try:
            outcomes = self._outcomes(claim)
            self.subjects.finish(claim, outcomes)
            count_again(outcomes, again)
        except LeaseLost as error:
            log.warning("lease_lost", lane=claim.lane, reason=error.message)
        return len(claim.subjects)

    def _outcomes(self, claim: Claim) -> dict[str, Outcome]:
        def keep() -> None:
            self.subjects.renew(claim)

        apart = [d for d in claim.subjects if d.kind in self.apart]
        rest = replace(claim, subjects=tuple(d for d in claim.subjects if d not in apart))
        others = self._together(rest, keep) if rest.subjects else {}
        return {**others, **{d.key: self._apart(claim, d) for d in apart}}

    def _together(self, claim: Claim, keep: Callable[[], None]) -> dict[str, Outcome]:
        """What became of subjects that are read together; ``keep`` renews all that was claimed with them."""
        try:
            return self._run(claim.subjects, keep)
        except LeaseLost:
            raise
        except Transient as error:
            if _may_be_one_of_them(error, claim):
                return self._one_by_one(claim, keep)
            return {d.key: Again(error.code, error.message, error.retry_after_s) for d in claim.subjects}
        except Exception as error:
            if len(claim.subjects) > 1:
                return self._one_by_one(claim, keep)
            understood = _understood(error)
            return {claim.subjects[0].key: Failed(understood.code, understood.message)}

    def _apart(self, claim: Claim, due: Due) -> Outcome:
        try:
            return self.apart[due.kind](claim, due)
        except LeaseLost:
            raise
        except Transient as error:
            log.warning("run_postponed", code=error.code, reason=error.message)
            return Again(error.code, error.message, error.retry_after_s)
        except Exception as error:
            understood = _understood(error)
            return Failed(understood.code, understood.message)

    def _one_by_one(self, claim: Claim, keep: Callable[[], None]) -> dict[str, Outcome]:
        """One bad object must not hold up the others: when a batch fails for good, each subject is tried alone."""
        outcomes: dict[str, Outcome] = {}
        for due in claim.subjects:
            keep()
            try:
                outcomes.update(self._run((due,), keep))
            except LeaseLost:
                raise
            except Transient as passing:
                outcomes[due.key] = Again(passing.code, passing.message, passing.retry_after_s)
            except Exception as lasting:
                understood = _understood(lasting)
                outcomes[due.key] = Failed(understood.code, understood.message)
        return outcomes

    def _run(self, due: Sequence[Due], keep: Callable[[], None]) -> dict[str, Outcome]:
        read = self._read(due, keep)
        accounts = self._accounts(due, read)
        # The rows rest on what is stored, other runs' reads included. Of two runs the one with the later fence has seen
        # what the other stored, so whatever order their rows come in, the complete ones stay.
        fence = self.facts.fence()
        keep()
        self.outbox.retry_gone([d.id for d in due if d.kind == "account"])
        shown = self._show(accounts, read, whole={d.id for d in due if d.kind == "account"})
        rows = [row for s in shown.values() for row in self.rows.of_shown(s)]
        deals = {deal: account for account, s in shown.items() for deal in s.billed}
        rows += self.opportunities.of_deals({d: b for s in shown.values() for d, b in s.billed.items()}, deals)
        self.outbox.put([*rows, *self._left(rows), *self._let_go(shown), *self._settled(shown)], fence)
        payers = {
            a: s.customer.id for a, s in shown.items() if s.customer and account_mark(a).key in {d.key for d in due}
        }
        self.subjects.mark(taxed_marks(self.facts, payers), reason="account_changed")
        claimed = {d.key for d in due}
        for mark, s in ((account_mark(account_id), s) for account_id, s in shown.items()):
            if s.wake_at is not None and mark.key not in claimed:
                self.subjects.wake(mark, s.wake_at)
        log.info("mirrored", subjects=len(due), accounts=len(shown), invoices=len(read.invoices))
        wakes = {account_mark(a).key: s.wake_at for a, s in shown.items()}
        return {d.key: Done(wakes.get(d.key)) for d in due}

    def _settled(self, shown: Mapping[str, Shown]) -> list[CrmRow]:
        """The issues of these Accounts that were opened and are over."""
        keys = [key for s in shown.values() for key in s.settled]
        standing = self.outbox.standing(ISSUE, keys) if keys else ()
        return self.rows.over(standing, self.clock.now())

    def _left(self, rows: Sequence[CrmRow]) -> list[CrmRow]:
        """Items that stand in the CRM under these subscriptions though their price is no longer among them."""
        shown = {row.key for row in rows if row.sobject == ITEM}
        subscriptions = [row.key for row in rows if row.sobject == SUBSCRIPTION]
        standing = self.outbox.children(ITEM, OF_SUBSCRIPTION, subscriptions) if subscriptions else ()
        return [self.rows.left(row) for row in standing if row.key not in shown]

    def _let_go(self, shown: Mapping[str, Shown]) -> list[CrmRow]:
        """Payments that stand in the CRM as waited for, and that nobody waits for any more."""
        keys = [key for s in shown.values() for key in s.undone]
        standing = self.outbox.standing(PAYMENT, keys) if keys else ()
        return [self.rows.let_go(row) for row in standing if self.rows.waits(row)]

    # ------------------------------------------------------------ reading

    def _read(self, due: Sequence[Due], keep: Callable[[], None]) -> Read:
        """What is due is read from Stripe, once, with what it needs, and stored; quotes that it concerns are told."""
        fence = self.facts.fence()
        reading = Reading(self.stripe, self.facts, keep, self.clock.now())
        found = list(self.facts.recognised(reading.due(due)))
        changed = self._changed(found)
        found += reading.missing(found)
        found += reading.money(due, found)
        self._tell_quotes(found, changed)  # before it is stored that this was seen
        self.facts.put(found, fence)
        billed = [f.customer for f in found if isinstance(f, Invoice)]
        self.subjects.mark(taken_marks(self.facts, billed), reason="billed")
        self.subjects.mark(self.promise.broken(found), reason="invoice_unlike_preview")
        self.subjects.mark(self.promise.paid_otherwise(found), reason="ways_to_pay")
        self.subjects.mark_blocked_on([f.id for f in found if isinstance(f, Invoice)], reason="stripe_changed")
        return Read(
            invoices={f.id for f in found if isinstance(f, Invoice)},
            customers={c for f in found if (c := getattr(f, "customer", None))}
            | {f.id for f in found if isinstance(f, Customer)},
        )

    def _changed(self, found: Sequence[Fact]) -> list[Fact]:
        """Subscriptions and schedules that are not as they were read last; ended ones also when they were never read."""
        mine = [f for f in found if isinstance(f, Subscription | Schedule)]
        ids = [f.id for f in mine]
        known = {**self.facts.get("schedule", ids), **self.facts.get("subscription", ids)} if ids else {}
        return [f for f in mine if known.get(f.id, f) != f or (f.id not in known and f.status in ENDED_EARLY)]

    def _tell_quotes(self, found: Sequence[Fact], changed: Sequence[Fact]) -> None:
        """A quote whose schedule changed compares again, and so does one whose object lost its metadata, and one that waits
        for a change of this object.
        """
        schedules = [f for f in changed if isinstance(f, Schedule) and f.metadata.get(QUOTE)]
        marks = [quote_mark(f.metadata[QUOTE], f.metadata[ACCOUNT]) for f in schedules if f.metadata.get(ACCOUNT)]
        bare = [f for f in found if isinstance(f, Subscription | Schedule) and not f.metadata.get(QUOTE)]
        marks += [
            quote_mark(f.metadata[DEAL], f.metadata[ACCOUNT]) for f in bare if {DEAL, ACCOUNT} <= f.metadata.keys()
        ]
        if marks:
            self.subjects.mark(marks, reason="schedule_changed")
        if changed:
            self.subjects.mark_blocked_on([f.id for f in changed], reason="stripe_changed")

    # ------------------------------------------------------------ whose it is

    def _accounts(self, due: Sequence[Due], read: Read) -> dict[str, list[str]]:
        """Account id -> its Stripe customers. Customers without an Account are sent to the identity run, which brings
        them back.
        """
        links = self.links.by_stripe_id(read.customers)
        self._ask_who(read.customers - set(links))
        accounts = {link.salesforce_id for link in links.values()}
        accounts |= {d.id for d in due if d.kind == "account"}
        return customers_of(self.links, accounts)

    def _ask_who(self, unknown: Iterable[str]) -> None:
        """Customers that nobody was asked about are asked about now. One that nobody knew is asked about once a day at
        most, whatever is billed to it; one that is a question waits for its answer.
        """
        marks = []
        for customer in sorted(unknown):
            mark = Mark(f"customer:{customer}", "deal", unit_of(customer))
            state = self.subjects.state(mark.key)
            if state is None or (state.wake_at is None and state.failed_at is None):
                marks.append(mark)
            elif state.wake_at is not None:
                self.subjects.wake(mark, self.clock.now() + ASK_AGAIN_AFTER)
        if marks:
            self.subjects.mark(marks, reason="customer_without_account")

    def show_all(self, accounts: Mapping[str, Sequence[str]]) -> Mapping[str, Shown]:
        """Every row of these Accounts (with their customers), those of all their invoices included, from what is stored."""
        return self._show(accounts, Read(set(), set()), whole=set(accounts))

    def _show(self, accounts: Mapping[str, Sequence[str]], read: Read, whole: set[str]) -> dict[str, Shown]:
        """The rows of these Accounts: of those in ``whole`` with every invoice that is known, of the others with the
        invoices that were read.
        """
        views = self.views(accounts)
        whole_of = self.whole(views) if views else {}
        shown = {}
        for account_id, view in views.items():
            named = {i.id for i in view.invoices} if account_id in whole else read.invoices
            shown[account_id] = show(view, self._with_rows(view, named), whole_of.get(account_id, view))
        return shown

    def views(self, accounts: Mapping[str, Sequence[str]]) -> dict[str, AccountView]:
        """All that is known of these Accounts' billing on this Stripe account."""
        return AccountViews(self.facts, self.links, self.clock, self.zone_of, self.identities).of(accounts)

    def _with_rows(self, view: AccountView, named: Container[str]) -> frozenset[str]:
        """Those of the named invoices that get a row, or have one already."""
        today = view.terms.day(int(view.now.timestamp()))
        mine = {
            i.id: self.mirrored.takes(i, view.terms.day(i.created_s), today) for i in view.invoices if i.id in named
        }
        without = [id_ for id_, taken in mine.items() if not taken]
        standing = {row.key for row in self.outbox.standing(INVOICE, without)} if without else set()
        return frozenset(id_ for id_, taken in mine.items() if taken or id_ in standing)


def count_again(outcomes: Mapping[str, Outcome], again: Counter[str] | None) -> None:
    """``again`` has counted every subject that will be tried again."""
    if again is not None:
        again.update(key for key, outcome in outcomes.items() if isinstance(outcome, Again))


def _understood(error: Exception) -> SyncError:
    """The error itself if it is one of ours, else BUG-502, loudly."""
    if isinstance(error, SyncError):
        return error
    log.error("mirror_broke", code="BUG-502", exc_info=error)
    return Terminal(
        "BUG-502",
        "Tandem met something that it doesn't understand; this record is set aside for the engineers, others go on.",
    )


def _may_be_one_of_them(error: Transient, claim: Claim) -> bool:
    """Whether Stripe answers but keeps failing, as it does when one object of the batch is what it fails at."""
    answers = isinstance(error, OutcomeUnknown) and error.answered
    return answers and len(claim.subjects) > 1 and max(d.attempts for d in claim.subjects) > LASTING


@dataclass(frozen=True)
class Read:
    """What a batch read: the invoices to show, and whose objects they were."""

    invoices: set[str]
    customers: set[str]


def customers_of(links: Links, accounts: Iterable[str]) -> dict[str, list[str]]:
    """The customers of these Accounts on one Stripe account; those that have none are absent."""
    customers: dict[str, list[str]] = defaultdict(list)
    for link in links.by_salesforce_id(accounts, "customer"):
        customers[link.salesforce_id].append(link.stripe_id)
    return customers
