"""Accounts that were merged: what was the loser's is the winner's, in our links, in Stripe's metadata and on the records
(BILLING_RULES 5). Two live payers are a question for people (DATA-214).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from sync import catalogue
from sync.apply import Writer
from sync.clock import Clock
from sync.crm import CrmAccount
from sync.desired.customer import is_live
from sync.desired.keys import ACCOUNT, KEY
from sync.desired.references import live_refs
from sync.diff import diff
from sync.facts import Customer, Fact
from sync.observed import Actual
from sync.plan import Plan
from sync.ports import (
    Asked,
    Claim,
    Done,
    Due,
    Facts,
    Failed,
    Identities,
    Ledger,
    Links,
    NewLink,
    Outbox,
    Outcome,
    Promises,
    SalesforceGateway,
    StripeGateway,
    Subjects,
)
from sync.records import Desired, Ref
from sync.run.following import former_link, payer_link, payer_of, winners
from sync.run.intake import account_mark, quote_mark, unit_of
from sync.run.marks import called, history_marks
from sync.run.whole_plan import write_whole

log = structlog.get_logger()

#: How soon (business time) two live payers are looked at again by themselves.
LOOK_AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """A customer of the merged Accounts, read now; ``objects`` are what runs or is planned for it."""

    link: NewLink
    customer: Customer
    objects: tuple[Fact, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it pays for anything, now or later."""
        return not self.customer.deleted and is_live(self.objects)


@dataclass(frozen=True)
class Merges:
    """The deal lane's work on merged Accounts."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    promises: Promises
    identities: Identities
    subjects: Subjects
    outbox: Outbox
    ledger: Ledger
    writer: Writer
    clock: Clock

    def run(self, claim: Claim, due: Due) -> Outcome:
        """What belonged to the Account ``due`` names belongs to the one that it was merged into. An Account that was not
        merged, or whose winner is gone, is left as it is.
        """
        winner = winners(self.salesforce, [due.id]).get(due.id)
        if winner is None or winner.id == due.id or winner.is_deleted:
            return Done()
        self.subjects.merge_units(unit_of(winner.id), unit_of(due.id), claim=claim)
        standing = self._standing([due.id, winner.id])
        apart = {pair.customer_id for pair in self.identities.apart(accounts=[due.id, winner.id])}
        links = arranged(winner.id, standing, apart)
        moved = [link for one, link in zip(standing, links, strict=True) if one.link != link]
        if moved:
            self.links.replace(moved)
            log.info("account_merged", salesforce_id=winner.id, loser=due.id, customers=len(moved))
        self.identities.followed(due.id, winner.id)
        quotes = self.promises.followed(due.id, winner.id)
        self.outbox.drop([("Account", due.id)])
        self.outbox.followed(due.id, winner.id)
        self._rename(claim, due, standing, links)
        marks = [account_mark(winner.id), *(quote_mark(quote, winner.id) for quote in quotes)]
        marks += [mark for link in moved for mark in history_marks(self.facts, link.stripe_id, winner.id)]
        self.subjects.mark(marks, reason="account_merged")
        rivals = [one for one in standing if one.live and one.customer.id not in apart]
        if len(rivals) > 1:
            return self._ask(due, winner, rivals)
        if moved or due.error_code:
            self.subjects.mark_blocked_on([winner.id, due.id], reason="account_merged")
        return Done()

    def _standing(self, accounts: Sequence[str]) -> list[Standing]:
        linked = self.links.by_salesforce_id(accounts, "customer")
        refs = [Ref("customer_id", link.stripe_id) for link in linked]
        read = self.stripe.read(refs) if refs else None
        found = []
        for link, ref in zip(linked, refs, strict=True):
            there = read.one(ref) if read else None
            customer = there if isinstance(there, Customer) else Customer(id=link.stripe_id, deleted=True)
            objects = () if customer.deleted or len(linked) == 1 else self.stripe.read(live_refs(customer.id)).all()
            found.append(Standing(link, customer, tuple(objects)))
        return found

    def _rename(self, claim: Claim, due: Due, standing: Sequence[Standing], links: Sequence[NewLink]) -> None:
        """Customers that carried the loser's id carry the winner's: it is by that id that they are found again. What
        never carried one is left alone.
        """
        plan = Plan()
        for one, link in zip(standing, links, strict=True):
            if one.customer.deleted or one.customer.metadata.get(ACCOUNT) != due.id:
                continue
            ref = Ref("customer", link.key.partition(":")[2])
            metadata = {KEY: ref.key, ACCOUNT: link.salesforce_id}
            wanted = Desired(
                ref, create={}, compare={"metadata": metadata}, update={"metadata": {"metadata": metadata}}
            )
            there = Actual(one.customer.id, {"metadata": one.customer.metadata})
            plan = Plan((*plan.operations, *diff([wanted], {ref: there}).operations))
        if not plan.operations:
            return
        write_whole(
            plan, ledger=self.ledger, writer=self.writer, claim=claim, due=due, now=self.clock.now(), trigger="merge",
            salesforce_id=lambda o: o.ref.key.partition(":")[0],
        )  # fmt: skip

    def _ask(self, due: Due, winner: CrmAccount, rivals: Sequence[Standing]) -> Outcome:
        """Deals that run go on where they are; which customer pays for the next, people say."""
        customers = {one.customer.id: called(one.customer) for one in rivals}
        merged = self.salesforce.accounts([due.id]).get(due.id)  # in the recycle bin, where it still has its name
        name = merged.name if merged else ""
        loser = f"{name} ({due.id})" if name else due.id
        evidence = f"{' and '.join(customers)} both have live billing since Account {loser} was merged into {winner.id}"
        self.identities.ask(Asked(due.key, {winner.id: winner.name}, customers, evidence))
        detail = (
            f"Account {winner.name} ({winner.id}): {evidence}. Say who pays from now on with tandem identity link ACCOUNT "
            "CUSTOMER, or end one of them."
        )
        said = catalogue.message("DATA-214", detail, account=name or f"Account {due.id}", winner=winner.name)
        objects = [f.id for one in rivals for f in one.objects]
        return Failed(
            "DATA-214", said, blocked_on=(winner.id, *customers, *objects), wake_at=self.clock.now() + LOOK_AGAIN_AFTER
        )


def arranged(winner_id: str, standing: Sequence[Standing], apart: set[str]) -> list[NewLink]:
    """The link of each customer now that all belong to one Account: its payer is the winner's while that one is live,
    else whichever is; the others are the Account's history. One that people keep apart from it pays only if no other is there.
    """

    def rank(one: Standing) -> tuple[bool, ...]:
        payer = one.link.key == payer_of(one.link.salesforce_id)
        mine = one.link.salesforce_id == winner_id
        return (one.customer.deleted, one.customer.id in apart, not one.live, not (payer and mine), not payer)

    first = min((one for one in standing if not one.customer.deleted), key=rank, default=None)
    return [payer_link(one.link, winner_id) if one is first else former_link(one.link, winner_id) for one in standing]
