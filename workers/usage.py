"""`POST /usage`: takes usage in over HTTP. Answered after the commit, 202, with the rows that were refused and why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from sync.errors import SyncError, Transient
from sync.run.usage_intake import Taken
from sync.run.usage_intakes import Intakes
from sync.usage.rows import DEFAULT_SOURCE, Refusal, UsageRow, read_row
from workers.bodies import whole_body
from workers.tokens import Tokens

log = structlog.get_logger()

MAX_BODY_BYTES = 1_000_000
MOST_EVENTS = 1000
#: Requests that are judged at the same time; the others wait their turn.
AT_A_TIME = 2
RETRY_AFTER_S = 5


class UsageEndpoint:
    """The route. ``tokens`` are the secrets that callers may name; ``intake`` is made at the first request that needs it."""

    def __init__(self, tokens: Sequence[str], intake: Callable[[], Intakes]) -> None:
        self._tokens = Tokens(tokens)
        self._make = intake
        self._made: Intakes | None = None
        self._turn = asyncio.Semaphore(AT_A_TIME)

    async def take(self, request: Request) -> Response:
        """202 with counts and refusals once the good rows are committed; 422 where all were refused, 400 for no such body,
        401 without the token, 413 for too much, 503 when a side is away: nothing was taken then, come again.
        """
        if not self._tokens.given_by(request.headers.get("authorization", "")):
            return _said(
                401, "This needs the header Authorization: Bearer and the token.", {"WWW-Authenticate": "Bearer"}
            )
        try:
            body = await whole_body(request, MAX_BODY_BYTES)
        except ClientDisconnect:
            return _said(400, "The body never came.")
        if body is None:
            return _said(413, f"A body has at most {MAX_BODY_BYTES} bytes.")
        rows = _rows(body)
        if isinstance(rows, Response):
            return rows
        try:
            async with self._turn:
                taken = await asyncio.to_thread(self._taken, rows)
        except Transient as error:
            log.warning("usage_not_taken", code=error.code, reason=error.message)
            return _said(
                503, "A side is away; nothing was taken. Please send it again.", {"Retry-After": str(RETRY_AFTER_S)}
            )
        except SyncError as error:
            log.error("usage_not_taken", code=error.code, reason=error.message)
            return _said(500, f"Nothing was taken ({error.code}).")
        return JSONResponse(_told(taken, rows), status_code=202 if taken.accepted or taken.known else 422)

    def _taken(self, rows: Sequence[UsageRow | Refusal]) -> Taken:
        if self._made is None:
            self._made = self._make()
        return self._made.take(rows)


def _rows(body: bytes) -> list[UsageRow | Refusal] | Response:
    try:
        given = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return _said(400, "The body is no JSON.")
    events = given.get("events") if isinstance(given, Mapping) else None
    if not isinstance(events, list) or not events or set(given) - {"events", "source"}:
        return _said(400, 'The body is {"source": "...", "events": [{...}, ...]}; source may be left out.')
    source = given.get("source", DEFAULT_SOURCE)
    if not isinstance(source, str):
        return _said(400, "source is text.")
    if len(events) > MOST_EVENTS:
        return _said(413, f"At most {MOST_EVENTS} events at a time.")
    return [_row(one, source) for one in events]


def _row(given: object, source: str) -> UsageRow | Refusal:
    if not isinstance(given, Mapping):
        return Refusal("incomplete", "an event is an object.")
    return read_row(given, source=source)


def _told(taken: Taken, rows: Sequence[UsageRow | Refusal]) -> dict[str, Any]:
    refused = []
    for place, why in taken.refused:
        row = rows[place]
        name = row.identifier if isinstance(row, UsageRow) else None
        refused.append({"index": place, "identifier": name, "reason": why.reason, "message": why.message})
    return {"accepted": taken.accepted, "known": taken.known, "refused": refused}


def _said(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": words}, status_code=status, headers=headers)
