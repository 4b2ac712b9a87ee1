"""Logging in: client credentials and JWT bearer. Anything else is refused, as current orgs refuse it.

Tokens live by machine time: how long a log-in lasts has nothing to do with the business clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from sandbox.salesforce.org import Org

_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class LogInRefused(Exception):
    """OAuth's refusal: ``error``, ``error_description`` and status."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status

    def as_body(self) -> dict[str, str]:
        """The body OAuth wants."""
        return {"error": self.error, "error_description": self.description}


@dataclass(frozen=True)
class Session:
    """What a token stands for. ``ends_machine_s`` is monotonic machine time."""

    username: str
    ends_machine_s: float


class LogIn:
    """The org's one external client app and the sessions it has open."""

    def __init__(self, public_key: str | None = None) -> None:
        self.client_id = f"3MVG9{secrets.token_hex(24)}"
        self.client_secret = secrets.token_hex(32)
        self.public_key = public_key
        self._sessions: dict[str, Session] = {}

    def forget_sessions(self) -> None:
        """Every token given out so far is expired."""
        self._sessions.clear()

    def revoke(self, token: str) -> None:
        """The token is expired from now on."""
        self._sessions.pop(token, None)

    def is_valid(self, token: str) -> bool:
        """Whether calls with this token are let in."""
        session = self._sessions.get(token)
        return session is not None and time.monotonic() < session.ends_machine_s

    def token(self, org: Org, form: Mapping[str, str], headers: Mapping[str, str], base_url: str) -> dict[str, Any]:
        """The answer to a token request. Raises :class:`LogInRefused`."""
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            self._check_secret(form, headers)
            user = org.integration_user
        elif grant == _JWT_GRANT:
            user = self._checked_assertion(org, form.get("assertion", ""), base_url)
        else:
            raise LogInRefused("unsupported_grant_type", "grant type not supported")
        token = f"{org.id[:15]}!{secrets.token_urlsafe(48)}"
        self._sessions[token] = Session(user.username, time.monotonic() + org.switches.token_ttl_s)
        identity = f"{base_url}/id/{org.id}/{user.id}"
        issued = str(int(time.time() * 1000))
        digest = hmac.new(self.client_secret.encode(), f"{identity}{issued}".encode(), hashlib.sha256).digest()
        return {
            "access_token": token,
            "signature": base64.b64encode(digest).decode(),
            "scope": "api",
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
            "api_instance_url": base_url,
        }

    def _check_secret(self, form: Mapping[str, str], headers: Mapping[str, str]) -> None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, _, secret = _decoded(value).partition(":")
        if not hmac.compare_digest(client_id.encode(), self.client_id.encode()):
            raise LogInRefused("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            raise LogInRefused("invalid_client", "invalid client credentials")

    def _checked_assertion(self, org: Org, assertion: str, base_url: str) -> Any:
        if self.public_key is None:
            raise LogInRefused("invalid_client", "no certificate is registered for this client")
        try:
            audiences = [*_AUDIENCES, base_url]
            claims = jwt.decode(
                assertion,
                self.public_key,
                ["RS256"],
                options={"require": ["iss", "sub", "aud", "exp"]},
                audience=audiences,
                leeway=30,
            )
        except jwt.PyJWTError as error:
            raise LogInRefused("invalid_grant", f"invalid assertion: {error}") from error
        if claims["iss"] != self.client_id:
            raise LogInRefused("invalid_client_id", "client identifier invalid")
        users = {user.username: user for user in (org.administrator, org.integration_user)}
        if claims["sub"] not in users:
            raise LogInRefused("invalid_grant", "user hasn't approved this consumer")
        return users[claims["sub"]]


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise LogInRefused("invalid_client", "invalid client credentials") from error
