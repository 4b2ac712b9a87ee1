"""``Idempotency-Key`` as Stripe treats it (https://docs.stripe.com/api/idempotent_requests).

The first execution's status and body are answered again for 24 hours of business time, a 500 included. The same key
with other parameters, or on another endpoint, is an ``idempotency_error``; while the first still runs it is a 409.
Nothing is kept of a request that failed before it was executed: validation, 429, 409.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.errors import StripeError

KEPT_S = 24 * 60 * 60
LONGEST_KEY = 255


@dataclass
class Kept:
    """What was answered; ``status`` is ``None`` while the first request runs."""

    path: str
    fingerprint: str
    at_s: int
    request_id: str
    status: int | None = None
    body: bytes = b""


def fingerprint(params: Any) -> str:
    """Equal for equal parameters, in whatever order they were sent."""
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


class IdempotencyKeys:
    """The keys of one account."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def claim(self, key: str, path: str, params: Any, request_id: str, now_s: int) -> Kept | None:
        """The answer to repeat, or ``None``: execute it, then call :meth:`keep` or :meth:`release`."""
        if len(key) > LONGEST_KEY:
            message = f"Idempotency keys can be at most {LONGEST_KEY} characters long."
            raise _refusal(400, message)
        kept = self._kept.get(key)
        if kept is not None and now_s - kept.at_s >= KEPT_S:
            kept = None
        if kept is None:
            self._kept[key] = Kept(path, fingerprint(params), now_s, request_id)
            return None
        if kept.status is None:
            message = f"There is currently another in-progress request using this Idempotent Key (that key was: {key})."
            raise _refusal(409, message, "idempotency_key_in_use")
        if kept.path != path:
            raise _unlike(key, f"for the same endpoint they were first used for ('{path}' vs '{kept.path}')")
        if kept.fingerprint != fingerprint(params):
            raise _unlike(key, "with the same parameters they were first used with")
        return kept

    def keep(self, key: str, status: int, body: bytes) -> None:
        """From now on this answer is repeated."""
        kept = self._kept[key]
        kept.status, kept.body = status, body

    def release(self, key: str) -> None:
        """The request was not executed: the key is free again."""
        self._kept.pop(key, None)


def _unlike(key: str, rule: str) -> StripeError:
    advice = f"Try using a key other than '{key}' if you meant to execute a different request."
    return _refusal(400, f"Keys for idempotent requests can only be used {rule}. {advice}")


def _refusal(status: int, message: str, code: str | None = None) -> StripeError:
    return StripeError(status, "idempotency_error", code, message, storable=False)
