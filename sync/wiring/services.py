"""A process's whole equipment: the store, both gateways, and the pipeline built on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import redis

from sync import mapping
from sync.config import Settings
from sync.deal.policy import BillingPolicy
from sync.endpoints import endpoints
from sync.gateways import salesforce_gateway, stripe_client
from sync.run.adopting import Adopting
from sync.run.backfill import Backfill
from sync.run.pipeline import Pipeline
from sync.run.signed_quotes import SignedQuotes
from sync.store.adoption import StoredAdoption
from sync.wiring.choices import policy_of
from sync.wiring.pipeline import pipeline_of
from sync.wiring.store import Store, open_store
from sync.wiring.vendors import REDIS_TIMEOUT_S, answered, salesforce_of, stripe_of


@dataclass(frozen=True)
class Services(Store):
    """A process's whole equipment: the store, both gateways, and the pipeline built on them."""

    policy: BillingPolicy
    mappings: mapping.Mappings
    stripe: stripe_client.StripeAccount
    salesforce: salesforce_gateway.SalesforceOrg
    pipeline: Pipeline
    redis_client: redis.Redis | None

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
    mappings = mapping.load(settings.tandem_mappings)
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    stripe = stripe_of(settings, places, bell)
    salesforce = salesforce_of(settings, places, mappings)
    answered(lambda: stripe.account)
    answered(lambda: salesforce.organization_id)
    store = open_store(settings, database_url=database_url, drain=drain, stripe_account=stripe.account)
    store.cursors.pin_realm(
        {"salesforce": salesforce.organization_id, "stripe": stripe.account, "livemode": str(stripe.livemode)}
    )
    policy = policy_of(settings)
    pipeline = pipeline_of(store, stripe, salesforce, mappings, policy, drain=drain)
    return Services(
        **{f.name: getattr(store, f.name) for f in fields(Store)},
        policy=policy,
        mappings=mappings,
        stripe=stripe,
        salesforce=salesforce,
        pipeline=pipeline,
        redis_client=bell,
    )
