"""Takeover of self-serve plans (BILLING_RULES 6): a customer who bought on the web site signs a New quote. The customer,
the card and the history stay; every plan bought without a quote ends when the deal begins; what was billed for the time
after that is credited (`sync.desired.takeover_credit`); the deal goes on in the oldest plan's row of the CRM.

A plan is never told of a later cycle's end: Stripe would prorate that cycle. It is told once the last cycle runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync import catalogue
from sync.deal.calendar import instant, say, seconds
from sync.deal.deal import Deal
from sync.deal.timeline import tracks
from sync.desired.contracts import plan_key
from sync.desired.customer import LIVE
from sync.desired.kept_on import let_go, term_is_over
from sync.desired.keys import AS_PLANNED, DEAL, OF_PLAN, TAKEN_BY, TAKES
from sync.errors import Refusal
from sync.facts import Customer, Fact, Schedule, Subscription
from sync.observed import Actual
from sync.records import Desired, Ref, Value

#: How long Stripe may take to begin a cycle that is due.
RENEWS_WITHIN = timedelta(minutes=10)
KEPT = "Its payment method is kept, as the customer's own, and charged for this deal"


@dataclass(frozen=True)
class Takeover:
    """The plans that a deal takes over, the oldest first, each with the schedule of its own if it has one, and the instant
    from which the deal stands in their place.
    """

    deal: Deal
    at: datetime
    plans: tuple[Subscription, ...]
    schedules: Mapping[str, Schedule] = field(default_factory=dict)  # by the plan's id

    @property
    def never(self) -> bool:
        """Whether the deal was cancelled, or all taken off, before it began, so that the plans go on."""
        deal = self.deal
        nothing_runs = deal.trial_from is None and all(track.alone for track in tracks(deal))
        return nothing_runs or (deal.last is not None and deal.last <= deal.opens)

    @property
    def at_s(self) -> int:
        """As Unix seconds."""
        return seconds(self.at)

    def key(self, stripe_id: str) -> str:
        """The natural key of what is done about one object of a plan: there is one for each, whatever is repeated."""
        return f"{self.deal.key}{OF_PLAN}{stripe_id}"

    @property
    def actual(self) -> Mapping[Ref, Actual]:
        """The plans and their schedules as they stand, in the form in which `ends` compares them."""
        found: dict[Ref, Actual] = {}
        for plan in self.plans:
            standing = AS_PLANNED if plan.status in LIVE else "canceled"
            fields: dict[str, Value] = {
                "metadata": dict(plan.metadata),
                "standing": standing,
                "ends": plan.cancel_at_s or 0,
            }
            found[Ref("subscription", self.key(plan.id))] = Actual(plan.id, fields)
        for schedule in self.schedules.values():
            running = schedule.status == "active"
            found[Ref("schedule", self.key(schedule.id))] = Actual(schedule.id, {"running": running})
        return found


@dataclass
class Ends:
    """How the plans are ended; ``again`` says that this takes another pass, ``wake_at`` when there is more to do."""

    objects: list[Desired] = field(default_factory=list)
    again: bool = False
    wake_at: datetime | None = None


def taken_over(deal: Deal, objects: Sequence[Fact]) -> Takeover | None:
    """What the deal takes over of the customer's ``objects`` (all its subscriptions and schedules); None: nothing.

    Before the deal is in Stripe that is every live plan; later only those that were marked then: what the customer buys
    afterwards is another plan. A renewal follows a deal and takes over none.
    """
    subscriptions = [f for f in objects if isinstance(f, Subscription) and not f.deleted]
    begun = any(f.metadata.get(DEAL) == deal.key for f in objects)
    if deal.fees_alone:
        return None  # a service sold beside a plan: the plan goes on
    kept = let_go(objects)
    plans = [s for s in subscriptions if _is_taken(s, deal, begun, s.id in kept)]
    if not plans or deal.renews is not None:
        return None
    plans.sort(key=lambda s: (s.start_date_s, s.created_s, s.id))
    ids = {plan.id for plan in plans}
    own = {f.subscription: f for f in objects if isinstance(f, Schedule) and f.status == "active" and f.subscription}
    schedules = {id_: schedule for id_, schedule in own.items() if id_ in ids}
    return Takeover(deal, deal.boundary(deal.opens), tuple(plans), schedules)


def bought_by(objects: Sequence[Fact], deal: Deal, now: datetime) -> list[Fact]:
    """What was there when a deal was accepted that was over by then: what is bought later is no concern of it, nor is a plan
    that began when its time was over.
    """
    accepted_s = seconds(min(deal.base.accepted_at, now))
    over_s = seconds(deal.boundary(deal.last)) if deal.last else accepted_s
    return [f for f in objects if f.created_s <= accepted_s and not _begins_after(f, over_s)]


def _begins_after(fact: Fact, over_s: int) -> bool:
    return isinstance(fact, Subscription) and fact.start_date_s >= over_s


def _is_taken(subscription: Subscription, deal: Deal, begun: bool, kept: bool) -> bool:
    """``kept``: it was let go of its schedule, so that it is a plan like any other once its own deal is over."""
    if DEAL in subscription.metadata and not (kept and term_is_over(subscription.metadata, deal.opens)):
        return False
    by = subscription.metadata.get(TAKEN_BY)
    return by == deal.key if by or begun else subscription.status in LIVE


def row_of(takeover: Takeover | None, deal: Deal, objects: Sequence[Fact]) -> str | None:
    """The key of the row in which the deal goes on: settled once by the deal's own objects, else the oldest plan's."""
    mine = [f.metadata for f in objects if f.metadata.get(DEAL) == deal.key]
    noted = next((m[TAKES] for m in mine if m.get(TAKES)), None)
    if noted or mine or takeover is None:
        return noted
    oldest = next((plan for plan in takeover.plans if DEAL not in plan.metadata), None)
    if oldest is None:
        return None  # the row of another deal stays that deal's
    schedules = [
        f for f in objects if isinstance(f, Schedule) and oldest.id in (f.subscription, f.released_subscription)
    ]
    return plan_key(oldest, schedules)


def check_takeover(
    deal: Deal, takeover: Takeover | None, objects: Sequence[Fact], now: datetime
) -> tuple[Refusal, ...]:
    """Why a deal that is not in Stripe yet can't take over what the customer has (CONF-311), before any write: usage that
    would be billed by nobody or twice, and a plan that has not begun.
    """
    if deal.renews is not None or deal.once_only or any(f.metadata.get(DEAL) == deal.key for f in objects):
        return ()
    if deal.fees_alone:
        return _beside_a_plan(deal, objects)
    if deal.last is not None and deal.boundary(deal.last) <= now:
        # It would end the plan without standing in its place.
        detail = (
            f"{_where(deal)} has a self-serve plan that ran in the time of this deal, which is over already. End the plan "
            "first, or sell time to come."
        )
        feature = "Taking over a plan by a deal that is over"
        return (_refusal(deal, "Start_Date__c", detail, feature),) if takeover else ()
    for plan in takeover.plans if takeover else ():
        by_use = [i for i in plan.items if i.price.usage_type == "metered"]
        if takeover and takeover.at <= now and by_use:
            billed_s = max(i.period_start_s for i in by_use)
            if billed_s > takeover.at_s:
                feature = "Taking over a plan by use from a day that it was billed for"
                day = say(deal.day_of(instant(billed_s)) + timedelta(days=1))
                detail = f"{_where(deal)} pays for {plan.id} by use, and was billed since. Choose {day} or a later day."
                return (_refusal(deal, "Start_Date__c", detail, feature),)
            if any(i.price.packaged or not i.price.meter for i in by_use):
                feature = "Taking over a plan by use in packages from a day that has begun"
                detail = f"{_where(deal)} pays for {plan.id}. Choose a Start_Date__c to come, or end that plan first."
                return (_refusal(deal, "Start_Date__c", detail, feature),)
    for schedule in (f for f in objects if isinstance(f, Schedule) and not f.deleted):
        if schedule.status == "not_started" and DEAL not in schedule.metadata:
            feature = "Taking over a self-serve plan that has not begun"
            detail = (
                f"{_where(deal)} has {schedule.id} planned in Stripe, bought without a quote. Cancel it there first."
            )
            return (_refusal(deal, "AccountId", detail, feature),)
    return ()


def _beside_a_plan(deal: Deal, objects: Sequence[Fact]) -> tuple[Refusal, ...]:
    """Why a deal of one-time lines can't be given recurring ones: the customer would have two live subscriptions, and an
    Amendment takes no plan over. What was bought after the quote was taken in is no concern of it.
    """
    change = next(c for c in deal.changes if any(line.cycle_months for line in c.adds))
    since = seconds(change.accepted_at)
    plans = [f for f in objects if isinstance(f, Subscription) and not f.deleted and f.created_s <= since]
    plan = next((p for p in plans if DEAL not in p.metadata and p.status in LIVE), None)
    if plan is None:
        return ()
    detail = (
        f"Quote {change.number}: {deal.payer.name} has the self-serve plan {plan.id}. Sell the recurring lines by a New quote, "
        "which takes that plan over, or end the plan first."
    )
    feature = "Adding what is billed every cycle to a deal of one-time lines, beside a self-serve plan,"
    blocked = (deal.payer.account_id,)
    refusal = catalogue.refusal(
        "CONF-311", detail, record_id=change.quote_id, field="Charge_Type__c", blocked_on=blocked, feature=feature
    )
    return (refusal,)


def _where(deal: Deal) -> str:
    return f"Quote {deal.number}: {deal.payer.name}"


def _refusal(deal: Deal, field_name: str, detail: str, feature: str) -> Refusal:
    blocked = (deal.payer.account_id,)
    return catalogue.refusal(
        "CONF-311", detail, record_id=deal.quote_id, field=field_name, blocked_on=blocked, feature=feature
    )


def desire_ends(takeover: Takeover, now: datetime, pending: frozenset[str] = frozenset()) -> Ends:
    """Every plan is marked as taken over, and ended when the deal begins: told to Stripe in the plan's last cycle, or done
    at once where the deal has begun. Nothing is prorated by Stripe. Of a deal that was cancelled, or all taken off, before it
    began, the plans go on. ``pending`` are the plans that have something waiting for their next invoice (`sync.desired.takeover_pending`).
    """
    ends = Ends()
    for plan in (p for p in takeover.plans if p.status in LIVE):
        if takeover.never:
            ends.objects.append(_let_be(plan, takeover))
        else:
            _end(plan, takeover, now, ends, plan.id in pending)
    return ends


def _let_be(plan: Subscription, takeover: Takeover) -> Desired:
    """The plan without our mark and without the end that we told Stripe; one that the customer planned stays."""
    compare: dict[str, Value] = {"metadata": {TAKEN_BY: None}}
    update: dict[str, Mapping[str, Value]] = {"metadata": {"metadata": {TAKEN_BY: ""}}}
    if plan.cancel_at_s == takeover.at_s and TAKEN_BY in plan.metadata:
        compare["ends"], update["ends"] = 0, {"cancel_at": ""}
    ref = Ref("subscription", takeover.key(plan.id))
    return Desired(ref, create={}, compare=compare, update=update, money=True)


def _end(plan: Subscription, takeover: Takeover, now: datetime, ends: Ends, is_pending: bool) -> None:
    schedule = takeover.schedules.get(plan.id)
    marks: Mapping[str, Value] = {TAKEN_BY: takeover.deal.key}
    compare: dict[str, Value] = {"metadata": marks}
    update: dict[str, Mapping[str, Value]] = {"metadata": {"metadata": marks}}
    acts: dict[str, str] = {}
    calm = _calm_until(plan, schedule, now)
    if takeover.at <= now:
        if schedule is None or is_pending:
            if schedule is not None:  # it bills nothing that is pending
                ends.objects.append(_schedule(takeover, schedule, "release"))
            # Of a plan by use Stripe would bill the last use with what is pending, and that is ours to bill.
            by_use = any(i.price.usage_type == "metered" for i in plan.items)
            compare["standing"], acts["standing"] = "canceled", "settle" if is_pending and not by_use else "cancel"
            ends.again = ends.again or is_pending  # what is billed now has unused time too
        else:
            ends.objects.append(_schedule(takeover, schedule, "cancel"))
    elif plan.status == "paused":
        pass  # no cycle of it runs: it bills nothing until its customer resumes it, and is ended on the day
    elif calm < takeover.at:
        again = calm if calm > now else now + RENEWS_WITHIN
        ends.wake_at = min(again, ends.wake_at or again)
    elif schedule is not None:
        ends.objects.append(_schedule(takeover, schedule, "release"))  # what it had planned comes after the takeover
        ends.again = True
    elif not plan.cancel_at_period_end and not 0 < (plan.cancel_at_s or 0) <= takeover.at_s:
        compare["ends"], update["ends"] = takeover.at_s, {"cancel_at": takeover.at_s}
    ref = Ref("subscription", takeover.key(plan.id))
    ends.objects.append(Desired(ref, create={}, compare=compare, update=update, acts=acts, money=True))


def _schedule(takeover: Takeover, schedule: Schedule, act: str) -> Desired:
    ref = Ref("schedule", takeover.key(schedule.id))
    return Desired(ref, create={}, compare={"running": False}, acts={"running": act}, money=True)


def _calm_until(plan: Subscription, schedule: Schedule | None, now: datetime) -> datetime:
    """Until when nothing but time happens to a plan: no cycle of it ends, and no phase begins."""
    phases = schedule.phases if schedule else ()
    stamps = [item.period_end_s for item in plan.items] + [p.start_s for p in phases] + [p.end_s for p in phases]
    return min((instant(s) for s in stamps if instant(s) > now), default=now)


def kept_method(takeover: Takeover | None, customer: Customer | None) -> str | None:
    """The payment method that a live plan has of its own, as Stripe's checkout leaves it, where the deal is to be charged and
    the customer has none: it becomes the customer's, so that the card is kept (BILLING_RULES 6).
    """
    if takeover is None or customer is None or customer.has_method:
        return None
    if takeover.deal.terms.collection_method != "charge_automatically":
        return None
    own = (plan.payment_method or "" for plan in takeover.plans if plan.status in LIVE)
    return next((method for method in own if method.startswith("pm_")), None)


def said(takeover: Takeover, names: Mapping[str, str]) -> list[str]:
    """The takeover in words, for the preview. ``names`` are products by their Stripe id."""
    lines = []
    for plan in takeover.plans:
        sold = ", ".join(
            f"{item.quantity} × {name}" if item.quantity is not None else name
            for item in plan.items
            if (name := names.get(item.price.product) or item.price.product)
        )
        day = say(takeover.deal.day_of(takeover.at))
        lines.append(f"Takes over the self-serve plan {plan.id} ({sold}): it ends when this deal begins, {day}")
    return lines
