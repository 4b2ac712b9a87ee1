"""The key and the webhook secrets of each Stripe account, from the environment, `.env`, or the control URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from sync.config import FILE_SUFFIX, ConfigFault, Settings, with_env_file
from sync.errors import Transient
from sync.stripe_accounts import NamedAccount, StripeAccounts, load


@dataclass(frozen=True)
class StripeCredentials:
    """How to speak to one Stripe account. ``name`` is empty where there is only one. Without ``webhook_secrets`` its
    webhooks can't be taken, and ``missing`` says what would have to be set.
    """

    name: str
    api_key: SecretStr
    webhook_secrets: tuple[SecretStr, ...]
    requests_per_s: float
    missing: str = ""

    @property
    def livemode(self) -> bool:
        """What the key is for; Stripe's keys say it."""
        return "_live_" in self.api_key.get_secret_value()


def of_file(
    settings: Settings, environ: Mapping[str, str] | None = None
) -> tuple[StripeAccounts, tuple[StripeCredentials, ...]]:
    """What STRIPE_ACCOUNTS names, and the credentials of each of its accounts in the same order.

    Raises ConfigFault with every fault at once: of the file, else of the variables that it names.
    """
    assert settings.stripe_accounts is not None
    accounts = load(settings.stripe_accounts)
    variables = _Variables(with_env_file(os.environ) if environ is None else environ)
    if settings.tandem_sandbox_url:
        found = _told(accounts, settings, variables)
    else:
        found = [_given(accounts, one, settings, variables) for one in accounts.accounts]
    if not variables.faults:
        variables.faults += _together(accounts, found)
    if variables.faults:
        raise ConfigFault(variables.faults)
    return accounts, tuple(found)


class _Variables:
    """Secrets by the names of their variables; what can't be read goes to ``faults`` and is never repeated."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def get(self, name: str, where: str) -> str:
        """The secret, from the variable or the file that NAME_FILE names; "" where neither is set."""
        path = self._environ.get(name + FILE_SUFFIX, "")
        value = self._environ.get(name, "")
        if value and path:
            self.faults.append(f"{where}: {name} and {name}{FILE_SUFFIX} are both set; give one of them")
        if value or not path:
            return value.strip()
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text file"
            self.faults.append(f"{where}: {name}{FILE_SUFFIX}: can't read {path}: {why}")
            return ""
        if not value:
            self.faults.append(f"{where}: {name}{FILE_SUFFIX}: {path} is empty")
        return value


def _given(accounts: StripeAccounts, one: NamedAccount, settings: Settings, variables: _Variables) -> StripeCredentials:
    where, known = accounts.where(one), len(variables.faults)
    if not one.api_key_env:
        variables.faults.append(f"{where}: api_key_env is missing")
    key = variables.get(one.api_key_env, where) if one.api_key_env else ""
    if not key and len(variables.faults) == known:
        variables.faults.append(f"{where}: {one.api_key_env}: is not set")
    secrets = _secrets(one, where, variables)
    missing = f"{where}: {one.webhook_secret_env or 'webhook_secret_env'}: is not set"
    return StripeCredentials(one.name, SecretStr(key), secrets, _rate(one, settings), "" if secrets else missing)


def _secrets(one: NamedAccount, where: str, variables: _Variables) -> tuple[SecretStr, ...]:
    said = variables.get(one.webhook_secret_env, where) if one.webhook_secret_env else ""
    return tuple(SecretStr(each.strip()) for each in said.split(",") if each.strip())


def _rate(one: NamedAccount, settings: Settings) -> float:
    return settings.stripe_requests_per_s if one.requests_per_s is None else one.requests_per_s


def _together(accounts: StripeAccounts, found: list[StripeCredentials]) -> list[str]:
    """Faults between the accounts: one key under two names, live beside test, one secret for two addresses."""
    faults = []
    first: dict[str, str] = {}
    for one, credentials in zip(accounts.accounts, found, strict=True):
        for secret in (credentials.api_key, *credentials.webhook_secrets):
            other = first.setdefault(secret.get_secret_value(), one.name)
            if other != one.name:
                faults.append(f"{accounts.where(one)}: has a secret of the account {other}; each has its own")
    live = [c.name for c in found if c.livemode]
    test = [c.name for c in found if not c.livemode]
    if live and test:
        told = f"{', '.join(live)} live, {', '.join(test)} test"
        faults.append(f"STRIPE_ACCOUNTS: {accounts.file}: keys of both modes ({told}); all are live, or all are test")
    return faults


def _told(accounts: StripeAccounts, settings: Settings, variables: _Variables) -> list[StripeCredentials]:
    """Credentials by name from the list beside the control URL, where no real key may stand."""
    real = [one.api_key_env for one in accounts.accounts if one.api_key_env and variables.get(one.api_key_env, "")]
    if real:
        told = ", ".join(real)
        variables.faults = [
            f"TANDEM_SANDBOX_URL stands beside {told}: a sandbox is never mixed with another world; unset one side"
        ]
        return []
    there = _listed(str(settings.tandem_sandbox_url))
    found = []
    for one in accounts.accounts:
        where, account = accounts.where(one), there.get(one.name)
        if account is None:
            known = ", ".join(there)
            variables.faults.append(f"{where}: TANDEM_SANDBOX_URL has no such account; it has {known}")
            continue
        secrets = _secrets(one, where, variables) or (SecretStr(str(account["webhook_secret"])),)
        found.append(StripeCredentials(one.name, SecretStr(str(account["api_key"])), secrets, _rate(one, settings)))
    return found


def _listed(url: str) -> Mapping[str, Mapping[str, Any]]:
    """Accounts by name as ``url``/stripe_accounts lists them. Transient TEMP-406 while nothing answers there."""
    try:
        answer = requests.get(f"{url.rstrip('/')}/stripe_accounts", timeout=(3, 10))
        answer.raise_for_status()
        return {str(one["name"]): one for one in answer.json()["stripe_accounts"]}
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Transient("TEMP-406", f"TANDEM_SANDBOX_URL: no sandbox answers there ({type(error).__name__}).") from None
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise ConfigFault([f"TANDEM_SANDBOX_URL: nothing usable answers there ({type(error).__name__})"]) from None
