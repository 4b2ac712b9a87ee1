"""What Stripe has of a deal already, so that a run made later wants the same objects as the run that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sync.deal.calendar import instant, seconds
from sync.deal.deal import Deal
from sync.deal.forecast import Begun
from sync.deal.timeline import Track, tracks
from sync.desired.keys import KEY, PLAIN_FROM
from sync.facts import Fact, Schedule, Subscription


@dataclass(frozen=True)
class Made:
    """How one object of the deal was made; settled once, whatever the clock says later.

    ``plain_s``: the first boundary that Stripe bills by itself. ``schedule_start_s``: where its schedule's first phase
    starts in Stripe's words; None while there is no schedule. ``at_s``: when it was made.
    """

    plain_s: int
    schedule_start_s: int | None = None
    at_s: int = 0


def made(deal: Deal, facts: Iterable[Fact]) -> Mapping[str, Made]:
    """What there is, by track key. ``facts`` are all subscriptions and schedules of the customer."""
    seen = [fact for fact in facts if not fact.deleted]
    subscriptions = {s.metadata.get(KEY): s for s in seen if isinstance(s, Subscription)}
    schedules = [s for s in seen if isinstance(s, Schedule)]
    found: dict[str, Made] = {}
    for key in (track.key for track in tracks(deal)):
        subscription = subscriptions.get(key)
        schedule = schedule_of(key, subscription, schedules)
        sources = (source.metadata.get(PLAIN_FROM, "") for source in (schedule, subscription) if source)
        stamp = next((stamp for stamp in sources if stamp.isdecimal()), None)
        if stamp is not None:
            start = schedule.phases[0].start_s if schedule and schedule.phases else None
            stamps = [source.created_s for source in (subscription, schedule) if source and source.created_s]
            found[key] = Made(int(stamp), start, min(stamps, default=0))
    return found


def schedule_of(key: str, subscription: Subscription | None, schedules: Iterable[Schedule]) -> Schedule | None:
    """The schedule of a track: by our key, else the one that the track's subscription names (a fresh one has no key yet)."""
    candidates = list(schedules)
    by_key = (s for s in candidates if s.metadata.get(KEY) == key)
    attached = (s for s in candidates if subscription and s.id == subscription.schedule)
    return next(by_key, None) or next(attached, None)


def plain_day(track: Track, deal: Deal, plain_s: int) -> date:
    """The first day of a cycle that Stripe bills by itself; the track's end if there is none."""
    return next((start for start, _, _ in track.cycles() if seconds(deal.boundary(start)) >= plain_s), track.end)


def begun(deal: Deal, done: Mapping[str, Made]) -> Mapping[str, Begun]:
    """For `sync.deal.forecast`: by track key how it was begun, for what is there already."""
    return {
        track.key: Begun(plain_day(track, deal, mine.plain_s), instant(mine.at_s))
        for track in tracks(deal)
        if (mine := done.get(track.key))
    }
