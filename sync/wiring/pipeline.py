"""Every run and what it stands on, joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import time as clock_time
from datetime import timedelta
from typing import cast

from sync import mapping
from sync.apply import Writer
from sync.deal.policy import BillingPolicy
from sync.desired.mirrored import Mirrored
from sync.gateways import salesforce_gateway, stripe_client
from sync.run.billing import Billing
from sync.run.catalogued import Catalogued
from sync.run.changes import Changes
from sync.run.compared_catalogue import ComparedCatalogue
from sync.run.customer_fields import CustomerFields
from sync.run.dealing import Dealing
from sync.run.flush import Flusher
from sync.run.healing import Healing
from sync.run.identity import Identity
from sync.run.intake import TAX_NUMBERS, USAGE_REPORT
from sync.run.merging import Merges
from sync.run.mirror import Mirror
from sync.run.nightly import KIND as NIGHTLY
from sync.run.nightly import Nightly
from sync.run.opportunities import Opportunities
from sync.run.pausing import Pausing
from sync.run.payers import Payers
from sync.run.pipeline import Pipeline
from sync.run.planner import Planner
from sync.run.products import ProductRun
from sync.run.promise import PromiseCheck
from sync.run.quote import QuoteRun
from sync.run.reconcile import Reconcile
from sync.run.routing import Routing
from sync.run.rows import Rows, nowhere
from sync.run.several import Mine, ShownElsewhere, StripeSide, Whole
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
    rows, org = Rows(mappings), salesforce
    salesforce = cast("salesforce_gateway.SalesforceOrg", Catalogued(org, store.links))
    shown_elsewhere = ShownElsewhere(among.part, lambda: among.sides) if among else nowhere
    writer = Writer(stripe=stripe, ledger=store.ledger, clock=store.clock, installation=store.cursors.installation())
    dealing = Dealing(salesforce=salesforce, promises=store.promises, policy=policy, cohorts=store.cohorts)
    payers = Payers(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, identities=store.identities,
        several=among is not None,
    )  # fmt: skip
    using = Using(stripe=stripe, metering=stripe.meters, windows=store.windows)
    planner = Planner(stripe=stripe, payers=payers, dealing=dealing, using=using)
    promise = PromiseCheck(dealing=dealing, facts=store.facts, outbox=store.outbox, rows=rows)
    opportunities = Opportunities(promises=store.promises, outbox=store.outbox, rows=rows)
    billing = Billing(
        salesforce=salesforce, planner=planner, writer=writer, ledger=store.ledger, links=store.links, facts=store.facts,
        promises=store.promises, subjects=store.subjects, decisions=store.decisions, start=start_of(store),
    )  # fmt: skip
    quotes = QuoteRun(
        salesforce=salesforce, planner=planner, billing=billing, facts=store.facts,
        promises=store.promises, subjects=store.subjects, outbox=store.outbox, clock=store.clock, promise=promise,
        telling=Telling(
            facts=store.facts, subjects=store.subjects, outbox=store.outbox, rows=rows, clock=store.clock,
            opportunities=opportunities, shown_elsewhere=shown_elsewhere, livemode=stripe.livemode,
        ),
        start=billing.start, stripe_account=among.part if among else "",
        routing=Routing(among.rule, store.promises, store.subjects, salesforce) if among else None,
    )  # fmt: skip
    products = ProductRun(
        stripe=stripe, salesforce=org, links=store.links, facts=store.facts, subjects=store.subjects, outbox=store.outbox,
        ledger=store.ledger, writer=writer, rows=rows, clock=store.clock,
        shown_elsewhere=shown_elsewhere,
    )  # fmt: skip
    customer_fields = CustomerFields(
        stripe=stripe, salesforce=org, links=store.links, facts=store.facts, ledger=store.ledger, writer=writer, clock=store.clock,
    ) if mappings["Account"].sent() else None  # fmt: skip
    merges = Merges(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, promises=store.promises, identities=store.identities,
        subjects=store.subjects, outbox=store.outbox, ledger=store.ledger, writer=writer, clock=store.clock,
    )  # fmt: skip
    identity = Identity(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, subjects=store.subjects, identities=store.identities,
        merges=merges, mode=store.settings.self_serve_accounts, clock=store.clock, new_accounts=new_accounts(store.settings),
    )  # fmt: skip
    mirror = Mirror(
        stripe=stripe, facts=store.facts, links=store.links, subjects=store.subjects, outbox=store.outbox, rows=rows, clock=store.clock,
        zone_of=zone_of, promise=promise, identities=store.identities,
        opportunities=opportunities, mirrored=Mirrored(store.settings.mirror_invoices, store.settings.mirror_months),
        whole=Whole(among.part, lambda: among.sides, salesforce, among.home) if among else dict,
    )  # fmt: skip
    if among:
        among.sides.append(StripeSide(among.part, mirror, store.links))
    pausing = Pausing(store.cursors, among.name if among else "")
    reconcile = Reconcile(
        stripe=stripe, salesforce=salesforce, facts=store.facts, links=store.links, promises=store.promises,
        outbox=store.outbox, comparing=store.comparing, decisions=store.decisions, dealing=dealing, mirror=mirror,
        rows=rows, clock=store.clock, policy=policy, zone_of=mirror.zone_of,
        catalogue=ComparedCatalogue(
            stripe=stripe, salesforce=org, facts=store.facts, links=store.links, comparing=store.comparing, rows=rows,
            sends=customer_fields is not None, shown_elsewhere=shown_elsewhere,
        ),
        mine=Mine(among.part, lambda: among.sides, store.comparing, rows) if among else dict,
    )  # fmt: skip
    healing = Healing(
        reconcile=reconcile, outbox=store.outbox, links=store.links, promises=store.promises, subjects=store.subjects
    )
    nightly = Nightly(
        sweep=Sweep(
            reconcile=reconcile, healing=healing, cursors=store.cursors, ledger=store.ledger, budgets=store.budgets,
            adoption=StoredAdoption(store.engine, store.facts, stripe_account=stripe.account),
        ),
        subjects=store.subjects, cursors=store.cursors, clock=store.clock, zone=policy.billing_timezone,
        at=clock_time.fromisoformat(at) if (at := store.settings.reconcile_at) else None, part=among.part if among else "",
    )  # fmt: skip
    usage = UsageRun(
        intake=usage_intake_of(store, stripe), metering=stripe.meters, store=store.usage, cursors=store.cursors, links=store.links,
        facts=store.facts, outbox=store.outbox, rows=rows, clock=store.clock, pause_cap_s=DRAIN_BACKOFF_S if drain else None,
        role=f"{USAGE}:{among.part}" if among and among.part else USAGE,
    )  # fmt: skip
    reports = UsageReports(
        metering=stripe.meters, store=store.usage, usage=usage, subjects=store.subjects, cursors=store.cursors,
        source=stripe.source,
    )  # fmt: skip
    numbers = TaxNumbers(
        stripe=stripe, links=store.links, facts=store.facts, outbox=store.outbox, rows=rows, clock=store.clock,
        taxes=policy.tax is not None,
    )  # fmt: skip
    apart = {NIGHTLY: nightly.run, USAGE_REPORT: reports.run, TAX_NUMBERS: numbers.run}
    return Pipeline(
        usage=usage, subjects=store.subjects, outbox=store.outbox, clock=store.clock,
        changes=Changes(
            stripe=stripe, salesforce=salesforce, subjects=store.subjects, cursors=store.cursors, apart=reports.poll
        ),
        quotes=quotes, products=products, identity=identity, customer_fields=customer_fields,
        mirror=replace(mirror, apart=apart), nightly=nightly,
        won=WonNotBilled(
            comparing=store.comparing, outbox=store.outbox, facts=store.facts, cursors=store.cursors, rows=rows,
            clock=store.clock, after=timedelta(hours=store.settings.won_not_billed_h),
        ),
        flusher=Flusher(salesforce=salesforce, outbox=store.outbox, budgets=store.budgets, pausing=pausing), pausing=pausing,
        settle_s=0.0 if drain else store.settings.settle_s, name=among.name if among else "",
        part=among.part if among else "",
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
