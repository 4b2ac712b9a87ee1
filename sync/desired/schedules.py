"""A track as a subscription schedule: what is sent, and the same in the form in which it is held against what is there.

Every request and phase says `proration_behavior=none`: all money that is no plain cycle is stated by us (DESIGN 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync import facts
from sync.deal.calendar import instant, seconds
from sync.deal.deal import Deal
from sync.deal.pricing import DealItem
from sync.deal.timeline import Phase, Track
from sync.desired.catalog import coupon_refs, placed
from sync.desired.keys import item_metadata
from sync.observed import observe_phase
from sync.records import Ref, Value

#: Current and future phases that Stripe takes (reference: Stripe, subscription schedules).
MAX_PHASES = 10
#: So many ahead are always known to Stripe; when no more are left the window is moved on.
ROLL_AT = 4


@dataclass(frozen=True)
class Span:
    """One phase as Stripe has it, in seconds; ``phase`` None: the trial before the first."""

    start_s: int
    end_s: int
    phase: Phase
    trial: bool = False


def spans(track: Track, deal: Deal, now: datetime) -> tuple[Span, ...]:
    """All phases of the track. The last of an evergreen one ends with its first cycle, or with the one that runs where
    that is over, and the schedule lets go.
    """
    found = []
    if deal.trial_from and track.start == deal.start:
        first = track.phases[0]
        until = min(first.start, track.end or first.start)  # earlier where the deal was cancelled in its trial
        found.append(Span(_s(deal.boundary(deal.trial_from)), _s(deal.boundary(until)), first, trial=True))
    for phase in track.phases:
        if phase.end is not None and phase.end <= phase.start:
            continue
        end = phase.end or next(c.end for c in track.spans() if c.end > phase.start and deal.boundary(c.end) > now)
        found.append(Span(_s(deal.boundary(phase.start)), _s(deal.boundary(end)), phase))
    return tuple(found)


def _s(at: datetime) -> int:
    return seconds(at)


@dataclass(frozen=True)
class Window:
    """The phases that Stripe is told now, and how the schedule ends after them. ``roll_at``: when more have to follow."""

    spans: tuple[Span, ...]
    end_behavior: str
    past: tuple[facts.Phase, ...] = ()
    roll_at: datetime | None = None


def window(track: Track, deal: Deal, now: datetime, schedule: facts.Schedule | None) -> Window:
    """The running phase and those after it; what is over stays as Stripe has it.

    All of them where they are ten at most, so that Stripe knows the end whatever becomes of us. Of more, ten, which are
    not written again with each one that ends: once four are left, or the rest fits.
    """
    all_spans, now_s = spans(track, deal, now), seconds(now)
    running = schedule is not None and schedule.status != "not_started"
    past = tuple(p for p in schedule.phases if p.end_s <= now_s) if schedule and running else ()
    ahead = tuple(s for s in all_spans if s.end_s > now_s) if running else all_spans
    known = len(schedule.phases) - len(past) if schedule else 0
    moving = schedule is not None and (track.end is None or schedule.end_behavior == "release")
    shown = known if moving and known > ROLL_AT and len(ahead) > MAX_PHASES else MAX_PHASES
    told = ahead[: min(shown, MAX_PHASES)]
    whole = len(told) == len(ahead)
    ends = "cancel" if track.end is not None and whole else "release"
    roll_at = None if whole else instant(min(told[-ROLL_AT].start_s, ahead[len(ahead) - MAX_PHASES].start_s))
    if told and running and schedule:
        current = next((p for p in schedule.phases if p.start_s <= now_s < p.end_s), None)
        if current is not None:
            told = (Span(current.start_s, told[0].end_s, told[0].phase, told[0].trial), *told[1:])
    return Window(told, ends, past, roll_at)


def phases_sent(shown: Window, deal: Deal, metadata: Mapping[str, str], *, running: bool, update: bool) -> list[Value]:
    """The phases as parameters, of an ``update`` with the first one's start. The running phase is sent without what it
    has billed already.
    """
    found: list[Value] = []
    for n, span in enumerate(shown.spans):
        sent = _phase(span, deal, metadata, running=running and n == 0)
        found.append({**sent, "start_date": span.start_s} if update and n == 0 else sent)
    return found


def _phase(span: Span, deal: Deal, metadata: Mapping[str, str], *, running: bool) -> dict[str, Value]:
    sent: dict[str, Value] = {
        "items": [item_sent(item, price) for item, price in placed(span.phase.items, deal)],
        "currency": deal.currency.lower(),  # a price may have several
        "end_date": span.end_s,
        "discounts": "",
        "proration_behavior": "none",
        "metadata": dict(metadata),
    }
    if span.trial:
        sent["trial"] = True
    elif span.phase.once and not running:
        sent["add_invoice_items"] = [item_sent(item, price) for item, price in placed(span.phase.once, deal)]
    if span.phase.anchored and not running and not span.trial:
        sent["billing_cycle_anchor"] = "phase_start"
    return sent


def item_sent(item: DealItem, price: Ref) -> dict[str, Value]:
    """An item as parameters; a metered one has no quantity."""
    found: dict[str, Value] = {"price": price, "metadata": item_metadata(item)}
    if item.usage is None:
        found["quantity"] = item.quantity
    if item.priced.offs:
        found["discounts"] = [{"coupon": coupon} for coupon in coupon_refs(item)]
    return found


def phases_compared(shown: Window, deal: Deal) -> list[Value]:
    """The phases in the form of `sync.observed`, those that are over as they are."""
    past: list[Value] = [observe_phase(phase) for phase in shown.past]
    return past + [_compared(span, deal) for span in shown.spans]


def _compared(span: Span, deal: Deal) -> Value:
    return {
        "start": span.start_s,
        "end": span.end_s,
        "items": compared_items(span.phase.items, deal),
        "discounts": [],
        "proration_behavior": "none",
    }


def once_compared(shown: Window, deal: Deal) -> list[Value]:
    """What the first invoices bill once, in the form of `sync.observed`."""
    return [{"items": [] if s.trial else compared_items(s.phase.once, deal)} for s in shown.spans]


def compared_items(items: Sequence[DealItem], deal: Deal) -> list[Value]:
    """Items in the form of `sync.observed`."""
    return [
        {"price": price, "quantity": item.quantity, "discounts": [*coupon_refs(item)]}
        for item, price in placed(items, deal)
    ]
