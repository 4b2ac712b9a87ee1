"""The real store, and both vendors as small things that answer what they were given and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from sync import mapping
from sync.crm import CrmAccount, CrmRow
from sync.deal.policy import BillingPolicy
from sync.errors import Terminal
from sync.facts import Customer, Fact, PendingItem, Schedule, Subscription
from sync.ports import ChangePage, EventPage, Mark, RowResult, Snapshot
from sync.records import Ref
from sync.run.dealing import Dealing
from sync.run.identity import Identity
from sync.run.mirror import Mirror
from sync.run.opportunities import Opportunities
from sync.run.promise import PromiseCheck
from sync.run.rows import Rows
from sync.store.cohorts import StoredCohorts
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine
from sync.store.facts import StoredFacts
from sync.store.identities import StoredIdentities
from sync.store.links import StoredLinks
from sync.store.outbox import StoredOutbox
from sync.store.promises import StoredPromises
from sync.store.subjects import StoredSubjects

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Moment:
    """Business time that a test moves."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class FakeStripe:
    """A Stripe account that is what ``facts`` holds. ``failing`` says what a reading of certain refs ends with; ``meanwhile`` happens during each."""

    facts: dict[str, Fact] = field(default_factory=dict)
    asked: list[Ref] = field(default_factory=list)
    hints: dict[Ref, int] = field(default_factory=dict)
    failing: dict[str, Exception] = field(default_factory=dict)
    pages: list[EventPage] = field(default_factory=list)
    cursors: list[Any] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    account: str = "acct_1"
    livemode: bool = False

    def has(self, *facts: Fact) -> None:
        self.facts.update({fact.id: fact for fact in facts})

    def read(self, refs: Iterable[Ref], hints: Mapping[Ref, int] | None = None) -> Snapshot:
        wanted = list(refs)
        self.asked += wanted
        self.hints |= hints or {}
        self.meanwhile()
        for ref in wanted:
            if ref.key in self.failing:
                raise self.failing[ref.key]
        return Snapshot({ref: tuple(self._of(ref)) for ref in wanted})

    def _of(self, ref: Ref) -> Iterator[Fact]:
        match ref.kind:
            case "customers_by_email":  # as Stripe has it: exact, or in lower case
                spellings = {ref.key, ref.key.lower()}
                yield from (f for f in self.facts.values() if isinstance(f, Customer) and f.email in spellings)
            case "pending_items_of":
                yield from (f for f in self.facts.values() if isinstance(f, PendingItem) and f.customer == ref.key)
            case "charges_of" | "invoice_of":
                yield from (f for f in self.facts.values() if ref.key in _intents(f, ref.kind))
            case _:
                if ref.key in self.facts:
                    yield self.facts[ref.key]

    def events(self, cursor: Mapping[str, object] | None, *, undelivered_only: bool = False) -> EventPage:
        self.cursors.append((cursor, undelivered_only))
        return self.pages.pop(0)

    def events_head(self) -> Mapping[str, object]:
        return {"id": "evt_head"}


def _intents(fact: Fact, kind: str) -> set[str | None]:
    if kind == "charges_of":
        return {getattr(fact, "payment_intent", None)} - {None}
    return {p.payment_intent for p in getattr(fact, "payments", ())}


@dataclass
class FakeSalesforce:
    """An org with these Accounts."""

    organization_id: str = "00D000000000001AAA"
    there: dict[str, CrmAccount] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    made: list[Mapping[str, object]] = field(default_factory=list)
    contacts: list[Mapping[str, object]] = field(default_factory=list)
    pages: list[ChangePage] = field(default_factory=list)
    cursors: list[Any] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    dies: bool = False
    refuses: str = ""

    def has(self, *accounts: CrmAccount) -> None:
        self.there.update({a.id: a for a in accounts})

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]:
        self.calls.append("accounts")
        return {i: self.there[i] for i in ids if i in self.there}

    def find_accounts(
        self, *, stripe_customer_ids: Sequence[str] = (), emails: Sequence[str] = ()
    ) -> Sequence[CrmAccount]:
        self.calls.append("find_accounts")
        self.meanwhile()
        return [
            a
            for a in self.there.values()
            if a.stripe_customer_id in stripe_customer_ids
            or (a.billing_email or "").lower() in {e.lower() for e in emails}
        ]

    def create_account(self, fields: Mapping[str, Any], contact: Mapping[str, Any] | None = None) -> str:
        if fields["Name"] == self.refuses:
            raise Terminal("DATA-220", f"A rule stopped {self.refuses}.")
        self.made.append(fields)
        self.contacts += [contact] if contact else []
        id_ = f"001MADE{len(self.made)}"
        made = CrmAccount(
            id=id_,
            name=fields["Name"],
            billing_email=fields["Billing_Email__c"],
            stripe_customer_id=fields["Stripe_Customer_Id__c"],
        )
        self.has(made)
        if self.dies:
            self.dies = False
            raise KeyboardInterrupt
        return id_

    def create_accounts(self, new: Sequence[Any]) -> Sequence[str | None]:
        self.calls.append("create_accounts")
        return [
            None if fields["Name"] == self.refuses else self.create_account(fields, contact) for fields, contact in new
        ]

    def changes(self, heat: str, cursor: Mapping[str, object] | None) -> ChangePage:
        self.cursors.append((heat, cursor))
        return self.pages.pop(0)


