"""On which Stripe account a quote is billed: by the rules of the installation until the quote is frozen, then where it began.

A deal stays where it began: what changes or renews it follows it, whatever the rules say of it today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sync.crm import QuoteGraph
from sync.ports import Promises, SalesforceGateway, Subjects
from sync.run.dealing import CHANGES, RENEWAL

#: Renewals of renewals: so far and no further.
LONGEST_CHAIN = 40


@dataclass(frozen=True)
class Routing:
    """Decides for quotes; Stripe accounts are named as in `sync.ports.Mark`. ``rule`` takes the fields that the rules look
    at, by ``Quote.Field`` and ``Account.Field``.
    """

    rule: Callable[[Mapping[str, object]], str]
    promises: Promises
    subjects: Subjects
    salesforce: SalesforceGateway

    def of(self, graph: QuoteGraph) -> str:
        """Where this quote is billed, whether it began or not."""
        for _ in range(LONGEST_CHAIN):
            if self.promises.frozen(graph.quote.id) is not None:
                return self.began(graph.quote.id)
            deal = graph.quote.names_deal if graph.quote.quote_type in (*CHANGES, RENEWAL) else None
            if not deal:
                break
            if self.promises.frozen(deal) is not None:
                return self.began(deal)
            base = self.salesforce.quotes([deal]).get(deal) if deal.startswith("0Q0") else None
            if base is None:
                break
            graph = base
        return self.rule(graph.routed_by)

    def began(self, quote_id: str) -> str:
        """Where a quote's subject is; one that nobody ever looked at is with the account that the store began with."""
        state = self.subjects.state(f"quote:{quote_id}")
        return state.stripe_account if state else ""
