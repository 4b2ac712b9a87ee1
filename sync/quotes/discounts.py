"""What is taken off: percent and amount of a line, percent of the quote, each for ever or for the first months
(BILLING_RULES 3).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import dropwhile, islice

from sync.crm import CrmQuote, CrmQuoteLine
from sync.deal.calendar import add_months, say
from sync.deal.cycles import CycleKind, Grid
from sync.deal.discounts import AmountOff, Discount, Off, Percent
from sync.deal.lines import DealLine
from sync.deal.money import (
    Inexact,
    charge_step,
    exponent,
    format_amount,
    format_exact,
    minor,
    round_half_away,
    to_minor,
)
from sync.quotes.faults import Faults
from sync.quotes.frame import Frame, QuoteDiscount, Reading

_LONGEST = 1200  # months; what is longer can't be meant


def read_quote_discount(quote: CrmQuote, faults: Faults) -> QuoteDiscount | None:
    """The percentage off the whole quote; None where there is none, or with DATA-209 noted."""
    percent, months = quote.quote_discount, quote.quote_discount_months
    if not percent:
        if months:
            detail = (
                f"Quote_Discount_Months__c is {months}, but Quote_Discount__c is blank. Fill it, or clear the months."
            )
            _bad(detail, "Quote_Discount_Months__c", faults)
        return None
    if not (percent.is_finite() and 0 < percent <= 100):
        _bad(f"Quote_Discount__c is {percent} %. Set a percentage from 0 to 100.", "Quote_Discount__c", faults)
        return None
    if months is not None and not 1 <= months <= _LONGEST:
        detail = f"Quote_Discount_Months__c is {months}. Fill 1 or more, or clear it for a discount that stays."
        _bad(detail, "Quote_Discount_Months__c", faults)
        return None
    return QuoteDiscount(Percent(percent), months)


def check_quote_discount(at: Reading, lines: tuple[DealLine, ...]) -> None:
    """Note a discount on the quote that outlasts the term, or ends inside a cycle of one of its lines."""
    discount, frame, field = at.discount, at.frame, "Quote_Discount_Months__c"
    if frame is None or discount is None or discount.months is None:
        return
    if frame.term.end and add_months(frame.start, discount.months) > frame.term.end:
        last = say(frame.term.end)
        detail = f"{field} is {discount.months}: from {say(frame.start)} that goes on after {last}, when the deal ends."
        _bad(f"{detail} Fill fewer months, or clear it for a discount that stays.", field, at.faults)
        return
    recurring = [line for line in lines if line.cycle_months and line.usage is None]
    for line in recurring:
        cycle = line.cycle_months or 1
        if discount.months % cycle or _until(frame.start, discount.months, frame.grid(None, cycle)) is None:
            detail = (
                f"{field} is {discount.months}, but line {line.product.name} is billed every "
                f"{cycle} months, and the discount would end inside a billing period. Fill a multiple of {cycle}"
            )
            _bad(f"{detail}{_or_clear(frame)}", field, at.faults)
            return


def read_offs(line: CrmQuoteLine, at: Reading) -> tuple[Off, ...]:
    """The line's own percentage, then its amount; what can't be one is noted."""
    found: list[Off] = []
    percent, amount = line.discount_percent, line.discount_amount
    if percent:
        if percent.is_finite() and 0 < percent <= 100:
            found.append(Percent(percent))
        else:
            at.faults.price(line, "Discount", f"Discount is {percent} %. Set a percentage from 0 to 100.")
    if amount:
        if amount.is_finite() and amount > 0:
            found += _amount(line, amount, at)
        else:
            detail = f"Discount_Amount__c is {amount} ({at.currency}). Fill an amount of more than 0, or clear it."
            at.faults.price(line, "Discount_Amount__c", detail)
    return tuple(found)


def _amount(line: CrmQuoteLine, amount: Decimal, at: Reading) -> list[Off]:
    try:
        whole = to_minor(amount, at.currency)
    except Inexact as inexact:
        if not at.rounding:
            name = at.faults.name(line)
            inexact_amount(inexact, "Discount_Amount__c", name, line.id, at.currency, at.faults)
            return []
        whole = round_half_away(minor(amount, at.currency), charge_step(at.currency))
    return [AmountOff(whole, at.currency, line.id)] if whole else []


def inexact_amount(
    inexact: Inexact, field: str, name: str, record_id: str, currency: str, faults: Faults, *, what: str = ""
) -> None:
    """Note an amount that the currency can't carry: what was signed, what could be billed, and the difference."""
    scale = 10 ** exponent(currency)
    signed = format_exact(inexact.exact / scale, currency)
    detail = (
        f"{name}: {what or field} comes to {signed}, and {currency} amounts can't be charged that finely. "
        "Correct it, or ask for the rounding step to be switched on."
    )
    faults.add(
        "DATA-210",
        detail,
        record_id=record_id,
        field=field,
        signed=signed,
        billed=format_amount(inexact.nearest, currency),
        difference=format_exact(abs(inexact.exact - inexact.nearest) / scale, currency),
    )


