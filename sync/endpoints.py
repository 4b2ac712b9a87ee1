"""Where both vendors are, and with what credentials: from the settings, or as a sandbox tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr

from sync import stripe_credentials
from sync.config import ConfigFault, Settings
from sync.errors import Transient
from sync.routing import ONE_ACCOUNT, Routes
from sync.stripe_credentials import StripeCredentials


@dataclass(frozen=True)
class Endpoints:
    """Where both vendors are and how to speak to them, whoever they are. ``stripe`` has every account, in the order of
    STRIPE_ACCOUNTS, and ``routes`` say by name which deal is billed in which.
    """

    stripe_url: str
    stripe: tuple[StripeCredentials, ...]
    salesforce_url: str
    salesforce_token_url: str
    salesforce_client_id: str
    salesforce_client_secret: SecretStr | None
    salesforce_username: str | None
    salesforce_private_key: SecretStr | None
    salesforce_api_version: str
    clock_url: str | None = None
    routes: Routes = ONE_ACCOUNT

    @property
    def stripe_api_key(self) -> SecretStr:
        """The key of the (first) Stripe account."""
        return self.stripe[0].api_key

    @property
    def stripe_webhook_secrets(self) -> tuple[SecretStr, ...]:
        """The webhook secrets of the (first) Stripe account."""
        return self.stripe[0].webhook_secrets


def endpoints(settings: Settings) -> Endpoints:
    """Addresses and credentials of both vendors. Raises ConfigFault naming every one that is missing."""
    if settings.tandem_sandbox_url:
        return _endpoints_of(settings.tandem_sandbox_url, settings)
    needed: Mapping[str, object] = {
        "STRIPE_API_KEY": settings.stripe_api_key or settings.stripe_accounts,
        "SALESFORCE_URL": settings.salesforce_url,
        "SALESFORCE_CLIENT_ID": settings.salesforce_client_id,
        "SALESFORCE_CLIENT_SECRET (or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY)": settings.salesforce_client_secret
        or (settings.salesforce_username and settings.salesforce_private_key),
    }
    missing = [name for name, value in needed.items() if not value]
    faults = [f"{name}: is not set (or set TANDEM_SANDBOX_URL to try Tandem without any account)" for name in missing]
    routes, stripe = ONE_ACCOUNT, tuple[StripeCredentials, ...]()
    try:
        routes, stripe = _stripe_of(settings)
    except ConfigFault as error:
        faults += error.faults
    if faults:
        raise ConfigFault(faults)
    assert settings.salesforce_url
    assert settings.salesforce_client_id
    return Endpoints(
        stripe_url=settings.stripe_api_base,
        stripe=stripe,
        salesforce_url=settings.salesforce_url,
        salesforce_token_url=settings.salesforce_token_url
        or f"{settings.salesforce_url.rstrip('/')}/services/oauth2/token",
        salesforce_client_id=settings.salesforce_client_id,
        salesforce_client_secret=settings.salesforce_client_secret,
        salesforce_username=settings.salesforce_username,
        salesforce_private_key=settings.salesforce_private_key,
        salesforce_api_version=settings.salesforce_api_version,
        routes=routes,
    )


def _stripe_of(
    settings: Settings, key: SecretStr | None = None, secrets: tuple[SecretStr, ...] = ()
) -> tuple[Routes, tuple[StripeCredentials, ...]]:
    """Routes and credentials of the Stripe accounts of the settings; ``key`` and ``secrets`` are those of the one account
    where the settings name none. No credentials without a key. Raises ConfigFault.
    """
    if settings.stripe_accounts:
        accounts, found = stripe_credentials.of_file(settings)
        return accounts.routes, found
    key, known = settings.stripe_api_key or key, settings.stripe_webhook_secrets or secrets
    missing = "" if known else "STRIPE_WEBHOOK_SECRET: is not set"
    one = key and StripeCredentials("", key, known, settings.stripe_requests_per_s, missing)
    return ONE_ACCOUNT, (one,) if one else ()


def _endpoints_of(url: str, settings: Settings) -> Endpoints:
    """Addresses as the document at ``url``/ready gives them. Transient TEMP-406 while nothing answers there."""
    try:
        answer = requests.get(f"{url.rstrip('/')}/ready", timeout=(3, 10))
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        crm, first = told["salesforce"], told["stripe"]
        routes, stripe = _stripe_of(settings, SecretStr(first["api_key"]), (SecretStr(first["webhook_secret"]),))
        return Endpoints(
            stripe_url=told["stripe_url"],
            stripe=stripe,
            salesforce_url=crm["url"],
            salesforce_token_url=crm["token_url"],
            salesforce_client_id=crm["client_id"],
            salesforce_client_secret=SecretStr(crm["client_secret"]),
            salesforce_username=None,
            salesforce_private_key=None,
            salesforce_api_version=crm["api_version"],
            clock_url=f"{url.rstrip('/')}/clock",
            routes=routes,
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Transient("TEMP-406", f"TANDEM_SANDBOX_URL: no sandbox answers there ({type(error).__name__}).") from None
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ConfigFault([f"TANDEM_SANDBOX_URL: nothing usable answers there ({type(error).__name__})"]) from None
