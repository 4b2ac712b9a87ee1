"""Every Stripe account of an installation: who they are, what is kept of each, and which deals are billed on which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis
import structlog

from sync.config import ConfigFault, Settings
from sync.endpoints import Endpoints
from sync.errors import Transient
from sync.gateways import stripe_client
from sync.gateways.salesforce_gateway import SalesforceOrg
from sync.routing import Fields
from sync.store.realm import NAMED
from sync.wiring.vendors import answered, stripe_of

log = structlog.get_logger()


@dataclass(frozen=True)
class Account:
    """One Stripe account. ``name`` is that of STRIPE_ACCOUNTS, empty without; ``part`` is what its work is kept under: ''
    for the account that the store began with, the id of any other.
    """

    name: str
    stripe: stripe_client.StripeAccount
    part: str = ""


def asked(settings: Settings, places: Endpoints, bell: redis.Redis | None) -> tuple[list[Account], list[Transient]]:
    """Every account, asked who it is; and what kept those from answering that did not. One alone has to answer."""
    accounts = [Account(one.name, stripe_of(settings, places, one, bell)) for one in places.stripe]
    away = []
    for account in accounts:
        try:
            answered(lambda account=account: account.stripe.account)  # type: ignore[misc]
        except Transient as error:
            if len(accounts) == 1:
                raise
            log.warning("stripe_account_away", name=account.name, code=error.code, reason=error.message)
            away.append(error)
    return accounts, away


def parted(accounts: Sequence[Account], away: Sequence[Transient], pinned: Mapping[str, str]) -> list[Account]:
    """The accounts, each with its part, that of the store's beginning first. One that does not answer now is the one that
    it was: it must not hold up the others. Raises its Transient where nobody ever knew it; ConfigFault for one given twice.
    """
    for account in accounts:
        if away and not account.stripe.is_known:
            known = pinned.get(f"{NAMED}{account.name}")
            if known is None:
                raise away[0]
            account.stripe.known_as(known)
    ids = [one.stripe.account for one in accounts]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise ConfigFault([f"STRIPE_ACCOUNTS: two names have keys of one account, {i}" for i in twice])
    began = pinned.get("stripe", ids[0])
    ordered = sorted(accounts, key=lambda one: one.stripe.account != began)
    return [Account(one.name, one.stripe, "" if n == 0 else one.stripe.account) for n, one in enumerate(ordered)]


def realm_of(accounts: Sequence[Account], salesforce: SalesforceOrg) -> dict[str, str]:
    """Whose store this is."""
    first = accounts[0].stripe
    realm = {"salesforce": salesforce.organization_id, "stripe": first.account, "livemode": str(first.livemode)}
    return realm | {f"{NAMED}{one.name}": one.stripe.account for one in accounts if one.name}


def check_fields(settings: Settings, salesforce: SalesforceOrg) -> None:
    """The log-in sees every field by which accounts are chosen; ConfigFault names the others."""
    unknown = salesforce.unknown_routing_fields()
    if unknown:
        words = "Salesforce shows this log-in no such field (CONF-302)"
        raise ConfigFault([f"STRIPE_ACCOUNTS: {settings.stripe_accounts}: {name}: {words}" for name in unknown])


def rules(places: Endpoints, accounts: Sequence[Account]) -> tuple[Callable[[Fields], str], Callable[[Fields], str]]:
    """The part on which a quote is billed, and the one that an Account belongs to, by ``Quote.Field`` and
    ``Account.Field``.
    """
    parts = {one.name: one.part for one in accounts}

    def of(fields: Fields, sobject: str) -> Fields:
        prefix = f"{sobject}."
        return {name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix)}

    def rule(fields: Fields) -> str:
        return parts[places.routes.route(of(fields, "Quote"), of(fields, "Account"))]

    return rule, lambda fields: parts[places.routes.home(of(fields, "Account"))]
