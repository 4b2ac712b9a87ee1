"""What was used up to the last day of service, where that day is inside a cycle: Stripe drops it, so we state it.

A usage line that leaves a Stripe object inside its cycle, or whose object is cancelled there after the fact, takes with
it what was used since the cycle began (docs/assumptions.md, S42 and S52). What Stripe bills by itself is left to it: the
use of a cycle that was over when the change came, and of an object that ends as planned (S41). So nothing is billed
twice, and nothing is given back: what was used is owed. Nor does Stripe bill the use of cycles that were over when an
object was made back-dated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

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
    """The use of one line from ``start`` to ``end`` (exclusive), all of it ours to bill. ``since`` and ``until`` are the
    instants between which it is counted where these are not the days' own, and ``billed`` is what of that count is on
    invoices already.
    """

    line: DealLine
    start: date
    end: date
    since: datetime | None = None
    until: datetime | None = None
    billed: int = 0


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
    dues = [
        _due(
            f"{track.key}:{quote}:{end}{MARK}", quote, max(deal.boundary(end), when[quote].at), used, track, deal, grace
        )
        for (quote, end), used in found.items()
    ]
    if track.opened_by in when and (over := _over(track, deal, when[track.opened_by].at)):
        key, came = track.begun_key + MARK, when[track.opened_by].at
        dues.append(_due(key, track.opened_by, came, over, track, deal, grace))
    return tuple(sorted(dues, key=lambda due: (due.at, due.key)))


def _due(key: str, quote: str, from_: datetime, used: list[Used], track: Track, deal: Deal, grace: timedelta) -> UseDue:
    at = from_ + grace
    alone = track.end is not None and deal.boundary(track.end) <= at
    mine = tuple(sorted(used, key=lambda one: (one.line.id, one.start)))
    return UseDue(key, track.key, quote, at, mine, alone)


def _over(track: Track, deal: Deal, made: datetime) -> list[Used]:
    """The use of the cycles that were over when the object was made: the lines of the quote that it was made for. Not what
    that quote leaves out, another system was paid for, or a plan that the deal takes over has billed.
    """
    change = next(c for c in deal.changes if c.quote_id == track.opened_by)
    if change is deal.base and deal.takes is not None:
        return []
    signed_on = deal.day_of(change.signed_at)
    found = []
    for piece in deal.pieces:
        line = piece.line
        if line.usage is None or line.id not in track.line_ids or piece.change.quote_id != change.quote_id:
            continue
        for cycle in takewhile(lambda c: deal.boundary(c.end) <= made, deal.grid(line).cycles()):
            start, end = max(cycle.start, line.start), min(cycle.end, piece.last or cycle.end)
            out = (change.skip_past and cycle.end <= signed_on) or deal.paid_elsewhere(cycle.start)
            if start < end and not out:
                found.append(Used(line, start, end))
    return found


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
