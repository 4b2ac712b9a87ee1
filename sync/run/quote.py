"""The deal run of one quote: read both sides live, work out what is missing, write it, and say on the quote how it
stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from sync import catalogue
from sync.clock import Clock
from sync.crm import QuoteGraph
from sync.desired import frozen
from sync.desired.preview import cannot_bill
from sync.desired.promised import Unlike
from sync.desired.quote_status import NOT_STARTED, QuoteView, blank_fields, quote_fields
from sync.errors import LeaseLost, Refusal, Refused, SyncError, Terminal, Transient, Unsafe
from sync.facts import Schedule
from sync.plan import Plan
from sync.ports import (
    Again,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Moved,
    Outbox,
    Outcome,
    Promise,
    Promises,
    SalesforceGateway,
    Stage,
    Subjects,
)
from sync.records import Operation, Ref
from sync.run.billing import Billing
from sync.run.dealing import Signed
from sync.run.following import winners
from sync.run.gone_customer import GoneCustomer
from sync.run.late import late_change
from sync.run.payers import PayerGone
from sync.run.placed_again import placed_again
from sync.run.planner import Planner, Worked
from sync.run.promise import PromiseCheck, broken, holds
from sync.run.routing import Routing
from sync.run.start import DECIDED, Start
from sync.run.telling import QuoteTry, Telling, at_stake, messages, shown

log = structlog.get_logger()


@dataclass(frozen=True)
class QuoteRun:
    """The deal lane's work on quotes, with everything it needs of the outside."""

    salesforce: SalesforceGateway
    planner: Planner
    billing: Billing
    facts: Facts
    promises: Promises
    subjects: Subjects
    outbox: Outbox
    clock: Clock
    promise: PromiseCheck
    telling: Telling
    gone: GoneCustomer
    start: Start = field(default_factory=Start)
    routing: Routing | None = None  # where there are several Stripe accounts
    stripe_account: str = ""

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The quote is billed as signed and says so, or says what a person must do. Raises Transient for what will
        pass.
        """
        fence = self.facts.fence()  # before the first read: what a stalled run read must not replace what came after
        graph = self.salesforce.quotes([due.id]).get(due.id)
        promise = self.promises.frozen(due.id)
        if graph is None and promise is None:
            return Done()
        if graph is None or (graph.quote.is_deleted and promise is None):
            return Done() if promise is None else self._deleted(promise)
        if self.routing and (there := self.routing.of(graph)) != self.stripe_account:
            log.info("quote_routed", salesforce_id=due.id, stripe_account=there)
            return Moved(there)
        if promise is None and not self.planner.policy.is_signed(graph.quote.status):
            return self._unsigned(claim, graph, fence)
        return self._signed(claim, due, graph, promise, fence)

    def preview(self, quote_id: str, *, shown_only: bool = False, put_back: bool = False) -> Worked | None:
        """Everything worked out for a quote, signed or not, without a write; None when there is no such quote. Raises
        as the run would. ``shown_only`` as `Planner.work` has it: with fewer calls, and held against Stripe's preview;
        ``put_back`` too: with what was changed by hand put back.
        """
        mine = self._mine(quote_id)
        return self.planner.work(mine, self.clock.now(), shown_only=shown_only, put_back=put_back) if mine else None

    def closed(self, quote_id: str, error: SyncError) -> str | None:
        """What a quote says that `preview` refuses with this error though it is done: of a deal that was cancelled, and whose
        customer was deleted in Stripe. None where it stays refused.
        """
        if not isinstance(error, PayerGone):
            return None
        mine = self._mine(quote_id)
        return self.gone.said_of(mine, error.customer, self.clock.now()) if mine else None

    def _mine(self, quote_id: str) -> Signed | None:
        """The quote as it is billed, or would be; None when there is no such quote."""
        graph = self.salesforce.quotes([quote_id]).get(quote_id)
        if graph is None:
            return None
        promise = self.promises.frozen(quote_id)
        signed = frozen.as_signed(frozen.from_json(promise.graph), graph) if promise else graph
        return Signed(signed, promise.signed_at, promise.frozen_at) if promise else Signed(signed)

    # ------------------------------------------------------------ before the signature

    def _unsigned(self, claim: Claim, graph: QuoteGraph, fence: int) -> Outcome:
        """Answer a request; keep an earlier answer right; take away what cloning copied; else leave the quote alone.

        Before the signature every request is answered as a Check: nothing may be begun.
        """
        quote = graph.quote
        texts = (quote.billing_code, quote.billing_preview, quote.billing_reference, quote.contract_total)
        shows = any(v is not None for v in texts) or quote.billing_status not in (None, NOT_STARTED)
        if quote.billing_request or (shows and self.outbox.salesforce_ids("Quote", [quote.id])):
            return self._check(claim, graph, fence)
        if shows:
            self.telling.show(graph, blank_fields(), fence=fence)
        return Done()

    def _check(self, claim: Claim, graph: QuoteGraph, fence: int) -> Outcome:
        now = self.clock.now()
        try:
            worked = self.planner.work(Signed(graph), now, keep=lambda: self.subjects.renew(claim), shown_only=True)
            worked.plan.raise_if_unsafe()
        except (Terminal, Unsafe) as error:
            closes = self.gone.said_of(Signed(graph), error.customer, now) if isinstance(error, PayerGone) else None
            if closes is None:
                view = QuoteView(signed=False, now=now, failure=error, preview=cannot_bill(messages(error)))
            else:
                view = QuoteView(signed=False, now=now, preview=closes)
            self.telling.show(graph, quote_fields(view), fence=fence)
            return Done()
        view = QuoteView(signed=False, now=now, case=shown(worked), preview=worked.preview.text)
        self.telling.show(graph, quote_fields(view), fence=fence)
        self.telling.show_lines(graph, worked, fence)
        self.telling.keep_portal(worked, fence)
        return Done()

    # ------------------------------------------------------------ signed

    def _signed(self, claim: Claim, due: Due, graph: QuoteGraph, promise: Promise | None, fence: int) -> Outcome:
        now = self.clock.now()
        if promise is None and (held := self._not_cut_over(graph)):
            self.telling.show(graph, quote_fields(QuoteView(signed=True, now=now, on_hold=held)), fence=fence)
            return Done()
        first_seen = self.start.seen_at(graph.quote, now)
        # Kept also where the rep says when: it counts what was won.
        seen_at = self.promises.signed(graph.quote.id, first_seen)
        signed_at = promise.signed_at if promise else graph.quote.signed_at or seen_at
        to_bill = frozen.as_signed(frozen.from_json(promise.graph), graph) if promise else graph
        run = QuoteTry(claim, due, graph, to_bill, promise, signed_at, fence)
        run.early = promise is None and self.start.is_before(seen_at) and not self._decided(graph, now)
        try:
            worked = self.billing.bill(run, now)
            self._keep_promise(claim, run, worked, now)
            if promise and (change := self._late_change(frozen.from_json(promise.graph), graph)):
                raise Refused((change,))
        except LeaseLost:
            raise
        except PayerGone as error:
            return self._gone(run, error, now)
        except SyncError as error:
            return self._failed(run, error)
        self.telling.tell(run, worked, None)
        return Done(self._wake(worked, now))

    def _gone(self, run: QuoteTry, error: PayerGone, now: datetime) -> Outcome:
        """The customer was deleted in Stripe: a Cancellation is done with that, and any other quote waits for one."""
        if not self.gone.ends(run, error.customer, now):
            return self._failed(run, error)
        signed = frozen.from_json(run.promise.graph) if run.promise else run.graph
        change = self._late_change(signed, run.graph)
        return self._failed(run, Refused((change,))) if change else Done()

    def _decided(self, graph: QuoteGraph, now: datetime) -> bool:
        """Whether somebody decided that this quote, signed before the start, is billed; that is kept."""
        moved = self.planner.dealing.cohorts.member(graph.quote.id) is not None
        if moved or graph.quote.billing_request == DECIDED:
            self.promises.decided(graph.quote.id, now)
            return True
        return False

    def _not_cut_over(self, graph: QuoteGraph) -> str | None:
        """Why a quote that is moved from another billing system waits; None where it doesn't."""
        member = self.planner.dealing.cohorts.member(graph.quote.id)
        if member is None or member.stage is Stage.CUT:
            return None
        return f"the other billing system bills this contract until it is cut over with cohort {member.cohort}."

    def _keep_promise(self, claim: Claim, run: QuoteTry, worked: Worked, now: datetime) -> None:
        """Raise Unsafe where Stripe billed something else than was promised; drafts of it are held first, and let go once
        they are as promised.
        """
        customer = worked.known.get(Ref("customer", worked.deal.payer.account_id))
        if customer is None or worked.case.before is not None:
            return  # a change's deal is looked after by the quote that made it
        found = self.promise.unlike(worked.deal, customer)
        self.promise.tell(found, worked.deal, customer, now, run.fence)
        told = self.promise.ways_to_pay(worked.deal, customer)
        on = self._placed_again(worked, found)
        if operations := [*holds(found), *self.promise.released(worked.deal, customer, found), *told, *on]:
            self.billing.keep_promise(claim, run, worked, operations, now)
        if found:
            raise broken(found, worked.deal)

    def _placed_again(self, worked: Worked, unlike: Sequence[Unlike]) -> list[Operation]:
        known = worked.customer.customer if worked.customer else None
        leave = {one.invoice.id for one in unlike}
        return placed_again(self.planner.stripe, self.promise.facts, worked.deal, known, leave)

    def _wake(self, worked: Worked, now: datetime) -> datetime | None:
        """When the deal has something to do, or this quote says something else."""
        case = worked.case
        days = [case.change.effective, *([case.deal.last] if case.deal.last else [])]
        wakes = [at for day in days if (at := case.deal.boundary(day)) > now]
        return min([*wakes, *([worked.wanted.wake_at] if worked.wanted.wake_at else [])], default=None)

    def _late_change(self, signed: QuoteGraph, present: QuoteGraph) -> Refusal | None:
        """What was changed since; from one status that means signed to another is no change."""
        if self.planner.policy.is_signed(present.quote.status):
            present = replace(present, quote=replace(present.quote, status=signed.quote.status))
        if signed.quote.account_id != present.quote.account_id:
            # Merged Accounts are one: that the quote's is called otherwise now is nobody's change.
            became = winners(self.salesforce, [signed.quote.account_id or ""]).get(signed.quote.account_id or "")
            if became is not None and became.id == present.quote.account_id:
                present = replace(present, quote=replace(present.quote, account_id=signed.quote.account_id))
        return late_change(signed, present, self.telling.rows.api_names())

    # ------------------------------------------------------------ telling

    def _failed(self, run: QuoteTry, error: SyncError) -> Outcome:
        """The quote says what is wrong; what passes by itself is only told once it has lasted."""
        if isinstance(error, Transient):
            if run.due.attempts > 2:
                self.telling.tell(run, run.worked, error)
            return Again(error.code, error.message, error.retry_after_s)
        log.warning("quote_refused", code=error.code, salesforce_id=run.graph.quote.id)
        self._note_refusal(run, error)
        self.telling.tell(run, run.worked, error)
        self.planner.payers.asked(run.due.key, error)
        refusals = error.refusals if isinstance(error, Terminal) else ()
        drifted = _drifted(run.worked) if run.worked else []
        if run.worked is not None and error.code == "BUG-503":
            customer = run.worked.known.get(Ref("customer", run.worked.deal.payer.account_id), "")
            drifted += [one.invoice.id for one in self.promise.unlike(run.worked.deal, customer)]
        causes = (run.graph.quote.id, *(i for r in refusals for i in r.blocked_on), *drifted)
        blocked_on = tuple(dict.fromkeys(causes))
        total, currency = at_stake(run)
        wake = run.worked.wanted.wake_at if run.worked else None
        return Failed(
            error.code, error.message, blocked_on=blocked_on, sum_minor=total, currency=currency, wake_at=wake
        )

    def _note_refusal(self, run: QuoteTry, error: SyncError) -> None:
        """The refusal is in the record's story, once for as long as it stays the same."""
        state = self.subjects.state(run.due.key)
        same = state is not None and (state.error_code, state.error_message) == (error.code, error.message)
        if same or run.written:
            return  # it was told already; or a run that began to write tells it
        plan = run.worked.plan if run.worked else Plan(())
        self.billing.note_refusal(run, plan, self.clock.now(), error.code)

    def _deleted(self, promise: Promise) -> Outcome:
        """A signed quote that is gone bills on: only a Cancellation ends a deal."""
        message = catalogue.message(
            "DATA-221", f"Quote {promise.quote_id} was deleted after it was billed; the deal goes on. Restore it, or sign a Cancellation.",
            charged="Nothing more was charged.", what="The quote",
        )  # fmt: skip
        return Failed("DATA-221", message, blocked_on=(promise.quote_id,))


def _drifted(worked: Worked) -> list[str]:
    """The Stripe objects that stop the plan, with the subscriptions that go on without a schedule that was released: who
    answers by ending one of these is heard too.
    """
    found = [d.remote_id for d in worked.plan.drift]
    schedules = (f for f in worked.objects if isinstance(f, Schedule) and f.id in found)
    return [*found, *(s.released_subscription for s in schedules if s.released_subscription)]
