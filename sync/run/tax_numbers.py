"""What Stripe says of a customer's tax numbers, on a row of the CRM: opened when the authorities don't confirm one, or the one on
the Account could not be sent, closed when nothing of it is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.clock import Clock
from sync.desired.unverified import Unread, issue, issue_key, unread, unverified
from sync.facts import Customer, TaxId
from sync.ports import Claim, Done, Due, Facts, Links, Outbox, Outcome, SalesforceGateway, StripeGateway
from sync.records import Ref
from sync.run.following import payer_of
from sync.run.rows import ISSUE, Rows
from sync.run.taxing import has_taxed


@dataclass(frozen=True)
class TaxNumbers:
    """Looks at the tax numbers of one customer at a time. ``taxes``: deals are taxed from now on."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    outbox: Outbox
    rows: Rows
    clock: Clock
    taxes: bool

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The issue stands as the numbers do: one call, and one to read the Account. Nothing where the customer is no
        Account's, or none of its deals is taxed.
        """
        customer = due.key.partition(":")[2]
        link = self.links.by_stripe_id([customer]).get(customer)
        if link is None or not (self.taxes or has_taxed(self.facts, customer)):
            return Done()
        fence = self.facts.fence()
        read = self.stripe.read([Ref("tax_ids_of", customer)]).all()
        found = unverified(fact for fact in read if isinstance(fact, TaxId))
        not_sent = self._not_sent(customer, link.salesforce_id)
        now = self.clock.now()
        if found or not_sent:
            self.outbox.put([self.rows.issue(issue(found, customer, link.salesforce_id, now, not_sent))], fence)
            return Done()
        standing = self.outbox.standing(ISSUE, [issue_key(customer)])
        self.outbox.put(self.rows.over(standing, now), fence)
        return Done()

    def _not_sent(self, customer: str, account_id: str) -> Unread | None:
        """What stands on the Account that pays for a taxed deal and could not be sent."""
        payer = self.links.by_key([payer_of(account_id)]).get(payer_of(account_id))
        if payer is None or payer.stripe_id != customer or not has_taxed(self.facts, customer):
            return None
        account = self.salesforce.accounts([account_id]).get(account_id)
        known = self.facts.get("customer", [customer]).get(customer)
        return unread(account, known if isinstance(known, Customer) else None) if account else None
