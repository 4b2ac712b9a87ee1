"""Around each half: guard the Host, log the request, meet it with a fault.

A handler says that a write changed something with :func:`mark_effect`. Faults that only a vendor can word go
through ``Half.fault_answer`` (see ``world.py``); the others are the connection's and happen here. A half with
``delays_itself`` finds ``delay_s`` in ``scope["state"]`` and waits by itself. A half with ``account_of`` says which of its
accounts a request is made of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any

from sandbox.answers import Answer
from sandbox.faults import Fault
from sandbox.traffic import Line
from sandbox.world import FIRST_ACCOUNT, FaultAnswer, Half, World, stamp

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("sandbox")
HARNESS = "harness"
CLIENT_HEADER = "x-tandem-client"
HOLD_S = 60.0
BIGGEST_BODY = 64 * 1024 * 1024
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}


def mark_effect(scope_or_request: Any) -> None:
    """Say that the request's write changed something: ``effect`` is true in the log."""
    scope = scope_or_request if isinstance(scope_or_request, dict) else scope_or_request.scope
    scope.setdefault("state", {})["effect"] = True


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers, names in lower case; of several the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def is_local_host(host: str) -> bool:
    """Whether a Host header names this machine by its loopback names, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or (host.startswith("[") and host.endswith("]")):
        name, port = host, "0"
    return name.lower() in _LOCAL_HOSTS and port.isdigit()


class OnlyLocalHost:
    """Answers 421 to any Host that is not loopback, so that no web page can reach the sandbox by DNS tricks."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if is_local_host(headers_of(scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        await respond(
            send, Answer(421, b"This sandbox answers on loopback names only.\n", {"content-type": "text/plain"})
        )


async def respond(send: Send, answer: Answer | FaultAnswer) -> None:
    """Send a complete answer."""
    raw = Answer(answer.status, answer.body, answer.headers).raw_headers()
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


class ClientGone(Exception):
    """The client went away before its request was whole: nothing is to be done."""


async def read_body(receive: Receive) -> bytes:
    """The whole request body. Raises :class:`ClientGone`."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BIGGEST_BODY:
            raise ValueError("request body above 64 MiB")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


class Recorder:
    """Logs every request of one half and applies the fault that it meets."""

    def __init__(self, world: World, half: Half) -> None:
        self._world = world
        self._half = half

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        client = headers.get(CLIENT_HEADER) or headers.get("user-agent", "")
        try:
            body = await read_body(receive)
        except ClientGone:
            return
        scope["state"] = state = {"effect": False, "fault": None}
        fault = None
        if client != HARNESS:
            asked = scope["method"], scope["path"], self._account_of(headers)
            fault = self._world.faults.pick(self._half.name, *asked)
        if fault is not None and fault.kind == "drop":
            self._log(scope, headers, client, body, None)
            _abort(scope)
            await _hold(receive)
            return
        answer = await self._answer(scope, headers, body, fault)
        lost = fault is not None and fault.kind == "timeout_after_effect"
        self._log(scope, headers, client, body, None if lost else answer, effect=bool(state["effect"]))
        if lost:
            try:
                await _hold(receive)
            finally:  # also when the process ends meanwhile: the server would answer for us
                _abort(scope)
        else:
            await respond(send, self._dated(answer))

    async def _answer(self, scope: Scope, headers: dict[str, str], body: bytes, fault: Fault | None) -> Answer:
        state = scope["state"]
        if fault is not None and fault.kind == "delay":
            if getattr(self._half, "delays_itself", False):
                state["delay_s"] = fault.delay_s
            else:
                await asyncio.sleep(fault.delay_s)
        elif fault is not None and fault.kind != "timeout_after_effect":
            state["fault"] = fault.kind
            said = self._half.fault_answer(fault.kind, scope["method"], scope["path"], headers)
            if said is not None:
                return Answer(said.status, said.body, said.headers)
        try:
            return await _collected(self._half.app, scope, body)
        except Exception:
            _log.exception("%s: %s %s failed", self._half.name, scope["method"], scope["path"])
            return Answer(500, b"Internal Server Error", {"content-type": "text/plain"})

    def _account_of(self, headers: dict[str, str]) -> str:
        account_of = getattr(self._half, "account_of", None)
        return str(account_of(headers)) if account_of is not None else ""

    def _dated(self, answer: Answer) -> Answer:
        if "date" in {name.lower() for name in answer.headers}:
            return answer
        date = format_datetime(self._world.now(), usegmt=True)
        return Answer(answer.status, answer.body, {**answer.headers, "date": date})

    def _log(
        self,
        scope: Scope,
        headers: dict[str, str],
        client: str,
        body: bytes,
        answer: Answer | None,
        effect: bool = False,
    ) -> None:
        traffic = self._world.traffic
        query = scope.get("query_string", b"").decode("latin-1")
        account = self._account_of(headers)
        line = Line(
            seq=traffic.next_seq(),
            at=stamp(self._world.now()),
            system=self._half.name,
            client=client,
            method=scope["method"],
            path=scope["path"],
            params=self._half.decode_params(query, headers.get("content-type", ""), body),
            idempotency_key=headers.get("idempotency-key"),
            status=None if answer is None else answer.status,
            response=None if answer is None else answer.body,
            effect=effect,
            account="" if account == FIRST_ACCOUNT else account,
        )
        traffic.add(line)


async def _collected(app: App, scope: Scope, body: bytes) -> Answer:
    """Run an ASGI application over a body already read and collect its answer."""
    status, headers, chunks = 500, dict[str, str](), list[bytes]()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            raw = message.get("headers", [])
            headers.update({k.decode("latin-1").lower(): v.decode("latin-1") for k, v in raw})
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    headers.pop("content-length", None)
    return Answer(status, b"".join(chunks), headers)


async def _hold(receive: Receive) -> None:
    """Say nothing until the client gives up, at most a minute of machine time."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), HOLD_S)
    except TimeoutError:
        return


def _abort(scope: Scope) -> None:
    """Close the connection without an answer."""
    transport = scope.get("extensions", {}).get("sandbox.transport")
    if transport is not None:
        transport.abort()
