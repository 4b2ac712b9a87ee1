"""Both vendors as a process has them: credentials, rates, who they say they are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

import redis
import structlog

from sync import mapping
from sync.config import ConfigFault, Settings
from sync.endpoints import Endpoints, endpoints
from sync.errors import Transient
from sync.gateways import salesforce_auth, salesforce_gateway, stripe_client, stripe_shapes
from sync.gateways.stripe_budget import Rate
from sync.gateways.stripe_signature import verifier
from sync.routing import SOBJECTS
from sync.stripe_credentials import StripeCredentials

log = structlog.get_logger()
StripeAccount: TypeAlias = stripe_client.StripeAccount
SalesforceOrg: TypeAlias = salesforce_gateway.SalesforceOrg

REDIS_TIMEOUT_S = 5.0
FORGERIES = "; webhooks can't be told from forgeries"
#: How often a side that does not answer at the start is asked who it is, and the machine seconds before the second time.
WHO_TRIES, WHO_PAUSE_S, WHO_LONGEST_S = 5, 0.2, 2.0


def vendors(
    settings: Settings, *, redis_url: str | None = None
) -> tuple[Mapping[str, stripe_client.StripeAccount], salesforce_gateway.SalesforceOrg]:
    """Both gateways without a store, that of Stripe for each account by its name in STRIPE_ACCOUNTS ("" where there is
    one); nothing is called yet.
    """
    places = endpoints(settings)
    bell = redis.Redis.from_url(redis_url, socket_timeout=REDIS_TIMEOUT_S) if redis_url else None
    stripes = {one.name: stripe_of(settings, places, one, bell) for one in places.stripe}
    return stripes, salesforce_of(settings, places, mappings_of(settings))


def mappings_of(settings: Settings) -> mapping.Mappings:
    """The mappings in use, held against the SDK's types. Raises MappingFaults with every fault, each with its line."""
    return stripe_shapes.checked(mapping.load(settings.tandem_mappings))


def answered(who: Callable[[], str]) -> None:
    """A side that blinks just as we start is asked again, for some seconds; raises its Transient after that."""
    for tried in range(WHO_TRIES):
        try:
            who()
        except Transient as error:
            log.warning("not_answered_at_start", code=error.code, reason=error.message)
            if tried + 1 == WHO_TRIES:
                raise
            time.sleep(min(error.retry_after_s or WHO_PAUSE_S * 2**tried, WHO_LONGEST_S))
        else:
            return


def stripe_of(
    settings: Settings, places: Endpoints, account: StripeCredentials, bell: redis.Redis | None
) -> stripe_client.StripeAccount:
    """The Stripe account of these credentials; nothing is called yet."""
    key = account.api_key.get_secret_value()
    rate = Rate(per_s=account.requests_per_s, burst=max(1, int(account.requests_per_s)))
    return stripe_client.connect(
        api_key=key, api_base=places.stripe_url, user_agent=_user_agent(), bucket=hashlib.sha256(key.encode()).hexdigest()[:12],
        redis_client=bell, account_rate=rate, endpoint_rate=rate,
        usage_rate=Rate(settings.usage_events_per_s, 1), call_deadline_s=settings.call_deadline_s,
    )  # fmt: skip


def salesforce_of(
    settings: Settings, places: Endpoints, mappings: mapping.Mappings
) -> salesforce_gateway.SalesforceOrg:
    """The Salesforce org of these credentials; nothing is called yet."""
    secret, private_key = places.salesforce_client_secret, places.salesforce_private_key
    credentials = salesforce_auth.Credentials(
        token_url=places.salesforce_token_url,
        client_id=places.salesforce_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        username=places.salesforce_username,
        private_key=private_key.get_secret_value() if private_key else None,
        instance_url=places.salesforce_url,
    )
    return salesforce_gateway.connect(
        credentials=credentials, mappings=mappings, user_agent=_user_agent(), api_version=places.salesforce_api_version,
        namespace=settings.salesforce_namespace, signed_statuses=settings.quote_signed_statuses, call_deadline_s=settings.call_deadline_s,
        routed_by=[f"{sobject}.{field}" for sobject in SOBJECTS for field in places.routes.fields(sobject)],
    )  # fmt: skip


def _user_agent() -> str:
    return f"Tandem/{build_version()}"


def build_version() -> str:
    """The installed version of Tandem."""
    try:
        return version("tandem")
    except PackageNotFoundError:
        return "0"


def webhook_verifier(settings: Settings) -> Callable[[bytes, str], bool]:
    """Whether a raw body and its Stripe-Signature header were signed with one of our secrets within the last five
    minutes of machine time.
    """
    secrets = settings.stripe_webhook_secrets
    if not secrets and settings.tandem_sandbox_url:
        secrets = endpoints(settings).stripe_webhook_secrets
    if not secrets:
        raise ConfigFault([f"STRIPE_WEBHOOK_SECRET: is not set{FORGERIES}"])
    return verifier([s.get_secret_value() for s in secrets])


def webhook_verifiers(settings: Settings) -> Mapping[str, Callable[[bytes, str], bool]]:
    """The same for each account of STRIPE_ACCOUNTS, by its name, with its own secrets alone; none without that file."""
    if not settings.stripe_accounts:
        return {}
    accounts = endpoints(settings).stripe
    if missing := [one.missing for one in accounts if not one.webhook_secrets]:
        raise ConfigFault([f"{each}{FORGERIES}" for each in missing])
    return {one.name: verifier([s.get_secret_value() for s in one.webhook_secrets]) for one in accounts}


def check_credentials(settings: Settings) -> None:
    """All that the processes need to speak to both vendors is there. ConfigFault names everything that is missing."""
    faults: list[str] = []
    for look in (endpoints, webhook_verifiers if settings.stripe_accounts else webhook_verifier):
        try:
            look(settings)
        except ConfigFault as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise ConfigFault(faults)
