"""What Stripe can't be told ahead and is stated by us (DESIGN 4): cycles that had begun before a quote reached Stripe,
what changes inside a cycle, one-time lines of later days, and credits. Each has a day and a natural key, so late is
still right, and twice is once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import takewhile

from sync.deal.beside import Beside, Present, by_start, quantity
from sync.deal.changes import Change, Credit, Piece
from sync.deal.cycles import Cycle, CycleKind
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.pricing import DealItem, agreeing, item
from sync.deal.proration import rest_of_cycle
from sync.deal.settled import Begun, Settled, settled
from sync.deal.timeline import Track, cycle_items
from sync.deal.unused import unused

#: Stripe's limit of items on one invoice.
MAX_LINES = 250


@dataclass(frozen=True)
class DueLine:
    """One line of an invoice that we state, in minor units after discounts; ``end`` is exclusive."""

    item: DealItem
    amount: int
    start: date
    end: date
    recurring: bool = True


@dataclass(frozen=True)
class Due:
    """An invoice that we state at ``at``. ``key`` is natural: there is never a second one. Of more lines than an invoice
    takes it is the first of several, the others with ``:2``, ``:3`` ... behind its key.
    """

    key: str
    quote_id: str
    at: datetime
    lines: tuple[DueLine, ...]

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True)
class CreditDue:
    """Money given back at ``at`` for the time from ``start`` to ``end`` (exclusive); ``refund``: to where it came from."""

    key: str
    quote_id: str
    at: datetime
    amount: int
    start: date
    end: date
    refund: bool = False


@dataclass(frozen=True)
class Stated:
    """All that we state for one track, in order of time."""

    dues: tuple[Due, ...] = ()
    credits: tuple[CreditDue, ...] = ()


def begun_cycles(track: Track, plain: date) -> Iterator[Cycle]:
    """The cycles before the first that Stripe bills by itself."""
    return takewhile(lambda cycle: cycle.start < plain, track.planned())


def stated(track: Track, deal: Deal, begun: Begun | None, now: datetime) -> Stated:
    """Every invoice and credit that we state for the track, past and to come, as they stand now."""
    when = settled(track, deal, begun, now)
    changes = {change.quote_id: change for change in deal.changes}
    order = sorted(when, key=lambda quote: (when[quote].at, quote != track.opened_by, changes[quote].order))
    dues: list[Due] = []
    credits: list[CreditDue] = []
    for quote in order:
        step = _Step(track, deal, changes[quote], when)
        if quote == track.opened_by:
            dues += step.opening()
        else:
            credits += step.credits()
        dues += step.joining(opening=quote == track.opened_by)
    parts = (part for due in dues for part in _parts(due))
    return Stated(tuple(sorted(parts, key=lambda due: due.at)), tuple(sorted(credits, key=lambda due: due.at)))


def _parts(due: Due) -> Iterator[Due]:
    """The invoice as several of one moment where it has more lines than one takes; none of them of nothing but 0.00."""
    for n in range(0, len(due.lines), MAX_LINES):
        lines = due.lines[n : n + MAX_LINES]
        key = f"{due.key}:{n // MAX_LINES + 1}" if n else due.key
        if len(due.lines) <= MAX_LINES or any(line.amount for line in lines):
            yield replace(due, key=key, lines=lines)


def left_out(track: Track, deal: Deal, begun: Begun | None, now: datetime) -> int:
    """What the track's begun cycles would come to that nobody is billed for, in minor units."""
    when = settled(track, deal, begun, now)
    opened = next((c for c in deal.changes if c.quote_id == track.opened_by and c.quote_id in when), None)
    return _Step(track, deal, opened, when).left_out() if opened else 0


