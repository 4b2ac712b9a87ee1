"""A discount that somebody gave the customer as a whole, where it comes off what bills a deal: a deal without an end runs in
a subscription that can't refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sync.deal.deal import Deal
from sync.deal.pricing import mrr_minor
from sync.desired.compared_view import DealsView, of_deal
from sync.desired.differences import Difference, Kind
from sync.desired.inherited import inherited_by
from sync.desired.kept_on import let_go, term_is_over
from sync.desired.made import Made
from sync.facts import Subscription


def discounts_unlike(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> list[Difference]:
    """One difference for each subscription of the deal that the customer's discount comes off, at the customer."""
    kept, today = let_go(view.schedules), deal.day_of(view.now)
    running = [s for mine in done.values() if (s := mine.subscription) is not None]
    billed = [s for s in running if not (s.id in kept and term_is_over(s.metadata, today))]
    lowered = {s.id: s for s in inherited_by([*billed, *view.schedules], view.customers, view.now)}
    if not lowered:
        return []
    worth = round(view.monthly(lowered.get(s.id, s) for s in running)) - mrr_minor(deal, today)
    return [_of(deal, one, worth if n == 0 else 0) for n, one in enumerate(lowered.values())]


def _of(deal: Deal, subscription: Subscription, worth: int) -> Difference:
    found = f"coupon {subscription.coupons[0]} on all that {subscription.customer} is billed"
    return of_deal(
        deal, Kind.CHANGED_IN_STRIPE, subscription.customer, f"discount of {subscription.id}", "none", found,
        mrr_minor=worth,
    )  # fmt: skip
