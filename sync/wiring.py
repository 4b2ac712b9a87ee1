"""The composition root: the one place that knows what is real (DESIGN 2)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from datetime import time as clock_time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import redis
import structlog
from sqlalchemy import Engine

from sync import mapping
from sync.apply import Writer
from sync.clock import Clock, RemoteClock, SystemClock
from sync.config import EVER, ConfigFault, Endpoints, Settings
from sync.deal.changes import Credit, Proration
from sync.deal.policy import BillingPolicy
from sync.desired.mirrored import Mirrored
from sync.desired.new_account import NewAccounts
from sync.endpoints import endpoints
from sync.errors import SyncError, Transient, Unsafe
from sync.gateways import salesforce_auth, salesforce_gateway, stripe_client
from sync.gateways.stripe_budget import Rate
from sync.gateways.stripe_signature import verifier
from sync.ports import Backup, NewNotice, SalesforceGateway
from sync.run.adopting import Adopting
from sync.run.backfill import Backfill
from sync.run.changes import Changes
from sync.run.dealing import Dealing
from sync.run.flush import SALESFORCE, Flusher
from sync.run.healing import Healing
from sync.run.identity import Identity
from sync.run.merging import Merges
from sync.run.mirror import Mirror
from sync.run.nightly import KIND as NIGHTLY
from sync.run.nightly import Nightly
from sync.run.opportunities import Opportunities
from sync.run.pausing import Pausing
from sync.run.payers import Payers
from sync.run.pipeline import Pipeline
from sync.run.planner import Planner
from sync.run.promise import PromiseCheck
from sync.run.quote import QuoteRun
from sync.run.reconcile import Reconcile
from sync.run.rows import Rows
from sync.run.signed_quotes import SignedQuotes
from sync.run.start import Start
from sync.run.sweep import Sweep
from sync.run.telling import Telling
from sync.run.usage import UsageRun
from sync.run.usage_intake import UsageIntake
from sync.run.won import WonNotBilled
from sync.store import backup as backups
from sync.store import schema
from sync.store.adoption import StoredAdoption
from sync.store.audit import StoredAudit
from sync.store.budgets import StoredBudgets
from sync.store.cohorts import StoredCohorts
from sync.store.comparing import StoredComparing, StoredDecisions
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine, plain_dsn
from sync.store.facts import StoredFacts
from sync.store.gauges import GAUGES_SQL
from sync.store.identities import StoredIdentities
from sync.store.inbox import insert_notices_sql, last_received, notice_arrays
from sync.store.ledger import StoredLedger
from sync.store.links import StoredLinks
from sync.store.outbox import StoredOutbox
from sync.store.pauses import StoredPauses
from sync.store.promises import StoredPromises
from sync.store.subjects import StoredSubjects
from sync.store.usage import StoredUsageEvents

log = structlog.get_logger()

COLLECTION = {"Send Invoice": "send_invoice", "Charge Automatically": "charge_automatically"}
#: A drain waits for what passes by itself, so its back-off is short (DESIGN 6).
DRAIN_BACKOFF_S = 2.0
REDIS_TIMEOUT_S = 5.0
#: How often a side that does not answer at the start is asked who it is, and the machine seconds before the second time.
WHO_TRIES, WHO_PAUSE_S = 5, 0.2
ZONES_FRESH_S = 600.0
#: How long a web process that starts waits for Stripe to say whose webhooks come.
WEB_CHECK_S = 5.0


@dataclass(frozen=True)
class Store:
    """What PostgreSQL keeps, behind its ports. Opened without asking either vendor anything. `close` disconnects."""

    settings: Settings
    engine: Engine
    clock: Clock
    subjects: StoredSubjects
    ledger: StoredLedger
    links: StoredLinks
    facts: StoredFacts
    promises: StoredPromises
    identities: StoredIdentities
    outbox: StoredOutbox
    cursors: StoredCursors
    budgets: StoredBudgets
    audit: StoredAudit
    cohorts: StoredCohorts
    pauses: StoredPauses
    comparing: StoredComparing
    decisions: StoredDecisions
    usage: StoredUsageEvents

    def close(self) -> None:
        """Disconnect from PostgreSQL."""
        self.engine.dispose()

    def last_notices(self) -> Mapping[str, datetime]:
        """Machine instant of the newest notice by source."""
        return last_received(self.engine)

    def salesforce_calls(self) -> tuple[int, int] | None:
        """(used, allowed) of Salesforce's day as it last told; None when it has not yet."""
        return self.budgets.standing(SALESFORCE)


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


