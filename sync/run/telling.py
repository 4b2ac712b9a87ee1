"""What a quote is told of its own billing, and what follows for the rows of its Account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sync.clock import Clock
from sync.crm import QuoteGraph
from sync.deal.effect import effect
from sync.deal.forecast import line_amounts
from sync.deal.timeline import BEGUN
from sync.desired import frozen
from sync.desired.keys import DEAL
from sync.desired.past_deals import standing_alone, stands_alone
from sync.desired.preview import cannot_bill
from sync.desired.quote_status import QuoteView, Shown, line_fields, quote_fields
from sync.errors import SyncError, Terminal, Transient
from sync.ports import Claim, Due, Facts, Mark, Outbox, Promise, Subjects
from sync.quotes.roughly import roughly
from sync.records import Ref
from sync.run.dealing import Signed, deal_key
from sync.run.intake import account_mark, product_mark, unit_of
from sync.run.opportunities import Opportunities
from sync.run.planner import Worked
from sync.run.rows import Rows, nowhere

#: The answer to Billing_Request__c = Cancel on a signed quote.
NOT_BY_REQUEST = (
    "Nothing was ended or given back: what a customer signed is ended by a quote of type Cancellation on the same "
    "billing subscription, with the first day without service as its Start_Date__c."
)


class QuoteTry:
    """What one run of a signed quote carries along; ``worked`` and ``promise`` are the newest there are, ``written``
    says that a run with operations was opened.
    """

    def __init__(
        self,
        claim: Claim,
        due: Due,
        graph: QuoteGraph,
        to_bill: QuoteGraph,
        promise: Promise | None,
        signed_at: datetime,
        fence: int,
    ) -> None:
        self.claim, self.due, self.graph, self.to_bill, self.promise = claim, due, graph, to_bill, promise
        self.signed_at, self.fence = signed_at, fence
        self.worked: Worked | None = None
        self.early = False  # signed before the start, and nobody decided yet
        self.written = False

    @property
    def mine(self) -> Signed:
        """The quote as it is billed, and since when."""
        return Signed(self.to_bill, self.signed_at, self.promise.frozen_at if self.promise else None)

    def promised(self, preview: Mapping[str, object], now: datetime, *, follows: str = "") -> Promise:
        """What is kept of the quote as it was signed, with what was said of it. ``follows`` is the deal that it renews."""
        return Promise(
            quote_id=self.graph.quote.id,
            input_digest=frozen.digest(self.graph),
            graph=frozen.to_json(self.graph),
            deal_key=deal_key(self.graph),
            follows=follows,
            preview=preview,
            signed_at=self.signed_at,
            frozen_at=now,
        )


@dataclass(frozen=True)
class Telling:
    """Puts on the quote, its lines and its Account what became of it."""

    facts: Facts
    subjects: Subjects
    outbox: Outbox
    rows: Rows
    clock: Clock
    opportunities: Opportunities
    #: Those of these products whose rows another Stripe account shows.
    shown_elsewhere: Callable[[Iterable[str]], Set[str]] = nowhere
    livemode: bool = False

    def tell(self, run: QuoteTry, worked: Worked | None, failure: SyncError | None) -> None:
        """The signed quote says how it stands, and why; the Account's rows are looked at where something was made."""
        state = self.subjects.state(run.due.key)
        preview = str(run.promise.preview["text"]) if run.promise else None
        if preview is None and failure is not None and not isinstance(failure, Transient):
            preview = cannot_bill(messages(failure))
        view = QuoteView(
            signed=True,
            now=self.clock.now(),
            case=shown(worked) if worked else None,
            preview=preview or (worked.preview.text if worked else None),
            objects=worked.objects if worked else (),
            failure=failure,
            reference=state.reference if state else "",
            note=_answer(run.graph),
        )
        if not run.graph.quote.is_deleted:
            fields = quote_fields(view)
            changed = self.show(run.graph, fields, fence=run.fence)
            if run.promise is None:
                self.outbox.put(self.opportunities.of_refused(run.graph, fields), run.fence)
            elif changed and run.graph.quote.account_id:  # the mirror shows it on the Opportunity too
                self.subjects.mark([account_mark(run.graph.quote.account_id)], reason="quote_shown")
        if worked and run.promise:
            self.show_lines(run.graph, worked, run.fence)
            self.show_products(worked, run.fence)
            self._mirror(worked, run.fence)

    def show(self, graph: QuoteGraph, fields: Mapping[str, object], *, fence: int) -> bool:
        """These fields stand on the quote; a request on it is answered by that. Whether they say anything new."""
        quote = graph.quote
        if quote.billing_request:
            self.outbox.forget([("Quote", quote.id)])
        put = self.outbox.put(
            [self.rows.quote(quote.id, fields, quote.account_id, answered=bool(quote.billing_request))], fence
        )
        return put > 0

    def show_lines(self, graph: QuoteGraph, worked: Worked, fence: int) -> None:
        """What each line comes to, on the lines that are (still) there."""
        fields = line_fields(line_amounts(worked.deal, worked.forecast), worked.case.change)
        present = set() if graph.quote.is_deleted else {line.id for line in graph.lines}
        account = worked.deal.payer.account_id
        self.outbox.put([self.rows.line(i, f, account) for i, f in fields.items() if i in present], fence)

    def show_products(self, worked: Worked, fence: int) -> None:
        """Each product of the deal says what it is in Stripe, once it is there."""
        products = worked.deal.products.values()
        elsewhere = self.shown_elsewhere([p.id for p in products])
        made = [
            (p.id, id_) for p in products if (id_ := worked.known.get(Ref("product", p.key))) and p.id not in elsewhere
        ]
        if self.rows.of_product:  # what Stripe says of them is told with it
            new = self.outbox.salesforce_ids("Product2", [product for product, _ in made])
            self.subjects.mark([product_mark(p) for p, _ in made if p not in new], reason="product_made")
            return
        self.outbox.put([self.rows.product(product, id_) for product, id_ in made], fence)

    def _mirror(self, worked: Worked, fence: int) -> None:
        """The objects of the deal and the Account are looked at by the mirror, which shows them in the CRM."""
        deal, unit = worked.deal, unit_of(worked.deal.payer.account_id)
        mine = [f for f in worked.objects if f.metadata.get(DEAL) == deal.key]
        known = {kind: self.facts.get(kind, [f.id for f in mine]) for kind in ("schedule", "subscription")}
        stale = [f for f in mine if known[f.KIND].get(f.id) != f]
        marks = [Mark(f"subscription:{f.id}", "mirror", unit) for f in stale]
        news = [self._keep_alone(worked, fence), self.keep_portal(worked, fence)]
        if any(news) or marks:
            self.subjects.mark([*marks, account_mark(deal.payer.account_id)], reason="deal_billed")

    def keep_portal(self, worked: Worked, fence: int) -> bool:
        """Where the customer adds a payment method is kept for the issue that tells of it; whether that is news."""
        fact = worked.portal
        if fact is None or self.facts.get(fact.KIND, [fact.id]).get(fact.id) == fact:
            return False
        self.facts.put([fact], fence)
        return True

    def _keep_alone(self, worked: Worked, fence: int) -> bool:
        """What no Stripe object tells of the deal is kept for its row; whether that is news."""
        if not stands_alone(worked.deal, worked.objects, self.clock.now()):
            return False
        customer = worked.known.get(Ref("customer", worked.deal.payer.account_id), "")
        fact = standing_alone(worked.deal, worked.forecast, customer, livemode=self.livemode)
        if self.facts.get(fact.KIND, [fact.id]).get(fact.id) == fact:
            return False
        self.facts.put([fact], fence)
        return True


