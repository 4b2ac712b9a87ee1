"""What is to come of a contract's objects: what they will be worth, when they end, and what is charged next. Amounts are
exact minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from sync.desired.cycles import first_boundary
from sync.desired.worth import Terms, at_work, charge, monthly, monthly_of_phase, of_items, of_phase
from sync.facts import Schedule, Subscription


def monthly_of(subscription: Subscription, terms: Terms, *, lasting: bool = False) -> Fraction:
    """What a subscription comes to a month, exact; ``lasting``: once its limited discounts have run out."""
    worth = monthly(
        of_items(subscription.items, terms, subscription.currency, terms.now_s),
        at_work(subscription, terms.now_s),
        terms,
        lasting=lasting,
    )
    return sum(worth, Fraction(0))


def planned_monthly(schedule: Schedule, terms: Terms, *, lasting: bool = False) -> Fraction:
    """What a schedule's last phase comes to a month."""
    if not schedule.phases:
        return Fraction(0)
    return monthly_of_phase(schedule.phases[-1], terms, schedule.currency, lasting=lasting)


def contracted(subs: list[Subscription], scheds: list[Schedule], terms: Terms, first_without: str | None) -> Fraction:
    """What the contract is worth once all that is planned has begun: what is there on its last day, which is the one
    before ``first_without`` where a term was signed. Nothing once an end is planned on a contract without a term.
    """
    planned = [s for s in scheds if s.status in ("not_started", "active") and s.phases]
    managed = {s.subscription for s in planned}
    lasting = [s for s in subs if s.id not in managed and not _is_ending(s)]
    if first_without:
        end = date.fromisoformat(first_without)
        going = [s for s in planned if s.end_behavior != "cancel" or terms.day(s.phases[-1].end_s) >= end]
    else:
        going = [s for s in planned if s.end_behavior != "cancel"]
        if not going and not lasting and planned:
            last = max(s.phases[-1].end_s for s in planned)
            going = [s for s in planned if s.phases[-1].end_s == last]
    worth = [planned_monthly(s, terms, lasting=True) for s in going]
    return sum([*worth, *(monthly_of(s, terms, lasting=True) for s in lasting)], Fraction(0))


def _is_ending(subscription: Subscription) -> bool:
    """Whether it has ended, or an end of it is planned."""
    planned = subscription.cancel_at_period_end or subscription.cancel_at_s
    return bool(planned) or subscription.status in ("canceled", "incomplete_expired")


def ends_on(subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> date | None:
    """The last day of service once somebody planned an end; the end of a signed term is the contract's End_Date__c."""
    managed = {s.subscription for s in scheds if s.end_behavior == "cancel" and s.status in ("active", "completed")}
    ends = []
    for subscription in subs:
        if subscription.ended_at_s:
            ends.append((subscription.ended_at_s, _cycle_start(subscription, subscription.ended_at_s)))
        elif subscription.id in managed:
            continue
        elif subscription.cancel_at_s:
            ends.append((subscription.cancel_at_s, _cycle_start(subscription, subscription.cancel_at_s)))
        elif subscription.cancel_at_period_end and subscription.items:
            ends.append(min((i.period_end_s, i.period_start_s) for i in subscription.items))
    if not ends or len(ends) != len(subs):
        return None
    end_s, start_s = max(ends)
    return terms.last_day(start_s, end_s)


def _cycle_start(subscription: Subscription, end_s: int) -> int:
    """Since when what ends then has run, by whose time of day its last day counts: the cycle's begin where it ends with a
    cycle, which a resumption or a trial has moved, else the subscription's.
    """
    return next((i.period_start_s for i in subscription.items if i.period_end_s == end_s), subscription.start_date_s)


def next_charge(
    running: list[Subscription], scheduled: list[Schedule], schedules: Sequence[Schedule], terms: Terms
) -> tuple[int | None, int | None]:
    """When the next invoice of the contract comes, and its amount without tax, usage and pending items."""
    due: dict[int, int] = {}
    for subscription in running:
        stop = _stop(subscription, schedules)
        going = _once_collected(subscription)
        if subscription.cancel_at_period_end or going is None:
            continue
        for at in {i.period_end_s for i in going.items}:
            if stop is None or at < stop:
                due[at] = due.get(at, 0) + _charge_at(at, going, schedules, terms)
    for schedule in (s for s in scheduled if s.phases):
        phase = schedule.phases[0]
        together = of_phase((*phase.items, *phase.add_invoice_items), terms, schedule.currency)
        due[phase.start_s] = due.get(phase.start_s, 0) + charge(together, phase.coupons, terms)
    return (min(due), due[min(due)]) if due else (None, None)


def is_paused(subscription: Subscription, at_s: int | None = None) -> bool:
    """Whether it bills nothing: collection is paused, or it is itself (by request, or as its trial ended without a card).
    ``at_s``: at that second to come, as far as is known now. A pause of the whole has no end until somebody resumes it.
    """
    if subscription.status == "paused":
        return True
    resumes_s = subscription.resumes_s
    return subscription.paused and (at_s is None or resumes_s is None or at_s < resumes_s)


def _once_collected(subscription: Subscription) -> Subscription | None:
    """The subscription in the cycles behind which it is billed next; None where nobody knows when that will be."""
    if not is_paused(subscription):
        return subscription
    resumes_s = subscription.resumes_s
    if resumes_s is None or is_paused(subscription, resumes_s):
        return None
    anchor_s = subscription.billing_cycle_anchor_s
    items = [i.model_copy(update={"period_end_s": first_boundary(i, anchor_s, resumes_s)}) for i in subscription.items]
    return subscription.model_copy(update={"items": tuple(items)})


def _charge_at(at: int, subscription: Subscription, schedules: Sequence[Schedule], terms: Terms) -> int:
    """What is billed at a boundary: what a schedule has planned from then on, else what renews."""
    managing = (s for s in schedules if s.subscription == subscription.id and s.status == "active")
    phase = next((p for s in managing for p in s.phases if p.start_s <= at < p.end_s), None)
    if phase is not None and all(i.price in terms.prices for i in phase.items):
        extras = phase.add_invoice_items if phase.start_s == at else ()
        return charge(of_phase((*phase.items, *extras), terms, subscription.currency), phase.coupons, terms)
    renewing = (i for i in subscription.items if i.period_end_s == at)
    together = of_items(renewing, terms, subscription.currency, at)
    return charge(together, at_work(subscription, at), terms)


def _stop(subscription: Subscription, schedules: Sequence[Schedule]) -> int | None:
    """The second at which it ends and bills no more, if that is planned."""
    ends = [
        s.phases[-1].end_s
        for s in schedules
        if s.subscription == subscription.id and s.status == "active" and s.phases and s.end_behavior == "cancel"
    ]
    return subscription.cancel_at_s or min(ends, default=None)
