"""A deal cut into what each Stripe object carries, phase by phase (BILLING_RULES 4, DESIGN 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from sync.deal.calendar import add_months
from sync.deal.changes import Piece
from sync.deal.cycles import Cycle, CycleKind, Grid, grid
from sync.deal.deal import Deal
from sync.deal.lines import Charge
from sync.deal.pricing import DealItem, agreeing, agreement, item, items, stated_item
from sync.deal.proration import rest_of_cycle
from sync.deal.slots import MAX_ITEMS, Slot, slots

#: How far a deal without an end is looked ahead, in months from its start or from a given day.
HORIZON_MONTHS = 12
#: Ends the key of what no Stripe object carries.
ALONE = "#once"
#: How the key of an invoice ends that bills what had begun when its track was made.
BEGUN = ":begun"


def is_begun(key: str) -> bool:
    """Whether an invoice of that key bills what had begun when its track was made; of many lines it may be one of several."""
    _, found, part = key.partition(BEGUN)
    return bool(found) and (not part or part.removeprefix(":").isdecimal())


@dataclass(frozen=True)
class Phase:
    """A stretch of time, ``end`` exclusive (None: it goes on), in which nothing changes. Without items: a pause that was
    over when the quote came that made it, while the Stripe object went on.

    ``once`` is billed on its first invoice. ``kind`` is that of the cycles in it; ``anchored`` is true where cycles
    are counted anew from its start.
    """

    start: date
    end: date | None
    items: tuple[DealItem, ...]
    once: tuple[DealItem, ...] = ()
    kind: CycleKind = CycleKind.FULL
    anchored: bool = False


@dataclass(frozen=True)
class Track:
    """What one Stripe object of the deal carries: lines of one billing frequency, on the deal's own boundaries."""

    key: str
    cycle_months: int
    grid: Grid
    line_ids: frozenset[str]
    phases: tuple[Phase, ...]
    opened_by: str = ""  # the quote that made it
    once_ids: frozenset[str] = frozenset()  # lines charged once on a day of their own, on an invoice of this track

    @property
    def begun_key(self) -> str:
        """The key of the invoice of all that had begun when the track was made."""
        return self.key + BEGUN

    @property
    def start(self) -> date:
        """The first day."""
        return self.phases[0].start

    @property
    def end(self) -> date | None:
        """The first day without service; None without an end."""
        return self.phases[-1].end

    @property
    def alone(self) -> bool:
        """Whether it stands on invoices alone: no Stripe object carries it, ever."""
        return self.key.endswith(ALONE)

    @property
    def void(self) -> bool:
        """Whether it was ended from its first day on, after it had begun: it has been billed, and is given back."""
        return self.start == self.end

    def planned(self) -> Iterator[Cycle]:
        """Every billing cycle from the track's start on as it was sold, whether or not it was ended before."""
        for cycle in self.grid.cycles():
            if cycle.end > self.start:
                yield joined(self, cycle) if cycle.start < self.start else cycle

    def spans(self) -> Iterator[Cycle]:
        """Every billing cycle from the track's start to its end, without end for an evergreen one."""
        for cycle in self.planned():
            if self.end is not None and cycle.start >= self.end:
                return
            yield cycle

    def cycles(self, upto: date | None = None) -> tuple[Cycle, ...]:
        """The billing cycles that begin before ``upto``; of an evergreen track by default a year of them."""
        limit = upto or (date.max if self.end else add_months(self.start, HORIZON_MONTHS))
        found = []
        for cycle in self.spans():
            if cycle.start >= limit:
                break
            found.append(cycle)
        return tuple(found)


def joined(track: Track, cycle: Cycle) -> Cycle:
    """The rest of a cycle that had begun before the track."""
    return replace(cycle, start=track.start, interval=("day", (cycle.end - track.start).days), kind=CycleKind.JOINED)


def tracks(deal: Deal) -> tuple[Track, ...]:
    """One track for each billing frequency; more where one would pass Stripe's item limit, or end inside a cycle.

    The first carries the deal's key, the others ``key#2``, ``key#3`` ... (`sync.deal.slots`). Raises `TooMuchRemoved`.
    """
    known: tuple[Track, ...] | None = deal.__dict__.get("_tracks")
    if known is None:
        needed = slots(deal)
        shares = _shares(needed, deal)
        found = [_track(slot, index, deal, shares.get(index, ())) for index, slot in enumerate(needed)]
        known = _with_once(tuple(track for track in found if track is not None), deal)
        deal.__dict__["_tracks"] = known  # worked out once: a deal never changes
    return known


def without_stub(track: Track, deal: Deal) -> Track:
    """The track with its first shorter cycle at the full price: as Stripe has it when that cycle is stated by us."""
    odd = (CycleKind.STUB, CycleKind.JOINED)
    if track.phases[0].kind not in odd:
        return track
    mine = [p for p in deal.pieces if p.line.id in track.line_ids]
    found: list[Phase] = []
    for phase in track.phases:
        made = phase
        if phase.kind in odd:
            running = [p for p in mine if p.runs(phase.start)]
            made = replace(phase, items=items(running, deal, phase.start), kind=CycleKind.FULL)
        elif phase.kind is CycleKind.FULL:
            made = replace(phase, anchored=False)
        if found and not made.anchored and _same_items(found[-1], made):
            found[-1] = replace(found[-1], end=made.end)
        else:
            found.append(made)
    return replace(track, phases=_twinned(found, deal))


