"""When each quote was brought into a Stripe object, and so from which cycle on Stripe bills it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sync.deal.changes import Change, Piece
from sync.deal.deal import Deal
from sync.deal.timeline import Track, tracks


@dataclass(frozen=True)
class Settled:
    """When a quote was brought into a Stripe object: Stripe itself bills the cycles from ``plain`` on with it."""

    plain: date
    at: datetime


@dataclass(frozen=True)
class Begun:
    """How a track was begun, and by quote id how later quotes were brought into it. ``closed``: its Stripe object has ended,
    so that no quote will be brought into it any more.
    """

    plain: date
    at: datetime
    quotes: Mapping[str, Settled] = field(default_factory=dict)
    closed: bool = False


def plain_from(track: Track, deal: Deal, now: datetime) -> date:
    """The first day whose cycle Stripe can still bill by itself: the boundary after ``now``, else the planned end."""
    for cycle in track.planned():
        if deal.boundary(cycle.start) > now:
            return cycle.start
    assert track.grid.end is not None  # an evergreen track always has a next boundary
    return track.grid.end


def is_past(track: Track, deal: Deal, now: datetime) -> bool:
    """Whether all the time that was sold is over, also the cycle that it was to end with: Stripe can make no object of
    it any more, so what has none is stated alone.
    """
    return track.grid.end is not None and deal.boundary(track.grid.end) <= now


def all_past(deal: Deal, now: datetime) -> bool:
    """Whether everything that the deal sells is over."""
    found = tracks(deal)
    return bool(found) and all(is_past(track, deal, now) for track in found)


def touching(track: Track, deal: Deal) -> tuple[Change, ...]:
    """The quotes that change what this track carries, in the order in which they were taken in.

    Each is held against the deal as it was when it came, so that no later one takes away that it was brought in.
    """
    mine = track.line_ids | track.once_ids
    known: dict[frozenset[str], tuple[Change, ...]] = deal.__dict__.setdefault("_touching", {})
    if mine not in known:
        known[mine] = _touching(mine, deal)
    return known[mine]


def _touching(mine: frozenset[str], deal: Deal) -> tuple[Change, ...]:
    touched, before = set[str](), frozenset[Piece]()
    for n, change in enumerate(deal.changes, start=1):
        now = frozenset(p for p in deal.first(n) if p.line.id in mine)
        if now != before:
            touched.add(change.quote_id)
        # Also one that came before what it cuts, and whose cut a later quote moved elsewhere: what it gave back here stays.
        touched |= {p.cut_by.quote_id for p in now if p.cut_by is not None}
        before = now
    return tuple(change for change in deal.changes if change.quote_id in touched)


def settled(track: Track, deal: Deal, begun: Begun | None, now: datetime) -> Mapping[str, Settled]:
    """When each quote that touches the track was, or is now being, brought into it."""
    known = dict(begun.quotes) if begun else {}
    if begun:
        known[track.opened_by] = Settled(begun.plain, begun.at)
    fresh = {c.quote_id: _fresh(track, deal, c, now) for c in touching(track, deal) if c.quote_id not in known}
    if begun and fresh:
        never = touching(track, deal) if begun.closed else _after_its_end(track, deal)
        late = (c for c in never if c.quote_id in fresh)
        fresh |= {c.quote_id: _told_too_late(track, deal, c, now) for c in late}
    return {c.quote_id: known.get(c.quote_id) or fresh[c.quote_id] for c in touching(track, deal)}


def _after_its_end(track: Track, deal: Deal) -> tuple[Change, ...]:
    """The quotes that were taken in when all that the track carried had ended: its Stripe object is told of none of them."""
    found = []
    for n, change in enumerate(deal.changes[1:], start=1):
        lasts = [p.last for p in deal.first(n) if p.line.id in track.line_ids]
        if lasts and all(last is not None and deal.boundary(last) <= change.accepted_at for last in lasts):
            found.append(change)
    return tuple(found)


def _told_too_late(track: Track, deal: Deal, change: Change, now: datetime) -> Settled:
    """A quote that came when the object had ended, so that nothing in Stripe will say when: it was when the quote was taken
    in. Else a fee of it that is billed on this track would stand on the day of each later reading.
    """
    at = min(change.accepted_at, now)
    return Settled(plain_from(track, deal, at), at)


def _fresh(track: Track, deal: Deal, change: Change, now: datetime) -> Settled:
    """A quote that is brought in now. Where the time is over nothing in Stripe says later when that was: it is when the
    quote was taken in, or the end, which is the same on every day to come.
    """
    if track.alone:  # there is no object that it could be brought into: it counts from when it was taken in
        last = deal.end or max(line.start for line in deal.once)
        return Settled(last, min(change.accepted_at, now))
    plain = plain_from(track, deal, now)
    over = is_past(track, deal, now)
    return Settled(plain, max(deal.boundary(plain), min(change.accepted_at, now)) if over else now)
