"""The coupons that stand on customers, subscriptions and items, those that were deleted since as well: a discount goes on
without its coupon (https://docs.stripe.com/api/coupons/delete), and only what it stands on still shows its terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from sync.facts import Coupon, Customer, Fact, Subscription
from sync.ports import StripeGateway
from sync.records import Ref

log = structlog.get_logger()


def standing_refs(ids: Iterable[str]) -> list[Ref]:
    """What reads these coupons by their ids."""
    return [Ref("coupon", i) for i in sorted(ids)]


def read_coupons(stripe: StripeGateway, ids: Iterable[str], on: Iterable[Fact]) -> list[Coupon]:
    """These coupons, read now; ``on`` is what they stand on."""
    wanted = set(ids)
    found = _of(stripe.read(standing_refs(wanted)).all()) if wanted else []
    return with_deleted(stripe, wanted, found, on)


def with_deleted(
    stripe: StripeGateway, ids: Iterable[str], found: Sequence[Coupon], on: Iterable[Fact]
) -> list[Coupon]:
    """``found`` and those of these coupons that were deleted, read of what they stand on; no call where there are none.

    One that is nowhere shown with its terms is known as deleted, so that it is not looked for again; nothing is taken
    off in its name, and the log says so.
    """
    gone = set(ids) - {c.id for c in found if not c.deleted}
    if not gone:
        return list(found)
    refs = [ref for fact in on if (ref := _shown_on(fact, gone)) is not None]
    shown = [c for c in _of(stripe.read(refs).all()) if c.id in gone and not c.deleted] if refs else []
    lost = gone - {c.id for c in shown}
    for coupon in sorted(lost):
        log.warning("coupon_not_shown", stripe_id=coupon)
    kept = [c for c in found if not c.deleted]
    return [*kept, *{c.id: c for c in shown}.values(), *(Coupon(id=i, deleted=True) for i in sorted(lost))]


def _shown_on(fact: Fact, gone: set[str]) -> Ref | None:
    if isinstance(fact, Customer) and fact.coupon in gone:
        return Ref("coupon_of_customer", fact.id)
    if isinstance(fact, Subscription) and gone & {*fact.coupons, *(c for i in fact.items for c in i.coupons)}:
        return Ref("coupons_of_subscription", fact.id)
    return None


def _of(facts: Iterable[Fact]) -> list[Coupon]:
    return [f for f in facts if isinstance(f, Coupon)]
