"""One subscription model (BILLING_RULES 6): what was sold by a rep and what was bought on the web site are the same
type here.

A `Contract` is one row in the CRM, whatever Stripe objects it takes. Built from facts alone, so the same for both
channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from sync.deal.calendar import business_day, instant
from sync.deal.money import round_half_away
from sync.errors import Terminal
from sync.facts import Coupon, Price, Schedule, Subscription

DEAL_KEY = "tandem_deal"
QUOTE_ID = "salesforce_quote_id"

#: Months in one unit of a Stripe interval; a day is 1/(365/12) of a month (BILLING_RULES 1).
INTERVAL_MONTHS = {"month": Fraction(1), "year": Fraction(12), "week": 7 * Fraction(12, 365), "day": Fraction(12, 365)}

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

    @property
    def live(self) -> bool:
        return self.status not in ENDED

    def mrr_minor(self) -> int:
        """MRR in minor units: summed over lines, then rounded once, half away from zero (BILLING_RULES 7)."""
        return round_half_away(self.monthly)


@dataclass(frozen=True)
class Terms:
    """What facts alone don't carry: coupons and prices by id, and the zone of the Account."""

    coupons: Mapping[str, Coupon]
    prices: Mapping[str, Price]
    zone: str
    now: datetime

    def day(self, stamp_s: int) -> date:
        return business_day(instant(stamp_s), self.zone)

    def last_day(self, exclusive_end_s: int) -> date:
        return business_day(instant(exclusive_end_s - 1), self.zone)


def contracts(subscriptions: Iterable[Subscription], schedules: Iterable[Schedule], terms: Terms) -> list[Contract]:
    """Every contract behind these objects, keyed as the CRM keys them: the deal's key, else Stripe's id of what
    existed first.
    """
    by_id = {s.id: s for s in subscriptions if not s.deleted}
    groups: dict[str, tuple[list[Subscription], list[Schedule]]] = {}
    for schedule in schedules:
        subscription = by_id.pop(schedule.subscription or schedule.released_subscription or "", None)
        key = _key(schedule, subscription)
        subs, scheds = groups.setdefault(key, ([], []))
        scheds.append(schedule)
        if subscription:
            subs.append(subscription)
    for subscription in by_id.values():
        groups.setdefault(subscription.metadata.get(DEAL_KEY) or subscription.id, ([], []))[0].append(subscription)
    return [_contract(key, subs, scheds, terms) for key, (subs, scheds) in sorted(groups.items())]


def _key(schedule: Schedule, subscription: Subscription | None) -> str:
    deal = schedule.metadata.get(DEAL_KEY) or (subscription.metadata.get(DEAL_KEY) if subscription else None)
    if deal:
        return deal
    return subscription.id if subscription and subscription.created_s < schedule.created_s else schedule.id


