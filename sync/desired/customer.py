"""Who the customer is (BILLING_RULES 5): one Account is one payer is one Stripe customer, found before it is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sync import catalogue
from sync.crm import CrmAccount
from sync.deal.deal import Deal, Payer
from sync.desired.keys import ACCOUNT, DEAL, KEY
from sync.errors import Refusal
from sync.facts import Customer, Fact, Schedule, Subscription
from sync.records import Desired, Ref, Value

#: The answer to DATA-213 that says: none of them, make a new one.
NEW = "New"
#: Mail providers: an address there says nothing about a company's web domain.
_SHARED_DOMAINS = frozenset(
    {"aol.com", "gmail.com", "gmx.com", "gmx.de", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "mail.com"}
    | {"me.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "web.de", "yahoo.com", "yandex.com"}
)
_LEGAL_FORMS = frozenset(
    {"ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "kg", "limited", "llc", "ltd", "nv", "plc"}
    | {"pty", "sa", "sarl", "sas", "sl", "srl"}
)
#: Statuses of a subscription that bills, or may bill again.
LIVE = frozenset({"active", "trialing", "past_due", "unpaid", "incomplete", "paused"})


@dataclass(frozen=True)
class Looked:
    """What was found when we looked. A look-up that failed never gets here: it is an error, not "there is none".

    ``held`` is the customer that our own link names; ``by_id`` the customers read by id (None: not in this Stripe
    account); ``holders`` the Account that our links give each customer; ``same_id`` other Accounts with the same
    Stripe id written on them.
    """

    held: str | None = None
    by_id: Mapping[str, Customer | None] = field(default_factory=dict)
    by_email: tuple[Customer, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    same_id: tuple[str, ...] = ()


@dataclass(frozen=True)
class Linked:
    """The payer is this customer; ``evidence`` says why, for the preview."""

    customer: Customer
    evidence: str


@dataclass(frozen=True)
class Create:
    """There is no candidate: a customer is made."""


@dataclass(frozen=True)
class Question:
    """People decide (DATA-213); nothing is linked and nothing is made."""

    refusal: Refusal


Match = Linked | Create | Question


def match_customer(
    account: CrmAccount, email: str, looked: Looked, *, quote_id: str, choice: str | None = None
) -> Match:
    """The payer's customer, by the ladder: our link, the id on the Account, our id in Stripe's metadata, the e-mail.

    ``choice`` is `Customer_Choice__c`, a person's answer to an earlier question; a link of ours stands above it.
    """
    asker = _Asker(account, looked, quote_id)
    if looked.held:
        return _by_id(looked.held, "our own link", asker)
    if choice == NEW:
        return asker.ours() or Create()
    if choice:
        return _by_id(choice.strip(), "the answer on the quote (Customer_Choice__c)", asker)
    if account.stripe_customer_id:
        if looked.same_id:
            return asker.ask(
                f"the Stripe id {account.stripe_customer_id} stands on other Accounts too: {', '.join(looked.same_id)}"
            )
        return _by_id(account.stripe_customer_id.strip(), "the Stripe id on the Account", asker)
    return _by_email(account, email, looked, asker)


def _by_id(customer_id: str, evidence: str, asker: _Asker) -> Match:
    customer = asker.looked.by_id.get(customer_id)
    if customer is None or customer.deleted:
        seen = "was deleted in Stripe" if customer else "is not in this Stripe account"
        return asker.ask(f"customer {customer_id}, known by {evidence}, {seen}")
    if holder := asker.other_holder(customer):
        return asker.ask(f"customer {customer_id}, known by {evidence}, belongs to Account {holder}")
    return Linked(customer, evidence)


def _by_email(account: CrmAccount, email: str, looked: Looked, asker: _Asker) -> Match:
    candidates = [customer for customer in looked.by_email if not customer.deleted]
    if ours := asker.ours():
        return ours
    if not candidates:
        return Create()
    if len(candidates) > 1:
        return asker.ask(f"{len(candidates)} customers have the billing e-mail")
    only = candidates[0]
    if holder := asker.other_holder(only):
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

    def other_holder(self, customer: Customer) -> str | None:
        """The other Account that this customer belongs to, by our links or by its metadata."""
        holders = (self.looked.holders.get(customer.id), customer.metadata.get(ACCOUNT))
        return next((holder for holder in holders if holder and holder != self.account.id), None)

    def ours(self) -> Linked | Question | None:
        """The customer that carries this Account's id, as one does that we made and have no link for yet."""
        found = [c for c in self.looked.by_email if not c.deleted and c.metadata.get(ACCOUNT) == self.account.id]
        if len(found) > 1:
            return self.ask(f"{len(found)} customers carry the Account's id")
        if found and not self.other_holder(found[0]):
            return Linked(found[0], "our id in its metadata")
        return None

    def ask(self, evidence: str) -> Question:
        """The question, saying what was found and how to answer it."""
        ids = dict.fromkeys((*self.looked.by_id, *(customer.id for customer in self.looked.by_email)))
        detail = (
            f"Account {self.account.name}: {evidence}. Candidates: {', '.join(ids) or 'none that is left'}. "
            "Answer on the quote, Customer_Choice__c: the customer's id, or New."
        )
        return Question(
            catalogue.refusal(
                "DATA-213",
                detail,
                record_id=self.quote_id,
                field="Customer_Choice__c",
                blocked_on=(self.account.id,),
                count=str(len(ids)),
                account=self.account.name,
            )
        )


def having_email(facts: Iterable[Fact], email: str) -> tuple[Customer, ...]:
    """The customers among these that have this e-mail now, whatever its case; each once."""
    customers = {f.id: f for f in facts if isinstance(f, Customer) and not f.deleted}
    return tuple(c for c in customers.values() if (c.email or "").casefold() == email.casefold())


def confirmation(account: CrmAccount, customer: Customer, email: str) -> str | None:
    """What says that a customer with the same billing e-mail is this company; None where nothing does."""
    domain = email.rpartition("@")[2].casefold()
    site = _host(account.website or "")
    if site and domain not in _SHARED_DOMAINS and (domain == site or domain.endswith(f".{site}")):
        return f"the web domain {site}"
    name = _company(account.name)
    return f'the company name "{account.name}"' if name and name == _company(customer.name or "") else None


def _host(website: str) -> str:
    try:
        host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    except ValueError:
        return ""  # no web address, so no evidence
    return host.casefold().removeprefix("www.").rstrip(".")


def is_company(name: str) -> bool:
    """Whether a name says by its legal form that it is a company's."""
    return any(word in _LEGAL_FORMS for word in _words(name))


def _company(name: str) -> str:
    return " ".join(word for word in _words(name) if word not in _LEGAL_FORMS)


def _words(name: str) -> list[str]:
    return re.findall(r"\w+", re.sub(r"[.'’]", "", name.casefold()))


# ------------------------------------------------------------------ the customer object


def desire_customer(payer: Payer, matched: Customer | None) -> Desired:
    """The payer as a Stripe customer. One that is adopted only gets what is missing or has changed in the CRM."""
    ref = Ref("customer", payer.account_id)
    metadata = {KEY: payer.account_id, ACCOUNT: payer.account_id}
    create: dict[str, Value] = {"name": payer.name, "email": payer.email, "metadata": metadata}
    if payer.address:
        create["address"] = dict(payer.address)
    compare: dict[str, Value] = {"name": payer.name, "metadata": metadata}
    if matched is None or (matched.email or "").casefold() != payer.email.casefold():
        compare["email"] = payer.email
    update = {part: {part: value} for part, value in compare.items()}
    return Desired(ref, create=create, compare=compare, update=update)


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
