"""Identity runs: a Stripe customer without a link is matched to an Account, makes one, or becomes a question
(BILLING_RULES 5, 6).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from sync.clock import Clock
from sync.crm import CrmAccount
from sync.desired.customer import having_email
from sync.desired.evidence import nameless, same_email
from sync.desired.identity import Answer, Ask, Belongs, MakeAccount, Mode, Unknown, match_account, sharing
from sync.desired.keys import ACCOUNT
from sync.desired.new_account import NewAccounts, new_account
from sync.errors import Terminal
from sync.facts import Coupon, Customer, Fact
from sync.facts.coupons import coupons_of
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
from sync.run.addresses import alone
from sync.run.following import former_link, payer_of, winners
from sync.run.intake import account_mark, unit_of
from sync.run.marks import called, deal_marks, history_marks
from sync.run.merging import Merges
from sync.run.standing_coupons import read_coupons

log = structlog.get_logger()

#: How soon (business time) a customer that nobody in the CRM knew is looked up again by itself.
LOOK_AGAIN_AFTER = timedelta(days=30)
#: What the org's own rules stop is tried again hourly on the first day, like its rows; all that is refused once a day.
OF_A_RULE, FIRST_DAY = "DATA-220", timedelta(days=1)


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
        customer = self.looked_at([due])[due.id]
        outcome = self.settled([customer]).get(customer.id)
        if outcome is None and customer.email:
            claim = alone(self.subjects, claim, self.stripe.account, customer.email)
            outcome = self.linked_meanwhile([customer]).get(customer.id)
        return outcome if outcome is not None else self.matched(claim, customer)

    def looked_at(self, due: Sequence[Due]) -> dict[str, Customer]:
        """These customers as Stripe has them now, by id, and stored; quotes that wait for one that changed are due."""
        fence = self.facts.fence()
        known = self.facts.get("customer", [d.id for d in due])
        hints = {Ref("customer_id", d.id): at for d in due if (at := _created_s(d, known)) is not None}
        found = self.stripe.read([Ref("customer_id", d.id) for d in due], hints)
        customers = {}
        for one in due:
            there = found.one(Ref("customer_id", one.id))
            customers[one.id] = there if isinstance(there, Customer) else Customer(id=one.id, deleted=True)
        changed = [i for i, customer in customers.items() if known.get(i, customer) != customer]
        if changed:  # before it is stored that this was seen
            self.subjects.mark_blocked_on(changed, reason="customer_changed")
        self.facts.put([*customers.values(), *self._coupons(customers.values())], fence)
        return customers

    def _coupons(self, customers: Collection[Customer]) -> list[Coupon]:
        """What comes off all that these customers buy, where nobody has read it yet."""
        named = coupons_of(customers)
        unseen = named - set(self.facts.get("coupon", named)) if named else set()
        return read_coupons(self.stripe, unseen, customers)

    def settled(self, customers: Sequence[Customer]) -> dict[str, Outcome]:
        """What becomes of those of these customers for whom nobody in the CRM has to be looked for, by id."""
        links = self.links.by_stripe_id([c.id for c in customers])
        for link in (links[c.id] for c in customers if c.deleted and c.id in links):
            self._retire(link)
        if links:
            self.subjects.mark([account_mark(x.salesforce_id) for x in links.values()], reason="customer_changed")
        found: dict[str, Outcome] = {c.id: Done() for c in customers if c.id in links or c.deleted}
        left = [c for c in customers if c.id not in found]
        business = self._with_business(left)
        found |= {c.id: Done() for c in left if c.id not in business}
        if self.mode == "leave":
            found |= {i: Done(self._next_look()) for i in business}
        return found

    def linked_meanwhile(self, customers: Sequence[Customer]) -> dict[str, Outcome]:
        """As `settled`, for those of these customers that somebody has linked since they were looked at."""
        links = self.links.by_stripe_id([c.id for c in customers])
        return self.settled([c for c in customers if c.id in links]) if links else {}

    def _retire(self, link: NewLink) -> None:
        """A customer that is gone pays no more, and what it paid stays on its Account's records. Its deals say so."""
        if link.key == payer_of(link.salesforce_id):
            self.links.replace([former_link(link)])
            log.warning("customer_gone", stripe_id=link.stripe_id, salesforce_id=link.salesforce_id)
        gone, account = link.stripe_id, link.salesforce_id
        marks = [*history_marks(self.facts, gone, account), *deal_marks(self.facts, gone, account)]
        self.subjects.mark(marks, reason="customer_deleted")
        self.subjects.mark_blocked_on([gone], reason="customer_deleted")  # whom its link stood in the way of

    def _next_look(self) -> datetime:
        """The mirror sees by this wake that nobody knew the customer, and asks again sooner only while it is billed."""
        return self.clock.now() + LOOK_AGAIN_AFTER

    def _with_business(self, customers: Sequence[Customer]) -> set[str]:
        """Those of whom there is anything to show: a contact who never bought is no customer of the CRM."""
        found = {c.id for c in customers if c.metadata.get(ACCOUNT)}
        for kind in ("subscription", "schedule", "invoice"):
            left = [c.id for c in customers if c.id not in found]
            if left:
                found.update(getattr(f, "customer", "") for f in self.facts.of_customers(kind, left))
        return found

    def matched(self, claim: Claim, customer: Customer) -> Outcome:
        answer = self.answer(customer, self.accounts([customer]))
        if isinstance(answer, MakeAccount):
            fields, contact = new_account(customer, self.new_accounts)
            self.subjects.renew(claim)  # whoever took over meanwhile may have made it
            try:
                account_id = self.salesforce.create_account(fields, contact)
            except Terminal as error:
                return self._not_made(customer, error)
            return self.link(claim, customer, account_id, "made for it")
        return self.brought_about(claim, customer, answer)

    def _not_made(self, customer: Customer, error: Terminal) -> Failed:
        """The org wants something else of an Account. Nobody tells us when it does no longer: it is tried again by itself."""
        log.error("account_not_made", code=error.code, stripe_id=customer.id)
        now = self.clock.now()
        is_new = now.timestamp() - customer.created_s < FIRST_DAY.total_seconds()
        soon = error.code == OF_A_RULE and is_new
        return Failed(error.code, error.message, wake_at=now + (timedelta(hours=1) if soon else FIRST_DAY))

    def answer(self, customer: Customer, accounts: Mapping[str, CrmAccount]) -> Answer:
        """Whose it is, as far as can be said. ``accounts`` as `accounts` gives them."""
        mine = self._without_dead_ids(customer, _may_be(customer, accounts))
        there = {a.id: a for a in mine.values()}
        apart = {pair.account_id for pair in self.identities.apart(customers=[customer.id])}
        found = match_account(
            named_by_winner(customer, mine),
            list(there.values()),
            self._taken(there),
            self.mode,
            self._namesakes(customer, there) if there else (),
            apart,
        )
        return (isinstance(found, MakeAccount | Unknown) and self._shared(customer, apart)) or found

    def _shared(self, customer: Customer, apart: Collection[str]) -> Ask | None:
        """The question that it is because of other customers with its e-mail, as seen, that have Accounts."""
        email = customer.email or ""
        seen = [i for i in self.facts.customers_with(email) if i != customer.id] if email else []
        links = {i: x for i, x in self.links.by_stripe_id(seen).items() if x.salesforce_id not in apart} if seen else {}
        if not links:
            return None
        now = having_email(self.stripe.read([Ref("customer_id", i) for i in sorted(links)]).all(), email)
        held = {c.id: links[c.id].salesforce_id for c in now}
        accounts = winners(self.salesforce, sorted(set(held.values())))
        return sharing(customer, list({a.id: a for a in accounts.values()}.values()), held)

    def brought_about(self, claim: Claim, customer: Customer, answer: Answer) -> Outcome:
        """The customer is linked, people are asked, or it is looked up again later."""
        match answer:
            case Belongs(account_id, evidence):
                return self.link(claim, customer, account_id, evidence)
            case Ask():
                return self._asked(customer, answer)
            case _:
                return Done(self._next_look())

    def accounts(self, customers: Sequence[Customer]) -> dict[str, CrmAccount]:
        """The Accounts that these customers may be, by the id under which they are known; of one that was merged, the one
        that it became.
        """
        emails = list(dict.fromkeys(c.email for c in customers if c.email))
        found = self.salesforce.find_accounts(stripe_customer_ids=[c.id for c in customers], emails=emails)
        accounts = {a.id: a for a in found}
        named = {i for c in customers if (i := c.metadata.get(ACCOUNT)) and i not in accounts}
        return accounts | (dict(winners(self.salesforce, sorted(named))) if named else {})

    def _without_dead_ids(self, customer: Customer, accounts: Mapping[str, CrmAccount]) -> Mapping[str, CrmAccount]:
        """The same Accounts, without ids of other customers that were deleted, or that are on another Stripe account."""
        written = {i: (a.stripe_customer_id or "").strip() for i, a in accounts.items()}
        others = {id_ for id_ in written.values() if id_.strip(".") and id_ != customer.id}
        here = {id_ for id_ in others if not self.links.elsewhere(id_)}
        read = self.stripe.read([Ref("customer_id", id_) for id_ in sorted(here)]) if here else None
        found = [read.one(Ref("customer_id", id_)) for id_ in here] if read else []
        dead = (others - here) | {f.id for f in found if isinstance(f, Customer) and f.deleted}
        return {i: replace(a, stripe_customer_id=None) if written[i] in dead else a for i, a in accounts.items()}

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

    def link(self, claim: Claim, customer: Customer, account_id: str, evidence: str) -> Outcome:
        """Customer and Account are one unit and one link from now on, and all that is known of the customer is shown."""
        self.subjects.merge_units(unit_of(account_id), unit_of(customer.id), claim=claim)
        # Only now nobody else works on the Account: a deal may have given it a customer since it was looked at.
        if self._taken([account_id]).get(account_id, customer.id) != customer.id:
            return self.matched(claim, customer)
        self.links.add(NewLink(payer_of(account_id), account_id, "customer", customer.id, customer.livemode))
        self.subjects.mark(history_marks(self.facts, customer.id, account_id), reason="customer_linked")
        log.info("customer_linked", stripe_id=customer.id, salesforce_id=account_id, evidence=nameless(evidence))
        return Done()


def _created_s(due: Due, known: Mapping[str, Fact]) -> int | None:
    """When Stripe made the customer, if that is known."""
    fact = known.get(due.id)
    return (fact.created_s or None) if fact is not None else due.hint_created_s


def _may_be(customer: Customer, accounts: Mapping[str, CrmAccount]) -> dict[str, CrmAccount]:
    """Those of these Accounts that this customer may be: its metadata names them, or they carry its id or its e-mail."""
    named = customer.metadata.get(ACCOUNT)
    return {
        i: a
        for i, a in accounts.items()
        if i == named
        or (a.stripe_customer_id or "").strip() == customer.id
        or same_email(customer.email, a.billing_email)
        or same_email(customer.email, a.person_email)
    }


def named_by_winner(customer: Customer, accounts: Mapping[str, CrmAccount]) -> Customer:
    """The customer, naming the Account that the one in its metadata became."""
    named = customer.metadata.get(ACCOUNT, "")
    became = accounts.get(named)
    if became is None or became.id == named:
        return customer
    return customer.model_copy(update={"metadata": {**customer.metadata, ACCOUNT: became.id}})
