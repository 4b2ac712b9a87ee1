"""What was used up to the last day of service, where that day is inside a cycle: Stripe drops it, so we state it.

A usage line that leaves a Stripe object inside its cycle, or whose object is cancelled there after the fact, takes with
it what was used since the cycle began (docs/assumptions.md, S42 and S52). What Stripe bills by itself is left to it: the
use of a cycle that was over when the change came, and of an object that ends as planned (S41). So nothing is billed
twice, and nothing is given back: what was used is owed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sync.deal.changes import Change
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.moved import is_roll_back
from sync.deal.settled import Begun, Settled, settled
from sync.deal.timeline import Track

#: How the natural key of such an invoice ends.
MARK = ":use"


@dataclass(frozen=True)
class Used:
    """The use of one line from ``start`` to ``end`` (exclusive), all of it ours to bill."""

    line: DealLine
    start: date
    end: date


@dataclass(frozen=True)
class UseDue:
    """One invoice of use, stated at ``at``; ``key`` is natural: there is never a second one. ``alone``: the Stripe object is
    over by then, so the invoice is of the customer and not of a subscription.
    """

    key: str
    track: str
    quote_id: str
    at: datetime
    used: tuple[Used, ...]
    alone: bool


def last_uses(track: Track, deal: Deal, begun: Begun | None, now: datetime, grace: timedelta) -> tuple[UseDue, ...]:
    """Every invoice of use that is ours to state for the track, past and to come, in order of time. ``grace``: so long
    after the last moment of service, or after the change came if that was later, what was used before is waited for.
    """
    when = settled(track, deal, begun, now)
    found: dict[tuple[str, date], list[Used]] = {}
    for line, (change, end) in _cut(track, deal, when).items():
        one = _ours(line, end, track, deal, when[change.quote_id].at, when)
        if one is not None:
            found.setdefault((change.quote_id, end), []).append(one)
    dues = [_due(quote, end, used, track, deal, when[quote], grace) for (quote, end), used in found.items()]
    return tuple(sorted(dues, key=lambda due: (due.at, due.key)))


def _due(quote: str, end: date, used: list[Used], track: Track, deal: Deal, stamp: Settled, grace: timedelta) -> UseDue:
    at = max(deal.boundary(end), stamp.at) + grace
    alone = track.end is not None and deal.boundary(track.end) <= at
    mine = tuple(sorted(used, key=lambda one: one.line.id))
    return UseDue(f"{track.key}:{quote}:{end}{MARK}", track.key, quote, at, mine, alone)


def _cut(track: Track, deal: Deal, when: Mapping[str, Settled]) -> dict[DealLine, tuple[Change, date]]:
    """The usage lines of the track that a quote ended, with that quote and the first day without them. A quote that came
    when a line was over already has ended nothing.
    """
    ends: dict[DealLine, date | None] = {}
    cut: dict[DealLine, tuple[Change, date]] = {}
    for n, change in enumerate(deal.changes, start=1):
        for piece in deal.first(n):
            line, last = piece.line, piece.last
            if line.usage is None or line.id not in track.line_ids:
                continue
            before = ends.setdefault(line, last)
            stamp = when.get(change.quote_id)
            if last is None or last == before or stamp is None:
                continue
            if before is None or deal.boundary(before) > stamp.at:
                ends[line], cut[line] = last, (change, last)
    return {line: by for line, by in cut.items() if not is_roll_back(by[0], deal)}


def _ours(
    line: DealLine, end: date, track: Track, deal: Deal, came: datetime, when: Mapping[str, Settled]
) -> Used | None:
    grid = deal.grid(line)
    if end <= line.start or grid.is_boundary(end):
        return None
    cycle = grid.at(end)
    if deal.boundary(cycle.end) <= came or (came < deal.boundary(end) and _ends_as_planned(end, track, deal, when)):
        return None
    return Used(line, max(cycle.start, line.start), end)


def _ends_as_planned(end: date, track: Track, deal: Deal, when: Mapping[str, Settled]) -> bool:
    """Whether the whole Stripe object ended on that day, as Stripe was told before it: then it billed the use itself."""
    at = deal.boundary(end)
    came = [when[c.quote_id].at if c.quote_id in when else c.accepted_at for c in deal.changes]
    known = max((n for n, moment in enumerate(came, start=1) if moment < at), default=1)
    mine = [p for p in deal.first(known) if p.line.id in track.line_ids]
    return all(p.last is not None and p.last <= end for p in mine)
