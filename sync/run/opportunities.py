"""The rows of Opportunities: from what their quotes show and what their deals were invoiced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sync.crm import CrmRow, QuoteGraph
from sync.desired.opportunity import BilledDeal, SignedQuote, opportunities, refused
from sync.ports import Outbox, Promises
from sync.run.rows import OPPORTUNITY, Rows


@dataclass(frozen=True)
class Opportunities:
    """Reads nothing of either vendor: what a quote shows is what was last wanted of its row."""

    promises: Promises
    outbox: Outbox
    rows: Rows

    def of_deals(self, billed: Mapping[str, BilledDeal], accounts: Mapping[str, str]) -> list[CrmRow]:
        """The Opportunities on which these deals, and changes of them, were signed. ``accounts`` are the deals'."""
        signed = self.promises.signed_on(billed) if billed else ()
        standing = self.outbox.standing("Quote", [s.quote_id for s in signed]) if signed else ()
        shown = {row.key: row.fields for row in standing}
        quotes = [
            SignedQuote(s.quote_id, s.deal_key, s.opportunity_id, status, s.deal_total, s.change_total)
            for s in signed
            if isinstance(status := shown.get(s.quote_id, {}).get("Billing_Status__c"), str)
        ]
        group = {q.opportunity: accounts[q.deal] for q in quotes if q.opportunity}
        found = opportunities(quotes, billed)
        return [self.rows.opportunity(id_, fields, group[id_]) for id_, fields in found.items()]

    def of_refused(self, graph: QuoteGraph, fields: Mapping[str, object]) -> list[CrmRow]:
        """The Opportunity of a quote of which nothing is billed; one of which another quote is billed stays as it is."""
        id_ = graph.quote.opportunity_id
        standing = self.outbox.standing(OPPORTUNITY, [id_]) if id_ else ()
        if not id_ or any(row.fields.get("Billed_Amount__c") is not None for row in standing):
            return []
        status, message = str(fields["Billing_Status__c"]), str(fields.get("Billing_Message__c") or "")
        row = refused(status, _decimal(fields.get("Contract_Total__c")), message)
        return [self.rows.opportunity(id_, row, graph.quote.account_id or id_)]


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None