def _of_once(deal: Deal) -> tuple[Track, ...]:
    """What is charged once, on invoices alone, each on its day: no Stripe object carries it."""
    ids = frozenset(line.id for line in deal.once)
    whole = Phase(deal.start, deal.end, ())
    by = grid(deal.start, deal.end, 1, None)
    return (Track(f"{deal.key}{ALONE}", 1, by, frozenset(), (whole,), deal.quote_id, ids),) if ids else ()


def _with_once(found: tuple[Track, ...], deal: Deal) -> tuple[Track, ...]:
    """What is charged once on any other day than the first invoice's goes to the first track that is there by then, or
    else to the one that will be there first. Where the deal was made by such lines only, or all else of the quote that made it
    was called off before it began, they stand alone.
    """
    if deal.fees_alone or (_is_called_off(found, deal) and _sells_once(deal)):
        return (*found, *_of_once(deal))
    first = {line.id for track in found for made in track.phases[0].once for line in made.lines}
    taken: dict[str, set[str]] = {}
    for line in deal.once if found else ():
        if line.id not in first:
            there = next((t for t in found if t.start <= line.start), min(found, key=lambda t: t.start))
            taken.setdefault(there.key, set()).add(line.id)
    return tuple(replace(t, once_ids=frozenset(taken[t.key])) if t.key in taken else t for t in found)


def _is_called_off(found: Sequence[Track], deal: Deal) -> bool:
    return all(track.opened_by != deal.base.quote_id for track in found)


def _sells_once(deal: Deal) -> bool:
    return any(piece.line.charge is Charge.ONE_TIME and deal.began(piece) for piece in deal.pieces)


def _shares(needed: Sequence[Slot], deal: Deal) -> dict[int, tuple[DealItem, ...]]:
    """Which objects take how many of the one-time lines that come with the deal's first invoice."""
    once = _once_from_start(deal)
    own = [
        n for n, slot in enumerate(needed) if slot.change.quote_id == deal.base.quote_id and slot.start == deal.start
    ]
    return {n: once[at * MAX_ITEMS : (at + 1) * MAX_ITEMS] for at, n in enumerate(own)}


def _once_from_start(deal: Deal) -> tuple[DealItem, ...]:
    """The one-time lines that come with the deal's first invoice."""
    pieces = [
        p
        for p in deal.pieces
        if p.line.charge is Charge.ONE_TIME and p.change.quote_id == deal.base.quote_id and p.start == deal.start
    ]
    groups = agreeing([p for p in pieces if deal.began(p)], deal.currency, deal.start)
    seen: dict[tuple[object, ...], int] = {}
    found = []
    for group in groups:
        made = item(group, deal, deal.start)
        content = (made.product.key, made.priced.unit)
        seen[content] = seen.get(content, 0) + 1
        found.append(replace(made, twin=seen[content]))
    return tuple(found)


# ------------------------------------------------------------------ one track


def _track(slot: Slot, index: int, deal: Deal, once: Sequence[DealItem]) -> Track | None:
    key = deal.key if index == 0 else f"{deal.key}#{index + 1}"
    ids = frozenset(line.id for line in slot.lines)
    pieces = [p for p in deal.pieces if p.line.id in ids and (deal.began(p) or _taken_at_once(p))]
    if not any(deal.began(piece) for piece in pieces):
        return None
    if not any(piece.start == deal.start and deal.began(piece) for piece in pieces):
        once = ()  # what was to begin with the deal was called off: the first invoice comes later
    by = grid(deal.start, slot.ends, slot.cycle_months, deal.billing_day)
    bare = Track(key, slot.cycle_months, by, ids, (), slot.change.quote_id)
    return replace(bare, phases=_phases(bare, pieces, deal, once))