def upgrade(database_url: str) -> str:
    """The database has the schema of this release; returns its version."""
    return schema.upgrade(database_url)


def backup(store: Store, path: Path) -> Backup:
    """The store is in the file."""
    return backups.write(store.engine, path, version=build_version())


def restore(store: Store, path: Path) -> Backup:
    """The empty store holds what the file has."""
    restored = backups.restore(store.engine, path)
    store.audit.write(
        actor="operator",
        action="restore",
        target=path.name,
        detail={"made_at": restored.made_at, "epoch": restored.epoch + 1},
    )
    return restored


@dataclass(frozen=True)
class WebStore:
    """What the web process needs of the store: an address for its async driver and statements compiled from our
    tables.
    """

    dsn: str
    insert_sql: str
    columns: Callable[[Sequence[NewNotice]], list[list[Any]]]
    source: Callable[[], str]
    gauges_sql: str


def web_store(settings: Settings, *, database_url: str) -> WebStore:
    """For the web process. ``source`` asks the store which Stripe account it belongs to, and Stripe itself while it
    belongs to none.
    """

    def source() -> str:
        engine = make_engine(database_url, pooled=False)
        try:
            pinned = StoredCursors(engine).realm().get("stripe")
        finally:
            engine.dispose()
        return f"stripe:{pinned or _stripe(settings, endpoints(settings), None).account}"

    return WebStore(plain_dsn(database_url), insert_notices_sql(), notice_arrays, source, GAUGES_SQL)


def check_web(settings: Settings, *, database_url: str) -> None:
    """The store is one that this web process may fill: SchemaNotOurs, or Unsafe CONF-308 for that of another Stripe
    account. What can't be known now, because a side is away, is no reason not to take webhooks in.
    """
    engine = make_engine(database_url, pooled=False)
    try:
        schema.check_schema(engine)
        cursors = StoredCursors(engine)
        if pinned := cursors.realm():
            soon = settings.model_copy(update={"call_deadline_s": WEB_CHECK_S})
            stripe = _stripe(soon, endpoints(soon), None)
            cursors.pin_realm({**pinned, "stripe": stripe.account, "livemode": str(stripe.livemode)})
    except Unsafe:
        raise
    except SyncError as error:
        log.warning("store_not_checked", code=error.code, reason=error.message)
    finally:
        engine.dispose()


def vendors(
    settings: Settings, *, redis_url: str | None = None
) -> tuple[stripe_client.StripeAccount, salesforce_gateway.SalesforceOrg]:
    """Both gateways without a store; nothing is called yet."""
    places = endpoints(settings)
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    return _stripe(settings, places, bell), _salesforce(settings, places, mapping.load(settings.tandem_mappings))


def open_store(
    settings: Settings, *, database_url: str, drain: bool = False, stripe_account: str | None = None
) -> Store:
    """The store alone, its schema checked (SchemaNotOurs otherwise). Without ``stripe_account``, for the one it was
    pinned to.
    """
    engine = make_engine(database_url)
    schema.check_schema(engine)
    cursors = StoredCursors(engine)
    account = stripe_account or cursors.realm().get("stripe", "")
    audit = StoredAudit(engine, now=lambda: clock.now())
    clock: Clock = (
        RemoteClock(f"{settings.tandem_sandbox_url.rstrip('/')}/clock")
        if settings.tandem_sandbox_url
        else SystemClock()
    )
    lease_s, deadline_s = settings.lease_s, settings.call_deadline_s
    backoff = DRAIN_BACKOFF_S if drain else None
    links = StoredLinks(engine, stripe_account=account)
    return Store(
        settings=settings,
        engine=engine,
        clock=clock,
        subjects=StoredSubjects(
            engine, now=clock.now, backoff_cap_s=backoff, lease_s=lease_s, call_deadline_s=deadline_s
        ),
        ledger=StoredLedger(engine, links, lease_s=lease_s, call_deadline_s=deadline_s),
        links=links,
        facts=StoredFacts(engine, stripe_account=account),
        promises=StoredPromises(engine, now=clock.now),
        identities=StoredIdentities(engine, stripe_account=account, now=clock.now),
        outbox=StoredOutbox(
            engine,
            flush_every_s=0.0 if drain else settings.flush_every_s,
            backoff_cap_s=backoff,
            lease_s=lease_s,
            call_deadline_s=deadline_s,
        ),
        cursors=cursors,
        budgets=StoredBudgets(engine),
        cohorts=StoredCohorts(engine),
        pauses=StoredPauses(engine),
        audit=audit,
        comparing=StoredComparing(engine, stripe_account=account, now=clock.now),
        decisions=StoredDecisions(engine, audit),
        usage=StoredUsageEvents(engine, backoff_cap_s=backoff),
    )