def check_months(line: CrmQuoteLine, cycle: int | None, at: Reading, *, once: bool) -> None:
    """Note Discount_Months__c where it can't be: without a discount, on a one-time line, or inside a cycle."""
    months, field = line.discount_months, "Discount_Months__c"
    if months is None:
        return
    if not line.discount_percent and not line.discount_amount:
        if months:
            detail = (
                f"{field} is {months}, but Discount and Discount_Amount__c are blank. Fill one, or clear the months."
            )
            at.faults.price(line, field, detail)
    elif once:
        at.faults.price(line, field, f"{field} is {months}, but the line is billed once. Clear it.")
    elif not 1 <= months <= _LONGEST:
        detail = f"{field} is {months}. Fill 1 or more, or clear it for a discount that stays."
        at.faults.price(line, field, detail)
    elif cycle and months % cycle:
        detail = f"{field} is {months}, but the line is billed every {cycle} months. Fill a multiple of {cycle}."
        at.faults.price(line, field, detail)


def with_discounts(line: CrmQuoteLine, sold: DealLine, offs: tuple[Off, ...], at: Reading) -> DealLine:
    """The line with its percentage, its amount and the quote's percentage, each until its day; noted where the line's
    own outlast it.
    """
    frame = at.frame
    if frame is None:
        return sold
    until = _own_until(line, sold, frame, at) if line.discount_months and offs else None
    found = [Discount(off, until) for off in offs]
    return replace(sold, discounts=(*found, *_of_quote(sold, at.discount, frame)))


def _own_until(line: CrmQuoteLine, sold: DealLine, frame: Frame, at: Reading) -> date | None:
    """When the line's own discounts stop; None: with the line, or with a fault noted."""
    months, field = line.discount_months or 0, "Discount_Months__c"
    until = _until(sold.start, months, frame.grid(None, sold.cycle_months or 1))
    if until is None:
        detail = (
            f"{field} is {months}, but with the billing day {frame.term.billing_day} these months "
            f"from {say(sold.start)} end inside a billing period. Clear it, or clear Billing_Day__c."
        )
        at.faults.price(line, field, detail)
    elif sold.end and until > sold.end:
        detail = (
            f"{field} is {months}: from {say(sold.start)} that goes on after {say(sold.end)}, "
            "when the line has ended. Fill fewer months, or clear it for a discount that stays."
        )
        at.faults.price(line, field, detail)
    return None if until == sold.end else until


def _of_quote(sold: DealLine, discount: QuoteDiscount | None, frame: Frame) -> tuple[Discount, ...]:
    """The quote's percentage as far as it touches the line; its months count from the quote's start. What is used it
    never touches: nobody has signed how much that is.
    """
    if discount is None or sold.usage is not None:
        return ()
    if discount.months is None:
        return (Discount(discount.percent),)
    until = _until(frame.start, discount.months, frame.grid(None, sold.cycle_months or 1))
    if until is None or until <= sold.start:
        return ()
    lasts = sold.cycle_months is None or (sold.end is not None and sold.end <= until)
    return (Discount(discount.percent, None if lasts else until),)


def _until(start: date, months: int, grid: Grid) -> date | None:
    """The day ``months`` after ``start``: on a boundary where ``start`` is on one. None where ``start`` begins a first
    piece of odd length: no number of months from it ends on a boundary.
    """
    ahead = dropwhile(lambda cycle: cycle.end <= start, grid.cycles())
    first = next(ahead)
    if first.kind is CycleKind.STUB and first.start == start:
        return None
    if first.start != start or months % grid.cycle_months:
        return add_months(start, months)
    return next(islice(ahead, months // grid.cycle_months - 1, None)).start


def _or_clear(frame: Frame) -> str:
    day = frame.term.billing_day
    return f", or clear it (or Billing_Day__c, which is {day})." if day else ", or clear it."


def _bad(detail: str, field: str, faults: Faults) -> None:
    faults.add("DATA-209", f"{faults.quote}: {detail}", field=field, line=faults.quote)
