"""The deal run of one quote: read both sides live, work out what is missing, write it, and say on the quote how it
stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from sync import catalogue
from sync.apply import Writer
from sync.clock import Clock
from sync.crm import QuoteGraph
from sync.deal.deal import Deal
from sync.desired import frozen
from sync.desired.keys import DEAL, OPPORTUNITY, QUOTE
from sync.desired.made import made
from sync.desired.preview import cannot_bill
from sync.desired.quote_status import NOT_STARTED, QuoteView, blank_fields, quote_fields
from sync.errors import LeaseLost, Refusal, Refused, SyncError, Terminal, Transient, Unsafe
from sync.facts import Fact
from sync.plan import Plan
from sync.ports import (
    Again,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Ledger,
    Links,
    Moved,
    NewLink,
    Outbox,
    Outcome,
    Promise,
    Promises,
    SalesforceGateway,
    Stage,
    Subjects,
)
from sync.ports.comparing import Decisions
from sync.records import Operation, Ref, Verb
from sync.run.dealing import Signed, deal_key
from sync.run.following import winners
from sync.run.intake import product_mark, quote_mark, unit_of
from sync.run.late import late_change
from sync.run.lost import close_found
from sync.run.marks import history_marks
from sync.run.planner import Planner, Worked
from sync.run.promise import PromiseCheck, broken, holds
from sync.run.routing import Routing
from sync.run.start import DECIDED, Start, is_billed
from sync.run.telling import QuoteTry, Telling, at_stake, messages, shown

log = structlog.get_logger()

#: Passes of one run: an object made in two steps is read back before the second (DESIGN 4, back-dating).
PASSES = 6


@dataclass(frozen=True)
class QuoteRun:
    """The deal lane's work on quotes, with everything it needs of the outside."""

    salesforce: SalesforceGateway
    planner: Planner
    writer: Writer
    ledger: Ledger
    links: Links
    facts: Facts
    promises: Promises
    subjects: Subjects
    outbox: Outbox
    clock: Clock
    promise: PromiseCheck
    telling: Telling
    decisions: Decisions
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
        graph = self.salesforce.quotes([quote_id]).get(quote_id)
        if graph is None:
            return None
        promise = self.promises.frozen(quote_id)
        signed = frozen.as_signed(frozen.from_json(promise.graph), graph) if promise else graph
        mine = Signed(signed, promise.signed_at, promise.frozen_at) if promise else Signed(signed)
        return self.planner.work(mine, self.clock.now(), shown_only=shown_only, put_back=put_back)

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
            view = QuoteView(signed=False, now=now, failure=error, preview=cannot_bill(messages(error)))
            self.telling.show(graph, quote_fields(view), fence=fence)
            return Done()
        view = QuoteView(signed=False, now=now, case=shown(worked), preview=worked.preview.text)
        self.telling.show(graph, quote_fields(view), fence=fence)
        self.telling.show_lines(graph, worked, fence)
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
            worked = self._bill(claim, run, now)
            self._keep_promise(claim, run, worked, now)
            if promise and (change := self._late_change(frozen.from_json(promise.graph), graph)):
                raise Refused((change,))
        except LeaseLost:
            raise
        except SyncError as error:
            return self._failed(run, error)
        self.telling.tell(run, worked, None)
        return Done(self._wake(worked, now))

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
        if operations := [*holds(found), *self.promise.released(worked.deal, customer, found), *told]:
            run_id = self._open_run(run, Plan(tuple(operations)), now, trigger="promise")
            ids = {operation.ref: _salesforce_id(operation.ref.kind, worked) for operation in told}
            self.writer.apply(operations, claim=claim, run_id=run_id, known=worked.known, salesforce_ids=ids)
            self.ledger.close_run(run_id, outcome="done")
        if found:
            raise broken(found, worked.deal)

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

    def _bill(self, claim: Claim, run: QuoteTry, now: datetime) -> Worked:
        """Nothing of the deal is missing in Stripe any more; returns it as it stands."""
        for _ in range(PASSES):
            worked = self._work(claim, run, now)
            run.worked = worked
            worked.plan.raise_if_unsafe()
            self.planner.using.keep(worked.deal, worked.use)
            self.planner.payers.settle(worked.payer, worked.deal.payer.account_id, run.graph.quote.id)
            found = close_found(self.ledger, worked.plan, worked.known)
            if run.promise is None and (worked.plan.operations or _leaves_no_trace(worked, run.graph.quote.id)):
                if run.early and not is_billed(run.graph.quote.id, worked.objects):
                    raise Refused((self.start.refusal(run.graph.quote),))
                self._one_deal_an_opportunity(run, worked)
                run.promise = self._freeze(run, worked, now)
            if not worked.plan.operations:
                if found:
                    self.ledger.close_run(self._open_run(run, worked.plan, now), outcome="done")
                self._joined(claim, worked, worked.known)
                if run.promise is None and worked.case.before is not None and not (worked.wanted.waiting or run.early):
                    run.promise = self._freeze(run, worked, now)  # a change that costs nothing is the deal's too
                    self._tell_others(worked)
                return worked
            ids = self._write(claim, run, worked, now)
            self._joined(claim, worked, ids)
            self._tell_others(worked)
            if worked.plan.complete:
                objects = self.planner.payers.read_objects(ids[Ref("customer", worked.deal.payer.account_id)])
                return replace(worked, objects=objects, known={**worked.known, **ids})
        raise Unsafe(
            "BUG-503", catalogue.message("BUG-503", "", what=f"quote {run.graph.quote.number} is never finished")
        )

    def _work(self, claim: Claim, run: QuoteTry, now: datetime) -> Worked:
        """What is missing, and what somebody changed by hand where a person has agreed that exactly this is put back."""

        def keep() -> None:
            self.subjects.renew(claim)

        worked = self.planner.work(run.mine, now, keep=keep)
        drift = worked.plan.drift_digest() if worked.plan.drift else ""
        if drift and self.decisions.may_put_back(run.due.key, drift):
            worked = self.planner.work(run.mine, now, keep=keep, put_back=True)
            worked.plan.raise_if_unsafe()
            # Before the write: were it lost after it, the same change made again would be overwritten unasked.
            self.decisions.was_put_back(run.due.key, drift)
        return worked

    def _tell_others(self, worked: Worked) -> None:
        """The deal's other quotes look again when one of them changes it: what they say of it has changed."""
        case = worked.case
        if case.before is not None:
            others = {case.deal.key, *(c.quote_id for c in case.before.changes)}
            marks = [quote_mark(quote, case.deal.payer.account_id) for quote in sorted(others)]
            self.subjects.mark(marks, reason="deal_changed")

    def _write(self, claim: Claim, run: QuoteTry, worked: Worked, now: datetime) -> Mapping[Ref, str]:
        """The plan has taken effect, operation by operation; returns the Stripe id of every object."""
        plan = worked.plan
        run.written = True
        run_id = self._open_run(run, plan, now)
        salesforce_ids = {o.ref: _salesforce_id(o.ref.kind, worked, o.ref.key) for o in plan.operations}
        begun = any(f.metadata.get(DEAL) == worked.deal.key for f in worked.objects)
        try:
            ids: Mapping[Ref, str] = worked.known
            for part in self._parts(plan.operations):
                if not begun and any(o.verb is Verb.CREATE and o.ref.kind == "schedule" for o in part):
                    self.planner.hold(worked.case, worked.forecast, ids)  # before anything is made that bills
                ids = self.writer.apply(part, claim=claim, run_id=run_id, known=ids, salesforce_ids=salesforce_ids).ids
        except SyncError as error:
            self.ledger.close_run(run_id, outcome="failed", error_code=error.code)
            raise
        self.ledger.close_run(run_id, outcome="done")
        adopted = [salesforce_ids[o.ref] for o in plan.operations if o.ref.kind == "product" and o.verb is Verb.UPDATE]
        self.subjects.mark([product_mark(p) for p in adopted], reason="product_adopted")
        return ids

    def _parts(self, operations: Sequence[Operation]) -> tuple[Sequence[Operation], Sequence[Operation]]:
        """What bills nobody first: the customer and the catalogue; then the rest, each in its order."""
        return [o for o in operations if not o.money], [o for o in operations if o.money]

    def _open_run(self, run: QuoteTry, plan: Plan, now: datetime, *, trigger: str = "due") -> int:
        return self.ledger.open_run(
            claim=run.claim, subject=run.due.key, trigger=trigger, as_of=now, digest=plan.digest(), plan=plan.to_json()
        )

    def _joined(self, claim: Claim, worked: Worked, ids: Mapping[Ref, str]) -> None:
        """Account and customer are one unit, and links that a crash kept from being written are there again."""
        payer = worked.deal.payer.account_id
        customer = ids.get(Ref("customer", payer))
        if customer is not None:
            self.subjects.merge_units(unit_of(payer), unit_of(customer), claim=claim)
        self._relink(worked)
        if worked.customer is not None and not worked.payer.held:
            # Found, not made: what it was billed before it had an Account is shown from now on.
            self.subjects.mark(history_marks(self.facts, worked.customer.customer.id, payer), reason="customer_linked")

    def _relink(self, worked: Worked) -> None:
        """Links that a crash kept from being written, or a restore lost, are there again: objects carry our keys."""
        mine = {ref: id_ for ref, id_ in worked.known.items() if _is_of(worked.deal, ref)}
        held = self.links.by_key([str(ref) for ref in mine])
        live = self.planner.stripe.livemode
        for ref, stripe_id in mine.items():
            if str(ref) not in held:
                self.links.add(NewLink(str(ref), _salesforce_id(ref.kind, worked, ref.key), ref.kind, stripe_id, live))

    def _freeze(self, run: QuoteTry, worked: Worked, now: datetime) -> Promise:
        promise = Promise(
            quote_id=run.graph.quote.id,
            input_digest=frozen.digest(run.graph),
            graph=frozen.to_json(run.graph),
            deal_key=deal_key(run.graph),
            preview={"text": worked.preview.text, "data": worked.preview.data},
            signed_at=run.signed_at,
            frozen_at=now,
        )
        return self.promises.freeze(promise)

    def _one_deal_an_opportunity(self, run: QuoteTry, worked: Worked) -> None:
        """Two accepted New quotes on one Opportunity: the second waits for a person (BILLING_RULES 4).

        Whether the first is still accepted, or still there, does not matter while Stripe bills it.
        """
        quote = run.graph.quote
        if quote.opportunity_id is None or quote.quote_type not in (None, "", "New"):
            return
        others = self.salesforce.quotes_of_deal([quote.opportunity_id]).get(quote.opportunity_id, ())
        billed = [q for q in others if q != quote.id and self.promises.frozen(q) is not None]
        billed += [f.metadata[QUOTE] for f in worked.objects if _is_billed_for(f, quote.opportunity_id, worked.deal)]
        if billed:
            detail = (
                f"Quote {quote.number}: another New quote of its Opportunity is billed already ({billed[0]}). "
                "Make it an Amendment, or move it to an Opportunity of its own."
            )
            raise Refused(
                (
                    catalogue.refusal(
                        "DATA-222",
                        detail,
                        record_id=quote.id,
                        field="OpportunityId",
                        blocked_on=(quote.opportunity_id,),
                    ),
                )
            )

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
        drifted = [d.remote_id for d in run.worked.plan.drift] if run.worked else []
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
        run_id = self._open_run(run, plan, self.clock.now())
        self.ledger.close_run(run_id, outcome="refused", error_code=error.code)

    def _deleted(self, promise: Promise) -> Outcome:
        """A signed quote that is gone bills on: only a Cancellation ends a deal."""
        message = catalogue.message(
            "DATA-221", f"Quote {promise.quote_id} was deleted after it was billed; the deal goes on. Restore it, or sign a Cancellation.",
            charged="Nothing more was charged.", what="The quote",
        )  # fmt: skip
        return Failed("DATA-221", message, blocked_on=(promise.quote_id,))


