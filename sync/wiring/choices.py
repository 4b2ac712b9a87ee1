"""What an installation decided, as the pure parts take it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sync.config import EVER, Settings
from sync.deal.changes import Credit, Proration
from sync.deal.policy import BillingPolicy
from sync.deal.taxation import Taxation
from sync.desired.new_account import Fields, NewAccounts, samples
from sync.ports import SalesforceGateway
from sync.run.owner_tasks import OwnerTasks, switched_on
from sync.run.start import Start
from sync.wiring.store import Store
from sync.zones import known_zones

COLLECTION = {"Send Invoice": "send_invoice", "Charge Automatically": "charge_automatically"}
ZONES_FRESH_S = 600.0
ZoneOf = Callable[[Iterable[str]], Mapping[str, str]]


def policy_of(settings: Settings) -> BillingPolicy:
    """What the settings decide about billing."""
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
        usage_grace=timedelta(hours=settings.usage_grace_h),
        tax=Taxation(settings.tax_behavior, settings.default_tax_code or None) if settings.automatic_tax else None,
    )


def new_accounts(settings: Settings) -> NewAccounts:
    """What the settings say of Accounts that are made for customers of the web site."""
    return NewAccounts(
        owner=settings.self_serve_owner_id,
        record_type=settings.self_serve_record_type_id,
        person_accounts=settings.self_serve_person_accounts,
        person_record_type=settings.self_serve_person_record_type_id,
        account_fields=settings.self_serve_account_fields or {},
        contact_fields=settings.self_serve_contact_fields or {},
    )


def new_records(settings: Settings) -> list[tuple[str, Fields]]:
    """By object, the fields of such Accounts and their Contacts."""
    return samples(new_accounts(settings))


def start_of(store: Store) -> Start:
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


def telling_owners(store: Store, zone_of: ZoneOf) -> Store:
    """The store whose outbox also tells the owners of Accounts of issues that open, where that is switched on."""
    if not store.settings.owner_tasks:
        return store
    since = switched_on(store.cursors, store.clock.now())
    return replace(store, outbox=store.outbox.announcing(OwnerTasks(since, store.clock, zone_of)))


def zones(salesforce: SalesforceGateway, default: str) -> ZoneOf:
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
            known, read_at = {a: z for a, z in told.items() if z in known_zones()}, time.monotonic()
        return {a: known.get(a, default) for a in account_ids}

    return zone_of
