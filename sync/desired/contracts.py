"""One subscription model (BILLING_RULES 6): what was sold by a rep and what was bought on the web site are the same
type here.

A `Contract` is one row in the CRM, whatever Stripe objects it takes. Built from facts alone, so the same for both
channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sync.deal.calendar import business_day
from sync.deal.money import round_half_away
from sync.desired.kept_on import let_go, term_is_over
from sync.desired.keys import ENDS_ON, FIRST_DAY, RENEWS, TAKES, TERM_END, TRIAL_FROM
from sync.desired.to_come import contracted, ends_on, monthly_of, next_charge, planned_monthly
from sync.desired.worth import Terms, at_work, monthly, of_items, of_phase, percent_off
from sync.errors import Terminal
from sync.facts import Price, Schedule, Subscription

DEAL_KEY = "tandem_deal"
QUOTE_ID = "salesforce_quote_id"

#: Stripe's status -> ours, worst first: the worst of a contract's objects is the contract's.
STATUS = {
    "past_due": "Past Due",
    "unpaid": "Unpaid",
    "incomplete": "Incomplete",
    "paused": "Paused",
    "active": "Active",
    "trialing": "Trialing",
    "not_started": "Scheduled",
    "canceled": "Canceled",
    "incomplete_expired": "Canceled",
}
SEVERITY = list(dict.fromkeys(STATUS.values()))
EARNING = frozenset({"Active", "Past Due", "Unpaid"})
#: What has items in use and a next invoice, whether or not it earns anything today.
RUNNING = EARNING | {"Trialing", "Paused"}
ENDED = frozenset({"Canceled"})


@dataclass(frozen=True)
class ContractItem:
    """One item as the CRM shows it. ``monthly`` is exact, in minor units, after discounts; 0 unless licensed and
    recurring.
    """

    price: Price
    quantity: int | None
    percent_off: Decimal
    monthly: Fraction
    start: date | None
    end: date | None


@dataclass(frozen=True)
class Contract:
    """One deal or one self-serve subscription, as of now. Dates are days of the billing zone, last days inclusive;
    amounts exact minor units.
    """

    key: str
    sales_led: bool
    quote_id: str | None
    customer: str
    currency: str
    status: str
    subscription_ids: tuple[str, ...]  # the one that starts first, then the largest, leads
    schedule_ids: tuple[str, ...]
    start: date | None
    end: date | None  # last day of the contract: fixed terms only
    ends_on: date | None  # last day of service once an end is planned
    period_end: date | None
    next_charge_s: int | None
    next_amount_minor: int | None
    quantity: int
    monthly: Fraction
    contracted_monthly: Fraction
    collection_method: str
    items: tuple[ContractItem, ...]
    livemode: bool
    renews: str | None = None  # the key of the deal that it follows
    deal: str | None = None  # the key of the deal that it is, where a quote made it
    invoice_ids: tuple[str, ...] = ()  # of a deal that stands on invoices alone

    @property
    def live(self) -> bool:
        return self.status not in ENDED

    def mrr_minor(self) -> int:
        """MRR in minor units: summed over lines, then rounded once, half away from zero (BILLING_RULES 7)."""
        return round_half_away(self.monthly)


def contracts(subscriptions: Iterable[Subscription], schedules: Iterable[Schedule], terms: Terms) -> list[Contract]:
    """Every contract behind these objects, keyed as the CRM keys them: the deal's key, else Stripe's id of what
    existed first; a deal that took over a self-serve plan goes on under that plan's key.
    """
    by_id = {s.id: s for s in subscriptions if not s.deleted}
    managing: dict[str, list[Schedule]] = {i: [] for i in by_id}
    alone: list[list[Schedule]] = []
    for schedule in _begun(schedules, by_id.values()):
        managed = schedule.subscription or schedule.released_subscription or ""
        if managed in managing:
            managing[managed].append(schedule)
        else:
            alone.append([schedule])
    groups: dict[str, tuple[list[Subscription], list[Schedule]]] = {}
    for subscription, scheds in [*((by_id[i], some) for i, some in managing.items()), *((None, one) for one in alone)]:
        group = groups.setdefault(_key(subscription, scheds), ([], []))
        group[0].extend([subscription] if subscription else [])
        group[1].extend(scheds)
    return [_of_group(key, subs, scheds, terms) for key, (subs, scheds) in sorted(groups.items())]


def _begun(schedules: Iterable[Schedule], subscriptions: Iterable[Subscription]) -> list[Schedule]:
    """The schedules, each begun that a subscription says it comes from: read before it began it plans nothing any more."""
    started = {s.schedule: s.id for s in subscriptions if s.schedule}
    return [
        s.model_copy(update={"status": "active", "subscription": started[s.id]})
        if s.status == "not_started" and s.id in started
        else s
        for s in schedules
    ]


def _key(subscription: Subscription | None, schedules: Sequence[Schedule]) -> str:
    """The deal's key, or that of the self-serve plan which it took over; without a deal that of the plan."""
    objects: list[Schedule | Subscription] = [*schedules, *([subscription] if subscription else [])]
    deals = (o.metadata.get(TAKES) or o.metadata[DEAL_KEY] for o in objects if o.metadata.get(DEAL_KEY))
    return next(deals, None) or plan_key(subscription, schedules)


