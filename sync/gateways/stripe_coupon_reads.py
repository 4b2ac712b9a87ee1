"""Coupons as the discounts show them that were made of them: one that was deleted is to be had nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sync.facts import Fact
from sync.gateways.stripe_facts import facts_of
from sync.gateways.stripe_http import StripeHttp
from sync.gateways.stripe_operations import READS

#: What of a discount makes its coupon whole: four levels with the owner's own, as many as Stripe expands.
_WHOLE = ("source.coupon.applies_to", "source.coupon.currency_options")


def standing_coupons(http: StripeHttp, kind: str, key: str) -> tuple[Fact, ...]:
    """The coupons that stand on a subscription and its items (``coupons_of_subscription``), or on a customer as a whole
    (``coupon_of_customer``), each once; none where the owner is gone.
    """
    return _coupon_of_customer(http, key) if kind == "coupon_of_customer" else _coupons_of_subscription(http, key)


def _coupon_of_customer(http: StripeHttp, key: str) -> tuple[Fact, ...]:
    customer = http.find(READS["customer"], {"expand": [f"discount.{part}" for part in _WHOLE]}, id=key)
    return _coupons_in([customer.get("discount")] if customer else [])


def _coupons_of_subscription(http: StripeHttp, key: str) -> tuple[Fact, ...]:
    """Two calls: of a subscription the coupons of its items lie a level too deep to be expanded, and so does of an item's
    what its coupon is for: an item is one product.
    """
    whole = http.find(READS["subscription"], {"expand": [f"discounts.{part}" for part in _WHOLE]}, id=key)
    if whole is None:
        return ()
    params = {"subscription": key, "expand": ["data.discounts.source.coupon"]}
    items = http.listed(READS["subscription_items"], params)
    return _coupons_in(d for owner in (whole, *items) for d in owner.get("discounts") or [])


def _coupons_in(discounts: Iterable[Any]) -> tuple[Fact, ...]:
    sources = [d.get("source") for d in discounts if isinstance(d, dict)]
    coupons = [s["coupon"] for s in sources if isinstance(s, dict) and isinstance(s.get("coupon"), dict)]
    return facts_of({c["id"]: c for c in coupons}.values())
