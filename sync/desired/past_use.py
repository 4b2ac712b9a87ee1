"""Use of a deal that was over when its quote was accepted: nobody billed it, unless something else did that counts the
same events. A meter sums by customer, so what another subscription has billed would be billed twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sync import catalogue
from sync.deal.calendar import instant, say, seconds
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.settled import all_past
from sync.desired.catalog import meter_ref
from sync.desired.keys import DEAL
from sync.errors import Refusal
from sync.facts import Fact, Meter, Subscription
from sync.records import Ref

_ONE_DAY = timedelta(days=1)


def meters_of(deal: Deal) -> tuple[Ref, ...]:
    """The meters that count what the deal bills by use."""
    return tuple(dict.fromkeys(meter_ref(line.usage) for line in deal.recurring if line.usage))


def check_past_use(deal: Deal, objects: Iterable[Fact], meters: Iterable[Meter], now: datetime) -> tuple[Refusal, ...]:
    """Why use of a deal that is over can't be billed (CONF-311): another of the customer's subscriptions counted it."""
    if not all_past(deal, now):
        return ()
    by_event = {meter.event_name: meter.id for meter in meters}
    others = [s for s in objects if isinstance(s, Subscription) and s.metadata.get(DEAL) != deal.key]
    for line in (line for line in deal.recurring if line.usage):
        meter = by_event.get(line.usage.event if line.usage else "")
        other = next((s for s in others if _counts(s, line, meter) and _meets(s, line, deal)), None)
        if other is not None:
            since = max(line.start, deal.day_of(instant(other.start_date_s)))
            detail = (
                f"Quote {deal.number}: {other.id} in Stripe counts what was used of {line.product.name} since {say(since)} too, "
                f"and bills it. {_way_out(line, since, other.ended_at_s, deal)}"
            )
            feature = "Use of a time that is over and that another subscription has billed"
            return (catalogue.refusal("CONF-311", detail, record_id=line.id, field="Charge_Type__c", feature=feature),)
    return ()


def _way_out(line: DealLine, since: date, ended_s: int | None, deal: Deal) -> str:
    """What to do on the line so that nothing is billed twice: the days that nobody else counted, or none of it."""
    ways = []
    if since > line.start:
        ways.append(f"set its End_Date__c to {say(since - _ONE_DAY)}")
    if ended_s is not None:
        day = deal.day_of(instant(ended_s - 1)) + _ONE_DAY
        if line.end is not None and day < line.end:
            ways.append(f"set its Start_Date__c to {say(day)}")
    return " or ".join(["Leave out the line", *ways]) + "."


def _counts(subscription: Subscription, line: DealLine, meter: str | None) -> bool:
    prices = [item.price for item in subscription.items if item.price.usage_type == "metered"]
    return any(price.meter == meter if meter else price.product == line.product.key for price in prices)


def _meets(subscription: Subscription, line: DealLine, deal: Deal) -> bool:
    """Whether it ran in the line's time."""
    ended = subscription.ended_at_s
    begins, ends = seconds(deal.boundary(line.start)), seconds(deal.boundary(line.end)) if line.end else None
    return (ended is None or ended > begins) and (ends is None or subscription.start_date_s < ends)
