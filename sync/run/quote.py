"""The deal run of one quote: read both sides live, work out what is missing, write it, and say on the quote how it
stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

import structlog

from sync import catalogue
from sync.apply import Writer
from sync.clock import Clock
from sync.crm import QuoteGraph
from sync.deal.forecast import line_amounts
from sync.deal.money import minor, round_half_away
from sync.desired import frozen
from sync.desired.preview import cannot_bill
from sync.desired.quote_status import QuoteView, blank_fields, line_fields, quote_fields
from sync.errors import LeaseLost, Refused, SyncError, Terminal, Transient, Unsafe
from sync.ports import (
    Again,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Ledger,
    Links,
    Mark,
    NewLink,
    Outbox,
    Outcome,
    Promise,
    Promises,
    SalesforceGateway,
    Subjects,
)
from sync.records import Ref
from sync.run.intake import account_mark, unit_of
from sync.run.late import late_change
from sync.run.lost import close_found
from sync.run.planner import Planner, Worked
from sync.run.rows import Rows

log = structlog.get_logger()

#: Passes of one run: an object made in two steps is read back before the second (DESIGN 4, back-dating).
PASSES = 6
CHECK = "Check"


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
    rows: Rows
    clock: Clock

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The quote is billed as signed and says so, or says what a person must do. Raises Transient for what will
        pass.
        """
        graph = self.salesforce.quotes([due.id]).get(due.id)
        promise = self.promises.frozen(due.id)
        if graph is None and promise is None:
            return Done()
        if graph is None or (graph.quote.is_deleted and promise is None):
            return Done() if promise is None else self._deleted(promise)
        if promise is None and not self.planner.policy.is_signed(graph.quote.status):
            return self._unsigned(claim, due, graph)
        return self._signed(claim, due, graph, promise)

    def preview(self, quote_id: str) -> Worked | None:
        """Everything worked out for a quote, signed or not, without a write; None when there is no such quote. Raises
        as the run would.
        """
        graph = self.salesforce.quotes([quote_id]).get(quote_id)
        if graph is None:
            return None
        promise = self.promises.frozen(quote_id)
        signed = frozen.as_signed(frozen.from_json(promise.graph), graph) if promise else graph
        return self.planner.work(signed, self.clock.now())

    # ------------------------------------------------------------ before the signature

    def _unsigned(self, claim: Claim, due: Due, graph: QuoteGraph) -> Outcome:
        """Answer a Check; take away what cloning copied; else leave the quote alone."""
        quote = graph.quote
        if quote.billing_request == CHECK:
            return self._check(graph)
        copied = any(v is not None for v in (quote.billing_code, quote.billing_reference, quote.contract_total))
        if copied or quote.billing_status not in (None, "Not Started"):
            self._show(graph, blank_fields(), fence=self.facts.fence())
        return Done()

    def _check(self, graph: QuoteGraph) -> Outcome:
        now, fence = self.clock.now(), self.facts.fence()
        try:
            worked = self.planner.work(graph, now)
            worked.plan.raise_if_unsafe()
        except (Terminal, Unsafe) as error:
            messages = (
                [r.message for r in error.refusals]
                if isinstance(error, Terminal) and error.refusals
                else [error.message]
            )
            view = QuoteView(signed=False, now=now, failure=error, preview=cannot_bill(messages))
            self._show(graph, quote_fields(view), fence=fence)
            return Done()
        view = QuoteView(signed=False, now=now, deal=worked.deal, forecast=worked.forecast, preview=worked.preview.text)
        self._show(graph, quote_fields(view), fence=fence)
        self._show_lines(worked, fence)
        return Done()

    # ------------------------------------------------------------ signed

    def _signed(self, claim: Claim, due: Due, graph: QuoteGraph, promise: Promise | None) -> Outcome:
        now, fence = self.clock.now(), self.facts.fence()
        signed_at = graph.quote.signed_at or self.promises.signed(graph.quote.id, now)
        to_bill = frozen.as_signed(frozen.from_json(promise.graph), graph) if promise else graph
        run = _Run(due, graph, to_bill, promise, signed_at, fence)
        try:
            worked = self._bill(claim, run, now)
            if promise and (change := late_change(frozen.from_json(promise.graph), graph, self.rows.api_names())):
                raise Refused((change,))
        except LeaseLost:
            raise
        except SyncError as error:
            return self._failed(run, error)
        self._tell(run, worked, None)
        return Done(worked.wanted.wake_at)

    def _bill(self, claim: Claim, run: _Run, now: datetime) -> Worked:
        """Nothing of the deal is missing in Stripe any more; returns it as it stands."""
        for _ in range(PASSES):
            worked = self.planner.work(run.to_bill, now)
            run.worked = worked
            worked.plan.raise_if_unsafe()
            found = close_found(self.ledger, worked.plan, worked.known)
            if not worked.plan.operations:
                if found:
                    self.ledger.close_run(self._open_run(claim, run, worked, now), outcome="done")
                self._relink(worked)
                return worked
            if run.promise is None:
                self._one_deal_an_opportunity(run)
                run.promise = self._freeze(run, worked, now)
            ids = self._write(claim, run, worked, now)
            payer = worked.deal.payer.account_id
            self.subjects.merge_units(unit_of(payer), unit_of(ids[Ref("customer", payer)]), claim=claim)
            if worked.plan.complete:
                self._relink(worked)
                objects = self.planner.read_objects(ids[Ref("customer", payer)])
                return replace(worked, objects=objects)
        raise Unsafe(
            "BUG-503", catalogue.message("BUG-503", "", what=f"quote {run.graph.quote.number} is never finished")
        )

    def _write(self, claim: Claim, run: _Run, worked: Worked, now: datetime) -> Mapping[Ref, str]:
        """The plan has taken effect, operation by operation; returns the Stripe id of every object."""
        plan = worked.plan
        run_id = self._open_run(claim, run, worked, now)
        salesforce_ids = {o.ref: _salesforce_id(o.ref.kind, worked, o.ref.key) for o in plan.operations}
        try:
            applied = self.writer.apply(
                plan.operations, claim=claim, run_id=run_id, known=worked.known, salesforce_ids=salesforce_ids
            )
        except SyncError as error:
            self.ledger.close_run(run_id, outcome="failed", error_code=error.code)
            raise
        self.ledger.close_run(run_id, outcome="done")
        return applied.ids

    def _open_run(self, claim: Claim, run: _Run, worked: Worked, now: datetime) -> int:
        plan = worked.plan
        return self.ledger.open_run(
            claim=claim, subject=run.due.key, trigger="due", as_of=now, digest=plan.digest(), plan=plan.to_json()
        )

    def _relink(self, worked: Worked) -> None:
        """Links that a crash kept from being written, or a restore lost, are there again: objects carry our keys."""
        mine = {
            ref: id_
            for ref, id_ in worked.known.items()
            if ref.kind in ("customer", "schedule", "subscription", "product")
        }
        held = self.links.by_key([str(ref) for ref in mine])
        for ref, stripe_id in mine.items():
            if str(ref) not in held:
                self.links.add(NewLink(str(ref), _salesforce_id(ref.kind, worked, ref.key), ref.kind, stripe_id))

    def _freeze(self, run: _Run, worked: Worked, now: datetime) -> Promise:
        promise = Promise(
            quote_id=run.graph.quote.id,
            input_digest=frozen.digest(run.graph),
            graph=frozen.to_json(run.graph),
            preview={"text": worked.preview.text, "data": worked.preview.data},
            signed_at=run.signed_at,
            frozen_at=now,
        )
        return self.promises.freeze(promise)

    def _one_deal_an_opportunity(self, run: _Run) -> None:
        """Two accepted New quotes on one Opportunity: the second waits for a person (BILLING_RULES 4)."""
        quote = run.graph.quote
        if quote.opportunity_id is None:
            return
        others = self.salesforce.quotes_of_deal([quote.opportunity_id]).get(quote.opportunity_id, ())
        billed = [q for q in others if q != quote.id and self.promises.frozen(q) is not None]
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

    def _failed(self, run: _Run, error: SyncError) -> Outcome:
        """The quote says what is wrong; what passes by itself is only told once it has lasted."""
        if isinstance(error, Transient):
            if run.due.attempts > 2:
                self._tell(run, run.worked, error)
            return Again(error.code, error.message, error.retry_after_s)
        log.warning("quote_refused", code=error.code, salesforce_id=run.graph.quote.id)
        self._tell(run, run.worked, error)
        refusals = error.refusals if isinstance(error, Terminal) else ()
        blocked_on = tuple(dict.fromkeys((run.graph.quote.id, *(i for r in refusals for i in r.blocked_on))))
        total, currency = _at_stake(run)
        wake = run.worked.wanted.wake_at if run.worked else None
        return Failed(
            error.code, error.message, blocked_on=blocked_on, sum_minor=total, currency=currency, wake_at=wake
        )

    def _tell(self, run: _Run, worked: Worked | None, failure: SyncError | None) -> None:
        state = self.subjects.state(run.due.key)
        preview = str(run.promise.preview["text"]) if run.promise else None
        if preview is None and failure is not None and not isinstance(failure, Transient):
            preview = cannot_bill([failure.message])
        view = QuoteView(
            signed=True,
            now=self.clock.now(),
            deal=worked.deal if worked else None,
            forecast=worked.forecast if worked else None,
            preview=preview or (worked.preview.text if worked else None),
            objects=worked.objects if worked else (),
            failure=failure,
            reference=state.reference if state else "",
        )
        self._show(run.graph, quote_fields(view), fence=run.fence)
        if worked and run.promise:
            self._show_lines(worked, run.fence)
            self._mirror(worked)

    def _show(self, graph: QuoteGraph, fields: Mapping[str, object], *, fence: int) -> None:
        quote = graph.quote
        if quote.billing_request:
            self.outbox.forget([("Quote", quote.id)])
        self.outbox.put(
            [self.rows.quote(quote.id, fields, quote.account_id, answered=bool(quote.billing_request))], fence
        )

    def _show_lines(self, worked: Worked, fence: int) -> None:
        fields = line_fields(line_amounts(worked.deal, worked.forecast))
        present = {line.id for line in worked.graph.lines}
        account = worked.deal.payer.account_id
        self.outbox.put([self.rows.line(i, f, account) for i, f in fields.items() if i in present], fence)

    def _mirror(self, worked: Worked) -> None:
        """The objects of the deal and the Account are looked at by the mirror, which shows them in the CRM."""
        deal, unit = worked.deal, unit_of(worked.deal.payer.account_id)
        mine = [f for f in worked.objects if f.metadata.get("tandem_deal") == deal.key]
        known = {kind: self.facts.get(kind, [f.id for f in mine]) for kind in ("schedule", "subscription")}
        stale = [f for f in mine if known[f.KIND].get(f.id) != f]
        marks = [Mark(f"subscription:{f.id}", "mirror", unit) for f in stale]
        if marks:
            self.subjects.mark([*marks, account_mark(deal.payer.account_id)], reason="deal_billed")

    def _deleted(self, promise: Promise) -> Outcome:
        """A signed quote that is gone bills on: only a Cancellation ends a deal."""
        message = catalogue.message(
            "DATA-221", f"Quote {promise.quote_id} was deleted after it was billed; the deal goes on. Restore it, or sign a Cancellation.",
            charged="Nothing more was charged.", what="The quote",
        )  # fmt: skip
        return Failed("DATA-221", message, blocked_on=(promise.quote_id,))


