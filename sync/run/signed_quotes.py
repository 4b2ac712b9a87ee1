"""The signed quotes of an org, looked at all together: which are billed already, which will be, and which wait for a
decision because they were signed before the start. Nothing is billed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sync.clock import Clock
from sync.crm import CrmQuote, CrmQuoteLine, CrmRow, QuoteGraph
from sync.desired.keys import DEAL, FIRST_DAY, SETTLED
from sync.desired.preview import cannot_bill
from sync.desired.quote_status import QuoteView, quote_fields
from sync.errors import Refused
from sync.ports import Adoption, Change, Cohorts, Facts, FoundRow, Held, Outbox, QuotePage, Subjects
from sync.quotes.roughly import roughly
from sync.run.changes import Changes
from sync.run.intake import unit_of
from sync.run.rows import Rows
from sync.run.start import CODE, DECIDED, Start

#: What a quote and its lines show of ours, by attribute.
SHOWN = (
    "billing_status", "billing_code", "billing_message", "billing_preview", "billing_reference", "contract_total",
    "first_invoice_amount",
)  # fmt: skip


class Quotes(Protocol):
    """The list of signed quotes."""

    def list_quotes(self, after: str | None = None) -> QuotePage: ...


@dataclass
class Signed:
    """How many quotes are signed and billed, ``due`` those that the next runs bill, ``undecided`` those held, with what
    they come to in minor units by currency, and the first of them.
    """

    billed: int = 0
    due: int = 0
    undecided: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class SignedQuotes:
    """Looks at every signed quote once."""

    salesforce: Quotes
    adoption: Adoption
    changes: Changes
    cohorts: Cohorts
    start: Start
    clock: Clock
    rows: Rows
    facts: Facts
    subjects: Subjects
    outbox: Outbox
    is_signed: Callable[[str], bool]

    def look(self, ask: Callable[[Callable[[], QuotePage]], QuotePage]) -> Signed:
        """Every signed quote is counted; those that wait for a decision say so, and stand among the failures."""
        billed = {
            quote
            for kind in ("schedule", "subscription")
            for fact in self.adoption.keyed(kind, DEAL)
            for quote in (
                fact.metadata[DEAL],
                *(k.removeprefix(SETTLED) for k in fact.metadata if k.startswith(SETTLED)),
            )
        }
        billed |= {fact.metadata[DEAL] for fact in self.adoption.keyed("invoice", FIRST_DAY)}
        done, after, more = Signed(), None, True
        while more:
            page = ask(lambda after=after: self.salesforce.list_quotes(after))  # type: ignore[misc]
            self._page(page, billed, done)
            after, more = page.after, page.after is not None
        return done

    def read_first(self, done: Signed) -> None:
        """The CRM's records are known as they stand: only quotes that are to be billed, or ask for something, are due."""
        self.changes.read_first(lambda change: self._asks(change, done.ids))

    def _asks(self, change: Change, undecided: set[str]) -> bool:
        if change.object != "Quote" or change.deleted or change.id in undecided:
            return False
        return bool(change.related.get("Billing_Request__c")) or self.is_signed(change.related.get("Status", ""))

    def _page(self, page: QuotePage, billed: set[str], done: Signed) -> None:
        now = self.clock.now()
        frozen, stamps = self.adoption.of_quotes([g.quote.id for g in page.quotes])
        held: list[tuple[QuoteGraph, Held]] = []
        for graph in page.quotes:
            quote = graph.quote
            seen_at = stamps.get(quote.id) or self.start.seen_at(quote, now)
            if quote.id in frozen or quote.id in billed:
                done.billed += 1
            elif self.start.is_before(seen_at) and not self._is_decided(quote):
                held.append((graph, self._held(graph, seen_at)))
                done.undecided += 1
                done.ids.add(quote.id)
                done.first = [*done.first, f"{quote.number} {quote.name}"][:20]
                minor, currency = roughly(graph)
                done.sums.update({currency.upper(): minor} if currency and minor is not None else {})
            else:
                done.due += 1
        rows = [row for graph in page.quotes for row in self._rows(graph)]
        self.adoption.quotes_page(rows, [one for _, one in held], now)
        fence = self.facts.fence()
        self.outbox.put([self._told(graph) for graph, _ in held], fence)

    def _told(self, graph: QuoteGraph) -> CrmRow:
        """The quote's own panel, as a run of it would write it."""
        refusal = self.start.refusal(graph.quote)
        state = self.subjects.state(f"quote:{graph.quote.id}")
        view = QuoteView(
            signed=True,
            now=self.clock.now(),
            failure=Refused((refusal,)),
            preview=cannot_bill([refusal.message]),
            reference=state.reference if state else "",
        )
        return self.rows.quote(graph.quote.id, quote_fields(view), graph.quote.account_id, answered=False)

    def _is_decided(self, quote: CrmQuote) -> bool:
        return quote.billing_request == DECIDED or self.cohorts.member(quote.id) is not None

    def _held(self, graph: QuoteGraph, seen_at: datetime) -> Held:
        quote = graph.quote
        minor, currency = roughly(graph)
        message = self.start.refusal(quote).message
        return Held(quote.id, unit_of(quote.account_id or quote.id), seen_at, CODE, message, minor, currency)

    def _rows(self, graph: QuoteGraph) -> Sequence[FoundRow]:
        api_names = self.rows.api_names()
        names, of_line = api_names[CrmQuote], api_names[CrmQuoteLine]
        shown = {names[a]: getattr(graph.quote, a) for a in SHOWN}
        amount = of_line["contract_amount"]
        return [
            FoundRow("Quote", graph.quote.id, graph.quote.id, shown),
            *(FoundRow("QuoteLineItem", line.id, line.id, {amount: line.contract_amount}) for line in graph.lines),
        ]
