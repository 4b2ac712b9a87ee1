"""Lines that take quantity off a deal: by product and price a month (BILLING_RULES 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from sync.crm import CrmQuoteLine
from sync.deal.calendar import say
from sync.deal.changes import Change, Piece, Removal, TooMuchRemoved
from sync.deal.deal import Deal
from sync.deal.lines import CYCLE_MONTHS, DealProduct
from sync.deal.money import exponent, format_exact
from sync.quotes.faults import Faults
from sync.quotes.frame import Reading
from sync.quotes.lines import bad_quantity, line_end, read_line_start, read_period, read_quantity

#: Why a quantity is refused that is more than runs on its day.
TOO_MANY = "there are not so many to take off"


def read_removal(line: CrmQuoteLine, at: Reading) -> Removal | None:
    """What a Remove line takes off, or None with what is wrong noted. Discounts on it mean nothing: the price finds
    what goes. The product may be gone from the catalogue meanwhile.
    """
    faults, before = at.faults, len(at.faults.found)
    assert at.deal is not None
    sold = _sold(line, at.deal)
    quantity = read_quantity(line, faults)
    price = line.unit_price
    if sold is None:
        name = (
            f'"{product.name}"' if (product := faults.product(line)) else f"Product2Id {line.product_id or '(blank)'}"
        )
        todo = f"The deal has no {name}, so none can be taken off. Choose a product of the deal."
        if quantity:
            bad_quantity(line, TOO_MANY, todo, faults)
        return None
    by_use = any(x.usage is not None for x in at.deal.lines if x.product.key == sold.key)
    months = 1 if by_use else read_period(line, faults.product(line), at, _cycle(line, at.deal))
    if not by_use and (price is None or not price.is_finite()):
        detail = "UnitPrice is blank. Fill the price of what is taken off."
        faults.price(line, "UnitPrice", detail)
    if months is None and len(faults.found) == before and at.frame is not None:
        detail = "Price_Period__c is blank, and the product is gone. Choose Month, Quarter, Year or Term."
        faults.price(line, "Price_Period__c", detail)
    start = read_line_start(line, at.frame, faults) if at.frame else None
    if start and at.frame and line.end_date is not None:
        line_end(line, replace(at.frame, ends_with_deal=True), start, faults)
    if start is None or not quantity or months is None or len(faults.found) > before:
        return None
    price = price if price is not None and price.is_finite() else Decimal(0)
    return Removal(line.id, sold, Fraction(price) / months, quantity, start, price)


def _sold(line: CrmQuoteLine, deal: Deal) -> DealProduct | None:
    """The product as the deal has it, if it was ever billed more than once."""
    return next((x.product for x in deal.recurring if x.product.id == line.product_id), None)


def _cycle(line: CrmQuoteLine, deal: Deal) -> int | None:
    """How often that is billed which the line takes off: as it says, else as the deal's lines of that product and price."""
    mine = [x for x in deal.recurring if x.product.id == line.product_id]
    same = [x for x in mine if x.unit_price == line.unit_price] or mine
    return CYCLE_MONTHS.get(line.billing_frequency or "") or next((x.cycle_months for x in same), None)


def check_removed(deal: Deal, change: Change, lines: Sequence[CrmQuoteLine], faults: Faults) -> bool:
    """Whether there is as much as the quote takes off; notes each line that takes off more (DATA-207)."""
    written = {line.id: line for line in lines}
    fine = True
    while True:
        try:
            replace(deal, changes=(*deal.changes, change)).pieces  # noqa: B018 - raises when too much is taken off
        except TooMuchRemoved as error:
            fine = False
            if error.change.quote_id != change.quote_id:
                _tell_other(error, change, deal, written, faults)
                return False
            _tell(error.removal, deal, written[error.removal.line_id], faults)
            change = replace(change, removes=tuple(r for r in change.removes if r is not error.removal))
        else:
            return fine


def _tell(removal: Removal, deal: Deal, line: CrmQuoteLine, faults: Faults) -> None:
    there = _there(removal, deal)
    wanted = format_exact(removal.monthly_price, deal.currency)
    detail = (
        f"{removal.quantity} at {wanted} a month are more than there is to take off. On {say(removal.start)} the deal "
        f"has {there}. Correct Quantity or UnitPrice."
    )
    bad_quantity(line, TOO_MANY, detail, faults)


def _tell_other(
    error: TooMuchRemoved, change: Change, deal: Deal, written: dict[str, CrmQuoteLine], faults: Faults
) -> None:
    """Another quote, signed for a later day, takes off what this one would leave too little of."""
    mine = next((r for r in change.removes if r.product.key == error.removal.product.key), None)
    quote = f"quote {error.change.number or error.change.quote_id}"
    text = (
        f"{quote} takes {error.removal.quantity} of {error.removal.product.name} off on "
        f"{say(error.removal.start)}, and with this quote only {error.available} would be left. "
        "Correct Quantity, or change that quote's effect by another Amendment first."
    )
    if mine is None:
        detail, product = f"{faults.quote}: {text}", error.removal.product.name
        quantity = str(error.removal.quantity)
        faults.add("DATA-207", detail, field="Quantity", quantity=quantity, product=product, why=TOO_MANY)
    else:
        bad_quantity(written[mine.line_id], TOO_MANY, text, faults)


def _there(removal: Removal, deal: Deal) -> str:
    """How many of the product run on that day, and at which prices a month."""
    pieces = [p for p in deal.pieces if p.line.product.key == removal.product.key and p.line.cycle_months]
    counts: dict[str, int] = {}
    for piece in (p for p in pieces if p.runs(removal.start)):
        counts[_price(piece, deal)] = counts.get(_price(piece, deal), 0) + piece.quantity
    return " and ".join(f"{n} {price}" for price, n in counts.items()) or f"none of {removal.product.name}"


def _price(piece: Piece, deal: Deal) -> str:
    if piece.line.usage is not None:
        return "billed by use"
    a_month = piece.line.month_minor(deal.currency) / 10 ** exponent(deal.currency)
    return f"at {format_exact(a_month, deal.currency)} a month"