def plan_key(subscription: Subscription | None, schedules: Sequence[Schedule]) -> str:
    """The id of what was made first of a plan; of a schedule and its subscription made at once, the schedule's."""
    objects: list[Schedule | Subscription] = [*schedules, *([subscription] if subscription else [])]
    return min(objects, key=lambda o: o.created_s).id


def _of_group(key: str, subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> Contract:
    """The contract of these objects. One that took over a plan is that plan until it begins, and itself from then on."""
    plans = [s for s in subs if DEAL_KEY not in s.metadata]
    deal = [s for s in subs if s not in plans]
    ids = {plan.id for plan in plans}
    of_plans = [s for s in scheds if (s.subscription or s.released_subscription) in ids]
    of_deal = [s for s in scheds if s not in of_plans]
    if not plans or not (deal or of_deal):
        return _contract(key, subs, scheds, terms)
    now = _contract(key, deal, of_deal, terms)
    before = _contract(key, plans, of_plans, terms)
    if not deal and not now.live:
        return before  # the deal was ended before it began, and the plan goes on
    if deal or not before.live:
        return replace(now, subscription_ids=(*now.subscription_ids, *before.subscription_ids))
    charge_s = min((s for s in (before.next_charge_s, now.next_charge_s) if s is not None), default=None)
    leading = before if charge_s == before.next_charge_s else now
    return replace(
        before,
        quote_id=now.quote_id,
        schedule_ids=(*now.schedule_ids, *before.schedule_ids),
        end=now.end,
        ends_on=now.ends_on,
        contracted_monthly=now.contracted_monthly,
        next_charge_s=charge_s,
        next_amount_minor=leading.next_amount_minor,
        items=(*before.items, *now.items),
        deal=now.deal,
    )


def _contract(key: str, subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> Contract:
    scheduled = [s for s in scheds if s.status == "not_started"]
    subs = sorted(subs, key=lambda s: (s.start_date_s, -monthly_of(s, terms), s.id))
    scheds = sorted(scheds, key=lambda s: (s.phases[0].start_s if s.phases else 0, -planned_monthly(s, terms), s.id))
    first: Subscription | Schedule = subs[0] if subs else scheds[0]
    metadata = {k: v for o in [*subs, *scheds] for k, v in o.metadata.items()}
    status = _status([*(_subscription_status(s) for s in subs), *("Scheduled" for _ in scheduled)], scheds)
    not_begun = status == "Scheduled" or (status == "Canceled" and not subs)
    status = "Active" if not_begun and _runs_alone(metadata, terms) else status
    sales_led = DEAL_KEY in metadata and not _goes_on(subs, scheds, metadata, terms)
    fixed = [s.phases[-1].end_s for s in scheds if s.phases and _is_fixed(s, sales_led=sales_led)]
    planned_starts = [s.phases[0].start_s for s in (scheduled if subs else scheds) if s.phases]
    starts = [s.start_date_s for s in subs] + planned_starts
    running = [s for s in subs if _subscription_status(s) in RUNNING]
    charge_s, charge_minor = next_charge(running, scheduled, scheds, terms)
    live_items = [i for s in subs for i in _items(s, terms)]
    planned = [p for s in scheduled for p in _phase_items(s, terms)]
    return Contract(
        key=key,
        sales_led=sales_led,
        quote_id=metadata.get(QUOTE_ID),
        customer=first.customer,
        currency=(first.currency or next((i.price.currency for i in [*live_items, *planned]), "")).lower(),
        status=status,
        subscription_ids=tuple(s.id for s in subs),
        schedule_ids=tuple(s.id for s in scheds),
        start=_start(metadata.get(FIRST_DAY) or metadata.get(TRIAL_FROM), starts, terms),
        end=_day_before(metadata.get(TERM_END)) or (terms.day_before(max(fixed)) if fixed else None),
        ends_on=_day_before(metadata.get(ENDS_ON)) or ends_on(subs, scheds, terms),
        period_end=_period_end(running, terms),
        next_charge_s=charge_s,
        next_amount_minor=charge_minor,
        quantity=sum(p.quantity or 0 for s in running for p in of_items(s.items, terms, s.currency) if p.licensed),
        monthly=sum((i.monthly for i in live_items), Fraction(0)),
        contracted_monthly=contracted(subs, scheds, terms, metadata.get(TERM_END))
        if status not in ENDED and ENDS_ON not in metadata
        else Fraction(0),
        collection_method=first.collection_method,
        items=(*live_items, *planned),
        livemode=first.livemode,
        renews=metadata.get(RENEWS),
        deal=metadata.get(DEAL_KEY),
    )


def _goes_on(
    subs: Iterable[Subscription], scheds: Sequence[Schedule], metadata: Mapping[str, str], terms: Terms
) -> bool:
    """Whether it is a self-serve plan by now: somebody kept the subscription when the signed term was over."""
    kept = let_go(scheds)
    until = (
        terms.day(s.ended_at_s) if s.ended_at_s else business_day(terms.now, terms.zone) for s in subs if s.id in kept
    )
    return any(term_is_over(metadata, day) for day in until)


def _runs_alone(metadata: Mapping[str, str], terms: Terms) -> bool:
    """Whether it is a deal that was made by one-time lines only, and runs: before what was added to it does, or without it
    where that was taken off before it began.
    """
    if FIRST_DAY not in metadata:
        return False
    first, last = (
        date.fromisoformat(day) for day in (metadata[FIRST_DAY], metadata.get(ENDS_ON) or metadata[TERM_END])
    )
    return first <= business_day(terms.now, terms.zone) < last


def _start(noted: str | None, starts: list[int], terms: Terms) -> date | None:
    """The first day of service: as we noted it, else when the first object starts."""
    if noted:
        return date.fromisoformat(noted)
    return terms.day(min(starts)) if starts else None


def _day_before(first_without: str | None) -> date | None:
    """The last day of what ends at the beginning of a day, as we noted it."""
    return date.fromisoformat(first_without) - timedelta(days=1) if first_without else None


def _period_end(running: list[Subscription], terms: Terms) -> date | None:
    items = [i for s in running for i in s.items]
    if not items:
        return None
    first = min(items, key=lambda i: i.period_end_s)
    return terms.last_day(first.period_start_s, first.period_end_s)


def _subscription_status(subscription: Subscription) -> str:
    if subscription.paused and subscription.status in ("active", "past_due"):
        return "Paused"
    if subscription.status not in STATUS:
        raise Terminal(
            "BUG-502",
            f"Stripe says {subscription.id} is {subscription.status!r}, a status that this release doesn't know. Nothing was changed.",
        )
    return STATUS[subscription.status]


def _status(statuses: list[str], scheds: list[Schedule]) -> str:
    live = [s for s in statuses if s not in ENDED]
    if live:
        return min(live, key=SEVERITY.index)
    return (
        "Canceled"
        if statuses or all(s.status in ("canceled", "completed", "released") for s in scheds)
        else "Scheduled"
    )


def _is_fixed(schedule: Schedule, *, sales_led: bool) -> bool:
    """Whether its end is the contract's: what was signed stays the signed end, also if the schedule was let go of."""
    return schedule.end_behavior == "cancel" and (sales_led or schedule.status != "released")


def _items(subscription: Subscription, terms: Terms) -> list[ContractItem]:
    earning = _subscription_status(subscription) in EARNING
    positions = of_items(subscription.items, terms, subscription.currency, terms.now_s)
    whole = at_work(subscription, terms.now_s)
    start = terms.day(subscription.start_date_s)
    return [
        ContractItem(
            price=at.price,
            quantity=at.quantity,
            percent_off=percent_off((*at.coupons, *whole), terms, at.price.product),
            monthly=worth if earning else Fraction(0),
            start=start,
            end=None,
        )
        for at, worth in zip(positions, monthly(positions, whole, terms), strict=True)
    ]


def _phase_items(schedule: Schedule, terms: Terms) -> list[ContractItem]:
    if not schedule.phases:
        return []
    phase = schedule.phases[0]
    return [
        ContractItem(
            price=at.price,
            quantity=at.quantity,
            percent_off=percent_off((*at.coupons, *phase.coupons), terms, at.price.product),
            monthly=Fraction(0),
            start=terms.day(phase.start_s),
            end=terms.day_before(phase.end_s),
        )
        for at in of_phase(phase.items, terms, schedule.currency)
    ]
