"""A process's whole equipment: the store, both gateways, and the pipeline built on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import redis

from sync import mapping
from sync.config import Settings
from sync.deal.policy import BillingPolicy
from sync.endpoints import endpoints
from sync.gateways import salesforce_gateway, stripe_client
from sync.run.adopting import Adopting
from sync.run.backfill import Backfill
from sync.run.pipeline import Pipeline
from sync.run.several import StripeSide
from sync.run.signed_quotes import SignedQuotes
from sync.store.adoption import StoredAdoption
from sync.wiring.accounts import asked, check_fields, parted, realm_of, rules
from sync.wiring.choices import policy_of, telling_owners, zones
from sync.wiring.pipeline import Among, pipeline_of
from sync.wiring.store import Store, open_store, store_of
from sync.wiring.vendors import REDIS_TIMEOUT_S, answered, mappings_of, salesforce_of


@dataclass(frozen=True)
class Services(Store):
    """A process's whole equipment: the store, both gateways, and the pipeline built on them."""

    policy: BillingPolicy
    mappings: mapping.Mappings
    stripe: stripe_client.StripeAccount
    salesforce: salesforce_gateway.SalesforceOrg
    pipeline: Pipeline
    redis_client: redis.Redis | None
    name: str = ""  # of the Stripe account in STRIPE_ACCOUNTS
    part: str = ""  # what its work is kept under
    #: The same for every other Stripe account, on the same store.
    others: tuple[Services, ...] = ()

    @property
    def everywhere(self) -> tuple[Services, ...]:
        """The equipment for every Stripe account, the one that the store began with first."""
        return (self, *self.others)

    def backfill(self, say: Callable[[str], None] = lambda _: None) -> Backfill:
        """What adopts what both sides have already."""
        adoption = StoredAdoption(self.engine, self.facts, stripe_account=self.stripe.account)
        adopting = Adopting(
            salesforce=self.salesforce, adoption=adoption, links=self.links, subjects=self.subjects, identities=self.identities,
            mode=self.settings.self_serve_accounts, livemode=self.stripe.livemode,
        )  # fmt: skip
        signed = SignedQuotes(
            salesforce=self.salesforce, adoption=adoption, changes=self.pipeline.changes, cohorts=self.cohorts,
            start=self.pipeline.quotes.start, clock=self.clock, rows=self.pipeline.mirror.rows, facts=self.facts,
            subjects=self.subjects, outbox=self.outbox,
            is_signed=self.policy.is_signed,
        )  # fmt: skip
        return Backfill(
            stripe=self.stripe, salesforce=self.salesforce, adoption=adoption, adopting=adopting, signed=signed, facts=self.facts,
            subjects=self.subjects, outbox=self.outbox, budgets=self.budgets, mirror=self.pipeline.mirror,
            flusher=self.pipeline.flusher, clock=self.clock, say=say,
        )  # fmt: skip

    def close(self) -> None:
        """Disconnect from both servers."""
        super().close()
        if self.redis_client is not None:
            self.redis_client.close()


def build(settings: Settings, *, database_url: str, redis_url: str | None, drain: bool = False) -> Services:
    """Everything wired for one process, the store's realm checked. Calls both vendors once to learn who they are.

    ``drain`` waits for nothing that could be done now: no settling, no pause between flushes, short back-off.
    Raises ConfigFault, MappingFaults, or what the vendors' log-ins raise; Unsafe CONF-308 for a store of another realm.
    """
    places = endpoints(settings)
    mappings = mappings_of(settings)
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    salesforce = salesforce_of(settings, places, mappings)
    found, away = asked(settings, places, bell)
    answered(lambda: salesforce.organization_id)
    opened = open_store(settings, database_url=database_url, drain=drain)
    accounts = parted(found, away, opened.cursors.realm())
    opened.cursors.pin_realm(realm_of(accounts, salesforce))
    check_fields(settings, salesforce)
    policy = policy_of(settings)
    zone_of = zones(salesforce, policy.billing_timezone)
    parts = [one.part for one in accounts]
    rule, home = rules(places, accounts)
    sides: list[StripeSide] = []
    made: list[Services] = []
    for one in accounts:
        store = store_of(
            settings, opened.engine, opened.clock, one.stripe.account, drain=drain, part=one.part, parts=parts
        )
        store = telling_owners(store, zone_of)
        among = Among(one.name, one.part, rule, home, sides) if len(accounts) > 1 else None
        pipeline = pipeline_of(
            store, one.stripe, salesforce, mappings, policy, drain=drain, zone_of=zone_of, among=among
        )
        made.append(
            Services(
                **{f.name: getattr(store, f.name) for f in fields(Store)}, policy=policy, mappings=mappings,
                stripe=one.stripe, salesforce=salesforce, pipeline=pipeline, redis_client=bell, name=one.name,
                part=one.part,
            )
        )  # fmt: skip
    return _joined(made)


def _joined(made: Sequence[Services]) -> Services:
    """The first, with the others beside it."""
    first, *others = made
    if not others:
        return first
    sources = {one.stripe.source: one.part for one in made}
    pipeline = replace(first.pipeline, others=tuple(one.pipeline for one in others), accounts=sources)
    met = [one.changes.met for one in pipeline.everywhere]
    told = replace(pipeline.changes, met=lambda changes: [tell(changes) for tell in met])
    pipeline = replace(pipeline, changes=told)
    return replace(first, pipeline=pipeline, others=tuple(others))
