"""Who the customer is (BILLING_RULES 5): one Account is one payer is one Stripe customer, found before it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync import catalogue
from sync.crm import CrmAccount, Sent
from sync.deal.deal import Deal, Payer
from sync.desired.evidence import confirmation, same_email
from sync.desired.keys import ACCOUNT, DEAL, KEY, emptied, labels
from sync.desired.taxed_customer import tax_parts
from sync.ends import end_of
from sync.errors import Refusal
from sync.facts import Customer, Fact, Schedule, Subscription
from sync.records import Desired, Ref, Value

#: The answer to DATA-213 that says: none of them, make a new one.
NEW = "New"
#: Statuses of a subscription that bills, or may bill again.
LIVE = frozenset({"active", "trialing", "past_due", "unpaid", "incomplete", "paused"})


@dataclass(frozen=True)
class Looked:
    """What was found when we looked. A look-up that failed never gets here: it is an error, not "there is none".

    ``held`` is the customer that our own link names; ``by_id`` the customers read by id (None: not in this Stripe
    account); ``holders`` the Account that our links give each customer; ``same_id`` other Accounts with the same
    Stripe id written on them, ``written_on`` by customer another Account that has its id written on it. ``apart`` are
    customers that people keep apart from this Account; ``followed`` Accounts that were merged into it, and ``gone``
    those that are in Salesforce no longer.
    """

    held: str | None = None
    by_id: Mapping[str, Customer | None] = field(default_factory=dict)
    by_email: tuple[Customer, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    same_id: tuple[str, ...] = ()
    written_on: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    followed: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    @property
    def seen(self) -> tuple[Customer, ...]:
        """Every customer that was found and is there, each once."""
        found = {c.id: c for c in (*self.by_id.values(), *self.by_email) if c is not None and not c.deleted}
        return tuple(found[id_] for id_ in sorted(found))


@dataclass(frozen=True)
class Linked:
    """The payer is this customer; ``evidence`` says why, for the preview. ``others`` a person turned down."""

    customer: Customer
    evidence: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Create:
    """There is no candidate, or a person turned them all (``others``) down: a customer is made."""

    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """People decide (DATA-213); nothing is linked and nothing is made. ``candidates`` are those that are there."""

    refusal: Refusal
    candidates: tuple[Customer, ...] = ()
    evidence: str = ""


Match = Linked | Create | Question


def match_customer(
    account: CrmAccount, email: str, looked: Looked, *, quote_id: str, choice: str | None = None
) -> Match:
    """The payer's customer, by the ladder: our link, the id on the Account, our id in Stripe's metadata, the e-mail.

    ``choice`` is `Customer_Choice__c`, a person's answer to an earlier question; a link of ours stands above it. A
    customer that was deleted in Stripe is nobody, on whatever rung it stood.
    """
    asker = _Asker(account, looked, quote_id)
    choice, written = said(choice), (account.stripe_customer_id or "").strip()
    if looked.held and not asker.is_deleted(looked.held):
        return _by_id(looked.held, "our own link", asker)
    if choice == NEW:
        return asker.ours() or Create(others=asker.open_ids())
    if choice:
        return asker.chosen(choice)
    if written and written not in looked.apart and not asker.is_deleted(written):
        if looked.same_id:
            return asker.ask(f"the Stripe id {written} stands on other Accounts too: {', '.join(looked.same_id)}")
        return _by_id(written, "the Stripe id on the Account", asker)
    return asker.ours() or _by_email(account, email, looked, asker)


def said(choice: str | None) -> str:
    """A person's answer as it is meant: a customer's id, `NEW` in whatever case it was written, "" for none."""
    answer = (choice or "").strip()
    return NEW if answer.casefold() == NEW.casefold() else answer


def _by_id(customer_id: str, evidence: str, asker: _Asker) -> Match:
    customer = asker.looked.by_id.get(customer_id)
    if customer is None or customer.deleted:
        seen = "was deleted in Stripe" if customer else "is not in this Stripe account"
        return asker.ask(f"customer {customer_id}, known by {evidence}, {seen}")
    if holder := asker.other_holder(customer):
        return asker.ask(f"customer {customer_id}, known by {evidence}, belongs to Account {holder}")
    return Linked(customer, evidence)


def _by_email(account: CrmAccount, email: str, looked: Looked, asker: _Asker) -> Match:
    candidates = [c for c in looked.by_email if not c.deleted and c.id not in looked.apart]
    if not candidates:
        return Create()
    if len(candidates) > 1:
        return asker.ask(f"{len(candidates)} customers have the billing e-mail")
    only = candidates[0]
    if holder := asker.other_holder(only) or looked.written_on.get(only.id):
        return asker.ask(f"customer {only.id} has the billing e-mail and belongs to Account {holder}")
    confirmed = confirmation(account, only, email)
    if confirmed is None:
        return asker.ask(
            f"customer {only.id} has the billing e-mail, but neither web domain nor company name confirm it"
        )
    return Linked(only, f"the billing e-mail, confirmed by {confirmed}")


@dataclass(frozen=True)
class _Asker:
    """Knows who asks about whom, and words the question with its evidence."""

    account: CrmAccount
    looked: Looked
    quote_id: str

    def is_deleted(self, customer_id: str) -> bool:
        """Whether Stripe says that it had this customer."""
        found = self.looked.by_id.get(customer_id)
        return found is not None and found.deleted

    def other_holder(self, customer: Customer, *, but: frozenset[str] = frozenset()) -> str | None:
        """The other Account that this customer belongs to, by our links or by its metadata. Who was merged into this
        one is this one.
        """
        mine = {self.account.id, *self.looked.followed, *but}
        holders = (self.looked.holders.get(customer.id), customer.metadata.get(ACCOUNT))
        return next((holder for holder in holders if holder and holder not in mine), None)

    def chosen(self, customer_id: str) -> Match:
        """What a person named; only a customer that nobody else has. One whose Account is gone is free."""
        if customer_id in self.looked.apart:
            return self.ask(f"customer {customer_id}, the answer on the quote, was kept apart from this Account")
        customer = self.looked.by_id.get(customer_id)
        held_by_nobody = customer is not None and self.other_holder(customer, but=self.looked.gone) is None
        if customer is not None and held_by_nobody and (holder := self.looked.written_on.get(customer_id)):
            return self.ask(f"customer {customer_id}, the answer on the quote, belongs to Account {holder}")
        if customer is None or customer.deleted or not held_by_nobody:
            return _by_id(customer_id, "the answer on the quote (Customer_Choice__c)", self)
        others = tuple(i for i in self.open_ids() if i != customer_id)
        return Linked(customer, "the answer on the quote (Customer_Choice__c)", others)

    def ours(self) -> Linked | Question | None:
        """The customer that carries this Account's id, as one does that we made and have no link for yet."""
        mine = {self.account.id, *self.looked.followed}
        found = [c for c in self.looked.seen if c.metadata.get(ACCOUNT) in mine and c.id not in self.looked.apart]
        free = [c for c in found if self.other_holder(c) is None]
        if len(free) > 1:
            return self.ask(f"{len(free)} customers carry the Account's id")
        return Linked(free[0], "our id in its metadata") if free else None

    def open_ids(self) -> tuple[str, ...]:
        """The customers that a question would name and nobody else has."""
        return tuple(c.id for c in self.looked.seen if self.other_holder(c, but=self.looked.gone) is None)

    def holders(self) -> list[str]:
        """The other Accounts that have one of the customers that were found."""
        held = {holder for c in self.looked.seen if (holder := self.other_holder(c)) is not None}
        return sorted(held | set(self.looked.written_on.values()))

    def ask(self, evidence: str) -> Question:
        """The question, saying what was found and how to answer it."""
        named = dict.fromkeys((*self.looked.by_id, *(customer.id for customer in self.looked.by_email)))
        ids = sorted(
            id_ for id_ in named if id_ not in self.looked.apart
        )  # said alike, in whatever order they were found
        detail = (
            f"Account {self.account.name}: {evidence}. Candidates: {', '.join(ids) or 'none that is left'}. "
            "Answer on the quote, Customer_Choice__c: the customer's id, or New."
        )
        refusal = catalogue.refusal(
            "DATA-213",
            detail,
            record_id=self.quote_id,
            field="Customer_Choice__c",
            blocked_on=(self.account.id, *ids, *self.holders()),
            count=f"{len(ids)} billing customer{'' if len(ids) == 1 else 's'}",
            account=self.account.name,
        )
        seen = tuple(c for c in self.looked.seen if c.id not in self.looked.apart)
        return Question(refusal, seen, evidence)


