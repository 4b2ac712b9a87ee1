"""What is left of a cycle that had begun when a line changes (BILLING_RULES 4): three policies, one signed on the paper,
one by Stripe's seconds, one nothing. All in minor units; each result is rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from sync.deal.calendar import months_between, months_value, seconds
from sync.deal.changes import Piece, Proration
from sync.deal.cycles import Cycle, Grid
from sync.deal.deal import Deal
from sync.deal.discounts import Percent, leaves, running
from sync.deal.lines import Charge, DealLine
from sync.deal.money import Inexact, charge_step, round_half_away
from sync.deal.pricing import agreement, item, price


def rest_of_cycle(piece: Piece, others: Sequence[Piece], day: date, deal: Deal, policy: Proration) -> int:
    """What ``piece`` is worth from ``day`` to the next boundary: billed when it comes in, credited when it goes.

    0 on a boundary of its cycle, for usage, and under policy None. ``others`` are the pieces that run beside it on that
    day: under policy Stripe those that agree with it are one item with it, and the item's amounts before and after are
    prorated and rounded apart. Raises `Inexact` where the currency can't carry the result and rounding is off.
    """
    line = piece.line
    grid = deal.grid(line)
    if line.charge is not Charge.RECURRING or policy is Proration.NONE or grid.is_boundary(day):
        return 0
    cycle = grid.at(day)
    if policy is Proration.STRIPE:
        return _by_seconds(piece, others, day, cycle, deal)
    return _charged(Fraction(_signed_rest(line, piece.quantity, day, grid, deal)), deal)


def _by_seconds(piece: Piece, others: Sequence[Piece], day: date, cycle: Cycle, deal: Deal) -> int:
    own = agreement(piece, deal.currency, day)
    before = [other for other in others if agreement(other, deal.currency, day) == own]
    first, now, end = (seconds(deal.boundary(at)) for at in (cycle.start, day, cycle.end))
    left = Fraction(end - now, end - first)
    amounts = [item(group, deal, day, cycle).priced.net if group else 0 for group in (before, [*before, piece])]
    old, new = (_charged(left * amount, deal) for amount in amounts)
    return new - old


def _signed_rest(line: DealLine, quantity: int, day: date, grid: Grid, deal: Deal) -> int:
    """The signed total from ``day`` on, rounded, less the cycles still to come, each rounded; never below zero."""
    end = line.end or grid.at(day).end
    total = round_half_away(worth(line, quantity, day, end, deal))
    later = 0
    if line.end is not None:
        for cycle in grid.cycles():
            if cycle.start > day:
                later += cycle_net(line, quantity, cycle, deal)
    return max(0, total - later)


def worth(line: DealLine, quantity: int, start: date, end: date, deal: Deal) -> Fraction:
    """What is signed for a stretch of a line: whole months and left-over days, net of its percentages, exact."""
    cuts = sorted({d.until for d in line.discounts if d.until and start < d.until < end})
    total, reached = Fraction(0), Fraction(0)
    for first, last in zip([start, *cuts], [*cuts, end], strict=True):
        upto = _months(start, last, deal)
        part = leaves(running(line.discounts, first))
        total += (upto - reached) * part
        reached = upto
    return total * line.month_minor(deal.currency) * quantity


def _months(start: date, end: date, deal: Deal) -> Fraction:
    """Months by the precision: left-over days by their number, or as a whole month."""
    if not deal.whole_months:
        return months_value(start, end)
    months, days = months_between(start, end)
    return Fraction(months + bool(days))


def cycle_net(line: DealLine, quantity: int, cycle: Cycle, deal: Deal) -> int:
    """What this quantity alone bills in a cycle, net of its percentages, rounded as an invoice rounds it."""
    percents = [off for off in running(line.discounts, cycle.start) if isinstance(off, Percent)]
    unit = line.month_minor(deal.currency) * cycle.months
    return price(unit, quantity, percents, deal.currency, rounding=deal.rounding).net


def _charged(amount: Fraction, deal: Deal) -> int:
    """The amount as it is charged: whole minor units, and a multiple of the currency's step. Raises `Inexact`."""
    step = charge_step(deal.currency)
    if deal.rounding:
        return round_half_away(amount, step)
    whole = round_half_away(amount)
    if whole % step:
        raise Inexact(Fraction(whole), round_half_away(amount, step))
    return whole
