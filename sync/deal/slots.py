"""Which lines share a Stripe object (DESIGN 4): settled by the order in which quotes were taken in, so that a later one
never moves what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from sync.deal.changes import Change, Piece
from sync.deal.cycles import grid
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.pricing import agreement

#: Stripe's limit of items on a subscription, and of `add_invoice_items` on a phase.
MAX_ITEMS = 20
#: How many boundaries still to come one quote brings into one Stripe object. Stripe is told ten phases ahead: a longer
#: ramp goes on in an object of its own, which is there from the first day on too.
MAX_CUTS = 9


@dataclass
class Slot:
    """Lines that can share a Stripe object, in the order in which they were taken in."""

    cycle_months: int
    change: Change
    start: date
    ends: date | None  # the last of its lines; None: evergreen
    tail: date | None  # the end inside a cycle that some of its lines have
    apart: bool = False  # for use only, beside pieces of cycles
    lines: list[DealLine] = field(default_factory=list)
    groups: set[tuple[object, ...]] = field(default_factory=set)
    cuts: dict[str, set[date]] = field(default_factory=dict)  # by quote

    def takes(self, line: DealLine, tail: date | None, change: Change, group: tuple[object, ...], deal: Deal) -> bool:
        """Whether the line can go here without moving what is here."""
        same = (
            self.cycle_months == line.cycle_months
            and line.start >= self.start
            and _is_apart(line, change, deal) == self.apart
        )
        if _is_late(line, change, deal):
            same = same and change is self.change and line.start == self.start
        meets = self.ends is None or line.start <= self.ends
        room = group in self.groups or len(self.groups) < MAX_ITEMS
        room = room and len(self.cuts.get(change.quote_id, set()) | _cuts(line, change, deal)) <= MAX_CUTS
        if tail == self.tail:
            ends = True
        elif tail is None:
            ends = self.tail is not None and line.end is not None and line.end <= self.tail
        else:
            ends = self.tail is None and change is self.change and self.ends is not None and self.ends <= tail
        return same and meets and room and ends

    def reaches(self, line: DealLine, pieces: Iterable[Piece]) -> bool:
        """Whether something of it runs up to the line's first day: after a pause another object goes on."""
        mine = {x.id for x in self.lines}
        return any(
            p.line.id in mine and p.start <= line.start and (p.last is None or line.start <= p.last) for p in pieces
        )

    def put(self, line: DealLine, change: Change, deal: Deal) -> None:
        """The line is here."""
        self.lines.append(line)
        self.groups.add(_group(line, change, deal))
        self.cuts.setdefault(change.quote_id, set()).update(_cuts(line, change, deal))
        self.ends = None if self.ends is None or line.end is None else max(self.ends, line.end)
        self.tail = _tail(line, deal) or self.tail


def slots(deal: Deal) -> list[Slot]:
    """Every Stripe object that the deal needs, in the order in which they came to be needed."""
    found: list[Slot] = []
    for n, change in enumerate(deal.changes, start=1):
        pieces = deal.first(n)
        lines = [line for line in change.adds if line.cycle_months]
        for line in sorted(lines, key=lambda line: _placing(line, change, deal)):
            group, tail = _group(line, change, deal), _tail(line, deal)
            there = (s for s in found if s.takes(line, tail, change, group, deal) and s.reaches(line, pieces))
            fits = (s for s in there if not _has_ended(s, line, deal.first(n - 1), change, deal))
            slot = next(fits, None)
            if slot is None:
                slot = _opened(line, change, deal)
                found.append(slot)
            slot.put(line, change, deal)
        for at, slot in enumerate(found if change.removes else ()):
            before, after = _parted(slot, pieces, change, deal)
            found[at] = before
            found += [after] if after else []  # the loop comes to it: it may pause again
    return found


