"""Which customer of Stripe pays for a deal (BILLING_RULES 5): read, decided, and what that says about our links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sync import catalogue
from sync.crm import CrmAccount, QuoteGraph
from sync.deal.deal import Deal
from sync.desired.customer import Create, Linked, Looked, Match, Question, having_email, is_live, match_customer
from sync.desired.keys import ACCOUNT, DEAL
from sync.desired.references import candidate_refs, live_refs
from sync.errors import Refusal, Refused, SyncError
from sync.facts import Customer, Fact
from sync.ports import Asked, Facts, Identities, Links, NewLink, SalesforceGateway, Snapshot, StripeGateway
from sync.records import Ref
from sync.run.following import former_link, payer_link, payer_of, winners
from sync.run.marks import called

#: Objects of a deal that are linked under its quote.
OF_DEAL = ("schedule", "subscription")


class Undecided(Refused):
    """People decide who the customer is; carries what they choose among."""

    def __init__(self, question: Question, account: CrmAccount) -> None:
        super().__init__((question.refusal,))
        self.question, self.account = question, account


class PayerGone(Refused):
    """The customer that billed the deal was deleted in Stripe (DATA-224)."""

    def __init__(self, refusal: Refusal, customer: str) -> None:
        super().__init__((refusal,))
        self.customer = customer


@dataclass(frozen=True)
class Payer:
    """Who pays: ``customer`` is None where one has to be made. ``objects`` are what runs or is planned for it.

    ``links`` are to be changed before anything is written, ``others`` were turned down by a person. Of a customer that
    is not the Account's payer but bills the deal all the same (``aside``) nothing is changed.
    """

    customer: Linked | None
    held: bool
    objects: tuple[Fact, ...] = ()
    links: tuple[NewLink, ...] = ()
    others: tuple[str, ...] = ()
    aside: bool = False


@dataclass(frozen=True)
class Payers:
    """Finds the payer of a deal, reading both sides live; raises what forbids the deal or the look-up."""

    stripe: StripeGateway
    salesforce: SalesforceGateway
    links: Links
    facts: Facts
    identities: Identities
    several: bool = False  # Stripe accounts

    def find(
        self,
        graph: QuoteGraph,
        account: CrmAccount,
        deal: Deal,
        needs: Sequence[Ref],
        keep: Callable[[], None],
        sole: Callable[[str], None],
    ) -> tuple[Payer, Snapshot]:
        """The payer, and what was read of ``needs`` with it. ``graph`` is the quote that made the deal; ``sole`` is called
        with the e-mail before those that have it are looked for.
        """
        if self.several and account.stripe_customer_id and self.links.elsewhere(account.stripe_customer_id):
            account = replace(
                account, stripe_customer_id=None
            )  # the record shows one customer, on another Stripe account
        linked = self.links.by_salesforce_id([account.id], "customer")
        held = next((link for link in linked if link.key == payer_of(account.id)), None)
        aside = [link for link in linked if link is not held]
        keep()
        if held is None:
            sole(deal.payer.email)
        snapshot = self._read(graph, account, deal, held, needs)
        if held and (gone := _one(snapshot, held.stripe_id)) and gone.deleted:
            aside, held = [*aside, former_link(held)], None
            sole(deal.payer.email)
            snapshot = Snapshot({**snapshot.found, **self._read(graph, account, deal, None, ()).found})
        if held is None and aside and (elsewhere := self._elsewhere(graph, account, deal, aside)[0]):
            return elsewhere, snapshot
        match = self._match(graph, account, deal, held, snapshot)
        keep()
        found = match.customer if isinstance(match, Linked) else None
        payer = Payer(
            customer=match if isinstance(match, Linked) else None,
            held=held is not None,
            objects=self.read_objects(found.id) if found else (),
            links=self._freed(account, found, aside),
            others=match.others,
        )
        if held is not None and aside and not _has(payer.objects, deal):
            keep()
            elsewhere, live = self._elsewhere(graph, account, deal, aside)
            payer = elsewhere or self._one_of_two(graph, account, payer, live)
        return payer, snapshot

    def read_objects(self, customer_id: str) -> tuple[Fact, ...]:
        """What runs or is planned for a customer, read now."""
        return tuple(self.facts.recognised(self.stripe.read(live_refs(customer_id)).all()))

    def settle(self, payer: Payer, account_id: str, quote_id: str) -> None:
        """What was found about links, and what a person turned down, holds from now on."""
        if payer.links:
            self.links.replace(payer.links)
        if payer.others:
            self.identities.keep_apart(account_id, payer.others, by=f"quote {quote_id}", why="Customer_Choice__c")

    def asked(self, subject: str, error: SyncError) -> None:
        """The question in this failure, if it is one, can be listed."""
        if isinstance(error, Undecided):
            account, question = error.account, error.question
            customers = {c.id: called(c) for c in question.candidates}
            self.identities.ask(Asked(subject, {account.id: account.name}, customers, question.evidence))

    # ------------------------------------------------------------ looking

    def _read(
        self, graph: QuoteGraph, account: CrmAccount, deal: Deal, held: NewLink | None, needs: Sequence[Ref]
    ) -> Snapshot:
        """The customer that we hold; else every candidate: those named, those that Stripe lists under the e-mail, and
        those seen with it in another case or with our id.
        """
        email = deal.payer.email
        refs = candidate_refs(account, email, held.stripe_id if held else None, graph.quote.customer_choice)
        seen = () if held else (*self.facts.customers_with(email), *self.facts.customers_carrying(account.id))
        return self.stripe.read(dict.fromkeys((*refs, *(Ref("customer_id", i) for i in seen), *needs)))

    def _match(
        self, graph: QuoteGraph, account: CrmAccount, deal: Deal, held: NewLink | None, snapshot: Snapshot
    ) -> Linked | Create:
        by_email = having_email(snapshot.all(), deal.payer.email)
        by_id = {ref.key: _one(snapshot, ref.key) for ref in snapshot.found if ref.kind == "customer_id"}
        candidates = list(dict.fromkeys((*(f.id for f in by_email), *by_id)))
        links = self.links.by_stripe_id(candidates) if candidates else {}
        holders = {i: link.salesforce_id for i, link in links.items()}
        followed, gone = self._became(account, [*by_email, *by_id.values()], holders)
        written = {} if held else self._written(account, candidates)
        own = (account.stripe_customer_id or "").strip()
        looked = Looked(
            held=held.stripe_id if held else None,
            by_id=by_id,
            by_email=by_email,
            holders=holders,
            same_id=tuple(written.get(own, ())),
            written_on={customer: others[0] for customer, others in written.items()},
            apart=frozenset(p.customer_id for p in self.identities.apart(accounts=[account.id])),
            followed=followed,
            gone=gone,
        )
        match: Match = match_customer(
            account, deal.payer.email, looked, quote_id=graph.quote.id, choice=graph.quote.customer_choice
        )
        if isinstance(match, Question):
            raise Undecided(match, account)
        return match

    def _became(
        self, account: CrmAccount, candidates: Sequence[Customer | None], holders: Mapping[str, str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Of the other Accounts that candidates belong to: those that were merged into this one, and those that are gone."""
        named = {c.metadata.get(ACCOUNT, "") for c in candidates if c is not None} | set(holders.values())
        others = named - {"", account.id}
        if not others:
            return frozenset(), frozenset()
        now = winners(self.salesforce, sorted(others))
        followed = frozenset(i for i, a in now.items() if a.id == account.id)
        return followed, frozenset(i for i in others - followed if i not in now or now[i].is_deleted)

    def _written(self, account: CrmAccount, candidates: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """By customer the other Accounts on which its id is written, those that are deleted left out; one call."""
        named = [c for c in (*candidates, (account.stripe_customer_id or "").strip()) if c]
        found = self.salesforce.find_accounts(stripe_customer_ids=list(dict.fromkeys(named))) if named else ()
        written: dict[str, list[str]] = {}
        for one in sorted((a for a in found if a.id != account.id and not a.is_deleted), key=lambda a: a.id):
            written.setdefault((one.stripe_customer_id or "").strip(), []).append(one.id)
        return written

    # ------------------------------------------------------------ links that stand in the way

    def _freed(self, account: CrmAccount, found: Customer | None, aside: Sequence[NewLink]) -> tuple[NewLink, ...]:
        """Links as they must be: a customer that is gone pays no more, and one that was another's is this Account's."""
        stored = self.links.by_stripe_id([*(link.stripe_id for link in aside), *([found.id] if found else [])])
        wanted = [link for link in aside if stored.get(link.stripe_id, link) != link]
        mine = stored.get(found.id) if found else None
        if mine is not None and mine.key != payer_of(account.id):
            wanted.append(payer_link(mine, account.id))
        return tuple(wanted)

    # ------------------------------------------------------------ Accounts with more than one customer

    def _elsewhere(
        self, graph: QuoteGraph, account: CrmAccount, deal: Deal, aside: Sequence[NewLink]
    ) -> tuple[Payer | None, list[Customer]]:
        """The customer that bills this deal, among those that an Account has or had beside its payer, else None; and
        which of them are live. Raises PayerGone where it was deleted.
        """
        read = self.stripe.read([Ref("customer_id", link.stripe_id) for link in aside])
        standing = [c for link in aside if (c := _one(read, link.stripe_id)) is not None]
        live: list[Customer] = []
        for customer in (c for c in standing if not c.deleted):
            objects = self.read_objects(customer.id)
            if _has(objects, deal):
                found = Linked(customer, "it bills this deal already")
                return Payer(found, held=True, objects=objects, aside=True), live
            live += [customer] if is_live(objects) else []
        self._refuse_dead(graph, account, deal, [c for c in standing if c.deleted])
        return None, live

    def _refuse_dead(self, graph: QuoteGraph, account: CrmAccount, deal: Deal, dead: Sequence[Customer]) -> None:
        """Raises PayerGone where one of these billed the deal: the one that is known to have. Where nothing is known of it
        any more, a link still says that one of them did.
        """
        billed = [c for c in dead if _has(self._objects_of(c), deal)]
        if not billed and any(x.stripe_kind in OF_DEAL for x in self.links.by_salesforce_id([deal.quote_id])):
            billed = list(dead)
        if not billed:
            return
        customer = billed[0]
        detail = (
            f"Quote {graph.quote.number}: customer {customer.id} of Account {account.name} was deleted in Stripe, and "
            "with it what it was subscribed to. This deal bills nothing more. Sign a New quote for what goes on, and a "
            "Cancellation to close this one."
        )
        refusal = catalogue.refusal(
            "DATA-224", detail, record_id=graph.quote.id, blocked_on=(account.id,), account=account.name,
            customer=customer.id,
        )  # fmt: skip
        raise PayerGone(refusal, customer.id)

    def _objects_of(self, customer: Customer) -> list[Fact]:
        """What it was subscribed to, as it was read last."""
        return [f for kind in OF_DEAL for f in self.facts.of_customers(kind, [customer.id])]

    def _one_of_two(self, graph: QuoteGraph, account: CrmAccount, payer: Payer, live: Sequence[Customer]) -> Payer:
        """The payer, where nobody else is live or a person has said who pays."""
        assert payer.customer is not None
        if not is_live(payer.objects):
            return payer
        apart = {p.customer_id for p in self.identities.apart(accounts=[account.id])}
        rivals = [c for c in live if c.id not in apart]
        first = payer.customer.customer
        if not rivals or first.id in apart:
            return payer
        choice = (graph.quote.customer_choice or "").strip()
        chosen = next((c for c in (first, *rivals) if c.id == choice), None)
        if chosen is None:
            raise Undecided(two_live(graph, account, first, rivals), account)
        others = tuple(c.id for c in (first, *rivals) if c is not chosen)
        evidence = "the answer on the quote (Customer_Choice__c)"
        if chosen is first:
            return replace(payer, customer=Linked(first, evidence), others=others)
        links = self.links.by_stripe_id([first.id, chosen.id])
        swapped = (former_link(links[first.id]), payer_link(links[chosen.id], account.id))
        objects = self.read_objects(chosen.id)
        return Payer(Linked(chosen, evidence), held=True, objects=objects, links=swapped, others=others)


def two_live(graph: QuoteGraph, account: CrmAccount, first: Customer, rivals: Sequence[Customer]) -> Question:
    """The question which of an Account's live customers pays from now on."""
    ids = [first.id, *(c.id for c in rivals)]
    evidence = f"{' and '.join(ids)} both have live billing"
    detail = (
        f"Account {account.name}: {evidence}. Deals that run go on where they are; a new one waits. Answer on the quote, "
        "Customer_Choice__c: the id of the customer that pays from now on."
    )
    refusal = catalogue.refusal(
        "DATA-214", detail, record_id=graph.quote.id, field="Customer_Choice__c", blocked_on=(account.id, *ids),
        account="Another Account", winner=account.name,
    )  # fmt: skip
    return Question(refusal, (first, *rivals), evidence)


def _one(snapshot: Snapshot, customer_id: str) -> Customer | None:
    found = snapshot.found.get(Ref("customer_id", customer_id), ())
    return next((f for f in found if isinstance(f, Customer)), None)


def _has(objects: Sequence[Fact], deal: Deal) -> bool:
    return any(f.metadata.get(DEAL) == deal.key for f in objects)
