"""What is given back for cycles in which something was taken off (BILLING_RULES 4), in minor units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from sync.deal.changes import Change, Credit, Piece, Proration
from sync.deal.deal import Deal
from sync.deal.pricing import agreeing, agreement, item
from sync.deal.proration import rest_of_cycle


def unused(pieces: Sequence[Piece], apart: Sequence[Piece], deal: Deal, until: datetime) -> int:
    """What is given back by then for the cycles in which these pieces of one Stripe object were cut, whoever cut them.

    ``apart`` are the pieces on the deal's earlier objects. Lines that agree are one item, rounded once, whatever objects
    they stand on: what is given back here is what all of them come to, less what those come to.
    """
    mine, others = _cut_by_then(pieces, deal, until), _cut_by_then(apart, deal, until)
    return sum(_of_one_cut(cut, others.get(line, []), pieces, deal) for line, cut in mine.items())


def _cut_by_then(pieces: Iterable[Piece], deal: Deal, until: datetime) -> dict[str, list[Piece]]:
    """The pieces that were cut by then and are given back, by the line that cut them."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        by = piece.cut_by
        if by is None or by.credit is Credit.NONE or (by.ends and not deal.began(piece)):
            continue
        if deal.boundary(max(_day_of(piece, by), piece.start)) <= until:
            found.setdefault(piece.cut_line, []).append(piece)
    return found


def _day_of(piece: Piece, by: Change) -> date:
    """The day on which a piece was taken off; of a Cancellation that of the end, though it had not begun by then."""
    return by.effective if by.ends else piece.cut or piece.start


def _of_one_cut(cut: Sequence[Piece], apart: Sequence[Piece], pieces: Sequence[Piece], deal: Deal) -> int:
    change = cut[0].cut_by
    assert change is not None
    day = _day_of(cut[0], change)
    left = [p for p in pieces if p.runs(day)]
    whole, others = ([replace(p, cut=None, cut_by=None, cut_line="") for p in some] for some in (cut, apart))
    # What had begun by the time this came, though after its day: the rest of a cycle in which it began was stated.
    later = (p for p in whole if p.start > day)
    amount = sum(rest_of_cycle(p, (), p.start, deal, p.change.joins_by) for p in later)
    paid, paid_apart = ([p for p in some if p.start <= day and _billed(p, day, deal) > 0] for some in (whole, others))
    for group in agreeing(paid, deal.currency, day):
        own = agreement(group[0], deal.currency, day)
        same = [p for p in paid_apart if agreement(p, deal.currency, day) == own]
        if change.proration is Proration.STRIPE:
            same = []  # an item of its own is prorated alone
        amount += _as_one([*same, *group], left, day, change, deal) - _as_one(same, left, day, change, deal)
    return amount


def _as_one(group: Sequence[Piece], left: Sequence[Piece], day: date, change: Change, deal: Deal) -> int:
    """What pieces that agree give back as one item, rounded once; never more than was billed for them."""
    if not group:
        return 0
    gone = replace(group[0], quantity=sum(p.quantity for p in group))
    return min(
        rest_of_cycle(gone, left, day, deal, change.proration), sum(_billed(p, day, deal) for p in group)
    )  # fmt: skip


def _billed(piece: Piece, day: date, deal: Deal) -> int:
    """What was billed for this piece in the cycle that ``day`` is in; nothing where that was left out or paid elsewhere."""
    cycle = deal.grid(piece.line).at(day)
    if piece.start > cycle.start:
        return rest_of_cycle(piece, (), piece.start, deal, piece.change.joins_by)
    base = deal.base
    past = base.skip_past and cycle.end <= deal.day_of(base.signed_at)
    if past or deal.paid_elsewhere(cycle.start):
        return 0
    return item([piece], deal, cycle.start, cycle).priced.net
