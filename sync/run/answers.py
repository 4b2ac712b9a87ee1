"""What an operator says about who is who: a customer is an Account's, or it is not (BILLING_RULES 5). Worked out first,
then done; what waited for it goes on by itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sync.crm import CrmAccount
from sync.errors import Transient
from sync.facts import Customer
from sync.ports import Claim, Facts, Identities, Links, Mark, NewLink, SalesforceGateway, StripeGateway, Subjects
from sync.records import Ref
from sync.run.following import former_link, payer_link, payer_of, winners
from sync.run.intake import unit_of
from sync.run.marks import called, history_marks

#: Machine seconds between two looks whether a unit is free.
LOOK_AGAIN_S = 0.2


class NotThere(Exception):
    """The Account or the customer is known to nobody."""


class Forbidden(Exception):
    """What is so already stands against the answer; ``str()`` says what, and what can be done."""


@dataclass(frozen=True)
class Pair:
    """An Account and a customer, as both sides and our links have them."""

    account: CrmAccount
    customer: Customer
    payer: NewLink | None
    link: NewLink | None
    apart: bool


@dataclass(frozen=True)
class Answer:
    """What an answer changes, in words (``changes``; none: it is so already) and in our store. Nothing in Stripe."""

    pair: Pair
    changes: tuple[str, ...] = ()
    links: tuple[NewLink, ...] = ()
    allow: bool = False
    apart: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        pair = self.pair
        return {"account": pair.account.id, "customer": pair.customer.id, "changes": list(self.changes)}


@dataclass(frozen=True)
class Answers:
    """Works answers out and puts them into effect."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    subjects: Subjects
    identities: Identities
    patience_s: float = 10.0  # machine seconds for which a run that is under way is waited for

    def link(self, account_id: str, customer_id: str) -> Answer:
        """What it takes that this customer pays for this Account. Raises NotThere, or Forbidden where either has
        another already.
        """
        pair = self._look(account_id, customer_id)
        account, customer = pair.account, pair.customer
        if pair.payer is not None and pair.payer.stripe_id == customer.id:
            return Answer(pair)
        if pair.payer is not None and not self._aside(pair):
            raise Forbidden(
                f"Account {account.name} ({account.id}) has customer {pair.payer.stripe_id} already, and one Account has "
                "one payer. If they are two companies, keep them apart."
            )
        changes = [f"{_named(customer)} pays for Account {account.name} ({account.id})"]
        links = [self._new_link(pair)]
        apart: tuple[str, ...] = ()
        if pair.link is not None and pair.link.salesforce_id != account.id:
            self._check_free(pair.link, account)
            changes.append(f"it is taken from Account {pair.link.salesforce_id}, which is in Salesforce no longer")
        if pair.payer is not None:
            links = [former_link(pair.payer), *links]
            apart = (pair.payer.stripe_id,)
            changes.append(f"{pair.payer.stripe_id} stays on the Account's records and gets no new deal")
        if pair.apart:
            changes.append("they are kept apart no longer")
        return Answer(pair, tuple(changes), tuple(links), allow=pair.apart, apart=apart)

    def keep_apart(self, account_id: str, customer_id: str) -> Answer:
        """What it takes that this customer is never proposed for this Account again. Raises NotThere, or Forbidden for
        the Account's own payer.
        """
        pair = self._look(account_id, customer_id)
        if pair.apart:
            return Answer(pair)
        if pair.payer is not None and pair.payer.stripe_id == customer_id:
            raise Forbidden(
                f"Customer {customer_id} is the payer of Account {pair.account.name} ({pair.account.id}): what is billed "
                "to it stays. End its billing in Stripe first."
            )
        words = f"{_named(pair.customer)} is not proposed for Account {pair.account.name} ({pair.account.id}) again"
        return Answer(pair, (words,), apart=(customer_id,))

    def apply(self, answer: Answer, *, by: str, reason: str) -> int:
        """The answer is in effect, and what waited for it is due; returns how many subjects waited. Transient TEMP-402
        while somebody works on either, or where one was linked since the answer was worked out.
        """
        pair = answer.pair
        account, customer = pair.account.id, pair.customer.id
        if answer.links:
            self._link(answer)
        if answer.allow:
            self.identities.allow(account, customer)
        self.identities.keep_apart(account, answer.apart, by=by, why=reason)
        if answer.links:
            self.subjects.mark(history_marks(self.facts, customer, account), reason="customer_linked")
        self.subjects.mark([Mark(f"customer:{customer}", "deal", unit_of(customer))], reason="answered")
        return self.subjects.mark_blocked_on([account, customer], reason="answered")

    def _link(self, answer: Answer) -> None:
        """The links are replaced while nobody works on either side, and only as they were when the answer was worked out: a
        deal may have been given a customer since.
        """
        pair = answer.pair
        claim = self._held(pair)
        try:
            if self._links_of(pair.account.id, pair.customer.id) != (pair.payer, pair.link):
                raise Transient(
                    "TEMP-402",
                    f"Account {pair.account.name} ({pair.account.id}) or customer {pair.customer.id} was linked meanwhile. "
                    "Nothing was written; run the same command again.",
                )
            self.links.replace(answer.links)
        finally:
            self.subjects.release(claim)

    def _held(self, pair: Pair) -> Claim:
        """Account and customer as one unit, held; who works on either now is waited for a little."""
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return self.subjects.take_merged(unit_of(pair.account.id), unit_of(pair.customer.id))
            except Transient as error:
                if error.code != "TEMP-402":
                    raise
                if time.monotonic() >= deadline:
                    raise Transient(
                        "TEMP-402",
                        f"Account {pair.account.name} ({pair.account.id}) or customer {pair.customer.id} is being worked on "
                        "just now. Nothing was written; run the same command again.",
                    ) from error
            time.sleep(LOOK_AGAIN_S)

    # ------------------------------------------------------------ looking

    def _links_of(self, account_id: str, customer_id: str) -> tuple[NewLink | None, NewLink | None]:
        """The links of the Account's payer, and of the customer."""
        key = payer_of(account_id)
        return self.links.by_key([key]).get(key), self.links.by_stripe_id([customer_id]).get(customer_id)

    def _look(self, account_id: str, customer_id: str) -> Pair:
        account = self.salesforce.accounts([account_id]).get(account_id)
        if account is None:
            raise NotThere(f"there is no Account {account_id} in Salesforce.")
        if account.is_deleted:
            became = winners(self.salesforce, [account_id])[account_id]
            merged = (
                f"was merged into {became.name} ({became.id}): name that one"
                if became.id != account_id
                else "is deleted"
            )
            raise Forbidden(f"Account {account.name} ({account_id}) {merged}.")
        ref = Ref("customer_id", customer_id)
        customer = self.stripe.read([ref]).one(ref)
        if not isinstance(customer, Customer):
            raise NotThere(f"there is no customer {customer_id} in this Stripe account.")
        if customer.deleted:
            raise Forbidden(f"Customer {customer_id} was deleted in Stripe.")
        payer, link = self._links_of(account_id, customer_id)
        apart = any(pair.customer_id == customer_id for pair in self.identities.apart(accounts=[account_id]))
        return Pair(account, customer, payer, link, apart)

    def _aside(self, pair: Pair) -> bool:
        """Whether the customer came to the Account beside its payer, by a merge; or the payer is gone from Stripe."""
        if pair.link is not None and pair.link.salesforce_id == pair.account.id:
            return True
        assert pair.payer is not None
        ref = Ref("customer_id", pair.payer.stripe_id)
        payer = self.stripe.read([ref]).one(ref)
        return payer is None or payer.deleted

    def _check_free(self, link: NewLink, account: CrmAccount) -> None:
        holder = winners(self.salesforce, [link.salesforce_id]).get(link.salesforce_id)
        if holder is not None and not holder.is_deleted and holder.id != account.id:
            raise Forbidden(
                f"Customer {link.stripe_id} belongs to Account {holder.name} ({holder.id}) already. If both Accounts are "
                "one company, merge them in Salesforce."
            )

    def _new_link(self, pair: Pair) -> NewLink:
        new = NewLink("", pair.account.id, "customer", pair.customer.id, pair.customer.livemode)
        return payer_link(new, pair.account.id)


def _named(customer: Customer) -> str:
    return " ".join(part for part in ("customer", customer.id, called(customer)) if part)