def is_live(objects: Iterable[Fact]) -> bool:
    """Whether anything among these runs, or is planned."""
    return any(
        (isinstance(f, Subscription) and f.status in LIVE) or (isinstance(f, Schedule) and f.status == "not_started")
        for f in objects
        if not f.deleted
    )


def having_email(facts: Iterable[Fact], email: str) -> tuple[Customer, ...]:
    """The customers among these that have this e-mail now, whatever its case; each once."""
    customers = {f.id: f for f in facts if isinstance(f, Customer) and not f.deleted}
    return tuple(c for c in customers.values() if same_email(c.email, email))


# ------------------------------------------------------------------ the customer object


def desire_customer(
    payer: Payer,
    matched: Customer | None,
    *,
    taxed: bool = False,
    more: Mapping[str, str] | None = None,
    method: str | None = None,
) -> Desired:
    """The payer as a Stripe customer. One that is adopted only gets what is missing or has changed in the CRM; a ``taxed``
    one also what its tax rests on. ``more`` is metadata that it carries beside ours; ``method`` is the
    payment method to be charged of one that has none.
    """
    ref = Ref("customer", payer.account_id)
    parts, of_tax = tax_parts(payer, matched) if taxed else ({}, {})
    own, members = labels(payer.sent, "customer"), _members(payer.sent)
    known = {KEY: payer.account_id, ACCOUNT: payer.account_id, **of_tax, **(more or {})}
    metadata: dict[str, Value] = {**known, **own}
    email = payer.email.lower()  # Stripe finds by e-mail in the very case: what we make is found by whoever looks
    create: dict[str, Value] = {"name": payer.name, "email": email, **members, "metadata": _filled(metadata)}
    if payer.address:
        create["address"] = dict(payer.address)
    if "tax_exempt" in parts:
        create["tax_exempt"] = parts["tax_exempt"]
    compare: dict[str, Value] = {"name": payer.name, "metadata": metadata, **parts, **members}
    if matched is None or not same_email(matched.email, email):
        compare["email"] = email
    update: dict[str, Mapping[str, Value]] = {part: {part: value} for part, value in compare.items()}
    if method is not None:
        compare["has_method"], update["has_method"] = True, {"invoice_settings": {"default_payment_method": method}}
    return Desired(ref, create=create, compare=compare, update=update | {"metadata": {"metadata": emptied(metadata)}})