def _contract(key: str, subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> Contract:
    scheduled = [s for s in scheds if s.status == "not_started"]
    ends = {
        s.subscription or s.released_subscription: s for s in scheds if s.status in ("active", "completed", "canceled")
    }
    subs = sorted(subs, key=lambda s: (s.start_date_s, -_monthly_of(s, terms), s.id))
    scheds = sorted(scheds, key=lambda s: (s.phases[0].start_s if s.phases else 0, -_planned_monthly(s, terms), s.id))
    status = _status([*(_subscription_status(s) for s in subs), *("Scheduled" for _ in scheduled)], scheds)
    first: Subscription | Schedule = subs[0] if subs else scheds[0]
    metadata = {k: v for o in [*subs, *scheds] for k, v in o.metadata.items()}
    fixed = [s.phases[-1].end_s for s in scheds if s.phases and s.end_behavior == "cancel"]
    starts = [s.start_date_s for s in subs] + [s.phases[0].start_s for s in scheduled if s.phases]
    earning = [s for s in subs if _subscription_status(s) in EARNING]
    charge_s, charge_minor = _next_charge(earning, scheduled, ends, terms)
    live_items = [i for s in subs for i in _items(s, terms, earning=s in earning)]
    planned = [p for s in scheduled for p in _phase_items(s, terms)]
    return Contract(
        key=key,
        sales_led=DEAL_KEY in metadata,
        quote_id=metadata.get(QUOTE_ID),
        customer=first.customer,
        currency=(first.currency or next((i.price.currency for i in [*live_items, *planned]), "")).lower(),
        status=status,
        subscription_ids=tuple(s.id for s in subs),
        schedule_ids=tuple(s.id for s in scheds),
        start=terms.day(min(starts)) if starts else None,
        end=terms.last_day(max(fixed)) if fixed else None,
        ends_on=_ends_on(subs, scheds, terms),
        period_end=terms.last_day(min(i.period_end_s for s in earning for i in s.items))
        if any(s.items for s in earning)
        else None,
        next_charge_s=charge_s,
        next_amount_minor=charge_minor,
        quantity=sum(i.quantity or 0 for s in earning for i in s.items if _licensed(i.price)),
        monthly=sum((i.monthly for i in live_items), Fraction(0)),
        contracted_monthly=Fraction(0) if status in ENDED else _contracted(subs, scheds, terms),
        collection_method=first.collection_method,
        items=(*live_items, *planned),
        livemode=first.livemode,
    )


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


def _licensed(price: Price) -> bool:
    return price.interval is not None and price.usage_type != "metered" and price.unit_amount_decimal is not None


def _cycle_months(price: Price) -> Fraction:
    return INTERVAL_MONTHS[price.interval or "month"] * price.interval_count


def _net(price: Price, quantity: int | None, coupon_ids: Iterable[str], terms: Terms) -> tuple[Fraction, Decimal]:
    """Amount of one cycle in minor units after discounts, exact, and the percent taken off altogether."""
    gross = Fraction(price.unit_amount_decimal or 0) * (quantity or 0)
    amount, left = gross, Fraction(1)
    for coupon in (terms.coupons[c] for c in coupon_ids if c in terms.coupons):
        if coupon.percent_off is not None:
            amount *= 1 - Fraction(coupon.percent_off) / 100
            left *= 1 - Fraction(coupon.percent_off) / 100
        elif coupon.amount_off_minor is not None and coupon.duration == "forever":
            amount = max(Fraction(0), amount - coupon.amount_off_minor)
    percent = (1 - left) * 100
    return amount, Decimal(percent.numerator) / Decimal(percent.denominator)


def _item(
    price: Price, quantity: int | None, coupon_ids: tuple[str, ...], terms: Terms, *, counts: bool
) -> tuple[Fraction, Decimal]:
    amount, percent = _net(price, quantity, coupon_ids, terms)
    return (amount / _cycle_months(price) if counts and _licensed(price) else Fraction(0)), percent


def _items(subscription: Subscription, terms: Terms, *, earning: bool) -> list[ContractItem]:
    rows = []
    for item in subscription.items:
        monthly, percent = _item(
            item.price, item.quantity, (*item.coupons, *subscription.coupons), terms, counts=earning
        )
        rows.append(
            ContractItem(item.price, item.quantity, percent, monthly, terms.day(subscription.start_date_s), None)
        )
    return rows


def _phase_items(schedule: Schedule, terms: Terms) -> list[ContractItem]:
    if not schedule.phases:
        return []
    phase = schedule.phases[0]
    rows = []
    for item in phase.items:
        price = terms.prices.get(item.price)
        if price is None:
            continue
        _, percent = _item(price, item.quantity, (*item.coupons, *phase.coupons), terms, counts=False)
        rows.append(
            ContractItem(
                price, item.quantity, percent, Fraction(0), terms.day(phase.start_s), terms.last_day(phase.end_s)
            )
        )
    return rows


def _monthly_of(subscription: Subscription, terms: Terms) -> Fraction:
    return sum((i.monthly for i in _items(subscription, terms, earning=True)), Fraction(0))


def _planned_monthly(schedule: Schedule, terms: Terms) -> Fraction:
    """What a schedule's last phase comes to a month."""
    phase = schedule.phases[-1] if schedule.phases else None
    known = [i for i in phase.items if i.price in terms.prices] if phase else []
    coupons = phase.coupons if phase else ()
    return sum(
        (_item(terms.prices[i.price], i.quantity, (*i.coupons, *coupons), terms, counts=True)[0] for i in known),
        Fraction(0),
    )


def _contracted(subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> Fraction:
    """What the contract is worth once all that is planned has begun; nothing once an end is planned on a contract
    without a term.
    """
    total, managed = Fraction(0), set()
    for schedule in scheds:
        if schedule.status not in ("not_started", "active") or not schedule.phases:
            continue
        managed.add(schedule.subscription)
        total += _planned_monthly(schedule, terms)
    for subscription in subs:
        if (
            subscription.id in managed
            or subscription.cancel_at_period_end
            or subscription.cancel_at_s
            or subscription.status == "canceled"
        ):
            continue
        total += _monthly_of(subscription, terms)
    return total


def _ends_on(subs: list[Subscription], scheds: list[Schedule], terms: Terms) -> date | None:
    """The last day of service once somebody planned an end; the end of a signed term is the contract's End_Date__c."""
    managed = {s.subscription for s in scheds if s.end_behavior == "cancel" and s.status in ("active", "completed")}
    ends = []
    for subscription in subs:
        if subscription.ended_at_s:
            ends.append(subscription.ended_at_s)
        elif subscription.id in managed:
            continue
        elif subscription.cancel_at_s:
            ends.append(subscription.cancel_at_s)
        elif subscription.cancel_at_period_end and subscription.items:
            ends.append(min(i.period_end_s for i in subscription.items))
    return terms.last_day(max(ends)) if ends and len(ends) == len(subs) else None


def _next_charge(
    earning: list[Subscription], scheduled: list[Schedule], ends: Mapping[str | None, Schedule], terms: Terms
) -> tuple[int | None, int | None]:
    """When the next invoice of the contract comes, and its amount without tax, usage and pending items."""
    due: dict[int, int] = {}
    for subscription in earning:
        schedule = ends.get(subscription.id)
        stop = subscription.cancel_at_s or (
            schedule.phases[-1].end_s if schedule and schedule.phases and schedule.end_behavior == "cancel" else None
        )
        for item in subscription.items:
            at = item.period_end_s
            if (stop is not None and at >= stop) or (subscription.cancel_at_period_end):
                continue
            due[at] = due.get(at, 0) + _charge(item.price, item.quantity, (*item.coupons, *subscription.coupons), terms)
    for schedule in scheduled:
        for item_ in [*schedule.phases[0].items, *schedule.phases[0].add_invoice_items] if schedule.phases else []:
            if item_.price in terms.prices:
                at = schedule.phases[0].start_s
                due[at] = due.get(at, 0) + _charge(terms.prices[item_.price], item_.quantity, item_.coupons, terms)
    return (min(due), due[min(due)]) if due else (None, None)


def _charge(price: Price, quantity: int | None, coupon_ids: tuple[str, ...], terms: Terms) -> int:
    if price.usage_type == "metered":
        return 0
    rest = round_half_away(Fraction(price.unit_amount_decimal or 0) * (1 if quantity is None else quantity))
    for coupon in (terms.coupons[c] for c in coupon_ids if c in terms.coupons):
        if coupon.percent_off is not None:
            rest -= round_half_away(Fraction(rest) * Fraction(coupon.percent_off) / 100)
        elif coupon.amount_off_minor is not None:
            rest = max(0, rest - coupon.amount_off_minor)
    return rest
