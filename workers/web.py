"""The web process: takes Stripe's webhooks in, and says how the installation is doing.

A webhook is verified, parsed and stored; nothing else happens in the request (DESIGN 3, Web). Concurrent requests share
one multi-row INSERT and are answered after its commit.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sync.notices import NotAnEvent, notice_of_event
from sync.ports import NewNotice
from workers.bodies import whole_body
from workers.metrics import Metrics, row_of
from workers.ops.endpoint import OpsPages
from workers.usage import UsageEndpoint

log = structlog.get_logger()

#: Stripe's largest events are far below this; what is larger is not Stripe's.
MAX_BODY_BYTES = 1_000_000
INSERT_TIMEOUT_S = 10.0
#: Statements under way at a time. One would do on an idle machine; on a busy one every webhook would wait for its commit.
MOST_STATEMENTS = 4
#: Connections beside those, for /readyz and /metrics.
OTHER_CONNECTIONS = 2
#: Seconds from a request's first byte (or from the connection) until its last: who takes longer is cut off, so that
#: nobody holds connections by sending slowly. Stripe sends an event in one go.
REQUEST_WITHIN_S = 10.0
#: Seconds that requests under way have when the process is asked to stop.
GRACE_S = 15
#: Connections that the kernel holds until we take them.
BACKLOG = 2048


class StoreDown(Exception):
    """The notice could not be stored; the sender has to come again."""


#: What asyncpg raises when the store can't be reached, is going down, or refuses.
STORE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

#: The arguments of the store's multi-row INSERT, one list a parameter.
Columns = Callable[[Sequence[NewNotice]], list[list[Any]]]


class NoticeWriter:
    """Stores notices; those that arrive while `MOST_STATEMENTS` run share the next one.

    ``dsn`` is a ``postgresql://`` URL; ``statement`` and ``columns`` are the store's INSERT and what makes its arguments.
    """

    def __init__(self, dsn: str, statement: str, columns: Columns) -> None:
        self._dsn = dsn
        self._statement = statement
        self._columns = columns
        self._pool: asyncpg.Pool | None = None
        self._connecting = asyncio.Lock()
        self._waiting: list[Waiting] = []
        self._writing: set[asyncio.Task[None]] = set()

    async def store(self, notice: NewNotice) -> None:
        """On return the notice is committed, or was there before. Raises StoreDown."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((notice, done))
        if len(self._writing) < MOST_STATEMENTS:
            self._writing.add(asyncio.create_task(self._write()))
        await done

    async def alive(self) -> bool:
        """Whether the store answers."""
        try:
            async with (await self._connected()).acquire(timeout=3) as connection:
                return bool(await connection.fetchval("SELECT true", timeout=3))
        except STORE_ERRORS:
            return False

    async def fetch(self, statement: str) -> list[asyncpg.Record]:
        """Rows of a read-only statement."""
        async with (await self._connected()).acquire(timeout=3) as connection:
            return list(await connection.fetch(statement, timeout=5))

    async def close(self) -> None:
        """Wait for what is being written, then disconnect."""
        if self._writing:
            await asyncio.wait(self._writing)
        if self._pool is not None:
            await self._pool.close()

    async def _write(self) -> None:
        this = asyncio.current_task()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write_batch(batch)
        finally:
            # In the same breath as the last look: who comes after it must find room for a writer of his own.
            if this is not None:
                self._writing.discard(this)

    async def _write_batch(self, batch: list[Waiting]) -> None:
        try:
            await self._insert([notice for notice, _ in batch])
        except STORE_ERRORS as error:
            log.error("notices_not_stored", count=len(batch), error=type(error).__name__)
            _settle(batch, StoreDown(type(error).__name__))
        except BaseException:
            # Whoever waits must not wait for ever, whatever this was.
            _settle(batch, StoreDown("the writer ended"))
            raise
        else:
            _settle(batch, None)

    async def _insert(self, notices: Sequence[NewNotice]) -> None:
        async with (await self._connected()).acquire(timeout=INSERT_TIMEOUT_S) as connection:
            await connection.execute(self._statement, *self._columns(notices), timeout=INSERT_TIMEOUT_S)

    async def _connected(self) -> asyncpg.Pool:
        async with self._connecting:
            if self._pool is None:
                most = MOST_STATEMENTS + OTHER_CONNECTIONS
                self._pool = await asyncpg.create_pool(
                    self._dsn, min_size=1, max_size=most, timeout=5, reset=_as_it_was
                )
            return self._pool


async def _as_it_was(_: asyncpg.Connection) -> None:
    """A connection goes back to the pool without another round trip: no statement of ours leaves anything in its session."""


Waiting = tuple[NewNotice, "asyncio.Future[None]"]


def _settle(batch: Sequence[Waiting], error: StoreDown | None) -> None:
    """Everyone who still waits is told."""
    for _, done in batch:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)


Verify = Callable[[bytes, str], bool]


