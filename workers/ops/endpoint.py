"""`/ops`: read-only pages for billing operations. They need the token; without one configured there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sync import catalogue
from sync.errors import SyncError, Transient
from sync.run.overview import Overview
from workers.ops import pages
from workers.ops.parts import POLICY
from workers.tokens import Tokens

log = structlog.get_logger()
T = TypeVar("T")

#: Pages that are read from the store at the same time; the others wait their turn. Webhooks come first.
AT_A_TIME = 2
#: The longest name of a record that is looked for.
LONGEST_NAME = 255
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ASK = {"WWW-Authenticate": 'Basic realm="Tandem billing operations", charset="UTF-8"'}


class OpsPages:
    """The routes. ``tokens`` are the secrets that a visitor may give as the password (or as a bearer token); ``overview``
    is made at the first page that needs it.
    """

    def __init__(self, tokens: Sequence[str], overview: Callable[[], Overview], *, version: str) -> None:
        self._tokens = Tokens(tokens)
        self._make = overview
        self._made: Overview | None = None
        self._version = version
        self._turn = asyncio.Semaphore(AT_A_TIME)

    @property
    def routes(self) -> list[Route]:
        """None where no token is configured."""
        if not self._tokens:
            return []
        return [
            Route("/ops", self._guarded(self.home), methods=["GET"]),
            Route("/ops/code", self._guarded(self.code), methods=["GET"]),
            Route("/ops/record", self._guarded(self.record), methods=["GET"]),
        ]

    async def home(self, _: Request) -> Response:
        """200: the installation at a glance."""
        return _html(pages.home(await self._read(lambda found: found.home()), version=self._version))

    async def code(self, request: Request) -> Response:
        """200: what waits under one code. 404: there is no such code."""
        code = request.query_params.get("id", "").strip().upper()
        if code not in catalogue.CATALOGUE:
            return _html(pages.nothing("No such code", f"There is no code {code}."), 404)
        return _html(pages.of_code(await self._read(lambda found: found.of_code(code))))

    async def record(self, request: Request) -> Response:
        """200: the story of one record. 404: nothing was ever done under that name."""
        name = request.query_params.get("id", "").strip()[:LONGEST_NAME]
        story = await self._read(lambda found: found.story(name)) if name else None
        if story is None:
            return _html(pages.nothing("Nothing found", "Nothing was ever done under that name.", given=name), 404)
        return _html(pages.story(name, story))

    async def _read(self, look: Callable[[Overview], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(lambda: look(self._overview()))

    def _overview(self) -> Overview:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _guarded(self, show: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The page for who has the token: 401 without it, 503 while the store is away."""

        async def answer(request: Request) -> Response:
            if not self._tokens.given_by(request.headers.get("authorization", ""), as_password=True):
                return _html(pages.nothing("Not without the token", "Give the token as the password."), 401, ASK)
            try:
                return await show(request)
            except Transient as error:
                log.warning("ops_page_not_shown", code=error.code, reason=error.message)
                return _html(pages.nothing("The store is away", "It does not answer now; come again."), 503)
            except SyncError as error:
                log.error("ops_page_not_shown", code=error.code, reason=error.message)
                return _html(pages.nothing("Not shown", f"{error.code}: the log says more."), 500)

        return answer


def _html(page: str, status: int = 200, more: dict[str, str] | None = None) -> Response:
    return HTMLResponse(page, status_code=status, headers=HEADERS | (more or {}))
