"""Log-in to Salesforce: client credentials or JWT bearer, by simple-salesforce; the token is ours to keep and to renew
(DESIGN 5).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import requests
from jwt.exceptions import PyJWTError  # simple-salesforce signs with it
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from sync.clock import Deadline
from sync.errors import Terminal, Transient
from sync.gateways.http import NoAnswer, NotSent, Transport

_ORGANIZATION = re.compile(r"/id/(00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?)/005")
TOO_MANY = 429
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Credentials:
    """A client of the org: with ``client_secret`` the client credentials flow, with ``username`` and ``private_key``
    (PEM) the JWT flow.
    """

    token_url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    username: str | None = None
    private_key: str | None = field(default=None, repr=False)
    instance_url: str | None = None  # where the API is; None = where the token answer says

    def faults(self) -> list[str]:
        """What is missing or unsafe; empty when a log-in can be tried."""
        found = []
        if not _safe(self.token_url):
            found.append("the token URL must be https")
        if self.instance_url is not None and not _safe(self.instance_url):
            found.append("the Salesforce URL must be https")
        if not self.client_secret and not (self.username and self.private_key):
            found.append("give a client secret, or a user name and a private key")
        return found


@dataclass(frozen=True)
class Token:
    """What a log-in gave."""

    value: str = field(repr=False)
    instance_url: str = ""
    organization_id: str = ""


class Tokens:
    """The token of a process: shared by its threads, renewed by one of them at a time."""

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        if faults := credentials.faults():
            raise Terminal("CONF-307", f"Salesforce log-in is not possible: {'; '.join(faults)}.")
        self._credentials = credentials
        self._transport = transport
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self, deadline: Deadline | None = None) -> Token:
        """A token; logs in if there is none yet. Raises Terminal CONF-307 when refused, Transient TEMP-406 when
        Salesforce can't be reached.
        """
        with self._lock:
            if self._token is None:
                self._token = self._log_in(deadline)
            return self._token

    def renew(self, refused: Token, deadline: Deadline | None = None) -> Token:
        """A token that is not ``refused``. Of several threads with the same refused one, only the first logs in."""
        with self._lock:
            if self._token is None or self._token.value == refused.value:
                self._token = None
                self._token = self._log_in(deadline)
            return self._token

    def _log_in(self, deadline: Deadline | None) -> Token:
        door = _Door(self._credentials.token_url, self._transport, deadline)
        try:
            SalesforceLogin(**self._arguments(), session=cast(requests.Session, door))
        except (NotSent, NoAnswer) as error:
            raise Transient("TEMP-406", f"Salesforce can't be reached for log-in ({error}).") from error
        except SalesforceAuthenticationFailed as error:
            if _passes(door):
                raise Transient("TEMP-406", f"Salesforce's log-in answered HTTP {door.status}.") from error
            raise Terminal("CONF-307", f"Salesforce refuses our log-in ({_reason(door)}).") from error
        except (PyJWTError, ValueError, KeyError, TypeError) as error:  # an unreadable key, an answer without a token
            raise Terminal("CONF-307", f"Salesforce log-in failed: {type(error).__name__}.") from error
        return self._token_of(door.answer)

    def _arguments(self) -> dict[str, Any]:
        ours = self._credentials
        if ours.client_secret:
            return {"consumer_key": ours.client_id, "consumer_secret": ours.client_secret, "domain": "configured.my"}
        test = "test.salesforce.com" in ours.token_url or ".sandbox.my." in ours.token_url
        return {
            "username": ours.username,
            "consumer_key": ours.client_id,
            "privatekey": ours.private_key,
            "domain": "test" if test else "login",  # becomes the audience of the assertion
        }

    def _token_of(self, answer: Mapping[str, Any]) -> Token:
        value, identity = answer.get("access_token"), str(answer.get("id") or "")
        organization = _ORGANIZATION.search(identity)
        instance = self._credentials.instance_url or str(answer.get("instance_url") or "")
        if not isinstance(value, str) or not value or organization is None:
            raise Terminal("CONF-307", "Salesforce's log-in gave no token with an organisation.")
        if not _safe(instance):
            raise Terminal("CONF-307", "Salesforce's log-in named no https address of the org; set SALESFORCE_URL.")
        return Token(value, instance.rstrip("/"), organization.group(1))


class _Door:
    """What simple-salesforce takes for a session: its one POST goes to the configured token URL, over our transport,
    with a time-out.
    """

    def __init__(self, token_url: str, transport: Transport, deadline: Deadline | None) -> None:
        self._url = token_url
        self._deadline = deadline
        self._transport = transport
        self.status = 0
        self.answer: Mapping[str, Any] = {}

    def post(self, _url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None, **_: object) -> _Reply:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **(headers or {})}
        answer = self._transport.call(
            "POST", self._url, headers=sent, body=urlencode(data).encode(), deadline=self._deadline
        )
        self.status = answer.status
        parsed = answer.json()
        self.answer = parsed if isinstance(parsed, dict) else {}
        return _Reply(answer.status, answer.body.decode("utf-8", "replace"))


@dataclass(frozen=True)
class _Reply:
    status_code: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def _passes(door: _Door) -> bool:
    """Whether a refusal is of the moment and not of our credentials: a side that is down, too many log-ins, and what
    Salesforce itself says to try again.
    """
    if door.status >= 500 or door.status == TOO_MANY:
        return True
    said = str(door.answer.get("error_description") or "").casefold()
    return door.answer.get("error") == "unknown_error" or "rate exceeded" in said


def _reason(door: _Door) -> str:
    said = door.answer.get("error_description") or door.answer.get("error")
    return str(said or f"HTTP {door.status}")[:200]


def _safe(url: str) -> bool:
    """https, or loopback: a token never travels in the clear."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
