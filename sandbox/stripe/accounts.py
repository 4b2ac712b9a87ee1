"""The Stripe accounts of one sandbox. A key opens one of them, and nothing of another is to be found there.

The first is there from the start under the name `FIRST_ACCOUNT`, with the key and secret of the ready file; others are
made by the control port and are gone after a reset. They share the business clock and nothing else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.stripe.idempotency import IdempotencyKeys
from sandbox.stripe.kernel import Kernel
from sandbox.world import FIRST_ACCOUNT, World

if TYPE_CHECKING:
    from sandbox.stripe.app import Install

MOST_ACCOUNTS = 20
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")


class AccountRefused(ValueError):
    """No such account can be made; the text says why, in words for the caller of the control port."""


@dataclass
class Account:
    """One account: what it is called here, how it is opened, all that is in it."""

    name: str
    api_key: str
    webhook_secret: str
    kernel: Kernel
    keys: IdempotencyKeys = field(default_factory=IdempotencyKeys)

    def as_dict(self) -> dict[str, Any]:
        """What the control port answers. The secret is the first webhook endpoint's that is created in it."""
        return {
            "id": self.kernel.account_id,
            "name": self.name,
            "api_key": self.api_key,
            "webhook_secret": self.webhook_secret,
        }


class Accounts:
    """All accounts, in the order in which they came to be. ``parts`` make a fresh kernel ready."""

    def __init__(self, world: World, parts: Sequence[Install]) -> None:
        self._world = world
        self._parts = parts
        self.first = self._made(FIRST_ACCOUNT, *self._credentials())
        self._all = [self.first]

    def __iter__(self) -> Iterator[Account]:
        return iter(self._all)

    def reset(self) -> None:
        """Only the first is there, empty, with the credentials that it had."""
        for account in self._all:
            account.kernel.webhooks.close()
        self.first = self._made(FIRST_ACCOUNT, self.first.api_key, self.first.webhook_secret)
        self._all = [self.first]

    def add(self, data: Any) -> Account:
        """Make the account that the body of ``POST /stripe_accounts`` asks for. Raises :class:`AccountRefused`."""
        if not isinstance(data, Mapping) or set(data) != {"name"} or not isinstance(data["name"], str):
            raise AccountRefused('the body must be {"name": "eu"}')
        name = data["name"]
        if not _NAME.match(name):
            raise AccountRefused("name must be lower-case letters, digits and dashes, a letter first, 31 at most")
        if self.named(name) is not None:
            raise AccountRefused(f"there is an account {name} already")
        if len(self._all) >= MOST_ACCOUNTS:
            raise AccountRefused(f"there are {MOST_ACCOUNTS} accounts already; a reset removes the added ones")
        self._all.append(self._made(name, *self._credentials()))
        return self._all[-1]

    def named(self, text: str) -> Account | None:
        """The account of this name, or of this id."""
        return next((a for a in self._all if text in (a.name, a.kernel.account_id)), None)

    def of_key(self, key: str | None) -> Account | None:
        """The account that this API key opens."""
        given = (key or "").encode()
        return next((a for a in self._all if secrets.compare_digest(given, a.api_key.encode())), None)

    def _credentials(self) -> tuple[str, str]:
        made = f"sk_test_{secrets.token_hex(24)}", f"whsec_{secrets.token_hex(24)}"
        for secret in made:
            self._world.traffic.hide(secret)
        return made

    def _made(self, name: str, api_key: str, webhook_secret: str) -> Account:
        kernel = Kernel(self._world, webhook_secret)
        for install in self._parts:
            install(kernel)
        return Account(name, api_key, webhook_secret, kernel)
