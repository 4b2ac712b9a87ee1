"""One installation's work as steps that any process may take: the worker on a ring, the sweep, a drain, a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from sync.clock import Clock
from sync.errors import LeaseLost, SyncError, Terminal, Transient
from sync.ports import Again, Claim, Done, Due, Failed, Mark, Notice, Outbox, Outcome, Subjects
from sync.run.changes import Changes
from sync.run.customer_fields import CustomerFields
from sync.run.flush import Flusher
from sync.run.identity import Identity
from sync.run.intake import route, waited_for
from sync.run.mirror import Mirror, count_again
from sync.run.newcomers import AT_ONCE, Newcomers
from sync.run.nightly import Nightly
from sync.run.pausing import Pausing
from sync.run.products import ProductRun
from sync.run.quote import QuoteRun
from sync.run.usage import UsageRun
from sync.run.won import WonNotBilled

log = structlog.get_logger()

#: Notices taken in by one transaction, and how many transactions before work goes on whatever still comes.
NOTICES_A_TIME = 500
MOST_INTAKES = 20
CUSTOMER = "customer"
#: When a customer is looked at again whose Account may not be made now (business time).
AFTER_A_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Pipeline:
    """Everything wired. Each method does one bounded piece of work and says how much it did."""

    subjects: Subjects
    outbox: Outbox
    clock: Clock
    changes: Changes
    quotes: QuoteRun
    products: ProductRun
    identity: Identity
    mirror: Mirror
    flusher: Flusher
    pausing: Pausing
    nightly: Nightly
    won: WonNotBilled
    settle_s: float = 1.0
    usage: UsageRun | None = None
    customer_fields: CustomerFields | None = None  # None: the mappings send nothing of an Account
    name: str = ""  # of the Stripe account, where there are several
    part: str = ""  # what its work is kept under (`sync.ports.Mark`)
    #: The work of the other Stripe accounts. What is there once (notices, Salesforce, rows for it) is done by the first.
    others: tuple[Pipeline, ...] = ()
    accounts: Mapping[str, str] = field(default_factory=dict)  # Stripe accounts by the source of their notices

    @property
    def everywhere(self) -> tuple[Pipeline, ...]:
        """The work of every Stripe account, this one's first."""
        return (self, *self.others)

    def poll(self) -> int:
        """Both change sources are read to their head and taken in; returns how many notices were new."""
        new = self.changes.poll_salesforce("hot") + self.changes.poll_salesforce("cold")
        return new + sum(one.changes.poll_stripe() for one in self.everywhere)

    def take_in(self) -> int:
        """Stored notices are marks, and what was to wake by now is due; returns how many notices there were.

        All of them, before anything runs: many notices of one object are one read only if they are marks by then.
        """
        taken, told = 0, set[str]()

        def routed(notice: Notice) -> Iterable[Mark]:
            told.add(waited_for(notice))
            return self._route(notice)

        for _ in range(MOST_INTAKES):
            some = self.subjects.intake(routed, NOTICES_A_TIME)
            taken += some
            if some < NOTICES_A_TIME:
                break
        if told := told - {""}:
            self.subjects.mark_blocked_on(sorted(told), reason="stripe_changed")
        self.subjects.wake_due(self.clock.now())
        return taken

    def _route(self, notice: Notice) -> Iterable[Mark]:
        sends = self.customer_fields is not None
        return route(notice, settle_s=self.settle_s, accounts=self.accounts, sends=sends)

    def step(self, runs: Counter[str], *, stop_at: int, again: Counter[str] | None = None) -> int:
        """Take in, then one deal unit, or if no deal is due one mirror batch and one bulk batch, of every Stripe account;
        returns how many subjects ran. So what many deals make due in the mirror is read together. A subject of the deal lane that came
        through ``stop_at`` times and is due once more is stopped (BUG-503).
        """
        self.take_in()
        ran = sum(one.run_deal(runs, stop_at=stop_at, again=again) for one in self.everywhere)
        return ran or sum(
            one.run_mirror(again=again) + one.run_mirror("bulk", again=again) + one.send_usage()
            for one in self.everywhere
        )

    def run_deal(self, runs: Counter[str] | None = None, *, stop_at: int = 0, again: Counter[str] | None = None) -> int:
        """Run one unit of the deal lane, all its due subjects; returns how many ran. ``runs`` counts each that ran,
        ``again`` each that will be tried again. None runs while writes to Stripe are paused.
        """
        claim = None if self.pausing.stands("stripe") else self.subjects.claim_unit("deal")
        if claim is None:
            return 0
        outcomes: dict[str, Outcome] = {}
        try:
            claim = self._with_company(claim)
            if claim.others and not _turning(claim, runs, again, stop_at):
                outcomes = self._newcomers(claim, runs)
            for due in (d for d in claim.subjects if d.key not in outcomes):
                if runs is not None:
                    runs[due.key] += 1
                    came_through = runs[due.key] - (again[due.key] if again else 0)
                    if stop_at and came_through > stop_at:
                        outcomes[due.key] = _circle(due, stop_at)
                        continue
                self.subjects.renew(claim)  # many subjects of one unit may take longer than one lease
                outcomes[due.key] = self._run(claim, due)
            self.subjects.finish(claim, outcomes)
        except LeaseLost as error:
            log.warning("lease_lost", unit=claim.unit, reason=error.message)
        count_again(outcomes, again)
        return len(claim.subjects)

    def run_mirror(self, lane: str = "mirror", *, again: Counter[str] | None = None) -> int:
        """Run one batch of the mirror lane; returns how many subjects ran. ``again`` counts each that will be tried
        again.
        """
        return self.mirror.run_once(lane, again=again)

    def send_usage(self) -> int:
        """Send one batch of usage, if any waits; returns how many rows are settled."""
        return self.usage.run_once() if self.usage and not self.pausing.stands("stripe") else 0

    def _with_company(self, claim: Claim) -> Claim:
        """Customers that nothing else is due for are found out about together."""
        alone = all(d.kind == CUSTOMER for d in claim.subjects)
        held = alone and self.identity.mode == "create" and self.pausing.stands("salesforce")
        return self.subjects.with_company(claim, CUSTOMER, AT_ONCE - 1) if alone and not held else claim

    def _newcomers(self, claim: Claim, runs: Counter[str] | None) -> dict[str, Outcome]:
        """The outcomes of many customers; none where they can't be looked at together, so that each is tried alone."""
        try:
            found = Newcomers(self.identity).run(claim, self._guarded)
        except LeaseLost:
            raise
        except Transient as error:
            log.warning("run_postponed", code=error.code, reason=error.message)
            found = {d.key: Again(error.code, error.message, error.retry_after_s) for d in claim.subjects}
        except Exception:
            log.exception("customers_apart", customers=len(claim.subjects))
            return {}
        if runs is not None:
            runs.update(found.keys())
        if self.customer_fields is not None:
            for due in claim.subjects:
                self.subjects.renew(claim)
                found[due.key] = self._guarded(due, lambda d=due: self._sent(claim, d, found[d.key]))  # type: ignore[misc]
        return found

    def _run(self, claim: Claim, due: Due) -> Outcome:
        return self._guarded(due, lambda: self._by_kind(claim, due))

    def _guarded(self, due: Due, work: Callable[[], Outcome]) -> Outcome:
        with structlog.contextvars.bound_contextvars(subject=due.key, attempt=due.attempts):
            try:
                return work()
            except LeaseLost:
                raise
            except Transient as error:
                log.warning("run_postponed", code=error.code, reason=error.message)
                return Again(error.code, error.message, error.retry_after_s)
            except SyncError as error:
                # What people wrote names companies and people: it is kept with the record, and a log has none of it.
                told = {} if error.code.startswith("DATA-") else {"reason": error.message}
                log.error("run_failed", code=error.code, **told)
                return Failed(error.code, error.message)
            except Exception:
                log.exception("run_broke", code="BUG-502")
                return Failed(
                    "BUG-502",
                    "Tandem met something that it doesn't understand; this record is set aside for the engineers, others go on.",
                )

    def _by_kind(self, claim: Claim, due: Due) -> Outcome:
        match due.kind:
            case "customer":
                if self.identity.mode == "create" and self.pausing.stands("salesforce"):
                    return Done(self.clock.now() + AFTER_A_PAUSE)  # it might have to make an Account
                return self._payer(claim, due)
            case "payer":
                return self._payer(claim, due)
            case "quote":
                return self.quotes.run(claim, due)
            case "product":
                return self.products.run(claim, due)
            case _:
                raise Terminal("BUG-502", f"{due.key} has no place in the deal lane; it is set aside.")

    def _payer(self, claim: Claim, due: Due) -> Outcome:
        """Who it is, and then what the mappings send of it."""
        return self._sent(claim, due, self.identity.run(claim, due))

    def _sent(self, claim: Claim, due: Due, outcome: Outcome) -> Outcome:
        """The outcome of finding out who it is; where that is known, it carries what the mappings send."""
        if self.customer_fields is not None and isinstance(outcome, Done):
            self.customer_fields.run(claim, due)
        return outcome


def _turning(claim: Claim, runs: Counter[str] | None, again: Counter[str] | None, stop_at: int) -> bool:
    """Whether one of these may be going round in circles: then each is counted and stopped by itself."""
    if runs is None or not stop_at:
        return False
    return any(runs[d.key] - (again[d.key] if again else 0) >= stop_at for d in claim.subjects)


def _circle(due: Due, times: int) -> Failed:
    words = "something goes round in circles. It is stopped; nothing more is sent for it."
    return Failed("BUG-503", f"{due.key} came due {times} times in a row: {words}")
