"""Calls to one org: token, replay after its renewal, deadline, limit header, exact numbers, Composite (DESIGN 5)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from sync.clock import Deadline
from sync.errors import Terminal
from sync.gateways.http import Answer, NoAnswer, NotSent, Transport
from sync.gateways.salesforce_auth import Token, Tokens
from sync.gateways.salesforce_errors import is_expired, of_call, of_failure

#: The most parts of one Composite, and the most of them that may be queries or Collections.
PARTS, HEAVY_PARTS = 25, 5
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


def checked_id(value: str) -> str:
    """``value``, which is a Salesforce id of 15 or 18 characters. Anything else never reaches a path or a query, where
    one bad id would spoil the whole batch: Terminal BUG-502.
    """
    if not is_id(value):
        raise Terminal("BUG-502", "A value that is no Salesforce id was to be used as one.")
    return value


def is_id(value: str) -> bool:
    """Whether this is a Salesforce id of 15 or 18 characters."""
    return bool(_ID.match(value)) and (len(value) != 18 or value[15:] == _suffix(value[:15]))


def _suffix(id: str) -> str:
    """The three characters that say which letters of the fifteen are capitals."""
    capitals = [sum(c.isupper() << i for i, c in enumerate(id[start : start + 5])) for start in (0, 5, 10)]
    return "".join(_SUFFIX[number] for number in capitals)


@dataclass(frozen=True)
class Part:
    """One part of a Composite. ``path`` is below the version: ``/queryAll?q=...``."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    what: str = ""


@dataclass(frozen=True)
class PartAnswer:
    """What one part answered."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class CompositeAnswer:
    """Answers in the order of the parts; ``at`` is Salesforce's own clock, ``request_id`` its name for the call."""

    parts: Sequence[PartAnswer]
    at: datetime | None
    request_id: str | None


@dataclass
class Usage:
    """The daily allowance as the last answer told it."""

    used: int | None = None
    allowed: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, header: str) -> None:
        if found := _USAGE.search(header):
            with self.lock:
                self.used, self.allowed = int(found[1]), int(found[2])


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    content: bytes | None
    params: Mapping[str, str]
    headers: Mapping[str, str]
    what: str
    writing: bool


class SalesforceHttp:
    """One org. Thread-safe."""

    def __init__(self, tokens: Tokens, transport: Transport, *, api_version: str = "66.0") -> None:
        if not re.fullmatch(r"\d{2,3}\.0", api_version):
            raise Terminal("CONF-307", f"{api_version!r} is not an API version of Salesforce.")
        self._tokens = tokens
        self._transport = transport
        self.root = f"/services/data/v{api_version}"
        self.usage = Usage()

    @property
    def calls(self) -> int:
        """Requests begun so far, by all threads, log-ins included where they share the connections."""
        return self._transport.calls

    @property
    def organization_id(self) -> str:
        """Of the token in use; logs in if need be."""
        return self._tokens.current().organization_id

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        what: str,
        writing: bool = False,
        deadline: Deadline | None = None,
        fits: Callable[[Answer], bool] = lambda _: False,
    ) -> Answer:
        """A successful answer of ``path`` below the version (or of a full ``/services/data/...`` path), or one that
        ``fits`` the question all the same. Raises what `salesforce_errors` sorts.
        """
        url = path if path.startswith("/services/data/") else self.root + path
        if "//" in url or ".." in url.split("?")[0]:
            raise Terminal("BUG-502", "A path to Salesforce was not one of ours.")
        content = json_text(body).encode() if body is not None else None
        request = _Request(method, url, content, params or {}, headers or {}, what, writing)
        answer = self._with_token(request, deadline or self.deadline())
        if not (answer.ok or fits(answer)) or (answer.body and answer.json() is None):
            request_id = answer.headers.get("x-request-id") or answer.headers.get("sforce-request-id")
            raise of_call(answer.status, answer.json(), what=what, writing=writing, request_id=request_id)
        return answer

    def composite(
        self, parts: Sequence[Part], *, writing: bool = False, together: bool = False, deadline: Deadline | None = None
    ) -> CompositeAnswer:
        """Every part's own answer, run in order and independently (``allOrNone=false``, ``collateSubrequests=false``), or
        ``together``: all of them or none.
        """
        request = {
            "allOrNone": together,
            "collateSubrequests": False,
            "compositeRequest": [_part(i, p, self.root) for i, p in enumerate(parts)],
        }
        answer = self.call("POST", "/composite", body=request, what=_summary(parts), writing=writing, deadline=deadline)
        parsed = answer.json()
        rows = parsed.get("compositeResponse") if isinstance(parsed, dict) else None
        if not isinstance(rows, list) or len(rows) != len(parts):
            raise of_call(answer.status, None, what=_summary(parts), writing=writing)
        by_name = {str(r.get("referenceId")): r for r in rows if isinstance(r, dict)}
        answers = [by_name.get(part_name(i), {}) for i in range(len(parts))]
        return CompositeAnswer(
            [PartAnswer(int(a.get("httpStatusCode") or 0), a.get("body")) for a in answers],
            answered_at(answer),
            answer.headers.get("x-request-id") or answer.headers.get("sforce-request-id"),
        )

    def deadline(self) -> Deadline:
        """A fresh deadline for one call, or for all the calls of one flush."""
        return self._transport.deadline()

    def _with_token(self, request: _Request, deadline: Deadline) -> Answer:
        """One call; after a 401 one renewal and one replay with the very same headers, all within one deadline."""
        token = self._tokens.current(deadline)
        answer = self._once(request, token, deadline)
        if is_expired(answer):
            answer = self._once(request, self._tokens.renew(token, deadline), deadline)
        self.usage.note(answer.headers.get("sforce-limit-info", ""))
        return answer

    def _once(self, request: _Request, token: Token, deadline: Deadline) -> Answer:
        ours = {"Authorization": f"Bearer {token.value}", "Accept": "application/json"}
        if request.content is not None:
            ours["Content-Type"] = "application/json; charset=UTF-8"
        try:
            return self._transport.call(
                request.method,
                token.instance_url + request.url,
                headers={**request.headers, **ours},
                body=request.content,
                params=request.params,
                deadline=deadline,
            )
        except (NotSent, NoAnswer) as error:
            raise of_failure(error, what=request.what, writing=request.writing) from error


def answered_at(answer: Answer) -> datetime | None:
    """Salesforce's clock when it answered (the Date header, whole seconds, UTC)."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None


def query_path(soql: str, *, deleted: bool = False) -> str:
    """The path of a query; with ``deleted`` also rows in the recycle bin."""
    return f"/{'queryAll' if deleted else 'query'}?q={quote(soql, safe='')}"


def json_text(value: object) -> str:
    """JSON with Decimals as exact numbers (``1200.50``, never a float); raises TypeError for floats and anything else
    that is no JSON.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k))}:{json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(json_text(v) for v in value) + "]"
    raise TypeError(f"a {type(value).__name__} has no exact form in JSON")


def part_name(index: int) -> str:
    """What a part is called in its Composite: later ones refer to it, ``@{part0.id}``."""
    return f"part{index}"


def _part(index: int, part: Part, root: str) -> dict[str, object]:
    request: dict[str, object] = {"method": part.method, "url": root + part.path, "referenceId": part_name(index)}
    return {**request, "body": part.body} if part.body is not None else request


def _summary(parts: Sequence[Part]) -> str:
    return ", ".join(dict.fromkeys(p.what for p in parts if p.what)) or "several records"
