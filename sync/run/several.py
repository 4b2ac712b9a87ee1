"""An Account that has customers on several Stripe accounts: its own row says the same, whichever of them shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sync.desired.account_view import AccountView
from sync.ports import Links, SalesforceGateway
from sync.run.mirror import Mirror


@dataclass(frozen=True)
class StripeSide:
    """One Stripe account, named as in `sync.ports.Mark`, with what is known of it."""

    stripe_account: str
    mirror: Mirror
    links: Links


@dataclass(frozen=True)
class Whole:
    """Adds up what every Stripe account knows. ``home`` is the account of an Account whatever its quotes say, by the fields
    that the rules look at; ``sides`` are all of them, in the order of the installation.
    """

    own: str
    sides: Callable[[], Sequence[StripeSide]]
    salesforce: SalesforceGateway
    home: Callable[[Mapping[str, object]], str]

    def __call__(self, views: Mapping[str, AccountView]) -> Mapping[str, AccountView]:
        """These Accounts as they stand on every Stripe account; those that are on no other are absent."""
        found: dict[str, dict[str, AccountView]] = defaultdict(dict)
        for side in (s for s in self.sides() if s.stripe_account != self.own):
            for account_id, view in side.mirror.views(self._customers(side, views)).items():
                found[account_id][side.stripe_account] = view
        if not found:
            return {}
        told = self.salesforce.routed_by(sorted(found))
        order = [side.stripe_account for side in self.sides()]
        whole = {}
        for account_id, by_side in found.items():
            by_side[self.own] = views[account_id]
            home = self.home(told.get(account_id, {}))
            whole[account_id] = together([by_side[a] for a in sorted(order, key=lambda a: a != home) if a in by_side])
        return whole

    def _customers(self, side: StripeSide, views: Mapping[str, AccountView]) -> Mapping[str, Sequence[str]]:
        customers: dict[str, list[str]] = defaultdict(list)
        for link in side.links.by_salesforce_id(views, "customer"):
            customers[link.salesforce_id].append(link.stripe_id)
        return customers


def together(views: Sequence[AccountView]) -> AccountView:
    """One view of all, the first one's customers first."""
    first = views[0]
    return replace(
        first,
        customers=[c for v in views for c in v.customers],
        subscriptions=[s for v in views for s in v.subscriptions],
        schedules=[s for v in views for s in v.schedules],
        invoices=[i for v in views for i in v.invoices],
        charges={k: c for v in views for k, c in v.charges.items()},
        refunds=[r for v in views for r in v.refunds],
        disputes=[d for v in views for d in v.disputes],
        notes=[n for v in views for n in v.notes],
        coupons={k: c for v in views for k, c in v.coupons.items()},
        prices={k: p for v in views for k, p in v.prices.items()},
        products={k: p for v in views for k, p in v.products.items()},
        under_review=any(v.under_review for v in views),
    )