class Web:
    """The application. ``source`` names the Stripe account whose events come (it may block, and is asked until it answers).

    ``verify`` says whether a raw body carries a signature made with one of our secrets, not too long ago.
    """

    def __init__(
        self,
        *,
        writer: NoticeWriter,
        verify: Verify,
        source: Callable[[], str],
        version: Mapping[str, str],
        gauges_sql: str,
        usage: UsageEndpoint | None = None,
        ops: OpsPages | None = None,
        accounts: Mapping[str, tuple[Verify, Callable[[], str]]] | None = None,
    ) -> None:
        """``accounts`` are by name what ``verify`` and ``source`` are, where there are several Stripe accounts."""
        self._writer = writer
        self._senders = {"": (verify, source), **(accounts or {})}
        self._sources: dict[str, str] = {}
        self._version = version
        self._gauges_sql = gauges_sql
        self._metrics = Metrics(version)
        self.app = Starlette(
            routes=[
                Route("/webhooks/stripe", self.webhook, methods=["POST"]),
                *([Route("/webhooks/stripe/{name}", self.webhook, methods=["POST"])] if accounts else []),
                Route("/livez", self.livez),
                Route("/readyz", self.readyz),
                Route("/metrics", self.metrics),
                Route("/version", self.show_version),
                *([Route("/usage", usage.take, methods=["POST"])] if usage else []),
                *(ops.routes if ops else []),
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._writer.close()

    async def webhook(self, request: Request) -> Response:
        """200 when stored (or known, or of a type we don't use), 400 when it isn't Stripe's, 404 when no account has the name
        in the path, 503 when the store is down.
        """
        name = request.path_params.get("name", "")
        if name not in self._senders:
            return self._answer("unknown", "no_account", 404, "No Stripe account has this name here.")
        try:
            body = await whole_body(request, MAX_BODY_BYTES)
        except ClientDisconnect:
            return self._answer("unknown", "hung_up", 400, "")
        if body is None:
            return self._answer("unknown", "too_large", 400, "The body is too large.")
        if not self._senders[name][0](body, request.headers.get("stripe-signature", "")):
            return self._answer(
                "unknown", "bad_signature", 400, "The signature doesn't match, is missing, or is too old (CONF-306)."
            )
        try:
            text = body.decode("utf-8")
            event = json.loads(text)
        except (ValueError, RecursionError):
            return self._answer("unknown", "bad_body", 400, "This is no Stripe event: the body is not JSON.")
        try:
            notice = notice_of_event(event, await self._source(name), body=text)
        except NotAnEvent as error:
            return self._answer("unknown", "bad_body", 400, f"This is no Stripe event: {error}.")
        except StoreDown:
            return self._answer("unknown", "store_down", 503, "The store is down; please send it again.")
        try:
            await self._writer.store(notice)
        except StoreDown:
            return self._answer(_label(notice.type), "store_down", 503, "The store is down; please send it again.")
        return self._answer(_label(notice.type), "stored", 200, "")

    async def _source(self, name: str) -> str:
        """Whose events these are, asked once. Raises StoreDown while that can't be known."""
        if name not in self._sources:
            try:
                self._sources[name] = await asyncio.to_thread(self._senders[name][1])
            except Exception as error:
                log.error("source_not_known", error=type(error).__name__)
                raise StoreDown("whose events these are can't be known now") from error
        return self._sources[name]

    def _answer(self, type_: str, result: str, status: int, text: str) -> Response:
        self._metrics.count_webhook(type_, result)
        return PlainTextResponse(text, status_code=status)

    async def livez(self, _: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok")

    async def readyz(self, _: Request) -> Response:
        """The store answers too; an outage of Stripe or Salesforce must not restart us."""
        return (
            PlainTextResponse("ok")
            if await self._writer.alive()
            else PlainTextResponse("the store does not answer", status_code=503)
        )

    async def show_version(self, _: Request) -> Response:
        """What runs here."""
        return JSONResponse(self._version)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text: counters of this process, and the state of the whole installation from the store."""
        try:
            rows = await self._writer.fetch(self._gauges_sql)
        except STORE_ERRORS:
            return PlainTextResponse("the store does not answer", status_code=503)
        return Response(self._metrics.text(row_of(row) for row in rows), media_type=CONTENT_TYPE_LATEST)


def _label(type_: str) -> str:
    """The event's family: a label with few values."""
    return type_.rpartition(".")[0] or type_


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections (port 0: a free one). OSError when the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)  # whoever is told the address may come at once
    except OSError:
        bound.close()
        raise
    return bound


class Server(uvicorn.Server):
    """Ends when the event is set, also one that was set before it began. Signals are the process's own affair."""

    def __init__(self, config: uvicorn.Config, stop: threading.Event) -> None:
        super().__init__(config)
        self._stop = stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._stop.is_set()


class Punctual(HttpToolsProtocol):
    """A connection whose requests have to be whole within `within_s` seconds; else it is closed without an answer."""

    within_s = REQUEST_WITHIN_S
    _cut_off: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_the_rest()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_the_rest()

    def on_message_complete(self) -> None:
        self._expect_nothing()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_the_rest(self) -> None:
        if self._cut_off is None:
            self._cut_off = self.loop.call_later(self.within_s, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None


def serve(app: Starlette, bound: socket.socket, stop: threading.Event, *, protocol: type[Punctual] = Punctual) -> None:
    """Serve until ``stop`` is set: httptools, no access log; requests under way are answered first."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    Server(config, stop).run(sockets=[bound])
