"""What rounding leaves of the signed total, made good in the last period where the policy says so (BILLING_RULES 2).

A line is rounded each time it is billed: seven seats at 1,000.00 a term of 12 months bill 58,333 a month, 4 less than was
signed. Lines that began inside a cycle carry their own difference already: their first piece is the signed total less
the cycles to come, each rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sync.deal.changes import Piece, Proration
from sync.deal.cycles import Cycle
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, running
from sync.deal.money import charge_step, round_half_away
from sync.deal.pricing import DealItem
from sync.deal.proration import cycle_net


@dataclass(frozen=True)
class TrueUp:
    """What one track makes good at ``at``, with its cycle from ``start`` to ``end`` (exclusive), in minor units; less than
    nothing where rounding billed more than was signed. ``key`` is natural: there is never a second one.
    """

    key: str
    track: str
    quote_id: str
    at: datetime
    amount: int
    item: DealItem
    start: date
    end: date


#: What a cycle billed: an item, its amount, and the cycle's first day.
Billed = tuple[DealItem, int, date]


def rounding_left(billed: Iterable[Billed], deal: Deal) -> int:
    """Signed less billed of what these cycles billed, each line's signed total rounded once; what the currency can carry."""
    signed: dict[str, Fraction] = {}
    rest = 0
    for item, amount, start in billed:
        counted = [(piece, cycle) for piece in _by_line(item.pieces) if (cycle := _whole(piece, start, deal))]
        paper = [(piece, cycle) for piece, cycle in counted if not _carries_its_own(piece, deal)]
        if not paper:
            continue
        for piece, cycle in paper:
            signed[piece.line.id] = signed.get(piece.line.id, Fraction(0)) + net_exact(piece, cycle, deal)
        others = (x for x in counted if x not in paper)
        rest -= amount - sum(cycle_net(piece.line, piece.quantity, cycle, deal) for piece, cycle in others)
    rest += sum(round_half_away(total) for total in signed.values())
    step = charge_step(deal.currency)
    return (abs(rest) // step * step) * (1 if rest > 0 else -1)


def net_exact(piece: Piece, cycle: Cycle, deal: Deal, *, amounts: bool = True) -> Fraction:
    """What a cycle comes to on paper, exact: each discount in turn."""
    rest = piece.line.month_minor(deal.currency) * cycle.months * piece.quantity
    for off in running(piece.line.discounts, cycle.start):
        if not isinstance(off, AmountOff):
            rest *= off.leaves
        elif amounts:
            rest = max(Fraction(0), rest - off.amount_minor)
    return rest


def _by_line(pieces: Iterable[Piece]) -> list[Piece]:
    """One piece a line: what is taken off later is there as yet."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        mine = found.get(piece.line.id)
        quantity = piece.quantity + (mine.quantity if mine else 0)
        found[piece.line.id] = Piece(piece.line, quantity, piece.change)
    return list(found.values())


def _whole(piece: Piece, start: date, deal: Deal) -> Cycle | None:
    """The cycle that was billed, None for the rest of one."""
    cycle = deal.grid(piece.line).at(start)
    return cycle if cycle.start == start else None


def _carries_its_own(piece: Piece, deal: Deal) -> bool:
    inside = not deal.grid(piece.line).is_boundary(piece.start)
    return inside and piece.change.joins_by is Proration.SIGNED
