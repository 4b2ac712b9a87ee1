"""The log of all requests that the two halves were asked, as ``GET /log`` of the control port shows it.

A line is kept as received and rendered when asked for. No secret is ever rendered: values under secret keys are
struck out, and every secret that a half has named (:meth:`TrafficLog.hide`) is replaced wherever it occurs.
"""

from __future__ import annotations

import json
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

    def lines(self, after: int = 0, *, brief: bool = False) -> Iterator[str]:
        """The lines with a ``seq`` above ``after``, each as JSON text without a line end; ``brief`` leaves out what was
        sent and answered.
        """
        for line in self._lines[max(after, 0) :]:
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
            "response": None if brief else _struck(_decoded(line.response)),
            "effect": line.effect,
        }
        if line.account:
            shown["account"] = line.account
        text = json.dumps(shown, separators=(",", ":"), default=str)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


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
