"""What is sold, in the words of a preview: each item once, with its time where that is not the deal's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction

from sync.deal.calendar import say
from sync.deal.changes import Change, Piece
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Discount
from sync.deal.lines import PERIOD_MONTHS, DealLine, Usage
from sync.deal.money import exponent, format_amount, format_exact, to_major
from sync.deal.pricing import DealItem, agreeing, item
from sync.deal.timeline import Track, tracks

CYCLE_WORDS = {1: "monthly", 3: "quarterly", 6: "every six months", 12: "annually"}
_ONE_DAY = timedelta(days=1)
_PERIOD_WORDS = {months: f"a {word.lower()}" for word, months in PERIOD_MONTHS.items()}


def items_said(deal: Deal) -> list[str]:
    """Each item as it is sold, once, in the order in which they begin, with its time where that is not the deal's."""
    found: dict[str, date] = {}
    for track in tracks(deal):
        for text, start, end in _runs(track, deal):
            found.setdefault(text + ("" if (start, end) == (deal.start, deal.end) else _time(start, end)), start)
        for phase in track.phases:
            for sold in phase.once:
                found.setdefault(_item(sold, deal), phase.start)
    return [*sorted(found, key=found.__getitem__), *_on_days(deal)]


def _runs(track: Track, deal: Deal) -> Iterator[tuple[str, date, date | None]]:
    """The words for each item with the days from which and until which they hold without a break."""
    found: list[tuple[str, date, date | None]] = []
    for phase in track.phases:
        for text in dict.fromkeys(_item(sold, deal) for sold in phase.items):
            at = next((n for n, (other, _, end) in enumerate(found) if other == text and end == phase.start), None)
            if at is None:
                found.append((text, phase.start, phase.end))
            else:
                found[at] = (text, found[at][1], phase.end)
    return iter(found)


def _time(start: date, end: date | None) -> str:
    return f", from {say(start)}" + (f" to {say(end - _ONE_DAY)}" if end else "")


def changes_said(deal: Deal, change: Change) -> list[str]:
    """What a change adds and takes off, at the prices and with the discounts of its lines."""
    found = []
    for line in change.adds:
        if line.usage is not None:
            found.append(f"+ {_usage(line, line.usage, deal)} from {say(line.start)}")
            continue
        unit = format_exact(line.unit_price, deal.currency)
        less = "".join(_less(discount, deal) for discount in line.discounts)
        found.append(f"+ {line.quantity} × {line.product.name} at {unit}{_period(line)}{less} from {say(line.start)}")
    for removal in change.removes:
        unit = format_exact(removal.unit_price, deal.currency)
        found.append(f"- {removal.quantity} × {removal.product.name} at {unit} from {say(removal.start)}")
    return found


def _period(line: DealLine) -> str:
    """The price period as it was signed; of another length, as of a term, nothing."""
    if line.period_months is None:
        return ", once,"
    word = _PERIOD_WORDS.get(int(line.period_months)) if line.period_months.denominator == 1 else None
    return f" {word}" if word else ""


def _less(discount: Discount, deal: Deal) -> str:
    until = f" until {say(discount.until - _ONE_DAY)}" if discount.until else ""
    if isinstance(discount.off, AmountOff):
        return f" less {to_major(discount.off.amount_minor, deal.currency):f} {deal.currency} an invoice{until}"
    return f" less {discount.off.value:f} %{until}"


def _on_days(deal: Deal) -> list[str]:
    """What is charged once on invoices of its own, by its day."""
    ids = frozenset[str]().union(*(track.once_ids for track in tracks(deal)))
    mine = [p for p in deal.pieces if p.line.id in ids and deal.began(p)]
    groups = (group for day in sorted({p.start for p in mine}) for group in _of_day(mine, day, deal))
    return [f"{_item(item(group, deal, group[0].start), deal)}, on {say(group[0].start)}" for group in groups]


def _of_day(pieces: Sequence[Piece], day: date, deal: Deal) -> Sequence[Sequence[Piece]]:
    return agreeing([p for p in pieces if p.start == day], deal.currency, day)


def _item(item: DealItem, deal: Deal) -> str:
    if item.usage is not None:
        return _usage(item.lines[0], item.usage, deal)
    unit = format_exact(Fraction(item.priced.unit) / 10 ** exponent(deal.currency), deal.currency)
    if item.cycle_months is None or item.interval is None:
        often = "once"
    elif item.interval[0] == "day":
        often = _count(item.interval[1], "day")
    else:
        months = item.interval[1] * (12 if item.interval[0] == "year" else 1)
        odd = months != item.cycle_months
        often = _count(months, "month") if odd else CYCLE_WORDS.get(months, f"every {months} months")
    text = (
        f"{item.quantity} × {item.product.name} at {unit}, {often}: {format_amount(item.priced.gross, deal.currency)}"
    )
    for discount, off in zip(item.priced.offs, item.priced.off, strict=True):
        what = "an amount off" if isinstance(discount, AmountOff) else f"{discount.value:f} %"
        text += f" less {what} ({format_amount(off, deal.currency)})"
    return f"{text} = {format_amount(item.priced.net, deal.currency)}" if item.priced.offs else text


def _count(number: int, unit: str) -> str:
    return f"for {number} {unit}" + ("s" if number > 1 else "")


def _usage(line: DealLine, usage: Usage, deal: Deal) -> str:
    name, often = line.product.name, CYCLE_WORDS.get(line.cycle_months or 1, f"every {line.cycle_months} months")
    if not usage.mode:
        return f"{name} by use, {format_exact(line.unit_price, deal.currency)} each, {often} in arrears"
    steps = []
    for n, tier in enumerate(usage.tiers):
        flat = f" plus {format_exact(tier.flat, deal.currency)}" if tier.flat else ""
        flat += " also where nothing is used" if flat and not n else ""
        upto = "above" if tier.up_to is None else f"up to {tier.up_to:,}"
        steps.append(f"{upto}: {format_exact(tier.unit, deal.currency)} each{flat}")
    return f"{name} by use, {usage.mode}: {'; '.join(steps)}; {often} in arrears"
