"""Identity runs: a Stripe customer without a link is matched to an Account, makes one, or becomes a question
(BILLING_RULES 5, 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from sync.clock import Clock
from sync.crm import CrmAccount
from sync.desired.customer import having_email
from sync.desired.identity import Ask, Belongs, MakeAccount, Mode, match_account
from sync.desired.keys import ACCOUNT
from sync.desired.new_account import NewAccounts, new_account
from sync.facts import Customer
from sync.ports import (
    Asked,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Identities,
    Links,
    NewLink,
    Outcome,
    SalesforceGateway,
    StripeGateway,
    Subjects,
)
from sync.records import Ref
from sync.run.following import former_link, payer_of, winners
from sync.run.intake import account_mark, unit_of
from sync.run.marks import called, deal_marks, history_marks
from sync.run.merging import Merges

log = structlog.get_logger()

#: How soon (business time) a customer that nobody in the CRM knew is looked up again by itself.
LOOK_AGAIN_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Identity:
    """The deal lane's work on customers: who they are. Writes nothing to Stripe but the Account that a merged one became."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    subjects: Subjects
    identities: Identities
    merges: Merges
    mode: Mode
    clock: Clock
    new_accounts: NewAccounts = field(default_factory=NewAccounts)

    def run(self, claim: Claim, due: Due) -> Outcome:
        """The customer's fact is fresh, and it is linked if anything proves whose it is. Of a payer (an Account that was
        merged) all that was its own is the winner's.
        """
        if due.kind == "payer":
            return self.merges.run(claim, due)
        fence = self.facts.fence()
        found = self.stripe.read([Ref("customer_id", due.id)]).one(Ref("customer_id", due.id))
        customer = found if isinstance(found, Customer) else Customer(id=due.id, deleted=True)
        self._tell_who_waits(customer)  # before it is stored that this was seen
        self.facts.put([customer], fence)
        link = self.links.by_stripe_id([due.id]).get(due.id)
        if link is not None:
            if customer.deleted:
                self._retire(link)
            self.subjects.mark([account_mark(link.salesforce_id)], reason="customer_changed")
            return Done()
        if customer.deleted or not self._has_business(customer):
            return Done()
        return Done(self._next_look()) if self.mode == "leave" else self._match(claim, customer)

    def _tell_who_waits(self, customer: Customer) -> None:
        """Whoever is asked about this customer asks again once it is not as it was read last."""
        if self.facts.get("customer", [customer.id]).get(customer.id, customer) != customer:
            self.subjects.mark_blocked_on([customer.id], reason="customer_changed")

    def _retire(self, link: NewLink) -> None:
        """A customer that is gone pays no more, and what it paid stays on its Account's records. Its deals say so."""
        if link.key == payer_of(link.salesforce_id):
            self.links.replace([former_link(link)])
            log.warning("customer_gone", stripe_id=link.stripe_id, salesforce_id=link.salesforce_id)
        gone, account = link.stripe_id, link.salesforce_id
        marks = [*history_marks(self.facts, gone, account), *deal_marks(self.facts, gone, account)]
        self.subjects.mark(marks, reason="customer_deleted")

    def _next_look(self) -> datetime:
        """The mirror sees by this wake that nobody knew the customer, and asks again sooner only while it is billed."""
        return self.clock.now() + LOOK_AGAIN_AFTER

    def _has_business(self, customer: Customer) -> bool:
        """Whether there is anything to show: a contact who never bought is no customer of the CRM."""
        return bool(customer.metadata.get(ACCOUNT)) or any(
            self.facts.of_customers(kind, [customer.id]) for kind in ("subscription", "schedule", "invoice")
        )

    def _match(self, claim: Claim, customer: Customer) -> Outcome:
        accounts = self._accounts(customer)
        there = {a.id: a for a in accounts.values()}
        answer = match_account(
            named_by_winner(customer, accounts),
            list(there.values()),
            self._taken(there),
            self.mode,
            self._namesakes(customer, there) if there else (),
            {pair.account_id for pair in self.identities.apart(customers=[customer.id])},
        )
        match answer:
            case Belongs(account_id, evidence):
                return self._link(claim, customer, account_id, evidence)
            case MakeAccount():
                fields, contact = new_account(customer, self.new_accounts)
                self.subjects.renew(claim)  # whoever took over meanwhile may have made it
                account_id = self.salesforce.create_account(fields, contact)
                return self._link(claim, customer, account_id, "made for it")
            case Ask():
                return self._asked(customer, answer)
            case _:
                return Done(self._next_look())

    def _accounts(self, customer: Customer) -> dict[str, CrmAccount]:
        """The Accounts that the customer may be, by the id under which they are known; of one that was merged, the one
        that it became.
        """
        found = self.salesforce.find_accounts(
            stripe_customer_ids=[customer.id], emails=[customer.email] if customer.email else []
        )
        accounts = {a.id: a for a in found}
        named = customer.metadata.get(ACCOUNT)
        if named and named not in accounts:
            accounts |= winners(self.salesforce, [named])
        return accounts

    def _taken(self, accounts: Iterable[str]) -> dict[str, str]:
        links = self.links.by_key([payer_of(a) for a in accounts])
        return {link.salesforce_id: link.stripe_id for link in links.values()}

    def _namesakes(self, customer: Customer, accounts: Iterable[str]) -> tuple[Customer, ...]:
        """The other customers that have its e-mail now: those that Stripe lists, and those seen with it in another case;
        but for those that are kept apart from every Account in question.
        """
        if not customer.email:
            return ()
        seen = (Ref("customer_id", i) for i in self.facts.customers_with(customer.email) if i != customer.id)
        found = self.stripe.read([Ref("customers_by_email", customer.email), *seen]).all()
        apart = {(pair.account_id, pair.customer_id) for pair in self.identities.apart(accounts=accounts)}
        others = (c for c in having_email(found, customer.email) if c.id != customer.id)
        return tuple(c for c in others if not all((a, c.id) in apart for a in accounts))

    def _asked(self, customer: Customer, question: Ask) -> Outcome:
        accounts = {a.id: a.name for a in question.candidates}
        self.identities.ask(
            Asked(f"customer:{customer.id}", accounts, {customer.id: called(customer)}, question.evidence)
        )
        refusal = question.refusal
        return Failed(refusal.code, refusal.message, blocked_on=refusal.blocked_on)

    def _link(self, claim: Claim, customer: Customer, account_id: str, evidence: str) -> Outcome:
        """Customer and Account are one unit and one link from now on, and all that is known of the customer is shown."""
        self.subjects.merge_units(unit_of(account_id), unit_of(customer.id), claim=claim)
        # Only now nobody else works on the Account: a deal may have given it a customer since it was looked at.
        if self._taken([account_id]).get(account_id, customer.id) != customer.id:
            return self._match(claim, customer)
        self.links.add(NewLink(payer_of(account_id), account_id, "customer", customer.id, customer.livemode))
        self.subjects.mark(history_marks(self.facts, customer.id, account_id), reason="customer_linked")
        log.info("customer_linked", stripe_id=customer.id, salesforce_id=account_id, evidence=evidence)
        return Done()


def named_by_winner(customer: Customer, accounts: Mapping[str, CrmAccount]) -> Customer:
    """The customer, naming the Account that the one in its metadata became."""
    named = customer.metadata.get(ACCOUNT, "")
    became = accounts.get(named)
    if became is None or became.id == named:
        return customer
    return customer.model_copy(update={"metadata": {**customer.metadata, ACCOUNT: became.id}})