def sent_to_customer(account: CrmAccount) -> Desired:
    """What the mappings send of an Account, on the customer that pays for it, and nothing else. A label that is blank is
    taken away; any other member that is blank is left to Stripe.
    """
    own, members = labels(account.sent, "customer"), _members(account.sent)
    compare: dict[str, Value] = {**members, "metadata": own}
    update: dict[str, Mapping[str, Value]] = {name: {name: value} for name, value in members.items()}
    return Desired(
        Ref("customer", account.id),
        create={},
        compare=compare,
        update={**update, "metadata": {"metadata": emptied(own)}},
    )


def _members(sent: Sent) -> dict[str, Value]:
    ends = ((end_of(place), value) for place, value in sent)
    return {end.path: value for end, value in ends if end.key is None and value not in (None, "")}


def _filled(metadata: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in metadata.items() if value is not None}


def check_customer(
    deal: Deal, subscriptions: Sequence[Subscription], schedules: Sequence[Schedule] = ()
) -> tuple[Refusal, ...]:
    """What about this customer's other business forbids the deal, before any write: another currency (DATA-203). A deal that
    is in Stripe already is not forbidden by what came later.
    """
    if any(s.metadata.get(DEAL) == deal.key for s in (*subscriptions, *schedules)):
        return ()
    live = [s for s in subscriptions if s.status in LIVE and not s.deleted]
    planned = [s for s in schedules if s.status == "not_started" and not s.deleted]
    where = f"Quote {deal.number}"
    standing = [(s.currency.upper(), s.id) for s in live] + [(s.currency.upper(), s.id) for s in planned]
    for currency, id_ in ((currency, id_) for currency, id_ in standing if currency):
        if currency != deal.currency:
            detail = (
                f"{where}: CurrencyIsoCode is {deal.currency}, {id_} in Stripe is in {currency}. "
                "Change the quote, or ask billing for a second billing account."
            )
            slots = {"account": deal.payer.name, "other": currency, "currency": deal.currency}
            return (_refusal("DATA-203", detail, deal, "CurrencyIsoCode", **slots),)
    return ()


def _refusal(code: str, detail: str, deal: Deal, field_name: str, **slots: str) -> Refusal:
    account = (deal.payer.account_id,)
    return catalogue.refusal(code, detail, record_id=deal.quote_id, field=field_name, blocked_on=account, **slots)
