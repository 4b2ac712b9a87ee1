"""One HTTP call with a total deadline, for both vendors. It retries nothing and follows no redirect (a redirect would
carry the token away).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError

from sync.clock import Deadline

#: No call may wait longer than this for the connection itself, whatever its deadline.
CONNECT_TIMEOUT_S = 3.0
#: The shortest time to read that is still worth trying.
_LEAST_S = 0.05
_PIECE_BYTES = 16_384


class NotSent(Exception):
    """The request never went out whole: the other side can't have acted."""


class NoAnswer(Exception):
    """The request went out, no complete answer came back: the other side may have acted."""


@dataclass(frozen=True)
class Answer:
    """A complete answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON with every fraction a Decimal (``1.98E3`` included), or None where it is no JSON (an HTML
        error page).
        """
        return self._parsed

    @cached_property
    def _parsed(self) -> Any:
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError:
            return None

    def retry_after_s(self) -> float | None:
        """Seconds of Retry-After; None where it is absent or a date (neither vendor sends dates)."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < 86_400 else None


class _InTime:
    """A body whose last byte does not leave after the deadline, however long the process stood still on its way here."""

    def __init__(self, body: bytes, deadline: Deadline) -> None:
        self._body, self._deadline = body, deadline
        self._at = 0

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_PIECE_BYTES), b"")

    def read(self, size: int = -1) -> bytes:
        """The next piece. Raises NotSent once it is too late for it."""
        piece = self._body[self._at :] if size < 0 else self._body[self._at : self._at + size]
        if piece and not self._deadline.left_s():
            raise NotSent("the deadline passed before the request was complete")
        self._at += len(piece)
        return piece

    @property
    def left_whole(self) -> bool:
        """Whether every byte was given to the connection."""
        return self._at == len(self._body)


class Transport:
    """A pool of connections shared by all threads of a process."""

    def __init__(
        self, *, user_agent: str, call_deadline_s: float = 30.0, threads: int = 32, proxy: str | None = None
    ) -> None:
        self.user_agent = user_agent
        self.call_deadline_s = call_deadline_s
        self._calls = itertools.count(1)
        self.calls = 0  # requests begun so far, by all threads
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc of the machine would replace our Authorization header
        self._session.proxies = {"http": proxy, "https": proxy} if proxy else {}
        adapter = HTTPAdapter(pool_connections=8, pool_maxsize=threads, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def deadline(self) -> Deadline:
        """A fresh deadline for one call, in machine seconds from now."""
        return Deadline(self.call_deadline_s)

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """The whole answer, read before the deadline. Raises NotSent or NoAnswer, nothing else of the network's."""
        deadline = deadline or self.deadline()
        left = deadline.left_s()
        if left < _LEAST_S:
            raise NotSent("the deadline had passed before the call began")
        self.calls = next(self._calls)
        sent = _InTime(body, deadline) if body else None
        try:
            response = self._session.request(
                method,
                url,
                data=body if sent is None else sent,
                params=params,
                headers={"User-Agent": self.user_agent, **headers},
                timeout=(min(CONNECT_TIMEOUT_S, left), left),
                allow_redirects=False,
                stream=True,
            )
            with response:
                return _read(response, deadline)
        except requests.RequestException as error:
            if _never_left(error, sent):
                raise NotSent(_words(error)) from error
            raise NoAnswer(_words(error)) from error

    def close(self) -> None:
        """Give every connection back."""
        self._session.close()


def _read(response: requests.Response, deadline: Deadline) -> Answer:
    """The body, taken as it comes: a trickle keeps every single read inside its time-out, so the whole has one too."""
    if response.is_redirect:  # requests has looked at its body already
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)
    chunks: list[bytes] = []
    raw: HTTPResponse = response.raw
    try:
        while not chunks or chunks[-1]:
            left = deadline.left_s()
            if not left:
                raise NoAnswer("the answer was not complete at the deadline")
            socket = getattr(raw.connection, "sock", None)
            if socket is not None:
                socket.settimeout(left)
            chunks.append(raw.read1(65_536, decode_content=True))
    except (HTTPError, OSError) as error:
        raise NoAnswer(type(error).__name__) from error
    body = b"".join(chunks)
    said = response.headers.get("Content-Length", "")
    if said.isdigit() and "Content-Encoding" not in response.headers and len(body) < int(said):
        raise NoAnswer("the answer broke off")
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)


def _never_left(error: requests.RequestException, sent: _InTime | None) -> bool:
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    if isinstance(error, requests.exceptions.SSLError):  # of the handshake, or of an answer that can't be read
        return sent is not None and not sent.left_whole
    if not isinstance(error, requests.ConnectionError):
        return isinstance(error, ValueError)  # a bad URL or header
    reason: object = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def _words(error: Exception) -> str:
    """What happened, without the URL (it may carry ids of people) and without headers."""
    return type(error).__name__