class _Step:
    """One quote brought into one track: what it adds and takes off beside all that was there by then."""

    def __init__(self, track: Track, deal: Deal, change: Change, when: Mapping[str, Settled]) -> None:
        self.track, self.deal, self.change, self.when = track, deal, change, when
        self.mine = when[change.quote_id]
        self.beside = Beside(track, deal, change, self.mine.at)

    # ------------------------------------------------------------------ the quote that opens the track

    def opening(self) -> list[Due]:
        """The cycles that had begun when the track was made, all on one invoice."""
        lines = [line for line, out in self._begun() if not out]
        if not lines:
            return []
        return [Due(self.track.begun_key, self.change.quote_id, self.mine.at, tuple(lines))]

    def left_out(self) -> int:
        """What the begun cycles, and what is charged once, would come to that nobody is billed for, in minor units."""
        once = [line for line in self.change.adds if line.id in self.track.once_ids]
        elsewhere = (due for line in once if self.deal.paid_elsewhere(line.start) for due in self._charged_once(line))
        return sum(line.amount for line, out in self._begun() if out) + sum(due.amount for due in elsewhere)

    def _begun(self) -> Iterator[tuple[DueLine, bool]]:
        """The lines of the cycles that had begun when the track was made, and whether each is left out: it was over when
        the quote was signed, which leaves that out; or it was paid elsewhere.
        """
        deal = self.deal
        there = self.beside.there(
            self.beside.quotes_before(), adds=len(self.change.adds), removes=len(self.change.removes)
        )
        pieces = [p for p in there.here if p.change.quote_id == self.change.quote_id]
        signed_on = deal.day_of(self.change.signed_at)
        for cycle in begun_cycles(self.track, self.mine.plain):
            paid = deal.paid_elsewhere(cycle.start)
            past = self.change.skip_past and cycle.end <= signed_on
            for i in self._items(pieces, cycle):
                yield DueLine(i, i.priced.net, cycle.start, cycle.end), past or paid
            if cycle.start == deal.start:
                for i in self.track.phases[0].once:
                    yield DueLine(i, i.priced.net, cycle.start, cycle.start, recurring=False), paid

    def _items(self, pieces: Sequence[Piece], cycle: Cycle) -> list[DealItem]:
        """What one cycle bills of these pieces; usage is billed by Stripe when it is known."""
        running = [p for p in pieces if p.runs(cycle.start) and p.line.usage is None]
        return list(cycle_items(running, cycle, self.deal))

    # ------------------------------------------------------------------ lines that come in

    def joining(self, *, opening: bool) -> list[Due]:
        """For each day on which lines of this quote begin: the rest of their cycle, the cycles billed without them
        already, and what is charged once.
        """
        found: dict[date, list[DueLine]] = {}
        for n, line in enumerate(by_start(self.change.adds), start=1):
            lines = self._joined(n, line, opening=opening)
            if lines:
                found.setdefault(line.start, []).extend(lines)
        billed = ((day, lines) for day, lines in sorted(found.items()) if any(line.amount for line in lines))
        return [self._due(day, lines) for day, lines in billed]

    def _due(self, day: date, lines: list[DueLine]) -> Due:
        at = max(self.deal.boundary(day), self.mine.at)
        return Due(f"{self.track.key}:{self.change.quote_id}:{day}", self.change.quote_id, at, tuple(lines))

    def _joined(self, n: int, line: DealLine, *, opening: bool) -> list[DueLine]:
        if line.id in self.track.once_ids:
            return self._once(line)
        if line.usage is not None:
            return []
        if line.id not in self.track.line_ids and self.beside.precedes_track:
            return []  # what is here was made with it
        starts = self.deal.boundary(line.start)
        late = starts <= self.mine.at
        quotes = self.beside.quotes_by(line.start)
        # What the quote takes off comes after what it adds: it may need it.
        before, after = self.beside.there(quotes, adds=n - 1), self.beside.there(quotes, adds=n)
        if line.id not in self.track.line_ids:
            return self._spared(line, before, after) if late and not opening else []
        beside = [p for p in before.here if p.runs(line.start)]
        if quantity(after.here, line.start) == quantity(beside, line.start):
            return []  # everything ended before it began
        piece = Piece(line, line.quantity, self.change)
        first = line.start == self.track.start and (opening or not late)  # billed with the track's own first cycle
        amount = 0 if first else rest_of_cycle(piece, beside, line.start, self.deal, self.change.joins_by)
        end = self.deal.grid(line).at(line.start).end
        if late and not opening:
            amount += self._caught_up(before, after)
            end = max(end, min(self.mine.plain, line.end or self.mine.plain))
        if amount <= 0:
            return []
        shown = item([piece], self.deal, line.start, self.deal.grid(line).at(line.start))
        return [DueLine(shown, amount, line.start, end)]

    def _spared(self, line: DealLine, before: Present, after: Present) -> list[DueLine]:
        """What this object is billed more in cycles that have begun where a line that came late is on another one: what an
        earlier quote took off here, it takes off that line now.
        """
        amount = self._caught_up(before, after)
        spared = [p for p in after.here if p not in before.here and p.line.usage is None]
        if amount <= 0 or not spared:
            return []
        day = min(p.cut for p in before.here if p not in after.here and p.cut)
        shown = item(spared[:1], self.deal, spared[0].start, self.deal.grid(spared[0].line).at(spared[0].start))
        return [DueLine(shown, amount, max(line.start, day), self.mine.plain)]

    def _caught_up(self, before: Present, after: Present) -> int:
        """What the cycles that have begun come to more, and what was given back of them too much."""
        given_back = self._unused(before, self.mine.at) - self._unused(after, self.mine.at)
        return self._cycles(after.here) - self._cycles(before.here) + max(0, given_back)

    def _once(self, line: DealLine) -> list[DueLine]:
        return [] if self.deal.paid_elsewhere(line.start) else self._charged_once(line)

    def _charged_once(self, line: DealLine) -> list[DueLine]:
        """What is charged once, unless the deal ends before its day. Lines that agree are one item, at the first of them."""
        group = self._once_groups.get(line.id)
        if group is None:
            return []
        sold = item(group, self.deal, line.start)
        return [DueLine(sold, sold.priced.net, line.start, line.start, recurring=False)]

    @cached_property
    def _once_groups(self) -> Mapping[str, Sequence[Piece]]:
        """What this quote charges once on each day, by the first line of those that agree."""
        deal, own = self.deal, {x.id for x in self.change.adds} & self.track.once_ids
        days: dict[date, list[Piece]] = {}
        for piece in deal.pieces:
            if piece.line.id in own and deal.began(piece):
                days.setdefault(piece.start, []).append(piece)
        groups = (group for day, some in days.items() for group in agreeing(some, deal.currency, day))
        return {group[0].line.id: group for group in groups}

    def _cycles(self, pieces: Sequence[Piece]) -> int:
        """What the cycles come to that Stripe bills without this quote, were these the pieces."""
        cycles = (c for c in begun_cycles(self.track, self.mine.plain) if c.kind is not CycleKind.JOINED)
        return sum(i.priced.net for cycle in cycles for i in self._items(pieces, cycle))

    # ------------------------------------------------------------------ lines that go

    def credits(self) -> list[CreditDue]:
        """What is given back for each line of this quote that takes something off, by its credit policy; and what its
        own lines have too much where others took them off before this came.
        """
        found = [self._cut_before(n, line) for n, line in enumerate(by_start(self.change.adds), start=1)]
        if self.change.credit is Credit.NONE:
            return [due for due in found if due is not None]
        steps = list(enumerate(by_start(self.change.removes), start=1))
        found += [self._credit(r.line_id, r.start, removes=n) for n, r in steps]
        if self.deal.ends_on is not None and self.change.ends:
            found.append(self._credit(self.change.quote_id, self.change.effective, removes=len(steps), ended=True))
        return [due for due in found if due is not None]

    def _cut_before(self, n: int, line: DealLine) -> CreditDue | None:
        """A line that comes late is billed to its end; where a Cancellation was there already, the rest is given back.
        A removal that was there and takes off this line now gives it back by this line's cycle.
        """
        at = self.mine.at
        if line.id not in self.track.line_ids or line.usage is not None or self.deal.boundary(line.start) > at:
            return None
        quotes = self.beside.quotes_by(line.start)
        before, after = self.beside.there(quotes, adds=n - 1), self.beside.there(quotes, adds=n)
        amount = self._unused(after, at) - self._unused(before, at)
        cuts = [p for p in after.here if p.line.id == line.id and p.cut is not None and p.cut > p.start]
        if amount <= 0 or not cuts:
            return None
        day = min(p.cut for p in cuts if p.cut)
        key = f"{self.track.key}:{self.change.quote_id}:{line.id}:credit"
        end = max(self.deal.grid(line).at(line.start).end, self.mine.plain)
        refund = any(p.cut_by is not None and p.cut_by.credit is Credit.REFUND for p in cuts)
        return CreditDue(key, self.change.quote_id, at, amount, min(line.start, day), end, refund)

    def _credit(self, line_id: str, day: date, *, removes: int, ended: bool = False) -> CreditDue | None:
        deal, starts = self.deal, self.deal.boundary(day)
        quotes = self.beside.quotes_by(day)
        adds = len(self.change.adds)
        if self.beside.precedes_track:
            after = self.beside.there(quotes, adds=adds, removes=len(self.change.removes), ended=self.change.ends)
            before = after.without_cut(line_id)
        else:
            before = self.beside.there(quotes, adds=adds, removes=removes if ended else removes - 1)
            after = self.beside.there(quotes, adds=adds, removes=removes, ended=ended)
        until = max(starts, self.mine.at)
        # What another quote takes off here only because this one takes something off elsewhere is this one's too.
        shifted = [p for p in after.here if p.cut is not None and p not in before.here]
        cut = [p for p in after.here if p.cut_line == line_id] or shifted
        cut = [p for p in cut if deal.boundary(p.start) <= until]
        if not cut:
            return None
        # Of another quote's removal too where this one takes what that would have taken: the difference is this one's.
        amount = self._unused(after, until) - self._unused(before, until)
        if self.beside.precedes_track:
            amount -= self._kept(line_id, after, until)
        elif starts <= self.mine.at:
            amount += self._cycles(before.here) - self._cycles(after.here)
        if amount <= 0:
            return None
        key = f"{self.track.key}:{self.change.quote_id}:{line_id}:credit"
        end = max(
            [deal.grid(p.line).at(max(day, p.start)).end for p in cut]
            + [self.mine.plain if starts <= self.mine.at else day]
        )
        refund = self.change.credit is Credit.REFUND
        return CreditDue(key, self.change.quote_id, max(starts, self.mine.at), amount, day, end, refund)

    def _kept(self, line_id: str, now: Present, until: datetime) -> int:
        """What this line gave back on earlier objects for units that a quote without credit has taken since: what is given
        back is given once, and nobody else sets that off.
        """
        taken = {p.line.id for p in now.apart if p.cut_by is not None and p.cut_by.credit is Credit.NONE}
        gave = [p for p in self.beside.before_track if p.line.id in taken and p.cut_line == line_id]
        gives = [p for p in now.apart if p.line.id in taken and p.cut_line == line_id]
        return max(0, unused(gave, (), self.deal, until) - unused(gives, (), self.deal, until))

    def _unused(self, pieces: Present, until: datetime) -> int:
        return unused(pieces.here, pieces.apart, self.deal, until)