def _phases(track: Track, pieces: Sequence[Piece], deal: Deal, once: Sequence[DealItem]) -> tuple[Phase, ...]:
    """The time of these pieces, cut wherever one begins, ends or loses a discount, and where cycles change length."""
    every, pieces = pieces, [piece for piece in pieces if piece.last != piece.start]
    start = min(
        piece.start for piece in every if deal.began(piece)
    )  # also what was taken off from its first day on later
    if not pieces:
        return (Phase(start, start, (), tuple(once)),)
    lasts = [piece.last for piece in pieces]
    end = None if None in lasts else max(last for last in lasts if last)
    cuts = {start, *(p.start for p in pieces), *(last for last in lasts if last)}
    cuts |= {d.until for p in pieces for d in p.line.discounts if d.until and p.start < d.until and p.runs(d.until)}
    cuts |= {day for day in _odd_boundaries(track.grid, start) if end is None or day < end}
    days = sorted(cuts)
    spans = [*pairwise(days), (days[-1], None)] if end is None else [*pairwise(days)]
    opened = replace(track, phases=(Phase(start, end, ()),))
    found: list[Phase] = []
    for first, last in spans:
        running = [p for p in pieces if p.runs(first)]
        cycle = next(c for c in opened.spans() if c.start <= first < c.end)
        made = (
            _joined_items([p for p in every if comes_in(p, first)], cycle, deal)
            if cycle.kind is CycleKind.JOINED
            else items(running, deal, first, cycle)
        )
        by_use = bool(running) and all(piece.line.usage is not None for piece in running)
        counted_on = by_use and cycle.kind is CycleKind.TAIL  # the running cycle just ends early
        anchored = bool(found) and found[-1].kind is not cycle.kind and not counted_on
        now = Phase(first, last, made, tuple(once) if not found else (), cycle.kind, anchored)
        if found and not anchored and _same_items(found[-1], now):
            found[-1] = replace(found[-1], end=last)
        else:
            found.append(now)
    return _twinned(found, deal)


def _odd_boundaries(grid: Grid, start: date) -> set[date]:
    """Where cycles of another length begin: after the first piece of a deal or of a track, and before the last one."""
    found = {grid.anchor} if start < grid.anchor else set()
    inside = grid.at(start)
    if inside.start < start:
        found.add(inside.end)
    if grid.end is not None:
        last = list(grid.cycles())[-1]
        if last.kind is CycleKind.TAIL and start < last.start:
            found.add(last.start)
    return {day for day in found if grid.end is None or day < grid.end}


def cycle_items(running: Sequence[Piece], cycle: Cycle, deal: Deal, day: date | None = None) -> tuple[DealItem, ...]:
    """What a cycle bills of the pieces that run on its first day, or on another ``day`` in it."""
    if cycle.kind is CycleKind.JOINED:
        return _joined_items(running, cycle, deal)
    return items(running, deal, day or cycle.start, cycle)


def comes_in(piece: Piece, day: date) -> bool:
    """Whether the piece is billed for a cycle that it begins in: also what another quote takes off on its first day,
    which is given back by that quote's policy.
    """
    return piece.runs(day) or (piece.start == day and _taken_at_once(piece))


def _taken_at_once(piece: Piece) -> bool:
    return piece.cut_by is not None and not piece.cut_by.ends and piece.cut == piece.start


def _joined_items(running: Sequence[Piece], cycle: Cycle, deal: Deal) -> tuple[DealItem, ...]:
    """Lines that begin inside a cycle with a Stripe object of their own: each bills its rest of it, whole, whatever of
    it is taken off later; those that agree are one item.
    """
    found: list[DealItem] = []
    for group in agreeing(running, deal.currency, cycle.start):
        if group[0].line.usage is not None:
            found.append(item(group, deal, cycle.start, cycle))
            continue
        whole: list[Piece] = []
        amount = 0
        for line in dict.fromkeys(piece.line for piece in group):
            mine = [piece for piece in group if piece.line is line]
            one = Piece(line, sum(piece.quantity for piece in mine), mine[0].change)
            amount += rest_of_cycle(one, whole, line.start, deal, one.change.joins_by)
            whole.append(one)
        found.append(stated_item(whole, amount, cycle, deal))
    return tuple(found)


def _same_items(before: Phase, after: Phase) -> bool:
    def shape(phase: Phase) -> list[object]:
        return [(i.product.key, i.quantity, i.priced, i.interval, i.monthly, i.usage) for i in phase.items]

    return shape(before) == shape(after) and not after.once


def _twinned(phases: Sequence[Phase], deal: Deal) -> tuple[Phase, ...]:
    """Items that stand on one price at the same time told apart by a number that stays theirs in every phase."""
    taken: dict[tuple[object, ...], list[tuple[date, date, int, tuple[object, ...]]]] = {}
    numbers: dict[tuple[int, int], int] = {}
    seen = [(_arrival(i), at, n) for at, phase in enumerate(phases) for n, i in enumerate(phase.items)]
    for _, at, n in sorted(seen):
        phase, made = phases[at], phases[at].items[n]
        content = (made.product.key, made.priced.unit, made.interval, made.monthly, made.usage)
        who = agreement(made.pieces[0], deal.currency, phase.start)
        span = (phase.start, phase.end or date.max)
        others = taken.setdefault(content, [])
        mine = next((number for *_, number, owner in others if owner == who), 0)
        used = {number for first, last, number, owner in others if owner != who and first < span[1] and span[0] < last}
        number = mine if mine and mine not in used else next(k for k in range(1, MAX_ITEMS + 2) if k not in used)
        others.append((*span, number, who))
        numbers[at, n] = number
    return tuple(
        replace(phase, items=tuple(replace(i, twin=numbers[at, n]) for n, i in enumerate(phase.items)))
        for at, phase in enumerate(phases)
    )


def _arrival(made: DealItem) -> tuple[object, ...]:
    return (made.pieces[0].change.accepted_at, made.start)
