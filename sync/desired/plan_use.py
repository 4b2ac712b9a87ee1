"""What was used of a self-serve plan in the cycle in which a deal takes it over: the plan is cancelled there after the
fact, and Stripe drops it, so we state it at the plan's own price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sync.deal.calendar import instant, seconds
from sync.deal.discounts import AmountOff, Discount, Percent
from sync.deal.last_use import MARK, Used, UseDue
from sync.deal.lines import Charge, DealLine, DealProduct, Tier, Usage
from sync.deal.money import exponent
from sync.deal.timeline import tracks
from sync.desired.keys import PRODUCT
from sync.desired.takeover import Takeover
from sync.desired.worth import ONE_INVOICE, at_work
from sync.facts import Coupon, Invoice, Item, Meter, Price, Subscription
from sync.facts.currencies import in_currency

_MINUTE_S = 60


@dataclass(frozen=True)
class PlanPrices:
    """What a plan by use stands on: prices with their tiers, meters and coupons by id, product names by Stripe id."""

    prices: Mapping[str, Price] = field(default_factory=dict)
    meters: Mapping[str, Meter] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def metered(plan: Subscription) -> tuple[Item, ...]:
    """The items of a plan that are billed by use."""
    return tuple(item for item in plan.items if item.price.usage_type == "metered")


def plan_uses(
    takeover: Takeover, invoices: Iterable[Invoice], known: PlanPrices, now: datetime, grace: timedelta
) -> tuple[UseDue, ...]:
    """The use of each plan that is ours to state: one whose day has come and that Stripe was not told of ahead."""
    ours = tracks(takeover.deal)
    if takeover.at > now or not ours:
        return ()
    billed, found = list(invoices), []
    for plan in takeover.plans:
        ended_s = plan.ended_at_s or seconds(now)
        items = [i for i in metered(plan) if i.period_start_s < takeover.at_s < min(ended_s + 1, i.period_end_s)]
        if plan.ended_at_s == takeover.at_s:
            continue  # as it was told: its last invoice has its use
        used = [one for i in items if (one := _used(i, plan, takeover, billed, known)) is not None]
        if used:
            key = f"{takeover.key(plan.id)}{MARK}"
            at = max(takeover.at, instant(ended_s)) + grace
            found.append(UseDue(key, ours[0].key, takeover.deal.quote_id, at, tuple(used), True))
    return tuple(found)


def _used(
    item: Item, plan: Subscription, takeover: Takeover, invoices: Iterable[Invoice], known: PlanPrices
) -> Used | None:
    found, meter = known.prices.get(item.price.id), known.meters.get(item.price.meter or "")
    if found is None or meter is None:
        return None
    deal, price = takeover.deal, in_currency(found, plan.currency)
    start_s, billed = _counted_from(item, plan, invoices)
    ids = (*at_work(item, takeover.at_s), *at_work(plan, takeover.at_s))
    coupons = [coupon for c in ids if (coupon := known.coupons.get(c)) and coupon.suits(price.product)]
    product = DealProduct(price.metadata.get(PRODUCT, ""), known.names.get(price.product, price.product))
    line = DealLine(
        item.id, product, Charge.USAGE, 1, _major(price.unit_amount_decimal, deal.currency),
        deal.day_of(instant(item.period_start_s)), None, cycle_months=1,
        discounts=tuple(off for c in coupons if (off := _discount(c, item, deal.currency)) is not None),
        usage=Usage(meter.event_name, price.tiers_mode, _tiers(price, deal.currency)),
    )  # fmt: skip
    return Used(line, line.start, deal.day_of(takeover.at), since=instant(start_s), until=takeover.at, billed=billed)


def _counted_from(item: Item, plan: Subscription, invoices: Iterable[Invoice]) -> tuple[int, int]:
    """From which second on it is counted, and how much of that is billed. A meter counts whole minutes and a plan begins at
    any second: so from the plan's first minute on, less what its invoices billed. Where another price of the item was
    billed too, from the first whole minute of the cycle.
    """
    if item.period_start_s % _MINUTE_S == 0:
        return item.period_start_s, 0
    lines = [x for i in invoices if i.status != "void" for x in i.lines if x.subscription_item == item.id]
    if any(line.price != item.price.id for line in lines):
        return item.period_start_s - item.period_start_s % _MINUTE_S + _MINUTE_S, 0
    return plan.start_date_s - plan.start_date_s % _MINUTE_S, sum(line.quantity or 0 for line in lines)


def _discount(coupon: Coupon, item: Item, currency: str) -> Discount | None:
    if coupon.duration == ONE_INVOICE:
        return None
    if coupon.percent_off is not None:
        return Discount(Percent(coupon.percent_off))
    return Discount(AmountOff(coupon.off_in(currency), currency, item.id))


def _tiers(price: Price, currency: str) -> tuple[Tier, ...]:
    return tuple(Tier(t.up_to, _major(t.unit, currency), _major(t.flat, currency)) for t in price.tiers)


def _major(minor: Decimal | None, currency: str) -> Decimal:
    return (minor or Decimal(0)).scaleb(-exponent(currency))
