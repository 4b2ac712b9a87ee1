"""Whose is what, worked out for everybody at once from what was listed: customers and their Accounts, and the links of
our own objects, which carry our keys (BILLING_RULES 5). Nothing is written on either side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import structlog

from sync.crm import CrmAccount
from sync.desired.evidence import plain_email
from sync.desired.identity import Ask, Belongs, MakeAccount, Mode, Unknown, match_account
from sync.desired.keys import ACCOUNT, DEAL, KEY, PRODUCT, QUOTE
from sync.errors import Transient
from sync.facts import Customer
from sync.ports import AccountPage, Adoption, Identities, Keyed, Links, Mark, NewLink, SalesforceGateway, Subjects
from sync.run.following import payer_of, winners
from sync.run.identity import named_by_winner
from sync.run.intake import unit_of

log = structlog.get_logger()
T = TypeVar("T")

#: Ids in one question to the store or to Salesforce.
AT_ONCE = 500
#: Links stored in one transaction.
LINKED_AT_ONCE = 200
OVER = frozenset({"canceled", "released", "completed", "incomplete_expired"})

NEVER_BOUGHT = "never bought anything"
NOBODY = "nobody in Salesforce knows them"
LEFT = "left alone (SELF_SERVE_ACCOUNTS=leave)"
QUESTION = "a question for people (DATA-213)"
TO_MAKE = "an Account is made for them by the next run"


class Payers(SalesforceGateway, Protocol):
    """What is asked of Salesforce about Accounts."""

    def list_payers(self, after: str | None = None) -> AccountPage: ...


@dataclass
class Whose:
    """What became of the customers that had no link: ``linked`` are new links, ``skipped`` counts the others by reason."""

    linked: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Adopting:
    """Links what was listed. ``ask`` makes each call to Salesforce, within the budget and patiently."""

    salesforce: Payers
    adoption: Adoption
    links: Links
    subjects: Subjects
    identities: Identities
    mode: Mode
    livemode: bool

    def objects(self) -> int:
        """The products, schedules and subscriptions that carry our keys are linked; returns how many are new."""
        found = [
            NewLink(f"product:{f.metadata.get(KEY, f.id)}", f.metadata[PRODUCT], "product", f.id, self.livemode)
            for f in self.adoption.keyed("product", PRODUCT)
        ]
        for kind in ("schedule", "subscription"):
            by_key: dict[str, list[Keyed]] = {}
            for one in self.adoption.keyed(kind, DEAL):
                by_key.setdefault(one.metadata.get(KEY, ""), []).append(one)
            chosen = [(key, _living(some)) for key, some in by_key.items() if key]
            found += [
                NewLink(f"{kind}:{key}", alive.metadata.get(QUOTE, ""), kind, alive.id, self.livemode)
                for key, alive in chosen
                if alive is not None
            ]
        return sum(self.adoption.link(some) for some in _batches(found, LINKED_AT_ONCE))

    def customers(self, *, ask: Callable[[Callable[[], AccountPage]], AccountPage]) -> Whose:
        """Every customer without a link is linked where something proves whose it is, asked about by the next deal run
        where it is a question or gets an Account of its own, and else counted with the reason.
        """
        candidates = self._candidates(ask)
        done = Whose()
        if candidates is None:
            return done
        taken = self._taken(candidates.by_id)
        apart = {
            (pair.account_id, pair.customer_id)
            for some in _batches(sorted(candidates.by_id), AT_ONCE)
            for pair in self.identities.apart(accounts=some)
        }
        for some in self._unlinked():
            self._some(some, candidates, taken, apart, done)
        return done

    def _unlinked(self) -> Iterator[Sequence[Customer]]:
        """Every living customer without a link, some at a time."""
        after = ""
        while some := self.adoption.unlinked_customers(after, AT_ONCE):
            yield some
            after = some[-1].id

    def _some(
        self,
        customers: Sequence[Customer],
        candidates: Candidates,
        taken: dict[str, str],
        apart: Collection[tuple[str, str]],
        done: Whose,
    ) -> None:
        """What becomes of these customers. ``taken`` are Accounts with the customer that each has, new ones included."""
        business = self.adoption.with_business([c.id for c in customers])
        namesakes = self.adoption.emails([c.email for c in customers if c.email])
        held = self._held([i for some in namesakes.values() for i in some])
        kept = self.identities.apart(customers=[c.id for c in customers])
        apart = {*apart, *((pair.account_id, pair.customer_id) for pair in kept)}
        new: list[NewLink] = []
        for customer in customers:
            if customer.id not in business and not customer.metadata.get(ACCOUNT):
                done.skipped[NEVER_BOUGHT] += 1
                continue
            accounts = candidates.of(customer)
            others = [i for i in namesakes.get((customer.email or "").lower(), ()) if i != customer.id]
            same = tuple(Customer(id=i) for i in others if not all((a.id, i) in apart for a in accounts))
            kept_apart = {a.id for a in accounts if (a.id, customer.id) in apart}
            if self.mode == "leave":
                accounts = [a for a in accounts if a is candidates.by_id.get(customer.metadata.get(ACCOUNT, ""))]
            named = named_by_winner(customer, candidates.by_id)
            match match_account(named, accounts, taken, self.mode, same, kept_apart):
                case Belongs(account_id, _):
                    taken[account_id] = customer.id
                    new.append(NewLink(payer_of(account_id), account_id, "customer", customer.id, customer.livemode))
                case Ask():
                    done.skipped[QUESTION] += 1
                    self._look(customer)
                case MakeAccount() | Unknown() if self.mode != "leave" and any(
                    i in held and (held[i], customer.id) not in apart for i in others
                ):
                    done.skipped[QUESTION] += 1
                    self._look(customer)
                case MakeAccount():
                    done.skipped[TO_MAKE] += 1
                    self._look(customer)
                case _:
                    done.skipped[LEFT if self.mode == "leave" else NOBODY] += 1
        done.linked += sum(self._link(some) for some in _batches(new, LINKED_AT_ONCE))

    def _held(self, customers: Sequence[str]) -> Mapping[str, str]:
        """The Account of each of these customers that has one which is not deleted; one call where any is linked."""
        links = {i: link.salesforce_id for i, link in self.links.by_stripe_id(customers).items()}
        there = {
            named: a for named, a in winners(self.salesforce, sorted(set(links.values()))).items() if not a.is_deleted
        }
        return {customer: account for customer, account in links.items() if account in there}

    def _candidates(self, ask: Callable[[Callable[[], AccountPage]], AccountPage]) -> Candidates | None:
        """The Accounts that may be one of the customers without a link, however many there are in the org; None where
        there is no such customer.
        """
        found = Candidates()
        ids, mails, named = set[str](), set[str](), set[str]()
        for some in self._unlinked():
            ids.update(c.id for c in some)
            mails.update(plain_email(c.email) for c in some if c.email)
            named.update(c.metadata[ACCOUNT] for c in some if c.metadata.get(ACCOUNT))
        if not ids:
            return None
        after: str | None = None
        while True:
            page = ask(lambda after=after: self.salesforce.list_payers(after))  # type: ignore[misc]
            for account in page.accounts:
                if account.id in named or account.stripe_customer_id in ids or _mails(account) & mails:
                    written = account.stripe_customer_id
                    elsewhere = written and written not in ids and self.links.elsewhere(written)
                    found.add(replace(account, stripe_customer_id=None) if elsewhere else account)
            after = page.after
            if after is None:
                break
        for ids_ in _batches(sorted(named - set(found.by_id)), AT_ONCE):
            for named_id, account in winners(self.salesforce, ids_).items():
                found.add(account, named_id)
        return found

    def _taken(self, accounts: Iterable[str]) -> dict[str, str]:
        return {
            link.salesforce_id: link.stripe_id
            for some in _batches(sorted(accounts), AT_ONCE)
            for link in self.links.by_key([payer_of(a) for a in some]).values()
        }

    def _look(self, customer: Customer) -> None:
        self.subjects.mark([Mark(f"customer:{customer.id}", "deal", unit_of(customer.id))], reason="backfill")

    def _link(self, new: Sequence[NewLink]) -> int:
        """Each customer and its Account are one unit, then one link; those that somebody works on are left to a run."""
        free = []
        for link in new:
            try:
                self.subjects.merge_units(unit_of(link.salesforce_id), unit_of(link.stripe_id))
            except Transient:
                self._look(Customer(id=link.stripe_id))
            else:
                free.append(link)
        return self.adoption.link(free)


class Candidates:
    """Accounts by what proves whose they are."""

    def __init__(self) -> None:
        self.by_id: dict[str, CrmAccount] = {}
        self._by_customer: dict[str, list[str]] = {}
        self._by_mail: dict[str, list[str]] = {}

    def add(self, account: CrmAccount, named_id: str = "") -> None:
        """One Account more; ``named_id`` is the id of one that was merged into it."""
        if named_id:
            self.by_id.setdefault(named_id, account)
        if account.id in self.by_id and account.id != named_id:
            return
        self.by_id[account.id] = account
        if account.stripe_customer_id:
            self._by_customer.setdefault(account.stripe_customer_id, []).append(account.id)
        for mail in _mails(account):
            self._by_mail.setdefault(mail, []).append(account.id)

    def of(self, customer: Customer) -> list[CrmAccount]:
        """The Accounts named by its metadata, or carrying its id or its e-mail, by id."""
        ids = {customer.metadata.get(ACCOUNT, ""), *self._by_customer.get(customer.id, ())}
        ids |= {*self._by_mail.get(plain_email(customer.email or ""), ())}
        found = {self.by_id[i].id: self.by_id[i] for i in sorted(ids) if i in self.by_id}
        return list(found.values())


def _mails(account: CrmAccount) -> set[str]:
    return {plain_email(mail) for mail in (account.billing_email, account.person_email) if mail}


def _living(some: Sequence[Keyed]) -> Keyed | None:
    """Of objects with one key the one that is not over; of several none: the deal's run knows which it is."""
    living = [one for one in some if one.status not in OVER] or list(some)
    return living[0] if len(living) == 1 or living[0].kind == "schedule" else None


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[i : i + size] for i in range(0, len(values), size))