def shown(worked: Worked) -> Shown:
    """What was worked out, as it is shown on the quote."""
    case = worked.case
    done = effect(worked.earlier, worked.changed, case.change) if worked.earlier is not None else None
    begins = case.change.effective if done else case.deal.opens
    return Shown(case.deal, worked.forecast, done, begins, _own_id(worked))


def _own_id(worked: Worked) -> str | None:
    """The Stripe id of what was made for a change of a deal: its invoice, else its credit."""
    quote = worked.case.change.quote_id
    there = any(f.metadata.get(DEAL) == quote for f in worked.objects)
    over = worked.case.before is None and not there and not worked.deal.once_only
    mine = BEGUN if over else f":{quote}:"
    ids = {ref.kind: id_ for ref, id_ in sorted(worked.known.items(), reverse=True) if mine in ref.key}
    return next((ids[kind] for kind in ("invoice", "creditnote", "balance") if kind in ids), None)


def _answer(graph: QuoteGraph) -> str | None:
    """What is said to a request that is no Check; it stands until somebody asks again."""
    quote = graph.quote
    stands = quote.billing_request is None and quote.billing_message == NOT_BY_REQUEST
    return NOT_BY_REQUEST if stands or quote.billing_request == "Cancel" else None


def messages(error: SyncError) -> list[str]:
    """Everything that is wrong, each in words of its own."""
    refusals = error.refusals if isinstance(error, Terminal) else ()
    return [r.message for r in refusals] or [error.message]


def at_stake(run: QuoteTry) -> tuple[int | None, str | None]:
    """The money that waits behind a refused quote: its contract total, else what its lines come to as far as they say."""
    if run.worked:
        return run.worked.forecast.total, run.worked.deal.currency
    return roughly(run.graph)
