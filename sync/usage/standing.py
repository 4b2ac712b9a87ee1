"""Whether a use can still be billed: which of the customer's items counts it, and whether its period is over. Pure.

Stripe takes an event for any moment of the last 35 days and says nothing where no invoice will ever show it: what is
stamped before a period that is billed already would be lost without a word. So that is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.desired.keys import DEAL, PRODUCT
from sync.facts import Invoice, Item, Meter, Price, Subscription
from sync.usage.rows import Refusal, UsageRow
from sync.usage.windows import Window

#: Subscriptions that never bill anything.
NEVER_BILLS = ("incomplete_expired",)
#: So late Stripe may enter a phase of a schedule and make its items, which count from its start.
ENTERED_LATE_S = 3600


@dataclass(frozen=True)
class Known:
    """What is known of one customer: subscriptions (ended ones too), draft invoices, the prices of their lines by id, and
    times that are over whose use we bill ourselves.
    """

    customer: str
    subscriptions: Sequence[Subscription]
    drafts: Sequence[Invoice]
    prices: Mapping[str, Price]
    windows: Sequence[Window] = ()


def is_current(known: Known, now_s: int) -> bool:
    """Whether no period has ended since this was read, so that a yes can be believed. A no is always asked again."""
    running = (s for s in known.subscriptions if s.ended_at_s is None)
    return all(item.period_end_s > now_s for s in running for item in s.items)


def meter_meant(row: UsageRow, known: Known, meters: Iterable[Meter]) -> Meter | Refusal:
    """The active meter that counts what the row names: by its event, or by the product that the customer is billed for."""
    active = [m for m in meters if m.status == "active"]
    if row.event:
        found = next((m for m in active if m.event_name == row.event), None)
        return found or Refusal("unknown_meter", f'Stripe has no active meter for the event "{row.event}".')
    wanted = {
        price.meter
        for price in (item.price for s in known.subscriptions for item in s.items)
        if price.meter and row.product in (price.product, price.metadata.get(PRODUCT))
    }
    of_product = [m for m in active if m.id in wanted]
    if len(of_product) == 1:
        return of_product[0]
    many = "by more than one meter: name the event" if of_product else "by no active meter"
    return Refusal("unknown_meter", f"{known.customer} is billed for product {row.product} {many}.")


def miscounted(row: UsageRow, meter: Meter) -> Refusal | None:
    """Why the meter would count something else than was used: one that counts events counts each as one."""
    if meter.formula != "count" or row.quantity == 1:
        return None
    words = f'quantity {row.quantity}: the meter of "{meter.event_name}" counts events, each as one. Report each by itself, as 1.'
    return Refusal("bad_quantity", words)


def unbillable(row: UsageRow, meter: Meter, known: Known, now: datetime, *, accepted: bool = False) -> Refusal | None:
    """Why no invoice would ever show this use; None where one will. ``accepted``: it was taken in before."""
    ours = [w for w in known.windows if w.covers(meter.event_name, row.happened_at)]
    if any(w.takes(now, accepted=accepted) for w in ours):
        return None
    at_s = int(row.happened_at.timestamp())
    of_deals = {w.deal for w in ours}
    over, added_s, paused = False, None, ""
    for subscription in known.subscriptions:
        if subscription.status in NEVER_BILLS or not _runs(subscription, at_s):
            continue
        for item in subscription.items:
            if item.price.meter != meter.id:
                continue
            # What we state ourselves of a deal's time, as before another price inside a cycle, its objects leave out.
            stated = subscription.metadata.get(DEAL) in of_deals
            if at_s < _added_s(subscription, item):
                added_s = item.created_s
                continue
            if subscription.status == "paused":
                paused = subscription.id
                continue
            if subscription.ended_at_s is None and item.period_start_s <= at_s and not stated:
                return None
            over = True
    if any(_still_measures(draft, meter, at_s, known.prices) for draft in known.drafts):
        return None
    return _refused(row, meter, known, ours, over=over, added_s=added_s, paused=paused)


def _refused(
    row: UsageRow,
    meter: Meter,
    known: Known,
    ours: Sequence[Window],
    *,
    over: bool,
    added_s: int | None,
    paused: str,
) -> Refusal:
    """In words why no invoice shows it: its time is on one already (``over``, or by us), its price was added later, or its
    plan is paused.
    """
    stamp = row.happened_at.isoformat().replace("+00:00", "Z")
    if ours:
        until, closed = (
            f"{max(at):%Y-%m-%d %H:%MZ}" for at in zip(*((w.end_at, w.closes_at) for w in ours), strict=True)
        )
        return Refusal(
            "period_billed", f"what {known.customer} used until {until} could be reported until {closed}: it is billed."
        )
    if over:
        return Refusal(
            "period_billed",
            f"the period of {stamp} is billed already: {known.customer} would never see it on an invoice.",
        )
    if added_s is not None:
        since = f"{datetime.fromtimestamp(added_s, UTC):%Y-%m-%d %H:%MZ}"
        return Refusal(
            "not_billed",
            f'"{meter.event_name}" is billed to {known.customer} from {since} on, when its price was added: nothing bills '
            f"what was used before, as at {stamp}.",
        )
    if paused:
        return Refusal(
            "not_billed",
            f"{paused} is paused: nothing bills {known.customer} for what is used until it is resumed, and what was used "
            "before was billed when it was paused, or never will be.",
        )
    return Refusal("not_billed", f'nothing bills "{meter.event_name}" to {known.customer} at {stamp}.')


def _added_s(subscription: Subscription, item: Item) -> int:
    """The second from which an item that was added to its subscription counts; 0 for one that it was made with.
    What was used in the same period before is nobody's (docs/assumptions.md, S91).
    """
    if item.created_s <= subscription.created_s:
        return 0
    return item.created_s - (ENTERED_LATE_S if subscription.schedule is not None else 0)


def _runs(subscription: Subscription, at_s: int) -> bool:
    """Whether it runs then, as far as is planned: Stripe takes what is stamped after the planned end, and no invoice has it."""
    ended = subscription.ended_at_s or subscription.cancel_at_s
    if ended is None and subscription.cancel_at_period_end:
        ended = min((item.period_end_s for item in subscription.items), default=None)
    return subscription.start_date_s <= at_s and (ended is None or at_s < ended)


def _still_measures(draft: Invoice, meter: Meter, at_s: int, prices: Mapping[str, Price]) -> bool:
    """Finalising a draft measures its usage again, so what comes late for its period still counts."""
    return any(
        line.period_start_s <= at_s < line.period_end_s and (price := prices.get(line.price or "")) is not None
        and price.meter == meter.id
        for line in draft.lines
    )  # fmt: skip
