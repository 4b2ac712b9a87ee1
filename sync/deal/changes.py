"""What each signed quote does to a deal (BILLING_RULES 4): it adds lines, takes quantity off, or ends everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from sync.deal.lines import DealLine, DealProduct

#: No line spares another.
NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})
#: When a quote that nobody took in yet was taken in: after all others.
NOT_YET = datetime.max.replace(tzinfo=UTC)


class Kind(StrEnum):
    """The kinds of quote. A New and a Renewal quote make a deal, the others change one."""

    NEW = "New"
    AMENDMENT = "Amendment"
    RENEWAL = "Renewal"
    CANCELLATION = "Cancellation"


class Proration(StrEnum):
    """How a change inside a cycle is billed (BILLING_RULES 4)."""

    SIGNED = "Signed"
    STRIPE = "Stripe"
    NONE = "None"


class Credit(StrEnum):
    """What happens to money for time that is no longer used."""

    NONE = "None"
    BALANCE = "Balance"
    REFUND = "Refund"


@dataclass(frozen=True)
class Removal:
    """Quantity taken off from ``start`` on. Matched by product and price a month (major units)."""

    line_id: str
    product: DealProduct
    monthly_price: Fraction
    quantity: int
    start: date
    unit_price: Decimal = Decimal(0)


@dataclass(frozen=True)
class Change:
    """One signed quote. ``effective``: its first day; of a Cancellation the first day without service.

    ``signed_at`` orders changes of one day, ``accepted_at`` is when we first took it into the deal: what is arranged
    by it (which Stripe object a line goes to) never moves when another quote comes.
    """

    quote_id: str
    number: str
    kind: Kind
    effective: date
    signed_at: datetime
    accepted_at: datetime = NOT_YET
    adds: tuple[DealLine, ...] = ()
    removes: tuple[Removal, ...] = ()
    proration: Proration = Proration.SIGNED
    credit: Credit = Credit.BALANCE
    skip_past: bool = False
    ends: bool = False  # a Cancellation: everything ends on ``effective``

    @property
    def joins_by(self) -> Proration:
        """How the first piece of its lines is billed where they begin inside a cycle. A policy is for changes: the lines
        of a quote that makes a deal are billed as signed (BILLING_RULES 3).
        """
        return self.proration if self.kind is Kind.AMENDMENT else Proration.SIGNED

    @property
    def order(self) -> tuple[date, datetime, str]:
        """Effective date, then when it was signed, then the quote's number."""
        return (self.effective, self.signed_at, self.number)


