"""Both sides and our own memory held against each other, some Accounts at a time (DESIGN 1, reconcile)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sync.clock import Clock
from sync.crm import CrmRow
from sync.deal.calendar import business_day
from sync.deal.policy import BillingPolicy
from sync.desired.compared_deals import deals_unlike
from sync.desired.compared_fields import archived_prices
from sync.desired.compared_loose import account_gone
from sync.desired.compared_rows import Found, RowsView, rows_unlike
from sync.desired.compared_view import DealsView, QuoteState
from sync.desired.differences import Difference, Kind
from sync.desired.keys import ACCOUNT, DEAL, KEY
from sync.desired.mirror import Shown
from sync.desired.references import live_refs
from sync.facts import (
    BalanceTransaction,
    CreditNote,
    Customer,
    Dispute,
    Fact,
    Invoice,
    Refund,
    Schedule,
    Subscription,
    of_type,
)
from sync.ports import ROW_KINDS, Facts, FoundRow, Links, NewLink, Outbox, Promises, StripeGateway
from sync.ports.comparing import Comparing, Decisions
from sync.ports.listing import StripeLists
from sync.ports.queue import SubjectState
from sync.ports.standing import SalesforceStanding, Standing
from sync.records import Ref
from sync.run.compared_catalogue import ComparedCatalogue
from sync.run.dealing import Dealing
from sync.run.following import payer_of
from sync.run.intake import unit_of
from sync.run.known import Known
from sync.run.mirror import Mirror
from sync.run.ours import Ours, deal_keys, held_quotes, remembering
from sync.run.rows import Rows
from sync.run.unshown import not_shown, shown_of

#: Objects of which every row of an Account is read, so that one that is not there is missing.
STANDING = frozenset({"Account", *ROW_KINDS})
#: Records of reps on which something of ours stands: only those that are there are compared.
TOLD = frozenset({"Quote", "QuoteLineItem", "Opportunity"})


class StripeSide(StripeGateway, StripeLists, Protocol):
    """Stripe, to read one by one and by list. ``calls`` counts the requests of this process."""

    @property
    def calls(self) -> int: ...


class SalesforceSide(SalesforceStanding, Protocol):
    """Salesforce, Account by Account. ``calls`` counts the requests of this process."""

    @property
    def calls(self) -> int: ...


@dataclass(frozen=True)
class Compared:
    """What a comparison of some Accounts found. ``busy`` are Accounts that something is being done for just now: they
    were left out. ``rows`` are the CRM's rows as they should stand, by object and key, under the ``fence`` that was
    taken before the first reading.
    """

    differences: tuple[Difference, ...]
    accounts: tuple[str, ...]
    busy: tuple[str, ...]
    fence: int
    rows: Mapping[tuple[str, str], CrmRow] = field(default_factory=dict)


@dataclass(frozen=True)
class Reconcile:
    """The comparison with everything it needs of the outside."""

    stripe: StripeSide
    salesforce: SalesforceSide
    facts: Facts
    links: Links
    promises: Promises
    outbox: Outbox
    comparing: Comparing
    decisions: Decisions
    dealing: Dealing
    mirror: Mirror
    rows: Rows
    clock: Clock
    policy: BillingPolicy
    zone_of: Callable[[Iterable[str]], Mapping[str, str]]
    #: Where there are several Stripe accounts, what stands in the CRM without that of the others.
    mine: Callable[[Mapping[str, Standing]], Mapping[str, Standing]] = dict
    catalogue: ComparedCatalogue | None = None

    def refresh(self, account_ids: Sequence[str]) -> None:
        """What Stripe has for these Accounts is read now and stored: for a few, in place of the whole lists."""
        fence = self.facts.fence()
        customers = self._customers(self.salesforce.standing(account_ids), {})
        everyone = [customer for ids in customers.values() for customer in ids]
        refs = [
            ref
            for c in everyone
            for ref in (
                Ref("customer_id", c),
                *live_refs(c),
                Ref("invoices_of_customer", c),
                Ref("credit_notes_of", c),
            )
        ]
        self.facts.put(self.stripe.read(refs).all() if refs else (), fence)

    def compare(self, account_ids: Sequence[str], claimed: Mapping[str, Sequence[str]] | None = None) -> Compared:
        """Every difference of these Accounts, from the CRM as it stands and Stripe as it was read last.

        ``claimed`` are customers that name an Account though no link of ours does, by Account.
        """
        fence = self.facts.fence()
        standing = self.mine(self.salesforce.standing(account_ids))
        customers = self._customers(standing, claimed or {})
        gone = [a for a in account_ids if a not in standing]
        known = Known(self.facts, self.stripe, self.clock.now(), {**customers, **self._linked(gone)})
        # Looked at last: what was written meanwhile is under way, and then the Account is left for later.
        busy = self._busy(customers, known)
        looked = [a for a in standing if a not in busy]
        everything, why = shown_of(self.mirror, {a: customers[a] for a in looked if customers[a]})
        expected = self._expected(everything, standing)
        looked = [a for a in looked if a not in why]
        ours = self._ours({a: standing[a] for a in looked}, {a: customers[a] for a in looked}, known)
        found = [not_shown(account_id, words) for account_id, words in why.items()]
        under_way = self.comparing.under_way(looked)
        for account_id in looked:
            found += self._deals_unlike(standing[account_id], customers[account_id], known, ours)
            rows = [_found(row) for row in standing[account_id].rows]
            quotes = frozenset(quote.id for quote in standing[account_id].quotes)
            view = RowsView(account_id, expected.get(account_id, ()), rows, under_way, quotes=quotes)
            found += self._rows_unlike(view)
            found += archived_prices(account_id, known.typed(customers[account_id], Subscription), known.prices)
        found += self.catalogue.accounts({a: customers[a] for a in looked}) if self.catalogue else ()
        found += [one for account_id in gone for one in account_gone(self._gone_view(account_id, known))]
        by_name = {(row.sobject, row.key): row for some in expected.values() for row in some}
        return Compared(self._decided(found), tuple(account_ids), tuple(sorted(busy)), fence, by_name)

    def _gone_view(self, account_id: str, known: Known) -> DealsView:
        """What Stripe has for an Account that the CRM has no more."""
        mine = known.of_account(account_id)
        return DealsView(
            account_id=account_id,
            zone=self.policy.billing_timezone,
            now=self.clock.now(),
            policy=self.policy,
            subscriptions=of_type(mine, Subscription),
            schedules=of_type(mine, Schedule),
            prices=known.prices,
            coupons=known.coupons,
        )

    def products(self, ids: Iterable[str]) -> Compared:
        """Every difference of these products, as Stripe was read last."""
        fence = self.facts.fence()
        found, rows = self.catalogue.products(ids) if self.catalogue else ([], {})
        return Compared(self._decided(found), (), (), fence, rows)

    def _rows_unlike(self, view: RowsView) -> list[Difference]:
        """What differs in the CRM, with what we wrote there last beside it where anything does."""
        unlike = {tuple(d.record.split(" ", 1)) for d in rows_unlike(view) if d.field}
        if not unlike:
            return rows_unlike(view)
        by_object: dict[str, list[str]] = defaultdict(list)
        for sobject, key in unlike:
            by_object[sobject].append(key)
        told = {
            (sobject, row.key): row.fields
            for sobject, keys in by_object.items()
            for row in self.comparing.acknowledged(sobject, keys, standing=True)
        }
        return rows_unlike(replace(view, told=told))

    # ------------------------------------------------------------ whose it is

    def _customers(
        self, standing: Mapping[str, Standing], claimed: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[str, ...]]:
        """The customers of each Account: those that are linked; else those that name it, or that it names, and on which
        something runs for it. One that is only named has no business with it yet: a deal will look.
        """
        linked = self._linked(standing)
        named = {a: list(claimed.get(a, ())) for a in standing if not linked.get(a)}
        for a, one in ((a, standing[a]) for a in named):
            ids = (row.fields.get("Stripe_Customer_Id__c") for row in one.rows if row.sobject == "Account")
            named[a] += [str(id_) for id_ in ids if id_]
        sold = self._sold([c for ids in named.values() for c in ids])
        found = {a: tuple(dict.fromkeys(c for c in ids if (a, c) in sold)) for a, ids in named.items()}
        return {a: linked.get(a) or found[a] for a in standing}

    def _sold(self, customers: Sequence[str]) -> set[tuple[str, str]]:
        """Account and customer of every object of a deal on these customers, of those that nobody is linked to."""
        free = set(customers) - set(self.links.by_stripe_id(customers)) if customers else set()
        objects = (
            [f for kind in ("subscription", "schedule") for f in self.facts.of_customers(kind, free)] if free else []
        )
        return {
            (f.metadata[ACCOUNT], getattr(f, "customer", ""))
            for f in objects
            if DEAL in f.metadata and ACCOUNT in f.metadata
        }

    def _linked(self, account_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        for link in self.links.by_salesforce_id(account_ids, "customer"):
            found[link.salesforce_id].append(link.stripe_id)
        return {account_id: tuple(ids) for account_id, ids in found.items()}

    def _busy(self, customers: Mapping[str, Sequence[str]], known: Known) -> set[str]:
        """Accounts that something is due or running for."""
        units = {unit_of(a): a for a in customers}
        units |= {unit_of(c): a for a, ids in customers.items() for c in ids}
        objects = {f.id: a for a, ids in customers.items() for c in ids for f in known.of(c)}
        named = self.comparing.busy(units, [*objects, *customers])
        return {{**units, **objects, **{a: a for a in customers}}[one] for one in named}

    # ------------------------------------------------------------ what should be there

    def _expected(self, everything: Mapping[str, Shown], standing: Mapping[str, Standing]) -> dict[str, list[CrmRow]]:
        """The rows of each Account: those that show Stripe, and what its quotes were told last."""
        found: dict[str, list[CrmRow]] = defaultdict(list)
        for account_id, shown in everything.items():
            found[account_id] += [row for row in self.rows.of_shown(shown) if row.sobject in STANDING]
        there = {(r.sobject, r.key): a for a, one in standing.items() for r in one.rows if r.sobject in TOLD}
        for sobject in ("Quote", "QuoteLineItem"):
            keys = [key for name, key in there if name == sobject]
            for row in self.comparing.acknowledged(sobject, keys) if keys else ():
                found[there[sobject, row.key]].append(row)
        billed = {deal: one for shown in everything.values() for deal, one in shown.billed.items()}
        payers = {deal: account_id for account_id, shown in everything.items() for deal in shown.billed}
        for row in self.mirror.opportunities.of_deals(billed, payers):
            if (row.sobject, row.key) in there:
                found[there[row.sobject, row.key]].append(row)
        return found

    def _ours(self, standing: Mapping[str, Standing], customers: Mapping[str, Sequence[str]], known: Known) -> Ours:
        """What we promised, linked, and have to do for these Accounts, read set-wise."""
        objects = {a: known.objects(ids) for a, ids in customers.items()}
        keys = {key for a, one in standing.items() for key in deal_keys(one, objects[a])}
        promises = self.promises.of_deals(keys)
        quotes = {q.id for one in standing.values() for q in one.quotes}
        quotes |= {p.quote_id for some in promises.values() for p in some}
        wanted = [payer_of(a) for a in standing]
        wanted += [f"{o.KIND}:{own}" for some in objects.values() for o in some if (own := o.metadata.get(KEY))]
        return Ours(
            dealing=remembering(self.dealing, promises),
            promises=promises,
            states=self.comparing.states(f"quote:{quote}" for quote in quotes),
            links=frozenset(self.links.by_key(wanted)),
            held=held_quotes(self.dealing, quotes),
        )

    def _deals_unlike(self, standing: Standing, customers: Sequence[str], known: Known, ours: Ours) -> list[Difference]:
        """What differs of the deals; where a credit seems to be missing, the customers' balances are read first."""
        found = deals_unlike(self._deals_view(standing, customers, known, ours))
        if not any(one.kind is Kind.CREDIT for one in found):
            return found
        known.read_balances(customers)
        return deals_unlike(self._deals_view(standing, customers, known, ours))

    def _deals_view(self, standing: Standing, customers: Sequence[str], known: Known, ours: Ours) -> DealsView:
        subscriptions, schedules = known.typed(customers, Subscription), known.typed(customers, Schedule)
        keys = deal_keys(standing, [*subscriptions, *schedules])
        deals = {key: deal for key in sorted(keys) if (deal := ours.promised(key)) is not None}
        billed = {p.quote_id for key in keys for p in ours.promises.get(key, ())}
        names = {*(q.id for q in standing.quotes), *billed}
        states = {quote: state for quote in names if (state := ours.states.get(f"quote:{quote}"))}
        return DealsView(
            account_id=standing.account_id,
            zone=self.zone_of([standing.account_id])[standing.account_id],
            now=self.clock.now(),
            policy=self.policy,
            quotes=standing.quotes,
            deals=deals,
            billed=frozenset(billed),
            states={
                **{quote: QuoteState(pending=True) for quote in names & ours.held - billed},
                **{quote: _state(state, quote in billed, quote in ours.held) for quote, state in states.items()},
            },
            links=ours.links,
            customers=known.customers(customers),
            subscriptions=subscriptions,
            schedules=schedules,
            invoices=known.typed(customers, Invoice),
            prices=known.prices,
            coupons=known.coupons,
            notes=known.typed(customers, CreditNote),
            balances=known.typed(customers, BalanceTransaction),
            account=standing.account,
            went_back=[*known.typed(customers, Refund), *known.typed(customers, Dispute)],
        )

    def _decided(self, differences: Sequence[Difference]) -> tuple[Difference, ...]:
        """Those that a person lets stand say so."""
        today = business_day(self.clock.now(), self.policy.billing_timezone)
        accepted = self.decisions.accepted({one.subject for one in differences}, today) if differences else {}
        return tuple(
            replace(one, decided=f"{by.actor}{f' until {by.until}' if by.until else ''}: {by.reason}")
            if (by := accepted.get(one.fingerprint))
            else one
            for one in differences
        )


def _state(state: SubjectState, billed: bool, held: bool) -> QuoteState:
    waits = (held or (state.wake_at is not None and not state.error_code)) and not billed
    pending = state.revision != state.done_revision or waits
    return QuoteState(pending, state.error_code, state.sum_minor, state.currency)


def _found(row: FoundRow) -> Found:
    return Found(row.sobject, row.key, row.fields, row.parents)


def link_of(difference: Difference, livemode: bool) -> NewLink:
    """The link that is missing, from what the object's metadata said."""
    kind, _, key = difference.field.partition(":")
    salesforce_id = difference.account_id if kind == "customer" else key.partition("#")[0]
    return NewLink(difference.field, salesforce_id, kind, difference.record, livemode)


def claims(customers: Iterable[Fact]) -> dict[str, list[str]]:
    """Customers by the Account that their metadata names."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in customers:
        if isinstance(one, Customer) and not one.deleted and one.metadata.get(ACCOUNT):
            found[one.metadata[ACCOUNT]].append(one.id)
    return found
