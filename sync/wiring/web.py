"""What the web process needs: to tell webhooks from forgeries, to store notices, to take usage in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis
import structlog

from sync.config import Settings
from sync.endpoints import endpoints
from sync.errors import SyncError, Unsafe
from sync.ports import NewNotice
from sync.run.usage_intakes import Intakes
from sync.store import schema
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine, plain_dsn
from sync.store.gauges import GAUGES_SQL
from sync.store.inbox import insert_notices_sql, notice_arrays
from sync.store.realm import NAMED
from sync.wiring.accounts import Account, parted
from sync.wiring.pipeline import usage_intake_of
from sync.wiring.store import open_store, store_of
from sync.wiring.vendors import REDIS_TIMEOUT_S, stripe_of, webhook_verifiers

log = structlog.get_logger()

#: How long a web process that starts waits for Stripe to say whose webhooks come.
WEB_CHECK_S = 5.0


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


@dataclass(frozen=True)
class WebhookAccount:
    """One of several Stripe accounts whose webhooks come, as `WebStore.source` and ``verify`` have it for one alone."""

    name: str
    verify: Callable[[bytes, str], bool]
    source: Callable[[], str]


def web_store(settings: Settings, *, database_url: str) -> WebStore:
    """For the web process. ``source`` asks the store which Stripe account it belongs to, and Stripe itself while it
    belongs to none.
    """
    source = partial(_source, settings, database_url, "stripe", 0)
    return WebStore(plain_dsn(database_url), insert_notices_sql(), notice_arrays, source, GAUGES_SQL)


def webhook_accounts(settings: Settings, *, database_url: str) -> tuple[WebhookAccount, ...]:
    """Every account of STRIPE_ACCOUNTS, in its order; none without that file. Raises ConfigFault where secrets are missing."""
    return tuple(
        WebhookAccount(name, verify, partial(_source, settings, database_url, f"{NAMED}{name}", number))
        for number, (name, verify) in enumerate(webhook_verifiers(settings).items())
    )


def _source(settings: Settings, database_url: str, mark: str, number: int) -> str:
    """Where the notices of the Stripe account come from that the store has under this mark, or that is given in this place."""
    engine = make_engine(database_url, pooled=False)
    try:
        pinned = StoredCursors(engine).realm().get(mark)
    finally:
        engine.dispose()
    if pinned is None:
        places = endpoints(settings)
        pinned = stripe_of(settings, places, places.stripe[number], None).account
    return f"stripe:{pinned}"


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
            places = endpoints(soon)
            found = {one.name: stripe_of(soon, places, one, None) for one in places.stripe}
            said = {f"{NAMED}{name}": stripe.account for name, stripe in found.items() if name}
            first = next(iter(found.values()))
            own = pinned.get("stripe")
            stripe = next((s.account for s in found.values() if s.account == own), first.account)
            kept = {name: value for name, value in pinned.items() if not name.startswith(NAMED)}
            cursors.pin_realm({**kept, "stripe": stripe, "livemode": str(first.livemode), **said})
    except Unsafe:
        raise
    except SyncError as error:
        log.warning("store_not_checked", code=error.code, reason=error.message)
    finally:
        engine.dispose()


def usage_intake(settings: Settings, *, database_url: str, redis_url: str | None) -> Intakes:
    """For the web process: what takes usage in. Stripe is asked only where the store does not know for sure."""
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    places, opened = endpoints(settings), open_store(settings, database_url=database_url)
    pinned = opened.cursors.realm()
    accounts = [Account(one.name, stripe_of(settings, places, one, bell)) for one in places.stripe]
    for one in accounts:
        if (known := pinned.get(f"{NAMED}{one.name}" if one.name else "stripe")) is not None:
            one.stripe.known_as(known)
    return Intakes(
        [
            usage_intake_of(
                store_of(settings, opened.engine, opened.clock, one.stripe.account, part=one.part), one.stripe
            )
            for one in parted(accounts, (), pinned)
        ]
    )