@dataclass(frozen=True)
class Piece:
    """Part of a signed line that stays together: ``quantity`` units from the line's start to ``cut``, else its end.

    ``cut_by`` is the quote that took it off, ``cut_line`` that quote's line (the quote itself for a Cancellation).
    """

    line: DealLine
    quantity: int
    change: Change
    cut: date | None = None
    cut_by: Change | None = None
    cut_line: str = ""

    @property
    def start(self) -> date:
        return self.line.start

    @property
    def last(self) -> date | None:
        """The first day without it; None: it goes on."""
        return self.cut if self.cut is not None else self.line.end

    def runs(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.start <= day and (self.last is None or day < self.last)


class TooMuchRemoved(ValueError):
    """More is taken off than there is on that day; ``available`` is how much there is."""

    def __init__(self, change: Change, removal: Removal, available: int) -> None:
        super().__init__(
            f"{removal.quantity} of {removal.product.name} taken off on {removal.start}, {available} there"
        )
        self.change, self.removal, self.available = change, removal, available


def fold(
    changes: tuple[Change, ...], *, newest_first: bool = True, spared: Mapping[str, frozenset[str]] = NOTHING
) -> tuple[Piece, ...]:
    """All lines of these quotes over time, by effective date: the order in which they arrived does not matter.

    Raises `TooMuchRemoved`. A quantity that is taken off comes from the newest matching line, or from the oldest; of the
    lines that are ``spared`` by the line that takes it off, last of all.
    """
    steps: list[tuple[tuple[date, datetime, str], int, Change, Removal | DealLine]] = []
    for change in changes:
        key = change.order[1:]
        steps += [((r.start, *key), 0, change, r) for r in change.removes]
        steps += [((line.start, *key), 1, change, line) for line in change.adds]
    pieces: list[Piece] = []
    steps.sort(key=lambda step: (step[0], step[1]))
    for _, _, change, step in steps:
        if isinstance(step, DealLine):
            pieces.append(Piece(step, step.quantity, change))
        else:
            pieces = _removed(pieces, step, change, newest_first, spared.get(step.line_id, frozenset()))
    for change in sorted((c for c in changes if c.ends), key=lambda c: c.order):
        pieces = _ended(pieces, change)
    return tuple(pieces)


def alike(took: Sequence[Piece], removal: Removal, change: Change) -> frozenset[str]:
    """The lines of a quote that came when the removal was done, and that are worth the same as all that it ``took``: as it
    took the one then, it need not take the other now.
    """
    if not took or change.joins_by is Proration.NONE:
        return frozenset()  # without a first piece less was billed of it than of what was taken
    return frozenset(line.id for line in change.adds if all(_alike(piece, line, removal) for piece in took))


def _alike(piece: Piece, line: DealLine, removal: Removal) -> bool:
    mine = piece.line
    same = (
        mine.product == line.product and mine.unit_price == line.unit_price and mine.period_months == line.period_months
    )
    same = same and mine.cycle_months == line.cycle_months and mine.discounts == line.discounts and mine.end == line.end
    joined = piece.change.joins_by is not Proration.NONE  # else nothing was billed of the cycle that it began in
    return same and joined and mine.usage is None and line.usage is None and line.start <= removal.start


def _removed(
    pieces: list[Piece], removal: Removal, change: Change, newest_first: bool, spared: frozenset[str]
) -> list[Piece]:
    matching = [piece for piece in pieces if piece.runs(removal.start) and _matches(piece, removal)]
    matching.sort(key=_age, reverse=newest_first)
    matching.sort(key=lambda piece: piece.line.id in spared)
    left = removal.quantity
    found = list(pieces)
    for piece in matching:
        taken = min(left, piece.quantity)
        if not taken:
            break
        at = found.index(piece)
        cut = replace(piece, quantity=taken, cut=removal.start, cut_by=change, cut_line=removal.line_id)
        rest = replace(piece, quantity=piece.quantity - taken)
        found[at : at + 1] = [rest, cut] if rest.quantity else [cut]
        left -= taken
    if left:
        raise TooMuchRemoved(change, removal, removal.quantity - left)
    return found


def _age(piece: Piece) -> tuple[date, datetime, str]:
    return (piece.start, piece.change.signed_at, piece.change.number)


def _matches(piece: Piece, removal: Removal) -> bool:
    line = piece.line
    if line.product.key != removal.product.key or line.cycle_months is None:
        return False
    if line.usage is not None:
        return True
    return Fraction(line.unit_price) / (line.period_months or 1) == removal.monthly_price


def _as_known(ends: Change, before: Change | None) -> Change:
    """A Cancellation of what had been taken off from its first day on: that was known since the earlier of them came."""
    known = [change.accepted_at for change in (ends, before) if change is not None]
    return replace(ends, accepted_at=min(known))


def _ended(pieces: list[Piece], change: Change) -> list[Piece]:
    """Everything ends on the day of a Cancellation; what had not begun by then never does."""
    found = []
    for piece in pieces:
        once = piece.line.cycle_months is None
        if piece.cut_by is not None and piece.cut_by.ends:
            found.append(piece)  # by a Cancellation from an earlier day on
        elif piece.start >= change.effective:
            by = change if piece.cut != piece.start else _as_known(change, piece.cut_by)
            found.append(replace(piece, cut=piece.start, cut_by=by, cut_line=change.quote_id))
        elif once or (piece.last is not None and piece.last <= change.effective):
            found.append(piece)
        else:
            found.append(replace(piece, cut=change.effective, cut_by=change, cut_line=change.quote_id))
    return found
