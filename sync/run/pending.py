"""What waits for a customer's next invoice, read when Stripe says that it changed, and when an invoice may have taken it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync.facts import PendingItem
from sync.ports import Claim, Done, Due, Facts, Links, Mark, Outcome, StripeGateway, Subjects
from sync.records import Ref
from sync.run.intake import PENDING, account_mark


@dataclass(frozen=True)
class Pending:
    """Looks at the pending items of one customer at a time."""

    stripe: StripeGateway
    links: Links
    facts: Facts
    subjects: Subjects

    def run(self, claim: Claim, due: Due) -> Outcome:
        """What is stored of the customer's pending items is what there is: one call. Where that is news, their Account is
        looked at.
        """
        customer = due.id
        fence = self.facts.fence()
        known = {fact.id: fact for fact in self.facts.of_customers(PendingItem.KIND, [customer])}
        read = self.stripe.read([Ref("pending_items_of", customer)]).all()
        there = {fact.id: fact for fact in read if isinstance(fact, PendingItem)}
        if there == known:
            return Done()
        gone = [PendingItem(id=id_, customer=customer, deleted=True) for id_ in known.keys() - there.keys()]
        self.facts.put([*there.values(), *gone], fence)
        link = self.links.by_stripe_id([customer]).get(customer)
        if link is not None:
            self.subjects.mark([account_mark(link.salesforce_id)], reason="pending_changed")
        return Done()


def taken_marks(facts: Facts, customers: Iterable[str]) -> list[Mark]:
    """Makes those of these customers due of whom something was pending: an invoice may have taken it."""
    ids = sorted(set(customers))
    waiting = {getattr(fact, "customer", "") for fact in facts.of_customers(PendingItem.KIND, ids)} if ids else set()
    return [Mark(f"{PENDING}:{customer}", "mirror", "") for customer in sorted(waiting)]
