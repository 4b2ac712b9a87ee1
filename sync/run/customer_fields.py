"""What the mappings send of an Account stands on the Stripe customer that pays for it, whenever either side changes."""

from __future__ import annotations

from dataclasses import dataclass

from sync.apply import Writer
from sync.clock import Clock
from sync.desired.customer import sent_to_customer
from sync.diff import diff
from sync.facts import Customer
from sync.observed import observe
from sync.plan import Plan
from sync.ports import Claim, Due, Facts, Ledger, Links, NewLink, SalesforceGateway, StripeGateway
from sync.records import Ref
from sync.run.following import payer_of
from sync.run.lost import close_found
from sync.run.whole_plan import write_whole


@dataclass(frozen=True)
class CustomerFields:
    """The deal lane's work on fields that an installation added, with everything it needs of the outside."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    ledger: Ledger
    writer: Writer
    clock: Clock

    def run(self, claim: Claim, due: Due) -> None:
        """The customer that ``due`` names, or the one that pays for the Account it names, carries what its Account sends. A
        customer that nobody is linked to, and an Account that is gone, are left alone.
        """
        fence = self.facts.fence()
        link = self._link(due)
        if link is None:
            return
        account = self.salesforce.accounts([link.salesforce_id]).get(link.salesforce_id)
        ref = Ref("customer_id", link.stripe_id)
        found = self.stripe.read([ref]).one(ref) if account is not None and not account.is_deleted else None
        if account is None or not isinstance(found, Customer) or found.deleted:
            return
        wanted = sent_to_customer(account)
        plan = diff([wanted], {wanted.ref: observe(found)})
        close_found(self.ledger, plan, {wanted.ref: found.id})
        if plan.operations:
            self._write(claim, due, plan, account.id)
            found = self.stripe.read([ref]).one(ref) or found
        self.facts.put([found], fence)

    def _link(self, due: Due) -> NewLink | None:
        if due.kind == "customer":
            link = self.links.by_stripe_id([due.id]).get(due.id)
            return link if link is not None and link.key == payer_of(link.salesforce_id) else None
        return self.links.by_key([payer_of(due.id)]).get(payer_of(due.id))

    def _write(self, claim: Claim, due: Due, plan: Plan, account_id: str) -> None:
        write_whole(
            plan, ledger=self.ledger, writer=self.writer, claim=claim, due=due, now=self.clock.now(), trigger="due",
            salesforce_id=lambda _: account_id,
        )  # fmt: skip
