"""What a quote finds when it is brought into a Stripe object: which quotes count as there already, and the pieces that they
and so many of its own lines make.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import takewhile
from typing import TypeVar

from sync.deal.changes import Change, Piece, Removal, fold
from sync.deal.deal import Deal
from sync.deal.lines import DealLine
from sync.deal.timeline import Track, tracks

L = TypeVar("L", DealLine, Removal)


@dataclass(frozen=True)
class Present:
    """The pieces of one Stripe object, and those on the deal's earlier objects of its frequency."""

    here: Sequence[Piece]
    apart: Sequence[Piece] = ()

    def without_cut(self, line_id: str) -> Present:
        """The same, had that line taken nothing off."""
        here = [replace(p, cut=None, cut_by=None, cut_line="") if p.cut_line == line_id else p for p in self.here]
        return Present(here, self.apart)


def _partly(change: Change, removes: int, adds: int) -> Change:
    """The quote with its first lines only; without the end that a Cancellation brings."""
    return replace(change, removes=by_start(change.removes)[:removes], adds=by_start(change.adds)[:adds], ends=False)


def by_start(lines: Iterable[L]) -> tuple[L, ...]:
    """The lines in the order of their first days, else as they stood."""
    return tuple(sorted(lines, key=lambda line: line.start))


def quantity(pieces: Iterable[Piece], day: date) -> int:
    """How many units run on a day."""
    return sum(piece.quantity for piece in pieces if piece.runs(day))


@dataclass(frozen=True)
class Beside:
    """One quote of the deal and one of its tracks, which the quote was ``brought_in`` to."""

    track: Track
    deal: Deal
    change: Change
    brought_in: datetime

    def quotes_by(self, day: date) -> frozenset[str]:
        """The other quotes that count as there already when a line of this one takes effect on a day.

        One brought in ahead of its day comes after those that precede it in effect and signature; one brought in late
        comes after all that was brought in before it, whose invoices are made.
        """
        at, order = self.deal.boundary(day), (day, self.change.signed_at, self.change.number)
        if self.brought_in > at:
            return self.quotes_before()
        there = (c for c in self.deal.changes if c.order < order or (c.ends and c.effective <= day))
        known = {c.quote_id for c in there if c.accepted_at <= at}
        return frozenset(known | {self.deal.base.quote_id, self.track.opened_by} - {self.change.quote_id})

    def quotes_before(self) -> frozenset[str]:
        """The other quotes that were taken in before this one, also those that leave this track alone: what they take
        off elsewhere isn't here to be taken. A track that was made later was brought this one with the quote that made it.
        """
        taken_in = [c.quote_id for c in self.deal.changes]
        last = taken_in.index(self.track.opened_by) + 1 if self.precedes_track else taken_in.index(self.change.quote_id)
        return frozenset(taken_in[:last]) - {self.change.quote_id}

    @property
    def precedes_track(self) -> bool:
        """Whether the quote was taken in before the one that made the track."""
        first = next(c for c in self.deal.changes if c.quote_id in (self.track.opened_by, self.change.quote_id))
        return first is self.change and self.change.quote_id != self.track.opened_by

    @property
    def before_track(self) -> tuple[Piece, ...]:
        """All pieces as they were before the quote came that made the track."""
        return self.deal.first([c.quote_id for c in self.deal.changes].index(self.track.opened_by))

    def there(self, quotes: Iterable[str], adds: int = 0, removes: int = 0, *, ended: bool = False) -> Present:
        """The pieces with these quotes, and so many of this quote's own lines, the earliest first."""
        chosen = set(quotes)
        own = self.change if ended else _partly(self.change, removes, adds)
        changes = tuple(
            own if c.quote_id == self.change.quote_id else c
            for c in self.deal.changes
            if c.quote_id in chosen or c.quote_id == self.change.quote_id
        )
        pieces = fold(changes, newest_first=self.deal.newest_first, spared=self.deal.spared)
        earlier = self._earlier_lines
        return Present(
            [p for p in pieces if p.line.id in self.track.line_ids], [p for p in pieces if p.line.id in earlier]
        )

    @cached_property
    def _earlier_lines(self) -> frozenset[str]:
        """The lines of the objects of this frequency that the deal had before this one."""
        before = takewhile(lambda track: track.key != self.track.key, tracks(self.deal))
        same = (track.line_ids for track in before if track.cycle_months == self.track.cycle_months)
        return frozenset[str]().union(*same)