def build(settings: Settings, *, database_url: str, redis_url: str | None, drain: bool = False) -> Services:
    """Everything wired for one process, the store's realm checked. Calls both vendors once to learn who they are.

    ``drain`` waits for nothing that could be done now: no settling, no pause between flushes, short back-off.
    Raises ConfigFault, MappingFaults, or what the vendors' log-ins raise; Unsafe CONF-308 for a store of another realm.
    """
    places = endpoints(settings)
    mappings = mapping.load(settings.tandem_mappings)
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    stripe = _stripe(settings, places, bell)
    salesforce = _salesforce(settings, places, mappings)
    _answered(lambda: stripe.account)
    _answered(lambda: salesforce.organization_id)
    store = open_store(settings, database_url=database_url, drain=drain, stripe_account=stripe.account)
    store.cursors.pin_realm(
        {"salesforce": salesforce.organization_id, "stripe": stripe.account, "livemode": str(stripe.livemode)}
    )
    policy = _policy(settings)
    pipeline = _pipeline(store, stripe, salesforce, mappings, policy, drain=drain)
    return Services(
        **{f.name: getattr(store, f.name) for f in fields(Store)},
        policy=policy,
        mappings=mappings,
        stripe=stripe,
        salesforce=salesforce,
        pipeline=pipeline,
        redis_client=bell,
    )


def _answered(who: Callable[[], str]) -> None:
    """A side that blinks just as we start is asked again, for some seconds; raises its Transient after that."""
    for tried in range(WHO_TRIES):
        try:
            who()
        except Transient as error:
            log.warning("not_answered_at_start", code=error.code, reason=error.message)
            if tried + 1 == WHO_TRIES:
                raise
            time.sleep(min(error.retry_after_s or WHO_PAUSE_S * 2**tried, DRAIN_BACKOFF_S))
        else:
            return


