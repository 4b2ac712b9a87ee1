"""What Stripe has of a deal already, so that a run made later wants the same objects as the run that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from sync.deal.calendar import instant, seconds
from sync.deal.deal import Deal
from sync.deal.settled import Begun, Settled
from sync.deal.timeline import Track, tracks
from sync.desired.keys import DEAL, KEY, PLAIN_FROM, SETTLED
from sync.facts import Fact, Schedule, Subscription

#: A schedule that says nothing any more about what will be billed.
LET_GO = "released"
#: What a subscription is called that bills no more.
OVER = frozenset({"canceled", "incomplete_expired"})


@dataclass(frozen=True)
class Made:
    """How one object of the deal was made; settled once, whatever the clock says later.

    ``plain_s``: the first boundary that Stripe bills by itself. ``at_s``: when it was made. ``quotes``: by quote id how
    a later quote was brought in, in the same two stamps. ``schedule`` is the newest of the track.
    """

    plain_s: int
    at_s: int = 0
    quotes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    schedule: Schedule | None = None
    subscription: Subscription | None = None


def made(deal: Deal, facts: Iterable[Fact]) -> Mapping[str, Made]:
    """What there is of the deal, by track key. ``facts`` are all subscriptions and schedules of the customer."""
    seen = [fact for fact in facts if not fact.deleted]
    subscriptions = {s.metadata.get(KEY, ""): s for s in seen if isinstance(s, Subscription)}
    schedules = [s for s in seen if isinstance(s, Schedule)]
    keys = {track.key for track in tracks(deal)}
    keys |= {f.metadata[KEY] for f in seen if f.metadata.get(DEAL) == deal.key and f.metadata.get(KEY)}
    found: dict[str, Made] = {}
    for key in sorted(keys):
        subscription = subscriptions.get(key)
        schedule = schedule_of(key, subscription, schedules)
        one = _one(schedule, subscription)
        if one is not None:
            found[key] = one
    return found


def _one(schedule: Schedule | None, subscription: Subscription | None) -> Made | None:
    sources = [source for source in (schedule, subscription) if source is not None]
    plain = next((s.metadata[PLAIN_FROM] for s in sources if s.metadata.get(PLAIN_FROM, "").isdecimal()), None)
    if plain is None:
        return None
    quotes: dict[str, tuple[int, int]] = {}
    for source in reversed(sources):
        for name, value in source.metadata.items():
            first, _, second = value.partition("/")
            if name.startswith(SETTLED) and first.isdecimal() and second.isdecimal():
                quotes[name.removeprefix(SETTLED)] = (int(first), int(second))
    stamps = [source.created_s for source in sources if source.created_s]
    return Made(int(plain), min(stamps, default=0), quotes, schedule, subscription)


def schedule_of(key: str, subscription: Subscription | None, schedules: Iterable[Schedule]) -> Schedule | None:
    """The schedule of a track: the one that its subscription names, else by our key, of several the newest that still
    says something.
    """
    candidates = list(schedules)
    attached = (s for s in candidates if subscription and s.id == subscription.schedule)
    by_key = sorted(
        (s for s in candidates if s.metadata.get(KEY) == key), key=lambda s: (s.status == LET_GO, -s.created_s, s.id)
    )
    return next(attached, None) or next(iter(by_key), None)


def plain_day(track: Track, deal: Deal, plain_s: int) -> date:
    """The first day of a cycle that Stripe bills by itself; the planned end if there is none."""
    for cycle in track.planned():
        if seconds(deal.boundary(cycle.start)) >= plain_s:
            return cycle.start
    assert track.grid.end is not None
    return track.grid.end


def begun(deal: Deal, done: Mapping[str, Made]) -> Mapping[str, Begun]:
    """For `sync.deal.dues`: by track key how it was begun, for what is there already."""
    return {track.key: _begun(track, deal, mine) for track in tracks(deal) if (mine := done.get(track.key))}


def _begun(track: Track, deal: Deal, mine: Made) -> Begun:
    quotes = {
        quote: Settled(plain_day(track, deal, plain_s), instant(at_s)) for quote, (plain_s, at_s) in mine.quotes.items()
    }
    return Begun(plain_day(track, deal, mine.plain_s), instant(mine.at_s), quotes, closed=_is_closed(mine))


def _is_closed(mine: Made) -> bool:
    """Whether what is there has ended in Stripe, by its plan or by hand: nothing can be told it any more."""
    if mine.subscription is not None:
        return mine.subscription.status in OVER
    return mine.schedule is not None and mine.schedule.status == "canceled"


def prices_on(deal: Deal, objects: Iterable[Fact]) -> set[str]:
    """The ids of the prices on the deal's subscriptions and in the phases of its schedules."""
    mine = [f for f in objects if isinstance(f, Subscription | Schedule) and f.metadata.get(DEAL) == deal.key]
    items = {item.price.id for f in mine if isinstance(f, Subscription) for item in f.items}
    phases = [phase for f in mine if isinstance(f, Schedule) for phase in f.phases]
    return items | {item.price for phase in phases for item in (*phase.items, *phase.add_invoice_items)}
