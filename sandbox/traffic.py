"""The log of all requests that the two halves were asked, as ``GET /log`` of the control port shows it.

A line is kept as received and rendered when asked for. No secret is ever rendered: values under secret keys are
struck out, and every secret that a half has named (:meth:`TrafficLog.hide`) is replaced wherever it occurs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HIDDEN = "[hidden]"
_SECRET_KEYS = {
    "access_token",
    "assertion",
    "authorization",
    "client_assertion",
    "client_secret",
    "id_token",
    "password",
    "refresh_token",
    "secret",
    "sessionid",
    "signature",
    "token",
}
#: What a body without secret keys has none of.
_ANY_SECRET_KEY = re.compile(rb'"(?:%s)"' % "|".join(sorted(_SECRET_KEYS)).encode(), re.IGNORECASE)


@dataclass(slots=True)
class Line:
    """One request. ``status`` is ``None`` where it was never answered; ``response`` is the raw body."""

    seq: int
    at: str
    system: str
    client: str
    method: str
    path: str
    params: Any
    idempotency_key: str | None
    status: int | None
    response: bytes | None
    effect: bool
    account: str = ""
    """The Stripe account that was asked, where it is not the first."""


class TrafficLog:
    """All lines since the start or the last reset. ``seq`` starts at 1 again after a reset."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        """Never show this text again, wherever it stands in a line."""
        if secret:
            self._secrets.add(secret)

    def next_seq(self) -> int:
        """The number the next line gets."""
        return len(self._lines) + 1

    def add(self, line: Line) -> None:
        """Append a line."""
        self._lines.append(line)

    def clear(self) -> None:
        """Forget all lines; secrets stay hidden."""
        self._lines.clear()

    def lines(self, after: int = 0, *, brief: bool = False, effect: bool = False) -> Iterator[str]:
        """The lines with a ``seq`` above ``after``, each as JSON text without a line end; ``brief`` leaves out what was
        sent and answered, ``effect`` the lines that changed nothing.
        """
        for line in self._lines[max(after, 0) :]:
            if line.effect or not effect:
                yield self._render(line, brief=brief)

    def _render(self, line: Line, *, brief: bool) -> str:
        shown = {
            "seq": line.seq,
            "at": line.at,
            "system": line.system,
            "client": line.client,
            "method": line.method,
            "path": line.path,
            "params": None if brief else _struck(line.params),
            "idempotency_key": line.idempotency_key,
            "status": line.status,
        }
        last: dict[str, Any] = {"effect": line.effect}
        if line.account:
            last["account"] = line.account
        answered = "null" if brief else _shown(line.response)
        text = f'{_dumped(shown)[:-1]},"response":{answered},{_dumped(last)[1:]}'
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _shown(body: bytes | None) -> str:
    """A body as JSON on one line: as it is where it is that already and has nothing to strike out."""
    value = _decoded(body)
    if body and not isinstance(value, str) and body.isascii() and not _needs_work(body):
        return body.decode()
    return _dumped(_struck(value))


def _needs_work(body: bytes) -> bool:
    """Whether it has lines, or letters in disguise, or a key whose value nobody may see."""
    return b"\n" in body or b"\r" in body or b"\\u" in body or _ANY_SECRET_KEY.search(body) is not None


def _decoded(body: bytes | None) -> Any:
    if body is None:
        return None
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _struck(value: Any) -> Any:
    """The value with everything under a secret key struck out."""
    if isinstance(value, Mapping):
        return {k: HIDDEN if _is_secret(str(k), v) else _struck(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_struck(item) for item in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    return key.lower() in _SECRET_KEYS and isinstance(value, str) and value != ""