def _is_of(deal: Deal, ref: Ref) -> bool:
    """Whether this object is linked to the CRM through this deal: its payer, products, schedules and subscriptions."""
    if ref.kind in ("schedule", "subscription"):
        return ref.key == deal.key or ref.key.startswith(f"{deal.key}#")
    return ref.kind in ("customer", "product")


def _leaves_no_trace(worked: Worked, quote_id: str) -> bool:
    """Whether a change of a deal asks nothing of Stripe, and nothing there will ever say that it was taken in: what it
    changes was over by then, and no money moves. It is part of the deal all the same.
    """
    settled = {quote for mine in made(worked.deal, worked.objects).values() for quote in mine.quotes}
    is_change = worked.case.before is not None and worked.plan.complete and not worked.wanted.waiting
    return is_change and not worked.plan.operations and quote_id not in settled


def _is_billed_for(fact: Fact, opportunity_id: str, deal: Deal) -> bool:
    """Whether another deal of this Opportunity is planned or running."""
    over = getattr(fact, "status", "") in ("canceled", "incomplete_expired", "completed", "released")
    other = fact.metadata.get(DEAL) not in (None, deal.key) and QUOTE in fact.metadata
    return other and not over and fact.metadata.get(OPPORTUNITY) == opportunity_id


def _salesforce_id(kind: str, worked: Worked, key: str = "") -> str:
    if kind == "customer":
        return worked.deal.payer.account_id
    if kind == "product":
        products = {p.key: p.id for p in worked.deal.products.values()}
        return products.get(key, "")
    return worked.deal.quote_id
