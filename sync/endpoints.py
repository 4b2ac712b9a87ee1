"""Where both vendors are, and with what credentials: from the settings, or as a sandbox tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from pydantic import SecretStr

from sync.config import ConfigFault, Endpoints, Settings
from sync.errors import Transient


def endpoints(settings: Settings) -> Endpoints:
    """Addresses and credentials of both vendors. Raises ConfigFault naming every one that is missing."""
    if settings.tandem_sandbox_url:
        return _endpoints_of(settings.tandem_sandbox_url, settings.stripe_webhook_secrets)
    needed: Mapping[str, object] = {
        "STRIPE_API_KEY": settings.stripe_api_key,
        "SALESFORCE_URL": settings.salesforce_url,
        "SALESFORCE_CLIENT_ID": settings.salesforce_client_id,
        "SALESFORCE_CLIENT_SECRET (or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY)": settings.salesforce_client_secret
        or (settings.salesforce_username and settings.salesforce_private_key),
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise ConfigFault(
            [f"{name}: is not set (or set TANDEM_SANDBOX_URL to try Tandem without any account)" for name in missing]
        )
    assert settings.stripe_api_key
    assert settings.salesforce_url
    assert settings.salesforce_client_id
    return Endpoints(
        stripe_url=settings.stripe_api_base,
        stripe_api_key=settings.stripe_api_key,
        stripe_webhook_secrets=settings.stripe_webhook_secrets,
        salesforce_url=settings.salesforce_url,
        salesforce_token_url=settings.salesforce_token_url
        or f"{settings.salesforce_url.rstrip('/')}/services/oauth2/token",
        salesforce_client_id=settings.salesforce_client_id,
        salesforce_client_secret=settings.salesforce_client_secret,
        salesforce_username=settings.salesforce_username,
        salesforce_private_key=settings.salesforce_private_key,
        salesforce_api_version=settings.salesforce_api_version,
    )


def _endpoints_of(url: str, own_secrets: tuple[SecretStr, ...]) -> Endpoints:
    """Addresses as the document at ``url``/ready gives them. Transient TEMP-406 while nothing answers there."""
    try:
        answer = requests.get(f"{url.rstrip('/')}/ready", timeout=(3, 10))
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        crm = told["salesforce"]
        return Endpoints(
            stripe_url=told["stripe_url"],
            stripe_api_key=SecretStr(told["stripe"]["api_key"]),
            stripe_webhook_secrets=own_secrets or (SecretStr(told["stripe"]["webhook_secret"]),),
            salesforce_url=crm["url"],
            salesforce_token_url=crm["token_url"],
            salesforce_client_id=crm["client_id"],
            salesforce_client_secret=SecretStr(crm["client_secret"]),
            salesforce_username=None,
            salesforce_private_key=None,
            salesforce_api_version=crm["api_version"],
            clock_url=f"{url.rstrip('/')}/clock",
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Transient("TEMP-406", f"TANDEM_SANDBOX_URL: no sandbox answers there ({type(error).__name__}).") from None
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ConfigFault([f"TANDEM_SANDBOX_URL: nothing usable answers there ({type(error).__name__})"]) from None
