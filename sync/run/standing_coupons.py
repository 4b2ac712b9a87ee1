"""The coupons that stand on customers, subscriptions and items, those that were deleted since as well: a discount goes on
without its coupon (https://docs.stripe.com/api/coupons/delete), and only what it stands on still shows its terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from sync.facts import Coupon, Customer, Fact, Subscription, of_type
from sync.facts.catalogue import UNKNOWN_COUPON
from sync.facts.coupons import coupons_of, coupons_on
from sync.ports import Adoption, Facts, StripeGateway
from sync.records import Ref

log = structlog.get_logger()

#: What shows a coupon that was deleted with its terms, by what it stands on.
SHOWN_ON = {Customer.KIND: "coupon_of_customer", Subscription.KIND: "coupons_of_subscription"}


def standing_refs(ids: Iterable[str]) -> list[Ref]:
    """What reads these coupons by their ids."""
    return [Ref("coupon", i) for i in sorted(ids)]


def read_coupons(stripe: StripeGateway, ids: Iterable[str], on: Iterable[Fact]) -> list[Coupon]:
    """These coupons, read now; ``on`` is what they stand on."""
    wanted = set(ids)
    found = of_type(stripe.read(standing_refs(wanted)).all(), Coupon) if wanted else []
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
    shown = [c for c in of_type(stripe.read(refs).all(), Coupon) if c.id in gone and not c.deleted] if refs else []
    lost = gone - {c.id for c in shown}
    for coupon in sorted(lost):
        log.warning("coupon_not_shown", stripe_id=coupon)
    kept = [c for c in found if not c.deleted]
    return [*kept, *{c.id: c for c in shown}.values(), *(Coupon(id=i, deleted=True) for i in sorted(lost))]


def read_deleted(stripe: StripeGateway, adoption: Adoption, facts: Facts) -> None:
    """What no list has any more of the coupons that stand on what was listed is stored; no call where there is none."""
    fence = facts.fence()
    on = [fact for kind, ids in adoption.without_coupon().items() for fact in facts.get(kind, ids).values()]
    named = coupons_of(on) - {UNKNOWN_COUPON}
    known = facts.get("coupon", named) if named else {}
    facts.put(with_deleted(stripe, named - set(known), (), on), fence)


def _shown_on(fact: Fact, gone: set[str]) -> Ref | None:
    if fact.KIND not in SHOWN_ON or not gone & coupons_on(fact):
        return None
    return Ref(SHOWN_ON[fact.KIND], fact.id)
