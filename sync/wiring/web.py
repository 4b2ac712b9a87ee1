"""What the web process needs: to tell webhooks from forgeries, to store notices, to take usage in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog

from sync.config import Settings
from sync.endpoints import endpoints
from sync.errors import SyncError, Unsafe
from sync.ports import NewNotice
from sync.run.usage_intake import UsageIntake
from sync.store import schema
from sync.store.cursors import StoredCursors
from sync.store.engine import make_engine, plain_dsn
from sync.store.gauges import GAUGES_SQL
from sync.store.inbox import insert_notices_sql, notice_arrays
from sync.wiring.pipeline import usage_intake_of
from sync.wiring.store import open_store
from sync.wiring.vendors import REDIS_TIMEOUT_S, stripe_of

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
        return f"stripe:{pinned or stripe_of(settings, endpoints(settings), None).account}"

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
            stripe = stripe_of(soon, endpoints(soon), None)
            cursors.pin_realm({**pinned, "stripe": stripe.account, "livemode": str(stripe.livemode)})
    except Unsafe:
        raise
    except SyncError as error:
        log.warning("store_not_checked", code=error.code, reason=error.message)
    finally:
        engine.dispose()


def usage_intake(settings: Settings, *, database_url: str, redis_url: str | None) -> UsageIntake:
    """For the web process: what takes usage in. Stripe is asked only where the store does not know for sure."""
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    stripe = stripe_of(settings, endpoints(settings), bell)
    store = open_store(settings, database_url=database_url)
    if not store.cursors.realm():
        store = open_store(settings, database_url=database_url, stripe_account=stripe.account)
    return usage_intake_of(store, stripe)