def _has_ended(slot: Slot, line: DealLine, before: Iterable[Piece], change: Change, deal: Deal) -> bool:
    """Whether the object had ended when the quote came, or was called off before it began, or begins later since, and so
    can't go on with a line that it brings. A line that is over by then too is only caught up on, which the object's invoices can still tell of.
    """
    mine = {x.id for x in slot.lines}
    there = [p for p in before if p.line.id in mine]
    left = [p for p in there if _was(p, deal)]
    if there and (not left or line.start < min(p.start for p in left)):
        return True
    lasts = [p.last for p in there]
    if not lasts or None in lasts or (line.end is not None and deal.boundary(line.end) <= change.accepted_at):
        return False
    return deal.boundary(max(day for day in lasts if day)) <= change.accepted_at


def _opened(line: DealLine, change: Change, deal: Deal) -> Slot:
    return Slot(line.cycle_months or 1, change, line.start, line.end, _tail(line, deal), _is_apart(line, change, deal))


def _parted(slot: Slot, pieces: Iterable[Piece], change: Change, deal: Deal) -> tuple[Slot, Slot | None]:
    """The slot up to a pause still to come that this quote makes, and what goes on after it. One that is over when the
    quote comes was no pause: the object was there.
    """
    mine = {line.id for line in slot.lines}
    reached: date | None = None
    for piece in sorted((p for p in pieces if p.line.id in mine and _was(p, deal)), key=lambda p: p.start):
        if reached is not None and piece.start > reached and deal.boundary(piece.start) > change.accepted_at:
            return _with_lines([x for x in slot.lines if x.start < piece.start], deal), _with_lines(
                [x for x in slot.lines if x.start >= piece.start], deal
            )
        reached = max(reached or piece.start, piece.last or date.max)
    return slot, None


def _was(piece: Piece, deal: Deal) -> bool:
    """Whether the piece ever was: also what was taken off from its first day on once that had come, or had a trial before."""
    on_trial = deal.trial_from is not None and piece.start == deal.start
    return piece.last != piece.start or deal.began(piece) or on_trial


def _with_lines(lines: Sequence[DealLine], deal: Deal) -> Slot:
    by_line = {line.id: change for change in deal.changes for line in change.adds}
    first = min(lines, key=lambda line: line.start)
    slot = _opened(first, by_line[first.id], deal)
    for line in lines:
        slot.put(line, by_line[line.id], deal)
    return slot


def _group(line: DealLine, change: Change, deal: Deal) -> tuple[object, ...]:
    return agreement(Piece(line, line.quantity, change), deal.currency, line.start)


def _tail(line: DealLine, deal: Deal) -> date | None:
    return line.end if _ends_inside(line, deal) else None


def _cuts(line: DealLine, change: Change, deal: Deal) -> set[date]:
    """The days still to come, when the quote was taken in, on which the line changes what is billed."""
    days = {line.start, line.end, *(discount.until for discount in line.discounts)}
    return {day for day in days if day is not None and deal.boundary(day) > change.accepted_at}


def _placing(line: DealLine, change: Change, deal: Deal) -> tuple[object, ...]:
    """In which order lines are placed. Longest first, so that a deal's tail is known before those that end earlier;
    and the deal's own object is never one for use alone.
    """
    return (_is_apart(line, change, deal), line.cycle_months or 0, line.start, -(line.end or date.max).toordinal())


def _is_apart(line: DealLine, change: Change, deal: Deal) -> bool:
    """Whether the line is billed by use where others have shorter cycles: in Stripe the intervals of one subscription
    are multiples of each other, and 45 days are none of a month. Use needs no price of its own for a shorter cycle.
    Also one that begins before its quote came: in an object that is there it would count from then on only.
    """
    if line.usage is None:
        return False
    if _is_late(line, change, deal):
        return True
    full = grid(deal.start, None, line.cycle_months or 1, deal.billing_day)
    return deal.start < full.anchor or full.at(line.start).start != line.start or _ends_inside(line, deal)


def _is_late(line: DealLine, change: Change, deal: Deal) -> bool:
    """Whether a line that a change of the deal brings is billed by use of a time before it came."""
    return line.usage is not None and change is not deal.base and deal.boundary(line.start) < change.accepted_at


def _ends_inside(line: DealLine, deal: Deal) -> bool:
    """Whether the line ends inside a cycle, so that its last one is shorter."""
    if line.end is None:
        return False
    full = grid(deal.start, None, line.cycle_months or 1, deal.billing_day)
    return full.at(line.end).start != line.end
