"""The Stripe objects that bill a deal (DESIGN 4): a schedule made ahead; or, for a start that has come, a subscription,
its schedule, and the invoice that we state for the cycles already begun. Takes a Deal, never a quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count

from sync import catalogue
from sync.deal.calendar import add_months, say, seconds
from sync.deal.deal import Deal
from sync.deal.forecast import plain_from
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import DealItem
from sync.deal.timeline import Phase, Track, tracks
from sync.desired.catalog import coupon_ref, placed
from sync.desired.keys import AS_PLANNED, KEY, PLAIN_FROM, deal_metadata, item_metadata
from sync.desired.made import Made, plain_day
from sync.desired.stated import MAX_LINES, desire_stated, stated_lines
from sync.errors import Refusal, Refused
from sync.records import Desired, Ref, Value

#: Name of the custom field that carries the customer's order number on every invoice.
PO_FIELD = "PO number"
#: The last day of the month that an anchor can simply be put on. From the 28th on Stripe may think it too late: a month
#: after 31 January, 05:00, is 28 February, 05:00, and that is before 08:00.
LAST_PLAIN_DAY = 27
FLEXIBLE: Mapping[str, Value] = {"type": "flexible", "flexible": {"proration_discounts": "itemized"}}


@dataclass(frozen=True)
class Wanted:
    """What should be true now, and the business instant at which that changes (None: never again).

    ``waiting``: the start is too near to make the schedule ahead of it; nothing is made before ``wake_at``.
    """

    objects: tuple[Desired, ...]
    wake_at: datetime | None
    waiting: bool = False


def desire(
    deal: Deal, now: datetime, done: Mapping[str, Made] | None = None, policy: BillingPolicy | None = None
) -> Wanted:
    """The objects of the deal, one or more for each billing frequency, as they should stand.

    ``done`` is `sync.desired.made.made` of what was read: how the deal was begun is settled once. Raises `Refused` for
    a deal that ended before it got here.
    """
    known, rules = done or {}, policy or BillingPolicy()
    start, end = deal.boundary(deal.start), deal.boundary(deal.end)
    wake_at = next((instant for instant in (start, end) if instant > now), None)
    if not known:
        _check_start(deal, now)
    if now < start <= now + rules.start_margin and any(track.key not in known for track in tracks(deal)):
        return Wanted((), start, waiting=True)
    objects: list[Desired] = []
    for track in tracks(deal):
        mine = known.get(track.key) or Made(seconds(deal.boundary(plain_from(track, deal, now))))
        if mine.plain_s <= seconds(start):
            objects.append(_ahead(track, deal, mine))
        else:
            objects += [_started(track, deal, mine), _attached(track, deal, mine)]
            objects += desire_stated(track, deal, plain_day(track, deal, mine.plain_s), _custom_fields(deal))
    return Wanted(tuple(objects), wake_at)


def _check_start(deal: Deal, now: datetime) -> None:
    """Refuse what can't be begun any more, before the first write."""
    refused: list[Refusal] = []
    if deal.boundary(deal.end) <= now:
        detail = f"Quote {deal.number}: the term ended before {say(deal.end)}. Correct Start_Date__c or End_Date__c."
        feature = "A deal whose whole term has passed"
        refused.append(
            catalogue.refusal("CONF-311", detail, record_id=deal.quote_id, field="Start_Date__c", feature=feature)
        )
    for track in tracks(deal):
        if len(stated_lines(track, plain_from(track, deal, now))) > MAX_LINES:
            feature = f"A start so far back that its first invoice has more than {MAX_LINES} lines"
            detail = f"Quote {deal.number}: Start_Date__c is {say(deal.start)}. Choose a later one."
            refused.append(
                catalogue.refusal("CONF-311", detail, record_id=deal.quote_id, field="Start_Date__c", feature=feature)
            )
    if refused:
        raise Refused(tuple(refused))


# ------------------------------------------------------------------ made ahead of the start


def _ahead(track: Track, deal: Deal, mine: Made) -> Desired:
    """A schedule that starts, bills and ends by itself."""
    start_s = seconds(deal.boundary(track.start))
    metadata = _metadata(track, deal, mine)
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "start_date": start_s,
        "end_behavior": "cancel",
        "billing_mode": FLEXIBLE,
        "default_settings": _default_settings(deal),
        "metadata": metadata,
        "phases": [_phase(phase, track, deal, mine, once=True) for phase in track.phases],
    }
    compare = {**_compare(track, deal, mine, start_s), "once": [_once(phase, deal) for phase in track.phases]}
    ref = Ref("schedule", track.key)
    return Desired(ref, create=create, compare=compare, update={"metadata": {"metadata": metadata}}, money=True)


# ------------------------------------------------------------------ the start has come


def _started(track: Track, deal: Deal, mine: Made) -> Desired:
    """A back-dated subscription that bills nothing before the next boundary, its anchor."""
    phase = track.phases[0]
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "items": [_item(item, price) for item, price in placed(phase.items, deal)],
        "backdate_start_date": seconds(deal.boundary(track.start)),
        **_anchor(track, deal, mine),
        "proration_behavior": "none",
        "billing_mode": FLEXIBLE,
        "collection_method": deal.terms.collection_method,
        "metadata": _metadata(track, deal, mine),
    }
    if deal.terms.days_until_due is not None:
        create["days_until_due"] = deal.terms.days_until_due
    if fields := _custom_fields(deal):
        create["invoice_settings"] = {"custom_fields": fields}
    compare: dict[str, Value] = {"customer": Ref("customer", deal.payer.account_id)}
    return Desired(Ref("subscription", track.key), create=create, compare=compare, money=True)


