"""What customers sent by bank transfer and no invoice took, on a row of the CRM: opened while something is there, closed when
nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.clock import Clock
from sync.desired.unapplied import issue, issue_key, unapplied
from sync.facts import CashBalance
from sync.ports import Claim, Done, Due, Facts, Links, NewLink, Outbox, Outcome, StripeGateway
from sync.records import Ref
from sync.run.rows import ISSUE, Rows


@dataclass(frozen=True)
class Cash:
    """Looks at the cash balance of one customer at a time."""

    stripe: StripeGateway
    links: Links
    facts: Facts
    outbox: Outbox
    rows: Rows
    clock: Clock

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The issue stands as the balance does: one call. Of a customer who is no Account's it is only kept that something
        moved, so that it is looked at once they are (`sync.run.marks`).
        """
        customer = due.key.partition(":")[2]
        fence = self.facts.fence()
        link = self._link(customer)
        if link is None:
            self.facts.put([CashBalance(id=customer)], fence)
            link = self._link(customer)  # whoever linked it meanwhile did not see that
        if link is None:
            return Done()
        read = self.stripe.read([Ref("cash_balance_of", customer)]).all()
        found = unapplied(next((fact for fact in read if isinstance(fact, CashBalance)), None))
        now = self.clock.now()
        if found:
            self.outbox.put([self.rows.issue(issue(found, customer, link.salesforce_id, now))], fence)
            return Done()
        standing = self.outbox.standing(ISSUE, [issue_key(customer)])
        self.outbox.put(self.rows.over(standing, now), fence)
        return Done()

    def _link(self, customer: str) -> NewLink | None:
        return self.links.by_stripe_id([customer]).get(customer)
