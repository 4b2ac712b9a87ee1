"""The coupons that stand on customers, subscriptions and items, those that were deleted since as well: a discount goes on
without its coupon (https://docs.stripe.com/api/coupons/delete), and only what it stands on still shows its terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from sync.facts import Coupon, Customer, Fact, Subscription
from sync.facts.catalogue import UNKNOWN_COUPON
from sync.ports import Adoption, Facts, StripeGateway
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


def read_deleted(stripe: StripeGateway, adoption: Adoption, facts: Facts) -> None:
    """What no list has any more of the coupons that stand on what was listed is stored; no call where there is none."""
    fence = facts.fence()
    on = [fact for kind, ids in adoption.without_coupon().items() for fact in facts.get(kind, ids).values()]
    named = {c for fact in on for c in _on(fact)} - {UNKNOWN_COUPON}
    known = facts.get("coupon", named) if named else {}
    facts.put(with_deleted(stripe, named - set(known), (), on), fence)


def _on(fact: Fact) -> set[str]:
    if isinstance(fact, Customer):
        return {fact.coupon} if fact.coupon else set()
    if isinstance(fact, Subscription):
        return {*fact.coupons, *(c for i in fact.items for c in i.coupons)}
    return set()


def _shown_on(fact: Fact, gone: set[str]) -> Ref | None:
    if not gone & _on(fact):
        return None
    return Ref("coupon_of_customer" if isinstance(fact, Customer) else "coupons_of_subscription", fact.id)


def _of(facts: Iterable[Fact]) -> list[Coupon]:
    return [f for f in facts if isinstance(f, Coupon)]
