"""A subscription without end that no schedule walks: what it bills stands on its own items, where a hand can change it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sync.deal.deal import Deal
from sync.deal.pricing import DealItem
from sync.deal.timeline import Track, tracks, without_stub
from sync.desired.catalog import placed
from sync.desired.schedules import item_sent
from sync.facts import Subscription
from sync.records import Value

#: Statuses of a subscription that bills no more.
ENDED = frozenset({"canceled", "incomplete_expired"})


def goes_on(track: Track, subscription: Subscription | None) -> bool:
    """Whether the track is such a subscription."""
    there = subscription is not None and subscription.schedule is None and subscription.status not in ENDED
    return there and track.end is None


def left_items(track: Track, earlier: Deal, now: datetime, *, late: bool) -> tuple[DealItem, ...]:
    """Its items as we left them: those of the deal with the quotes that were brought in before (``earlier``)."""
    mine = next((t for t in tracks(earlier) if t.key == track.key), track)
    mine = without_stub(mine, earlier) if late else mine
    today = earlier.day_of(now)
    return next((p for p in mine.phases if p.end is None or today < p.end), mine.phases[-1]).items


def items_again(left: Sequence[DealItem], deal: Deal, subscription: Subscription | None) -> list[Value]:
    """The items as they were left, as parameters: those that are there are changed, what was added is taken away."""
    there = {item.price.lookup_key: item for item in (subscription.items if subscription else ())}
    sent: list[Value] = []
    for item, price in placed(left, deal):
        found = there.pop(price.key, None)
        params = item_sent(item, price)
        sent.append({**params, "discounts": params.get("discounts", ""), **({"id": found.id} if found else {})})
    gone: list[Value] = [{"id": item.id, "deleted": True} for item in there.values()]
    return sent + gone