class _Run:
    """What one run of a signed quote carries along; ``worked`` and ``promise`` are the newest there are."""

    def __init__(
        self, due: Due, graph: QuoteGraph, to_bill: QuoteGraph, promise: Promise | None, signed_at: datetime, fence: int
    ) -> None:
        self.due, self.graph, self.to_bill, self.promise = due, graph, to_bill, promise
        self.signed_at, self.fence = signed_at, fence
        self.worked: Worked | None = None


def _salesforce_id(kind: str, worked: Worked, key: str = "") -> str:
    if kind == "customer":
        return worked.deal.payer.account_id
    if kind == "product":
        products = {p.key: p.id for p in worked.deal.products.values()}
        return products.get(key, "")
    return worked.deal.quote_id


def _at_stake(run: _Run) -> tuple[int | None, str | None]:
    """The money that waits behind a refused quote: its contract total, else what its lines come to as they stand."""
    if run.worked:
        return run.worked.forecast.total, run.worked.deal.currency
    currency = run.graph.quote.currency
    if currency is None:
        return None, None
    lines = [
        line
        for line in run.graph.lines
        if line.quantity is not None and line.unit_price is not None and not line.optional
    ]
    total = sum((minor(line.unit_price or 0, currency) * Fraction(line.quantity or 0) for line in lines), Fraction(0))
    return round_half_away(total), currency
