"""Secrets that callers give with a request."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence


class Tokens:
    """The secrets of one route; without any, nobody may. How long a look takes says nothing about them."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [token.encode() for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def given_by(self, header: str, *, as_password: bool = False) -> bool:
        """Whether an Authorization header gives one of them: as a bearer token, or also as the password of Basic
        authentication (its user's name does not matter), which is what a browser asks for.
        """
        scheme, _, given = header.partition(" ")
        secret = b""
        if scheme.lower() == "bearer":
            secret = given.strip().encode()
        elif scheme.lower() == "basic" and as_password:
            secret = _password(given.strip())
        named = [hmac.compare_digest(secret, token) for token in self._tokens]
        return any(named)


def _password(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
