"""Whether a deal can be billed as signed: every amount exact, no discount below zero, no gap (BILLING_RULES 2, 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from fractions import Fraction

from sync.deal.calendar import say
from sync.deal.changes import Change, Piece, TooMuchRemoved
from sync.deal.deal import Deal
from sync.deal.discounts import AmountOff, Off, Percent, running
from sync.deal.forecast import Forecast, forecast
from sync.deal.lines import Charge, DealLine
from sync.deal.money import LARGEST_MINOR, LARGEST_OFF_MINOR, Inexact, format_amount
from sync.deal.pricing import DiscountTooFine, Priced, agreeing, price
from sync.deal.timeline import tracks
from sync.quotes.discounts import inexact_amount
from sync.quotes.faults import Faults
from sync.quotes.frame import Reading
from sync.quotes.removals import TOO_MANY


def check_amounts(change: Change, beside: Iterable[Piece], at: Reading) -> None:
    """Note every item with a line of this quote whose invoices can't bill exactly what was signed.

    ``beside`` are the pieces that were in the deal before: a line that agrees with them is billed as one item.
    """
    fresh = [Piece(line, line.quantity, change) for line in change.adds]
    told: set[str] = set()
    for day in sorted({day for piece in fresh for day in _days(piece.line)}):
        there = [p for p in (*beside, *fresh) if p.line.usage is None and _is_billed(p, day)]
        for group in agreeing(there, at.currency, day):
            ids = {p.line.id for p in group if p.change is change}
            if ids and not ids & told and not _check_item(group, day, at):
                told |= ids


def _days(line: DealLine) -> set[date]:
    """The days on which what a line bills changes."""
    return {line.start, *(d.until for d in line.discounts if d.until)}


def _is_billed(piece: Piece, day: date) -> bool:
    return piece.start == day if piece.line.charge is Charge.ONE_TIME else piece.runs(day)


def _check_item(group: Sequence[Piece], day: date, at: Reading) -> bool:
    """Whether an invoice can bill these pieces, which agree; what hinders it is noted at the newest line."""
    line, quantity = group[-1].line, sum(piece.quantity for piece in group)
    offs = running(line.discounts, day)
    name = f'{at.faults.quote}, line "{line.product.name}"'
    try:
        unit = line.month_minor(at.currency) * _months(line, at)
        return _bill(unit, quantity, offs, name, line, at)
    except Inexact as inexact:
        what = f"{'each' if line.cycle_months else 'the'} invoice, from UnitPrice, Quantity and discounts,"
        inexact_amount(inexact, "UnitPrice", name, line.id, at.currency, at.faults, what=what)
    except DiscountTooFine:
        percents = " and ".join(f"{off.value} %" for off in offs if isinstance(off, Percent))
        detail = f"{name}: a discount of {percents} can't be billed exactly (Discount). Use at most two decimals."
        at.faults.add("DATA-209", detail, record_id=line.id, field="Discount", line=name)
    return False


def _months(line: DealLine, at: Reading) -> Fraction:
    if line.cycle_months is None or at.frame is None:
        return Fraction(1)
    return at.frame.longest_cycle(line.start, line.end, line.cycle_months)


def _bill(unit: Fraction, quantity: int, offs: Sequence[Off], name: str, line: DealLine, at: Reading) -> bool:
    """Work the item out as an invoice does; whether it can be billed. An amount off beyond what there is, is noted."""
    priced = price(unit, quantity, offs, at.currency, rounding=at.rounding)
    if not _coupons_exist(priced, name, line, at):
        return False
    before = list(offs)
    while before and not isinstance(before[-1], AmountOff):
        before.pop()
    if not before:
        return True
    amount = before.pop()
    assert isinstance(amount, AmountOff)
    left = price(unit, quantity, before, at.currency, rounding=at.rounding).net
    if amount.amount_minor <= left:
        return True
    off, rest = format_amount(amount.amount_minor, at.currency), format_amount(left, at.currency)
    detail = (
        f"{name}: Discount_Amount__c is {off}, but an invoice of the line comes to {rest}. "
        f"Fill {rest} or less: it is taken off every invoice."
    )
    at.faults.add("DATA-209", detail, record_id=line.id, field="Discount_Amount__c", line=name)
    return False


def _coupons_exist(priced: Priced, name: str, line: DealLine, at: Reading) -> bool:
    """Whether Stripe has coupons for these amounts off; the first that is too large for one is noted."""
    amounts = (off.amount_minor for off in priced.offs if isinstance(off, AmountOff))
    large = next((amount for amount in amounts if amount > LARGEST_OFF_MINOR), None)
    if large is None:
        return True
    off, most = (format_amount(amount, at.currency) for amount in (large, LARGEST_OFF_MINOR))
    detail = (
        f"{name}: Discount_Amount__c is {off}, and Stripe takes {most} at most off an invoice's line. "
        "Fill less, or give the line the lower UnitPrice."
    )
    at.faults.add("DATA-209", detail, record_id=line.id, field="Discount_Amount__c", line=name)
    return False


def check_deal(deal: Deal, now: datetime, faults: Faults) -> None:
    """Work out every phase and every invoice of the deal, and note what stands in the way."""
    try:
        tracks(deal)
        _check_size(forecast(deal, now), faults)
    except Inexact as inexact:
        what = "an invoice for part of a period, from UnitPrice, Quantity and discounts,"
        inexact_amount(inexact, "UnitPrice", faults.quote, "", deal.currency, faults, what=what)
    except DiscountTooFine:
        detail = (
            f"{faults.quote}: a discount can't be billed exactly for part of a period (Discount). Use whole percents."
        )
        faults.add("DATA-209", detail, field="Discount", line=faults.quote)
    except TooMuchRemoved as error:
        removed = error.removal
        detail = f"{faults.quote}: only {error.available} are there on {say(removed.start)}. Correct Quantity."
        product = removed.product.name
        faults.add("DATA-207", detail, field="Quantity", quantity=str(removed.quantity), product=product, why=TOO_MANY)


def _check_size(made: Forecast, faults: Faults) -> None:
    """Note the first invoice that is more than Stripe can make, before anything is written."""
    for invoice in made.invoices:
        if invoice.total > LARGEST_MINOR:
            comes_to, most = (format_amount(minor, made.currency) for minor in (invoice.total, LARGEST_MINOR))
            detail = (
                f"{faults.quote}: the invoice of {say(invoice.day)} comes to {comes_to}, and Stripe makes none above {most}. "
                "Correct Quantity or UnitPrice."
            )
            faults.add("DATA-209", detail, field="UnitPrice", line=faults.quote)
            return
