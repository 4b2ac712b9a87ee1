"""Which coupons stand on what Stripe has."""

from __future__ import annotations

from collections.abc import Iterable

from sync.facts.agreements import Schedule, Subscription
from sync.facts.base import Fact
from sync.facts.customers import Customer


def coupons_on(fact: Fact) -> set[str]:
    """The ids of the coupons on a customer, or on a subscription or schedule and its items and phases; none on others."""
    match fact:
        case Customer():
            return {fact.coupon} if fact.coupon else set()
        case Subscription():
            return {*fact.coupons, *(c for i in fact.items for c in i.coupons)}
        case Schedule():
            items = {c for p in fact.phases for i in (*p.items, *p.add_invoice_items) for c in i.coupons}
            return items | {c for p in fact.phases for c in p.coupons}
        case _:
            return set()


def coupons_of(facts: Iterable[Fact]) -> set[str]:
    """The ids of all coupons on these."""
    return {coupon for fact in facts for coupon in coupons_on(fact)}