def _anchor(track: Track, deal: Deal, mine: Made) -> dict[str, Value]:
    """By what Stripe counts the cycles still to come: their first boundary, or, for a start late in the month, the day
    itself. The next boundary of the 31st may be 30 November, and an anchor there would stay on the 30th.
    """
    if track.start.day <= LAST_PLAIN_DAY:
        return {"billing_cycle_anchor": mine.plain_s}
    at = deal.boundary(track.start)
    config: dict[str, Value] = {
        "day_of_month": track.start.day, "hour": at.hour, "minute": at.minute, "second": at.second,
    }  # fmt: skip
    if track.cycle_months > 1:
        config["month"] = _next_unclamped(track, plain_day(track, deal, mine.plain_s)).month
    return {"billing_cycle_anchor_config": config}


def _next_unclamped(track: Track, day: date) -> date:
    """The first boundary of the track's cycles, from ``day`` on, that has the start's own day of the month."""
    boundaries = (add_months(track.start, k * track.cycle_months) for k in count())
    return next(found for found in boundaries if found >= day and found.day == track.start.day)


def _attached(track: Track, deal: Deal, mine: Made) -> Desired:
    """The schedule that ends that subscription: made from it alone, then given its phases once it is read back."""
    start_s = mine.schedule_start_s or seconds(deal.boundary(track.start))
    metadata = _metadata(track, deal, mine)
    phases = [_phase(phase, track, deal, mine, once=False) for phase in track.phases]
    whole: Mapping[str, Value] = {
        "end_behavior": "cancel",
        "proration_behavior": "none",
        "default_settings": _default_settings(deal),
        "metadata": metadata,
        "phases": [{**phases[0], "start_date": start_s}, *phases[1:]],
    }
    compare = _compare(track, deal, mine, start_s)
    ref = Ref("schedule", track.key)
    # A schedule fresh from its subscription has no metadata of ours: all of it is still ours to write. One that has it
    # and differs was changed by somebody else, which is told and never overwritten (`sync.diff`).
    return Desired(
        ref,
        create={"from_subscription": Ref("subscription", track.key)},
        compare=compare,
        update={"metadata": whole},
        money=True,
        unfinished=True,
    )


# ------------------------------------------------------------------ parts


def _metadata(track: Track, deal: Deal, mine: Made) -> dict[str, str]:
    return {**deal_metadata(deal, track.key), PLAIN_FROM: str(mine.plain_s)}


def _default_settings(deal: Deal) -> Mapping[str, Value]:
    settings: dict[str, Value] = {"collection_method": deal.terms.collection_method}
    invoice: dict[str, Value] = {}
    if deal.terms.days_until_due is not None:
        invoice["days_until_due"] = deal.terms.days_until_due
    if fields := _custom_fields(deal):
        invoice["custom_fields"] = fields
    return {**settings, "invoice_settings": invoice} if invoice else settings


def _custom_fields(deal: Deal) -> list[Value]:
    return [{"name": PO_FIELD, "value": deal.terms.po_number}] if deal.terms.po_number else []


def _phase(phase: Phase, track: Track, deal: Deal, mine: Made, *, once: bool) -> dict[str, Value]:
    found: dict[str, Value] = {
        "items": [_item(item, price) for item, price in placed(phase.items, deal)],
        "end_date": seconds(deal.boundary(phase.end)),
        "discounts": "",
        "proration_behavior": "none",
        "metadata": _metadata(track, deal, mine),
    }
    if once and phase.once:
        found["add_invoice_items"] = [_item(item, price) for item, price in placed(phase.once, deal)]
    return found


def _item(item: DealItem, price: Ref) -> dict[str, Value]:
    found: dict[str, Value] = {"price": price, "quantity": item.quantity, "metadata": item_metadata(item)}
    if item.priced.percents:
        found["discounts"] = [{"coupon": coupon_ref(percent)} for percent in item.priced.percents]
    return found


def _compare(track: Track, deal: Deal, mine: Made, start_s: int) -> dict[str, Value]:
    """The schedule's facts in the form of `sync.observed`."""
    starts = [start_s, *(seconds(deal.boundary(phase.start)) for phase in track.phases[1:])]
    return {
        "customer": Ref("customer", deal.payer.account_id),
        "standing": AS_PLANNED,
        "end_behavior": "cancel",
        "collection": [deal.terms.collection_method, deal.terms.days_until_due],
        "custom_fields": [[PO_FIELD, deal.terms.po_number]] if deal.terms.po_number else [],
        "phases": [
            {
                "start": start,
                "end": seconds(deal.boundary(phase.end)),
                "items": [_same(item, price) for item, price in placed(phase.items, deal)],
                "discounts": [],
                "proration_behavior": "none",
            }
            for start, phase in zip(starts, track.phases, strict=True)
        ],
        "metadata": {KEY: track.key, **_metadata(track, deal, mine)},
    }


def _once(phase: Phase, deal: Deal) -> Value:
    return {"items": [_same(item, price) for item, price in placed(phase.once, deal)]}


def _same(item: DealItem, price: Ref) -> Mapping[str, Value]:
    return {
        "price": price,
        "quantity": item.quantity,
        "discounts": [coupon_ref(percent) for percent in item.priced.percents],
    }
