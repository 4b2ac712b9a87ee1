"""Connections to PostgreSQL: one engine a process, UTC, JSON without floats."""

from __future__ import annotations

import json
import re
import select
import time
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from sync.errors import Transient

#: Seconds after which a connection that nobody used is asked whether it is still there.
IDLE_S = 5.0
#: Whether this system can say at no cost that something came in on a connection (Windows can't).
_CAN_LOOK = hasattr(select, "poll")
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def make_engine(
    url: str, *, name: str = "tandem", pool_size: int = 5, statement_timeout_s: float = 30.0, pooled: bool = True
) -> Engine:
    """An engine for ``postgresql://`` or ``postgres://`` URLs (psycopg 3), READ COMMITTED, session time zone UTC.

    A statement that runs longer than ``statement_timeout_s``, and a transaction left idle for as long, is ended by the server:
    a stopped worker can hold no row for longer than that. A store that is away, or ends a statement, is Transient
    TEMP-406, with the driver's own error as its cause: nobody has to look at a record for that.
    """
    limit_ms = int(statement_timeout_s * 1000)
    options = (
        f"-c timezone=UTC -c statement_timeout={limit_ms} -c idle_in_transaction_session_timeout={limit_ms}"
        " -c default_transaction_isolation=read\\ committed"
    )
    # Where the system can't say cheaply whether a connection is still there, it is asked each time.
    pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": pool_size, "pool_pre_ping": not _CAN_LOOK}
    engine = create_engine(
        psycopg_url(url),
        connect_args={"options": options, "application_name": name, "connect_timeout": 5},
        json_serializer=to_json,
        json_deserializer=from_json,
        **(pool if pooled else {"poolclass": NullPool}),
    )
    event.listen(engine, "handle_error", _say_that_it_passes)
    if pooled and _CAN_LOOK:
        event.listen(engine, "checkin", _remember_when)
        event.listen(engine, "checkout", _still_there)
    return engine


def _remember_when(_: object, record: ConnectionPoolEntry) -> None:
    record.info["back_at_s"] = time.monotonic()


def _still_there(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _: object) -> None:
    """A connection that broke while nobody used it is replaced, and with it all that were made before.

    A server that ends a connection says so at once, so one that was used a moment ago and has nothing to say is there:
    that costs no round trip. One that lay idle is asked: a network in between may have forgotten it without a word.
    """
    back_at_s = record.info.get("back_at_s")
    if back_at_s is None or (time.monotonic() - back_at_s < IDLE_S and not _has_something_to_say(connection)):
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as broken:
        raise InvalidatePoolError from broken


def _has_something_to_say(connection: psycopg.Connection[Any]) -> bool:
    if connection.closed:
        return True
    unread = select.poll()
    unread.register(connection.fileno(), select.POLLIN)
    return bool(unread.poll(0))


def _say_that_it_passes(context: ExceptionContext) -> None:
    """Connections that broke or never came about, deadlocks and time-outs end by themselves; every other error is as it was."""
    if isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError) and not context.is_pre_ping:
        driver_says = context.original_exception
        raise Transient("TEMP-406", f"The store does not answer ({type(driver_says).__name__}).") from driver_says


def psycopg_url(url: str) -> URL:
    """The URL with the driver of the store; a URL of another database is refused (ValueError)."""
    parsed = make_url("postgresql" + url.removeprefix("postgres") if url.startswith("postgres://") else url)
    if parsed.get_backend_name() != "postgresql":
        raise ValueError(f"DATABASE_URL names {parsed.get_backend_name()!r}; the store is PostgreSQL only.")
    return parsed.set(drivername="postgresql+psycopg")


def plain_dsn(url: str) -> str:
    """The same address as ``postgresql://…``, password included, for drivers that SQLAlchemy does not sit in front of (asyncpg)."""
    return psycopg_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def to_json(value: object) -> str:
    """JSON text that PostgreSQL takes: decimals and dates as text, other values as they print, no NaN, nothing it can't store."""
    return storable_json(json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False))


def from_json(text: str | bytes) -> Any:
    """What `to_json` wrote; a number with a point comes back as Decimal, never as a float."""
    return json.loads(text, parse_float=Decimal)


def storable_json(text: str) -> str:
    """The JSON text without escaped NULs, which ``jsonb`` refuses, and `storable` otherwise."""
    return storable(_NUL_IN_JSON.sub(r"\1", text))


def storable(text: str) -> str:
    """The text without NUL and with lone surrogates replaced: PostgreSQL refuses both, and one such row would refuse all beside it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError(f"a naive datetime cannot be stored: {value.isoformat()}")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
