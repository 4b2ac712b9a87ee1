"""An Account that has customers on several Stripe accounts: its own row says the same, whichever of them shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from sync.desired.account_view import AccountView
from sync.ports import Links, SalesforceGateway
from sync.ports.comparing import Comparing
from sync.ports.standing import Standing
from sync.run.mirror import Mirror, customers_of
from sync.run.rows import Rows


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
            for account_id, view in side.mirror.views(customers_of(side.links, views)).items():
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


@dataclass(frozen=True)
class Mine:
    """What stands in the CRM that one Stripe account answers for: not the quotes that are billed on others, nor the rows
    that show those, nor the row of an Account that has customers only there.
    """

    own: str
    sides: Callable[[], Sequence[StripeSide]]
    comparing: Comparing
    rows: Rows

    def __call__(self, standing: Mapping[str, Standing]) -> Mapping[str, Standing]:
        """The same Accounts with what is of this Stripe account."""
        elsewhere: set[tuple[str, str]] = set()
        also: set[str] = set()
        for side in (side for side in self.sides() if side.stripe_account != self.own):
            customers = customers_of(side.links, standing)
            also |= customers.keys()
            elsewhere |= self._rows_of(side, customers)
        [own] = [side for side in self.sides() if side.stripe_account == self.own]
        mine = customers_of(own.links, standing)
        elsewhere -= {("Account", account_id) for account_id in mine}
        elsewhere -= self._rows_of(own, {a: ids for a, ids in mine.items() if a in also})  # what both of them show
        quotes = [quote.id for one in standing.values() for quote in one.quotes]
        states = self.comparing.states(f"quote:{quote}" for quote in quotes)
        at = {quote: states[key].stripe_account if (key := f"quote:{quote}") in states else "" for quote in quotes}
        elsewhere |= {("Quote", quote) for quote, where in at.items() if where != self.own}
        return {
            account_id: replace(
                one,
                quotes=tuple(quote for quote in one.quotes if at[quote.id] == self.own),
                rows=tuple(row for row in one.rows if (row.sobject, row.key) not in elsewhere),
            )
            for account_id, one in standing.items()
        }

    def _rows_of(self, side: StripeSide, customers: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
        """Object and key of every row that this Stripe account shows of these Accounts."""
        shown = side.mirror.show_all(customers) if customers else {}
        return {(row.sobject, row.key) for one in shown.values() for row in self.rows.of_shown(one)}


@dataclass(frozen=True)
class ShownElsewhere:
    """Products may have a Stripe product on every account; the record shows that of the first account that has one."""

    own: str
    sides: Callable[[], Sequence[StripeSide]]

    def __call__(self, products: Iterable[str]) -> frozenset[str]:
        """Those of these products that an account before this one shows."""
        wanted = list(products)
        before = takewhile(lambda side: side.stripe_account != self.own, self.sides()) if wanted else ()
        links = [link for side in before for link in side.links.by_salesforce_id(wanted, "product")]
        return frozenset(link.salesforce_id for link in links)


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
        standing_alone=[d for v in views for d in v.standing_alone],
        pending=[p for v in views for p in v.pending],
        under_review=any(v.under_review for v in views),
    )