def _pipeline(
    store: Store,
    stripe: stripe_client.StripeAccount,
    salesforce: salesforce_gateway.SalesforceOrg,
    mappings: mapping.Mappings,
    policy: BillingPolicy,
    *,
    drain: bool,
) -> Pipeline:
    rows = Rows(mappings)
    writer = Writer(stripe=stripe, ledger=store.ledger, clock=store.clock, installation=store.cursors.installation())
    dealing = Dealing(salesforce=salesforce, promises=store.promises, policy=policy, cohorts=store.cohorts)
    payers = Payers(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, identities=store.identities
    )
    planner = Planner(stripe=stripe, payers=payers, dealing=dealing)
    promise = PromiseCheck(dealing=dealing, facts=store.facts, outbox=store.outbox, rows=rows)
    opportunities = Opportunities(promises=store.promises, outbox=store.outbox, rows=rows)
    quotes = QuoteRun(
        salesforce=salesforce, planner=planner, writer=writer, ledger=store.ledger, links=store.links, facts=store.facts,
        promises=store.promises, subjects=store.subjects, outbox=store.outbox, clock=store.clock, promise=promise,
        telling=Telling(
            facts=store.facts, subjects=store.subjects, outbox=store.outbox, rows=rows, clock=store.clock,
            opportunities=opportunities,
        ),
        decisions=store.decisions, start=_start(store),
    )  # fmt: skip
    merges = Merges(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, promises=store.promises, identities=store.identities,
        subjects=store.subjects, outbox=store.outbox, ledger=store.ledger, writer=writer, clock=store.clock,
    )  # fmt: skip
    identity = Identity(
        stripe=stripe, salesforce=salesforce, links=store.links, facts=store.facts, subjects=store.subjects, identities=store.identities,
        merges=merges, mode=store.settings.self_serve_accounts, clock=store.clock, new_accounts=_new_accounts(store.settings),
    )  # fmt: skip
    mirror = Mirror(
        stripe=stripe, facts=store.facts, links=store.links, subjects=store.subjects, outbox=store.outbox, rows=rows, clock=store.clock,
        zone_of=zones(salesforce, policy.billing_timezone), promise=promise, identities=store.identities,
        opportunities=opportunities, mirrored=Mirrored(store.settings.mirror_invoices, store.settings.mirror_months),
    )  # fmt: skip
    pausing = Pausing(store.cursors)
    reconcile = Reconcile(
        stripe=stripe, salesforce=salesforce, facts=store.facts, links=store.links, promises=store.promises,
        outbox=store.outbox, comparing=store.comparing, decisions=store.decisions, dealing=dealing, mirror=mirror,
        rows=rows, clock=store.clock, policy=policy, zone_of=mirror.zone_of,
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
        at=clock_time.fromisoformat(at) if (at := store.settings.reconcile_at) else None,
    )  # fmt: skip
    usage = UsageRun(
        intake=_usage_intake(store, stripe), metering=stripe.meters, store=store.usage, cursors=store.cursors, links=store.links,
        facts=store.facts, outbox=store.outbox, rows=rows, clock=store.clock, pause_cap_s=DRAIN_BACKOFF_S if drain else None,
    )  # fmt: skip
    return Pipeline(
        usage=usage, subjects=store.subjects, outbox=store.outbox, clock=store.clock,
        changes=Changes(stripe=stripe, salesforce=salesforce, subjects=store.subjects, cursors=store.cursors),
        quotes=quotes, identity=identity, mirror=replace(mirror, apart={NIGHTLY: nightly.run}), nightly=nightly,
        won=WonNotBilled(
            comparing=store.comparing, outbox=store.outbox, facts=store.facts, cursors=store.cursors, rows=rows,
            clock=store.clock, after=timedelta(hours=store.settings.won_not_billed_h),
        ),
        flusher=Flusher(salesforce=salesforce, outbox=store.outbox, budgets=store.budgets, pausing=pausing), pausing=pausing,
        settle_s=0.0 if drain else store.settings.settle_s,
    )  # fmt: skip


def _usage_intake(store: Store, stripe: stripe_client.StripeAccount) -> UsageIntake:
    return UsageIntake(
        stripe=stripe,
        metering=stripe.meters,
        facts=store.facts,
        links=store.links,
        store=store.usage,
        clock=store.clock,
    )


def usage_intake(settings: Settings, *, database_url: str, redis_url: str | None) -> UsageIntake:
    """For the web process: what takes usage in. Stripe is asked only where the store does not know for sure."""
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    stripe = _stripe(settings, endpoints(settings), bell)
    store = open_store(settings, database_url=database_url)
    if not store.cursors.realm():
        store = open_store(settings, database_url=database_url, stripe_account=stripe.account)
    return _usage_intake(store, stripe)


def webhook_verifier(settings: Settings) -> Callable[[bytes, str], bool]:
    """Whether a raw body and its Stripe-Signature header were signed with one of our secrets within the last five
    minutes of machine time.
    """
    secrets = settings.stripe_webhook_secrets
    if not secrets and settings.tandem_sandbox_url:
        secrets = endpoints(settings).stripe_webhook_secrets
    if not secrets:
        raise ConfigFault(["STRIPE_WEBHOOK_SECRET: is not set; webhooks can't be told from forgeries"])
    return verifier([s.get_secret_value() for s in secrets])


def check_credentials(settings: Settings) -> None:
    """All that the processes need to speak to both vendors is there. ConfigFault names everything that is missing."""
    faults: list[str] = []
    for look in (endpoints, webhook_verifier):
        try:
            look(settings)
        except ConfigFault as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ConfigFault(faults)


