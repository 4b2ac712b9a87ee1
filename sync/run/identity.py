"""Identity runs: a Stripe customer without a link is matched to an Account, makes one, or becomes a question
(BILLING_RULES 5, 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from sync.clock import Clock
from sync.desired.customer import having_email
from sync.desired.identity import Ask, Belongs, MakeAccount, Mode, match_account
from sync.desired.keys import ACCOUNT
from sync.facts import Customer
from sync.ports import (
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Links,
    Mark,
    NewLink,
    Outcome,
    SalesforceGateway,
    StripeGateway,
    Subjects,
)
from sync.records import Ref
from sync.run.intake import account_mark, unit_of

log = structlog.get_logger()

#: How soon (business time) a customer that nobody in the CRM knew is looked up again by itself.
LOOK_AGAIN_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Identity:
    """The deal lane's work on customers: who they are. Writes nothing to Stripe."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    subjects: Subjects
    mode: Mode
    clock: Clock

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The customer's fact is fresh, and it is linked if anything proves whose it is."""
        fence = self.facts.fence()
        found = self.stripe.read([Ref("customer_id", due.id)]).one(Ref("customer_id", due.id))
        customer = found if isinstance(found, Customer) else Customer(id=due.id, deleted=True)
        self.facts.put([customer], fence)
        link = self.links.by_stripe_id([due.id]).get(due.id)
        if link is not None:
            self.subjects.mark([account_mark(link.salesforce_id)], reason="customer_changed")
            return Done()
        if customer.deleted or not self._has_business(customer):
            return Done()
        return Done(self._next_look()) if self.mode == "leave" else self._match(claim, customer)

    def _next_look(self) -> datetime:
        """The mirror sees by this wake that nobody knew the customer, and asks again sooner only while it is billed."""
        return self.clock.now() + LOOK_AGAIN_AFTER

    def _has_business(self, customer: Customer) -> bool:
        """Whether there is anything to show: a contact who never bought is no customer of the CRM."""
        return bool(customer.metadata.get(ACCOUNT)) or any(
            self.facts.of_customers(kind, [customer.id]) for kind in ("subscription", "schedule", "invoice")
        )

    def _match(self, claim: Claim, customer: Customer) -> Outcome:
        named = customer.metadata.get(ACCOUNT)
        accounts = {
            a.id: a
            for a in self.salesforce.find_accounts(
                stripe_customer_ids=[customer.id], emails=[customer.email] if customer.email else []
            )
        }
        if named and named not in accounts:
            accounts |= self.salesforce.accounts([named])
        taken = {link.salesforce_id: link.stripe_id for link in self.links.by_salesforce_id(list(accounts), "customer")}
        namesakes = self._namesakes(customer) if accounts else ()
        answer = match_account(customer, list(accounts.values()), taken, self.mode, namesakes)
        match answer:
            case Belongs(account_id, evidence):
                return self._link(claim, customer, account_id, evidence)
            case MakeAccount(fields, contact):
                self.subjects.renew(claim)  # whoever took over meanwhile may have made it
                account_id = self.salesforce.create_account(fields, contact)
                return self._link(claim, customer, account_id, "made for it")
            case Ask(refusal):
                return Failed(refusal.code, refusal.message, blocked_on=refusal.blocked_on)
            case _:
                return Done(self._next_look())

    def _namesakes(self, customer: Customer) -> tuple[Customer, ...]:
        """The other customers that have its e-mail now: those that Stripe lists, and those seen with it in another case."""
        if not customer.email:
            return ()
        seen = (Ref("customer_id", i) for i in self.facts.customers_with(customer.email) if i != customer.id)
        found = self.stripe.read([Ref("customers_by_email", customer.email), *seen]).all()
        return tuple(c for c in having_email(found, customer.email) if c.id != customer.id)

    def _link(self, claim: Claim, customer: Customer, account_id: str, evidence: str) -> Outcome:
        """Customer and Account are one unit and one link from now on, and all that is known of the customer is shown."""
        self.subjects.merge_units(unit_of(account_id), unit_of(customer.id), claim=claim)
        self.links.add(NewLink(f"customer:{account_id}", account_id, "customer", customer.id, customer.livemode))
        self.subjects.mark(history_marks(self.facts, customer.id, account_id), reason="customer_linked")
        log.info("customer_linked", stripe_id=customer.id, salesforce_id=account_id, evidence=evidence)
        return Done()


def history_marks(facts: Facts, customer_id: str, account_id: str) -> list[Mark]:
    """The Account, and all that is known to have been sold and billed to a customer that was found to be its own."""
    marks = [account_mark(account_id)]
    for kind in ("subscription", "schedule", "invoice"):
        subject = "invoice" if kind == "invoice" else "subscription"
        known = facts.of_customers(kind, [customer_id])
        marks += [Mark(f"{subject}:{f.id}", "mirror", unit_of(account_id)) for f in known]
    return marks
