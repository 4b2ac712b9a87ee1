"""What Stripe says of a customer's tax numbers, on a row of the CRM: opened when the authorities don't confirm one, closed when
nothing of it is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.clock import Clock
from sync.desired.unverified import issue, issue_key, unverified
from sync.facts import TaxId
from sync.ports import Claim, Done, Due, Facts, Links, Outbox, Outcome, StripeGateway
from sync.records import Ref
from sync.run.rows import ISSUE, Rows
from sync.run.taxing import has_taxed


@dataclass(frozen=True)
class TaxNumbers:
    """Looks at the tax numbers of one customer at a time. ``taxes``: deals are taxed from now on."""

    stripe: StripeGateway
    links: Links
    facts: Facts
    outbox: Outbox
    rows: Rows
    clock: Clock
    taxes: bool

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The issue stands as the numbers do: one call. Nothing where the customer is no Account's, or none of its deals is taxed."""
        customer = due.key.partition(":")[2]
        link = self.links.by_stripe_id([customer]).get(customer)
        if link is None or not (self.taxes or has_taxed(self.facts, customer)):
            return Done()
        fence = self.facts.fence()
        read = self.stripe.read([Ref("tax_ids_of", customer)]).all()
        found = unverified(fact for fact in read if isinstance(fact, TaxId))
        now = self.clock.now()
        if found:
            self.outbox.put([self.rows.issue(issue(found, customer, link.salesforce_id, now))], fence)
            return Done()
        standing = self.outbox.standing(ISSUE, [issue_key(customer)])
        self.outbox.put(self.rows.over(standing, now), fence)
        return Done()