@dataclass
class Place:
    """A store, both vendors, and the runs that are wired to them."""

    engine: Engine
    clock: Moment
    stripe: FakeStripe
    salesforce: FakeSalesforce
    subjects: StoredSubjects
    links: StoredLinks
    facts: StoredFacts
    identities: StoredIdentities
    outbox: StoredOutbox
    cursors: StoredCursors

    def mirror(self, **more: Any) -> Mirror:
        """A mirror run as another process would have it."""
        stripe: Any = self.stripe
        parts: dict[str, Any] = {
            "stripe": stripe, "facts": self.facts, "links": self.links, "subjects": self.subjects, "outbox": self.outbox,
            "rows": Rows(mapping.load(None)), "clock": self.clock, "zone_of": lambda ids: dict.fromkeys(ids, "UTC"),
        }  # fmt: skip
        dealing = Dealing(
            salesforce=self.salesforce,  # type: ignore[arg-type]
            promises=StoredPromises(self.engine, now=self.clock.now),
            policy=BillingPolicy(),
            cohorts=StoredCohorts(self.engine),
        )
        check = PromiseCheck(dealing=dealing, facts=self.facts, outbox=self.outbox, rows=parts["rows"])
        opportunities = Opportunities(dealing.promises, self.outbox, parts["rows"])
        others = {"promise": check, "identities": self.identities, "opportunities": opportunities}
        return Mirror(**{**parts, **others, **more})

    def identity(self, mode: Any = "match") -> Identity:
        vendors: Any = {"stripe": self.stripe, "salesforce": self.salesforce}
        merges: Any = None  # tried end to end
        return Identity(
            **vendors,
            merges=merges,
            links=self.links,
            facts=self.facts,
            subjects=self.subjects,
            identities=self.identities,
            mode=mode,
            clock=self.clock,
        )

    def mark(self, *keys: str, lane: Any = "mirror", unit: str = "") -> None:
        self.subjects.mark([Mark(key, lane, unit) for key in keys], reason="test")

    def rows(self, sobject: str) -> dict[str, Mapping[str, Any]]:
        """What waits to be written to these records, by key, with the parents under their relationship."""
        return {row.key: {**row.fields, **row.parents} for row in self._waiting() if row.sobject == sobject}

    def written(self) -> None:
        """All that waits stands in the CRM."""
        while (flush := self.outbox.claim_flush()) is not None:
            well = {out.id: RowResult(ok=True, salesforce_id=f"a{out.id}") for out in flush.rows}
            self.outbox.finish_flush(flush, well, request_id=None)

    def _waiting(self) -> list[CrmRow]:
        flush = self.outbox.claim_flush()
        if flush is None:
            return []
        self.outbox.abandon_flush(flush, code="TEMP-406", message="only looked", after_s=0.0, unknown=False)
        return [out.row for out in flush.rows]

    def due(self) -> dict[str, str]:
        """Every subject that has something to do, with its lane."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT key, lane FROM subjects WHERE revision > done_revision ORDER BY key")
            )
            return {row.key: row.lane for row in rows}

    def taken_over(self) -> None:
        """Every lease has run out, and somebody else holds what was held."""
        with self.engine.begin() as connection:
            for table in ("units", "subjects"):
                connection.execute(text(f"UPDATE {table} SET lease_token = -1 WHERE lease_token IS NOT NULL"))

    def leases_end(self) -> None:
        """Every lease has run out; nobody has taken anything yet."""
        with self.engine.begin() as connection:
            for table in ("units", "subjects"):
                connection.execute(
                    text(
                        f"UPDATE {table} SET lease_until_machine_at = now() - interval '1 s' WHERE lease_token IS NOT NULL"
                    )
                )

    def code(self, key: str) -> str | None:
        state = self.subjects.state(key)
        return state.error_code if state else None


@pytest.fixture
def place(database: str) -> Iterator[Place]:
    engine, clock = make_engine(database, name="test", pool_size=10), Moment()
    yield Place(
        engine=engine,
        clock=clock,
        stripe=FakeStripe(),
        salesforce=FakeSalesforce(),
        subjects=StoredSubjects(engine, now=clock.now, backoff_cap_s=0.2),
        links=StoredLinks(engine, stripe_account="acct_1"),
        facts=StoredFacts(engine, stripe_account="acct_1"),
        identities=StoredIdentities(engine, stripe_account="acct_1", now=clock.now),
        outbox=StoredOutbox(engine, flush_every_s=0, backoff_cap_s=0.0),
        cursors=StoredCursors(engine),
    )
    engine.dispose()


def customer(id_: str = "cus_1", **more: Any) -> Customer:
    return Customer(**{"id": id_, "email": "ap@birch.example", "name": "Birch", "currency": "usd", **more})


def of_deal(fact: Subscription | Schedule, quote: str = "0Q0A", account: str = "001A") -> Any:
    """The same object as one of ours."""
    ids = {"tandem_key": quote, "tandem_deal": quote, "salesforce_quote_id": quote, "salesforce_account_id": account}
    return fact.model_copy(update={"metadata": ids})


def at(account: CrmAccount, **changes: Any) -> CrmAccount:
    return replace(account, **changes)
