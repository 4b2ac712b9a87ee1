"""The web process: takes Stripe's webhooks in, and says how the installation is doing.

A webhook is verified, parsed and stored; nothing else happens in the request (DESIGN 3, Web). Concurrent requests share
one multi-row INSERT and are answered after its commit.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sync.notices import NotAnEvent, notice_of_event
from workers.bodies import whole_body
from workers.metrics import Metrics, row_of
from workers.notice_writer import STORE_ERRORS, NoticeWriter, StoreDown
from workers.ops.endpoint import OpsPages
from workers.usage import UsageEndpoint

log = structlog.get_logger()

#: Stripe's largest events are far below this; what is larger is not Stripe's.
MAX_BODY_BYTES = 1_000_000
#: Where Stripe delivers; with several accounts, with the name of each behind it.
WEBHOOKS = "/webhooks/stripe"
#: Seconds from a request's first byte (or from the connection) until its last: who takes longer is cut off, so that
#: nobody holds connections by sending slowly. Stripe sends an event in one go.
REQUEST_WITHIN_S = 10.0
#: Seconds that requests under way have when the process is asked to stop.
GRACE_S = 15
#: Connections that the kernel holds until we take them.
BACKLOG = 2048


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
        self._scraping: asyncio.Task[list[asyncpg.Record]] | None = None
        self._paths = {f"{WEBHOOKS}/{name}" if name else WEBHOOKS: name for name in self._senders}
        self._others = Starlette(
            routes=[
                Route(WEBHOOKS, self.webhook, methods=["POST"]),
                *([Route(f"{WEBHOOKS}/{{name}}", self.webhook, methods=["POST"])] if accounts else []),
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
        gc.freeze()  # what the process is made of is not looked through for garbage while it serves
        yield
        await self._writer.close()

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. A webhook goes straight to its work, past routes and middleware that cost as much as it."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            answer = await self._webhook(Request(scope, receive), self._paths[scope["path"]])
            await answer(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def webhook(self, request: Request) -> Response:
        """200 when stored (or known, or of a type we don't use), 400 when it isn't Stripe's, 404 when no account has the name
        in the path, 503 when the store is down.
        """
        name = request.path_params.get("name", "")
        if name not in self._senders:
            return self._answer("unknown", "no_account", 404, "No Stripe account has this name here.")
        return await self._webhook(request, name)

    async def _webhook(self, request: Request, name: str) -> Response:
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
        """Prometheus text: counters of this process, and the state of the whole installation from the store. Scrapes that come
        while the store is asked share its answer.
        """
        if self._scraping is None or self._scraping.done():
            self._scraping = asyncio.create_task(self._writer.fetch(self._gauges_sql))
        try:
            rows = await asyncio.shield(self._scraping)
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


def serve(app: ASGIApp, bound: socket.socket, stop: threading.Event, *, protocol: type[Punctual] = Punctual) -> None:
    """Serve until ``stop`` is set: httptools, no access log; requests under way are answered first."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=protocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )
    Server(config, stop).run(sockets=[bound])
