"""Every run and what it stands on, joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import time as clock_time
from datetime import timedelta
from functools import cached_property
from typing import cast

from sync import mapping
from sync.apply import Writer
from sync.config import NEVER
from sync.deal.policy import BillingPolicy
from sync.desired.mirrored import Mirrored
from sync.gateways import salesforce_gateway, stripe_client
from sync.run.billing import Billing
from sync.run.cash import Cash
from sync.run.catalogued import Catalogued
from sync.run.changes import Changes
from sync.run.compared_catalogue import ComparedCatalogue
from sync.run.customer_fields import CustomerFields
from sync.run.dealing import Dealing
from sync.run.flush import Flusher
from sync.run.gone_customer import GoneCustomer
from sync.run.healing import Healing
from sync.run.identity import Identity
from sync.run.intake import CASH, PENDING, TAX_NUMBERS, USAGE_REPORT
from sync.run.merging import Merges
from sync.run.mirror import Mirror
from sync.run.nightly import KIND as NIGHTLY
from sync.run.nightly import Nightly
from sync.run.opportunities import Opportunities
from sync.run.pausing import Pausing
from sync.run.payers import Payers
from sync.run.pending import Pending
from sync.run.pipeline import Pipeline
from sync.run.planner import Planner
from sync.run.products import ProductRun
from sync.run.promise import PromiseCheck
from sync.run.quote import QuoteRun
from sync.run.reconcile import Reconcile
from sync.run.routing import Routing
from sync.run.rows import Rows, nowhere
from sync.run.several import Mine, ShownElsewhere, StripeSide, Whole
from sync.run.strangers import Strangers
from sync.run.sweep import Sweep
from sync.run.tax_numbers import TaxNumbers
from sync.run.telling import Telling
from sync.run.usage import ROLE as USAGE
from sync.run.usage import UsageRun
from sync.run.usage_intake import UsageIntake
from sync.run.usage_reports import UsageReports
from sync.run.using import Using
from sync.run.won import WonNotBilled
from sync.store.adoption import StoredAdoption
from sync.wiring.choices import ZoneOf, new_accounts, start_of
from sync.wiring.store import DRAIN_BACKOFF_S, Store


@dataclass(frozen=True)
class Among:
    """One of several Stripe accounts. ``part`` is what its work is kept under (`sync.ports.Mark`), ``rule`` and ``home`` say
    on which a quote is billed, and which an Account belongs to; ``sides`` are all of them once all are wired.
    """

    name: str
    part: str
    rule: Callable[[Mapping[str, object]], str]
    home: Callable[[Mapping[str, object]], str]
    sides: list[StripeSide]


def pipeline_of(
    store: Store,
    stripe: stripe_client.StripeAccount,
    salesforce: salesforce_gateway.SalesforceOrg,
    mappings: mapping.Mappings,
    policy: BillingPolicy,
    *,
    drain: bool,
    zone_of: ZoneOf,
    among: Among | None = None,
) -> Pipeline:
    """Every run, joined to the store and both gateways. ``drain``: nothing settles, and back-off is short. ``among`` is
    given where there are several Stripe accounts.
    """
    joined = Joined(store, stripe, salesforce, mappings, policy, drain, zone_of, among)
    if among:
        among.sides.append(StripeSide(among.part, joined.mirror, store.links))
    return joined.pipeline()


@dataclass(frozen=True)
class Joined:
    """The runs of one Stripe account, each made when it is first asked for, and the same for all that ask."""

    store: Store
    stripe: stripe_client.StripeAccount
    org: salesforce_gateway.SalesforceOrg
    mappings: mapping.Mappings
    policy: BillingPolicy
    drain: bool
    zone_of: ZoneOf
    among: Among | None

    @property
    def part(self) -> str:
        """What the work of this Stripe account is kept under; blank for the one that the store began with."""
        return self.among.part if self.among else ""

    def _sides(self) -> list[StripeSide]:
        return self.among.sides if self.among else []

    # ------------------------------------------------------------ what several runs use

    @cached_property
    def salesforce(self) -> salesforce_gateway.SalesforceOrg:
        """The org, which knows of each product what it is in Stripe."""
        return cast("salesforce_gateway.SalesforceOrg", Catalogued(self.org, self.store.links))

    @cached_property
    def rows(self) -> Rows:
        return Rows(self.mappings)

    @cached_property
    def writer(self) -> Writer:
        store = self.store
        return Writer(
            stripe=self.stripe, ledger=store.ledger, clock=store.clock, installation=store.cursors.installation()
        )

    @cached_property
    def dealing(self) -> Dealing:
        store = self.store
        return Dealing(salesforce=self.salesforce, promises=store.promises, policy=self.policy, cohorts=store.cohorts)

    @cached_property
    def promise(self) -> PromiseCheck:
        return PromiseCheck(dealing=self.dealing, facts=self.store.facts, outbox=self.store.outbox, rows=self.rows)

    @cached_property
    def opportunities(self) -> Opportunities:
        return Opportunities(promises=self.store.promises, outbox=self.store.outbox, rows=self.rows)

    @cached_property
    def pausing(self) -> Pausing:
        return Pausing(self.store.cursors, self.among.name if self.among else "")

    def shown_elsewhere(self, products: Iterable[str]) -> Set[str]:
        """Those of these products that another Stripe account shows on their records."""
        return ShownElsewhere(self.part, self._sides)(products) if self.among else nowhere(products)

    # ------------------------------------------------------------ the deal lane

    @cached_property
    def planner(self) -> Planner:
        store, stripe = self.store, self.stripe
        payers = Payers(
            stripe=stripe, salesforce=self.salesforce, links=store.links, facts=store.facts, identities=store.identities,
            several=self.among is not None,
        )  # fmt: skip
        using = Using(stripe=stripe, metering=stripe.meters, windows=store.windows)
        return Planner(stripe=stripe, payers=payers, dealing=self.dealing, using=using)

    @cached_property
    def billing(self) -> Billing:
        store = self.store
        return Billing(
            salesforce=self.salesforce, planner=self.planner, writer=self.writer, ledger=store.ledger, links=store.links,
            facts=store.facts, promises=store.promises, subjects=store.subjects, decisions=store.decisions,
            start=start_of(store),
        )  # fmt: skip

    @cached_property
    def quotes(self) -> QuoteRun:
        store, among = self.store, self.among
        telling = Telling(
            facts=store.facts, subjects=store.subjects, outbox=store.outbox, rows=self.rows, clock=store.clock,
            opportunities=self.opportunities, shown_elsewhere=self.shown_elsewhere, livemode=self.stripe.livemode,
        )  # fmt: skip
        gone = GoneCustomer(self.dealing, store.promises, store.facts, store.links, store.subjects, telling)
        return QuoteRun(
            salesforce=self.salesforce, planner=self.planner, billing=self.billing, facts=store.facts,
            promises=store.promises, subjects=store.subjects, outbox=store.outbox, clock=store.clock,
            promise=self.promise, telling=telling, gone=gone, start=self.billing.start, stripe_account=self.part,
            routing=Routing(among.rule, store.promises, store.subjects, self.salesforce) if among else None,
        )  # fmt: skip

    @cached_property
    def products(self) -> ProductRun:
        store = self.store
        return ProductRun(
            stripe=self.stripe, salesforce=self.org, links=store.links, facts=store.facts, subjects=store.subjects,
            outbox=store.outbox, ledger=store.ledger, writer=self.writer, rows=self.rows, clock=store.clock,
            shown_elsewhere=self.shown_elsewhere,
        )  # fmt: skip

    @cached_property
    def customer_fields(self) -> CustomerFields | None:
        """None where the mappings send nothing of an Account."""
        store = self.store
        return CustomerFields(
            stripe=self.stripe, salesforce=self.org, links=store.links, facts=store.facts, ledger=store.ledger,
            writer=self.writer, clock=store.clock,
        ) if self.mappings["Account"].sent() else None  # fmt: skip

    @cached_property
    def identity(self) -> Identity:
        store, stripe, salesforce = self.store, self.stripe, self.salesforce
        merges = Merges(
            stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, promises=store.promises,
            identities=store.identities, subjects=store.subjects, outbox=store.outbox, ledger=store.ledger,
            writer=self.writer, clock=store.clock,
        )  # fmt: skip
        return Identity(
            stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, subjects=store.subjects,
            identities=store.identities, merges=merges, mode=store.settings.self_serve_accounts, clock=store.clock,
            new_accounts=new_accounts(store.settings),
        )  # fmt: skip

    # ------------------------------------------------------------ the lanes mirror and bulk

    @cached_property
    def mirror(self) -> Mirror:
        store, given, among = self.store, self.store.settings, self.among
        return Mirror(
            stripe=self.stripe, facts=store.facts, links=store.links, subjects=store.subjects, outbox=store.outbox,
            rows=self.rows, clock=store.clock, zone_of=self.zone_of, promise=self.promise, identities=store.identities,
            opportunities=self.opportunities, mirrored=Mirrored(given.mirror_invoices, given.mirror_months),
            whole=Whole(among.part, self._sides, self.salesforce, among.home) if among else dict,
        )  # fmt: skip

    @cached_property
    def reconcile(self) -> Reconcile:
        store = self.store
        catalogue = ComparedCatalogue(
            stripe=self.stripe, salesforce=self.org, facts=store.facts, links=store.links, comparing=store.comparing,
            rows=self.rows, sends=self.customer_fields is not None, shown_elsewhere=self.shown_elsewhere,
        )  # fmt: skip
        return Reconcile(
            stripe=self.stripe, salesforce=self.salesforce, facts=store.facts, links=store.links,
            promises=store.promises, outbox=store.outbox, comparing=store.comparing, decisions=store.decisions,
            dealing=self.dealing, mirror=self.mirror, rows=self.rows, clock=store.clock, policy=self.policy,
            zone_of=self.zone_of, catalogue=catalogue,
            mine=Mine(self.part, self._sides, store.comparing, self.rows) if self.among else dict,
        )  # fmt: skip

    @cached_property
    def nightly(self) -> Nightly:
        store, at = self.store, self.store.settings.reconcile_at
        healing = Healing(
            reconcile=self.reconcile, outbox=store.outbox, links=store.links, promises=store.promises,
            subjects=store.subjects,
        )  # fmt: skip
        adoption = StoredAdoption(store.engine, store.facts, stripe_account=self.stripe.account)
        return Nightly(
            sweep=Sweep(
                reconcile=self.reconcile, healing=healing, cursors=store.cursors, ledger=store.ledger,
                budgets=store.budgets, adoption=adoption,
            ),
            subjects=store.subjects, cursors=store.cursors, clock=store.clock, zone=self.policy.billing_timezone,
            at=None if at in ("", NEVER) else clock_time.fromisoformat(at), part=self.part,
        )  # fmt: skip

    @cached_property
    def usage(self) -> UsageRun:
        store = self.store
        return UsageRun(
            intake=usage_intake_of(store, self.stripe), metering=self.stripe.meters, store=store.usage,
            cursors=store.cursors, links=store.links, facts=store.facts, outbox=store.outbox, rows=self.rows,
            clock=store.clock, pause_cap_s=DRAIN_BACKOFF_S if self.drain else None,
            role=f"{USAGE}:{self.part}" if self.part else USAGE,
        )  # fmt: skip

    @cached_property
    def reports(self) -> UsageReports:
        store = self.store
        return UsageReports(
            metering=self.stripe.meters, store=store.usage, usage=self.usage, subjects=store.subjects,
            cursors=store.cursors, source=self.stripe.source,
        )  # fmt: skip

    @cached_property
    def numbers(self) -> TaxNumbers:
        store = self.store
        return TaxNumbers(
            stripe=self.stripe, salesforce=self.salesforce, links=store.links, facts=store.facts, outbox=store.outbox,
            rows=self.rows, clock=store.clock, taxes=self.policy.tax is not None,
        )  # fmt: skip

    @cached_property
    def cash(self) -> Cash:
        store = self.store
        return Cash(
            stripe=self.stripe, links=store.links, facts=store.facts, outbox=store.outbox, rows=self.rows,
            clock=store.clock,
        )  # fmt: skip

    @cached_property
    def won(self) -> WonNotBilled:
        store = self.store
        return WonNotBilled(
            comparing=store.comparing, outbox=store.outbox, facts=store.facts, cursors=store.cursors, rows=self.rows,
            clock=store.clock, after=timedelta(hours=store.settings.won_not_billed_h),
        )  # fmt: skip

    # ------------------------------------------------------------ all of it

    def pipeline(self) -> Pipeline:
        """All runs, and what feeds them."""
        store, salesforce = self.store, self.salesforce
        changes = Changes(
            stripe=self.stripe, salesforce=salesforce, subjects=store.subjects, cursors=store.cursors,
            apart=self.reports.poll, met=Strangers(store.facts, store.links, store.subjects).met,
        )  # fmt: skip
        flusher = Flusher(salesforce=salesforce, outbox=store.outbox, budgets=store.budgets, pausing=self.pausing)
        apart = {
            NIGHTLY: self.nightly.run,
            USAGE_REPORT: self.reports.run,
            TAX_NUMBERS: self.numbers.run,
            CASH: self.cash.run,
            PENDING: Pending(self.stripe, store.links, store.facts, store.subjects).run,
        }
        return Pipeline(
            usage=self.usage, subjects=store.subjects, outbox=store.outbox, clock=store.clock, changes=changes,
            quotes=self.quotes, products=self.products, identity=self.identity, customer_fields=self.customer_fields,
            mirror=replace(self.mirror, apart=apart),
            nightly=self.nightly, won=self.won, flusher=flusher, pausing=self.pausing,
            settle_s=0.0 if self.drain else store.settings.settle_s, name=self.among.name if self.among else "",
            part=self.part,
        )  # fmt: skip


def usage_intake_of(store: Store, stripe: stripe_client.StripeAccount) -> UsageIntake:
    """What takes usage in."""
    return UsageIntake(
        stripe=stripe,
        metering=stripe.meters,
        facts=store.facts,
        links=store.links,
        store=store.usage,
        windows=store.windows,
        clock=store.clock,
    )