def build_version() -> str:
    """The installed version of Tandem."""
    try:
        return version("tandem")
    except PackageNotFoundError:
        return "0"


def _stripe(settings: Settings, places: Endpoints, bell: redis.Redis | None) -> stripe_client.StripeAccount:
    key = places.stripe_api_key.get_secret_value()
    rate = Rate(per_s=settings.stripe_requests_per_s, burst=max(1, int(settings.stripe_requests_per_s)))
    return stripe_client.connect(
        api_key=key, api_base=places.stripe_url, user_agent=_user_agent(), bucket=hashlib.sha256(key.encode()).hexdigest()[:12],
        redis_client=bell, account_rate=rate, endpoint_rate=rate,
        usage_rate=Rate(settings.usage_events_per_s, 1), call_deadline_s=settings.call_deadline_s,
    )  # fmt: skip


def _salesforce(settings: Settings, places: Endpoints, mappings: mapping.Mappings) -> salesforce_gateway.SalesforceOrg:
    secret, private_key = places.salesforce_client_secret, places.salesforce_private_key
    credentials = salesforce_auth.Credentials(
        token_url=places.salesforce_token_url,
        client_id=places.salesforce_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        username=places.salesforce_username,
        private_key=private_key.get_secret_value() if private_key else None,
        instance_url=places.salesforce_url,
    )
    return salesforce_gateway.connect(
        credentials=credentials, mappings=mappings, user_agent=_user_agent(), api_version=places.salesforce_api_version,
        namespace=settings.salesforce_namespace, signed_statuses=settings.quote_signed_statuses, call_deadline_s=settings.call_deadline_s,
    )  # fmt: skip


def _user_agent() -> str:
    return f"Tandem/{build_version()}"


def _policy(settings: Settings) -> BillingPolicy:
    return BillingPolicy(
        billing_timezone=settings.billing_timezone,
        signed_statuses=settings.quote_signed_statuses,
        currency=settings.billing_currency,
        collection_method=COLLECTION[settings.default_collection_method],
        days_until_due=settings.default_days_until_due,
        rounding_step=settings.rounding_step,
        true_up=settings.true_up,
        proration=Proration(settings.proration_policy),
        credit=Credit(settings.credit_policy),
        whole_months=settings.proration_precision == "month",
        newest_first=settings.removal_order == "newest first",
        co_terminate=settings.co_termination,
    )


def _new_accounts(settings: Settings) -> NewAccounts:
    return NewAccounts(
        owner=settings.self_serve_owner_id,
        record_type=settings.self_serve_record_type_id,
        person_accounts=settings.self_serve_person_accounts,
        person_record_type=settings.self_serve_person_record_type_id,
        account_fields=settings.self_serve_account_fields or {},
        contact_fields=settings.self_serve_contact_fields or {},
    )


def _start(store: Store) -> Start:
    """From when on signed quotes are billed by themselves: as configured, else since the store's first start. In a sandbox
    there is nobody who bills already.
    """
    settings = store.settings
    given = settings.bill_signed_since
    if given == EVER or (not given and settings.tandem_sandbox_url):
        return Start()
    if not given:
        return Start(store.cursors.started_at(store.clock.now()))
    moment = datetime.fromisoformat(given)
    return Start(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.billing_timezone)))


def zones(salesforce: SalesforceGateway, default: str) -> Callable[[Iterable[str]], Mapping[str, str]]:
    """The billing time zone of Accounts: their own, else the installation's. Asked of Salesforce every ten minutes of
    machine time.

    A zone that doesn't exist is the installation's for what is shown; a quote of that Account is refused (CONF-304).
    """
    known: dict[str, str] = {}
    read_at = float("-inf")

    def zone_of(account_ids: Iterable[str]) -> Mapping[str, str]:
        nonlocal known, read_at
        if time.monotonic() - read_at > ZONES_FRESH_S:
            told = salesforce.billing_timezones()
            known, read_at = {a: z for a, z in told.items() if z in available_timezones()}, time.monotonic()
        return {a: known.get(a, default) for a in account_ids}

    return zone_of
