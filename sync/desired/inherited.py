"""Discounts of a customer as a whole: what of them comes off which subscription.

Stripe takes a customer's discount off every invoice of a subscription that has none of its own
(https://docs.stripe.com/api/subscriptions/create, `discounts`). A phase says by '' that it does not come off, as all of
ours do; Stripe does not show whether one did, so a phase of somebody else's without discounts is taken to inherit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sync.deal.calendar import seconds
from sync.desired.keys import DEAL
from sync.facts import Customer, Fact, Phase, Schedule, Subscription, of_type

_RUNS = frozenset({"active", "not_started"})


def inheriting(
    subscriptions: Sequence[Subscription], schedules: Iterable[Schedule], customers: Iterable[Customer], now: datetime
) -> list[Subscription]:
    """The subscriptions, each without discounts of its own with that of its customer, if one is at work; but for those in
    a phase of a deal.
    """
    giving = _giving(customers, now)
    kept_from = told_none(schedules)
    return [
        s.model_copy(update={"coupons": (giver.coupon,), "coupon_ends_s": _ends(giver)})
        if not s.coupons and s.id not in kept_from and (giver := giving.get(s.customer))
        else s
        for s in subscriptions
    ]


def inheriting_phases(schedules: Sequence[Schedule], customers: Iterable[Customer], now: datetime) -> list[Schedule]:
    """The schedules, likewise: phases that begin while the customer's discount is at work."""
    giving = _giving(customers, now)
    return [
        s.model_copy(update={"phases": tuple(_with(p, giver) for p in s.phases)})
        if DEAL not in s.metadata and (giver := giving.get(s.customer))
        else s
        for s in schedules
    ]


def told_none(schedules: Iterable[Schedule]) -> Collection[str]:
    """The subscriptions that a schedule of ours runs: each of its phases says that nothing of the customer's comes off."""
    return {s.subscription for s in schedules if s.subscription and s.status in _RUNS and DEAL in s.metadata}


def inherited_by(objects: Iterable[Fact], customers: Iterable[Customer], now: datetime) -> list[Subscription]:
    """Those of these objects' subscriptions that are live and that a customer's discount comes off."""
    objects = list(objects)
    subscriptions = of_type(objects, Subscription)
    found = inheriting(subscriptions, of_type(objects, Schedule), customers, now)
    return [s for s, was in zip(found, subscriptions, strict=True) if s.coupons != was.coupons and s.ended_at_s is None]


def at_work(customer: Customer | None, now: datetime) -> bool:
    """Whether the customer has a discount as a whole that has not stopped."""
    if customer is None or customer.deleted or not customer.coupon:
        return False
    return customer.coupon_end_s is None or customer.coupon_end_s > seconds(now)


def _giving(customers: Iterable[Customer], now: datetime) -> Mapping[str, Customer]:
    return {c.id: c for c in customers if at_work(c, now)}


def _ends(giver: Customer) -> tuple[int | None, ...]:
    return () if giver.coupon_end_s is None else (giver.coupon_end_s,)


def _with(phase: Phase, giver: Customer) -> Phase:
    over = giver.coupon_end_s is not None and giver.coupon_end_s <= phase.start_s
    return (
        phase
        if phase.coupons or over or giver.coupon is None
        else phase.model_copy(update={"coupons": (giver.coupon,)})
    )
