"""What a signed quote is owed in Stripe, written: pass by pass, until nothing of its deal is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync import catalogue
from sync.apply import Applied, Writer
from sync.deal.deal import Deal
from sync.deal.settled import all_past
from sync.desired.keys import DEAL, OPPORTUNITY, QUOTE
from sync.desired.references import live_refs
from sync.desired.renewed import check_renewed_once
from sync.desired.what_stands import what_stands
from sync.errors import Refused, SyncError, Terminal, Unsafe
from sync.facts import Fact
from sync.plan import Plan
from sync.ports import Claim, Facts, Ledger, Links, NewLink, Promise, Promises, SalesforceGateway, Subjects
from sync.ports.comparing import Decisions
from sync.records import Operation, Ref, Verb
from sync.run.addresses import alone
from sync.run.intake import product_mark, quote_mark, unit_of
from sync.run.lost import close_found
from sync.run.made_once import check_made_once
from sync.run.marks import history_marks
from sync.run.planner import Planner, Worked
from sync.run.start import Start, is_billed
from sync.run.telling import QuoteTry
from sync.run.whole_plan import write_whole

#: Passes of one run: an object made in two steps is read back before the second (DESIGN 4, back-dating).
PASSES = 6


@dataclass(frozen=True)
class Billing:
    """Writes what a plan says, each operation in the ledger first, and freezes the quote before the first of them."""

    salesforce: SalesforceGateway
    planner: Planner
    writer: Writer
    ledger: Ledger
    links: Links
    facts: Facts
    promises: Promises
    subjects: Subjects
    decisions: Decisions
    start: Start

    def bill(self, run: QuoteTry, now: datetime) -> Worked:
        """Nothing of the deal is missing in Stripe any more; returns it as it stands."""
        for _ in range(PASSES):
            worked = self._work(run, now)
            run.worked = worked
            worked.plan.raise_if_unsafe()
            self.planner.using.keep(worked.deal, worked.use)
            self.planner.payers.settle(worked.payer, worked.deal.payer.account_id, run.graph.quote.id)
            found = close_found(self.ledger, worked.plan, worked.known)
            if run.promise is None and (worked.plan.operations or _is_taken_in(worked, now)):
                if run.early and not is_billed(run.graph.quote.id, worked.objects):
                    raise Refused((self.start.refusal(run.graph.quote),))
                self._one_deal_an_opportunity(run, worked)
                check_renewed_once(worked.deal, run.graph.quote.number, worked.objects)
                run.promise = self._freeze(run, worked, now)
            if not worked.plan.operations:
                if found:
                    self.ledger.close_run(self._open_run(run, worked.plan, now), outcome="done")
                self._joined(run.claim, worked, worked.known)
                if run.promise is None and worked.case.before is not None and not (worked.wanted.waiting or run.early):
                    run.promise = self._freeze(run, worked, now)  # a change that costs nothing is the deal's too
                    self._tell_others(worked)
                return worked
            check_made_once(worked.plan, self.links, run.graph.quote.number)
            ids = self._write(run, worked, now)
            self._joined(run.claim, worked, ids)
            self._tell_others(worked)
            if worked.plan.complete:
                objects = self.planner.payers.read_objects(ids[Ref("customer", worked.deal.payer.account_id)])
                return replace(worked, objects=objects, known={**worked.known, **ids})
        raise Unsafe(
            "BUG-503", catalogue.message("BUG-503", "", what=f"quote {run.graph.quote.number} is never finished")
        )

    def _work(self, run: QuoteTry, now: datetime) -> Worked:
        """What is missing, and what somebody changed by hand where a person has agreed that exactly this is put back."""

        def keep() -> None:
            self.subjects.renew(run.claim)

        def sole(email: str) -> None:
            run.claim = alone(self.subjects, run.claim, self.planner.stripe.account, email)

        worked = self.planner.work(run.mine, now, keep=keep, sole=sole)
        drift = worked.plan.drift_digest() if worked.plan.drift else ""
        if drift and self.decisions.may_put_back(run.due.key, drift):
            worked = self.planner.work(run.mine, now, keep=keep, sole=sole, put_back=True)
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

    def _write(self, run: QuoteTry, worked: Worked, now: datetime) -> Mapping[Ref, str]:
        """The plan has taken effect, operation by operation; returns the Stripe id of every object."""
        plan = worked.plan
        run.written = True
        run_id = self._open_run(run, plan, now)
        salesforce_ids = {o.ref: salesforce_id(o.ref.kind, worked, o.ref.key) for o in plan.operations}
        begun = any(f.metadata.get(DEAL) == worked.deal.key for f in worked.objects)
        ids: Mapping[Ref, str] = worked.known
        try:
            for part in self._parts(plan.operations):
                if not begun and any(o.verb is Verb.CREATE and o.ref.kind == "schedule" for o in part):
                    self.planner.hold(worked.case, worked.forecast, ids)  # before anything is made that bills
                applied = self.writer.apply(
                    part, claim=run.claim, run_id=run_id, known=ids, salesforce_ids=salesforce_ids
                )
                ids = applied.ids
                self._know_customer(run, applied)
        except SyncError as error:
            self.ledger.close_run(run_id, outcome="failed", error_code=error.code)
            if type(error) is Terminal:
                raise self._half_way(error, run, worked, ids) from error
            raise
        self.ledger.close_run(run_id, outcome="done")
        adopted = [salesforce_ids[o.ref] for o in plan.operations if o.ref.kind == "product" and o.verb is Verb.UPDATE]
        self.subjects.mark([product_mark(p) for p in adopted], reason="product_adopted")
        return ids

    def _know_customer(self, run: QuoteTry, applied: Applied) -> None:
        """A customer that was made is known from now on: whoever has its e-mail next finds it before its notice comes."""
        new = [a for o, a in applied.sent if o.ref.kind == "customer" and o.verb is Verb.CREATE and not a.replayed]
        self.facts.put([fact for answer in new for fact in self.planner.stripe.told(answer)], run.fence)

    def _half_way(self, error: Terminal, run: QuoteTry, worked: Worked, ids: Mapping[Ref, str]) -> Terminal:
        """Stripe's refusal with what stands of the quote, and whether anything was charged."""
        customer = ids.get(Ref("customer", worked.deal.payer.account_id))
        refs = [*live_refs(customer), Ref("invoices_of_customer", customer)] if customer else []
        try:
            facts = self.planner.stripe.read(refs).all() if refs else []
            stands = what_stands(worked.deal, run.graph.quote.id, facts)
        except SyncError:  # the refusal is what has to be told
            stands = "What was made and charged before can't be read now: look into Stripe."
        return Terminal(error.code, f"{error.message} {stands}", refusals=error.refusals, request_id=error.request_id)

    def keep_promise(
        self, claim: Claim, run: QuoteTry, worked: Worked, operations: Sequence[Operation], now: datetime
    ) -> None:
        """What holds, lets go or corrects the deal's invoices has taken effect, as a run of its own."""
        write_whole(
            Plan(tuple(operations)), ledger=self.ledger, writer=self.writer, claim=claim, due=run.due, now=now, trigger="promise",
            salesforce_id=lambda o: salesforce_id(o.ref.kind, worked), known=worked.known,
        )  # fmt: skip

    def note_refusal(self, run: QuoteTry, plan: Plan, now: datetime, code: str) -> None:
        """The story of the quote tells what was planned, and that it was refused."""
        self.ledger.close_run(self._open_run(run, plan, now), outcome="refused", error_code=code)

    def _parts(self, operations: Sequence[Operation]) -> tuple[Sequence[Operation], Sequence[Operation]]:
        """What bills nobody first: the customer and the catalogue; then the rest, each in its order."""
        return [o for o in operations if not o.money], [o for o in operations if o.money]

    def _open_run(self, run: QuoteTry, plan: Plan, now: datetime) -> int:
        """The plan is in the ledger as a run of this quote; returns its number."""
        return self.ledger.open_run(
            claim=run.claim, subject=run.due.key, trigger="due", as_of=now, digest=plan.digest(), plan=plan.to_json()
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
                self.links.add(NewLink(str(ref), salesforce_id(ref.kind, worked, ref.key), ref.kind, stripe_id, live))

    def _freeze(self, run: QuoteTry, worked: Worked, now: datetime) -> Promise:
        preview = {"text": worked.preview.text, "data": worked.preview.data}
        return self.promises.freeze(run.promised(preview, now, follows=worked.deal.renews or ""))

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


def _is_taken_in(worked: Worked, now: datetime) -> bool:
    """Whether a deal that needs nothing in Stripe is ours now all the same: one of one-time lines only, one that is over and
    bills nothing but use, or one that a store which is gone has brought there.
    """
    there = is_billed(worked.deal.key, worked.objects)
    alone = there or worked.deal.once_only or (all_past(worked.deal, now) and not worked.forecast.invoices)
    return worked.case.before is None and alone and not worked.wanted.waiting


def _is_of(deal: Deal, ref: Ref) -> bool:
    """Whether this object is linked to the CRM through this deal: its payer, products, schedules and subscriptions."""
    if ref.kind in ("schedule", "subscription"):
        return ref.key == deal.key or ref.key.startswith(f"{deal.key}#")
    return ref.kind in ("customer", "product")


def _is_billed_for(fact: Fact, opportunity_id: str, deal: Deal) -> bool:
    """Whether another deal of this Opportunity is planned or running."""
    over = getattr(fact, "status", "") in ("canceled", "incomplete_expired", "completed", "released")
    other = fact.metadata.get(DEAL) not in (None, deal.key) and QUOTE in fact.metadata
    return other and not over and fact.metadata.get(OPPORTUNITY) == opportunity_id


def salesforce_id(kind: str, worked: Worked, key: str = "") -> str:
    """The record that an object of this kind stands for."""
    if kind == "customer":
        return worked.deal.payer.account_id
    if kind == "product":
        products = {p.key: p.id for p in worked.deal.products.values()}
        return products.get(key, "")
    return worked.deal.quote_id
