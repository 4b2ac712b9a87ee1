"""The quote's lines that add something, each read into what was signed (BILLING_RULES 3)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from sync.crm import CrmProduct, CrmQuoteLine
from sync.deal.calendar import months_value, say
from sync.deal.lines import CYCLE_MONTHS, PERIOD_MONTHS, Charge, DealLine, DealProduct
from sync.deal.money import Inexact, minor, plain, round_half_away
from sync.quotes.dates import FIRST_YEAR, LAST_YEAR
from sync.quotes.discounts import check_months, inexact_amount, read_offs, with_discounts
from sync.quotes.faults import Faults
from sync.quotes.frame import Frame, Reading
from sync.quotes.usage import read_usage

ADD, REMOVE = "Add", "Remove"
_ONE_DAY = timedelta(days=1)
_FREQUENCIES = "Monthly, Quarterly, Semiannual or Annual"
_PERIODS = "Month, Quarter, Year or Term"


def read_line(line: CrmQuoteLine, at: Reading) -> DealLine | None:
    """One line as it was signed, or None with all that is wrong with it noted."""
    faults, before = at.faults, len(at.faults.found)
    product = _product(line, faults)
    charge = _charge(line, product, faults)
    usage = read_usage(line, product, at) if product and charge is Charge.USAGE else None
    quantity = _one(line, faults) if charge is Charge.USAGE else read_quantity(line, faults)
    price = Decimal(0) if usage and usage.mode else _price(line, at)
    offs = read_offs(line, at)
    cycle = _cycle(line, at) if charge in (Charge.RECURRING, Charge.USAGE) else None
    period = read_period(line, product, at, cycle) if charge is Charge.RECURRING else None
    check_months(line, cycle, at, once=charge is Charge.ONE_TIME)
    span = _span(line, at.frame, faults, once=charge is Charge.ONE_TIME) if at.frame and charge else None
    if price is not None and quantity and charge is not Charge.USAGE and not at.rounding:
        _check_signed(line, price * quantity, at)
    if span is not None and cycle and period:
        _check_part_months(line, product, span[0], cycle, at)
    if span is None or product is None or charge is None or price is None or len(faults.found) > before:
        return None
    told = (product.name, product.description, product.tax_code, product.sent)
    sold = DealProduct(product.id, *told, adopted=product.adopted)
    bare = DealLine(line.id, sold, charge, quantity, price, *span, period, cycle, usage=usage)
    made = with_discounts(line, bare, offs, at)
    return made if len(faults.found) == before else None


def which_way(line: CrmQuoteLine, faults: Faults) -> str:
    """Add or Remove; anything else is noted, and counts as Add."""
    if line.change in (None, "", ADD):
        return ADD
    if line.change != REMOVE:
        faults.bad_value("Change__c", line.change, "Add or Remove, or leave it blank", line=line)
        return ADD
    return REMOVE


# ------------------------------------------------------------------ what is sold


def _product(line: CrmQuoteLine, faults: Faults) -> CrmProduct | None:
    product = faults.product(line)
    if product is None or product.is_deleted:
        detail = "the product was deleted (Product2Id). Restore it, or quote another."
        faults.product_incomplete(line, product, "Product2Id", detail, at_line=True)
        return None
    if not product.is_active:
        detail = "Product2.IsActive is unchecked. Activate the product, or quote another."
        faults.product_incomplete(line, product, "IsActive", detail)
        return None
    return product


def _charge(line: CrmQuoteLine, product: CrmProduct | None, faults: Faults) -> Charge | None:
    value = line.charge_type or (product.charge_type if product else None)
    if not value:
        if product:  # else told already: the product is gone
            _blank(line, product, "Charge_Type__c", "Recurring, One-Time or Usage", faults)
        return None
    if value not in tuple(Charge):
        faults.bad_value("Charge_Type__c", value, "Recurring, One-Time or Usage", line=line)
        return None
    if product and product.tier_mode and value != Charge.USAGE:
        detail = (
            f'{faults.name(line)}: Product2.Tier_Mode__c of "{product.name}" is {product.tier_mode}. Clear it, '
            "or bill this deal by hand."
        )
        feature = "A price in tiers for what is not usage"
        faults.add("CONF-311", detail, record_id=product.id, field="Tier_Mode__c", feature=feature)
    return Charge(value)


def _blank(line: CrmQuoteLine, product: CrmProduct | None, field: str, choices: str, faults: Faults) -> None:
    detail = f"{field} is blank on the line and on the product. Set it on the product (or on the line) to {choices}."
    faults.product_incomplete(line, product, field, detail)


def read_quantity(line: CrmQuoteLine, faults: Faults) -> int:
    """The whole, positive quantity; 0 with DATA-207 noted where it is anything else."""
    seen = line.quantity
    if seen is not None and seen.is_finite() and seen > 0 and seen == seen.to_integral_value():
        return int(seen)
    why = "we bill whole units only, at least one"
    bad_quantity(line, why, "Change it to a whole number of 1 or more.", faults)
    return 0


def _one(line: CrmQuoteLine, faults: Faults) -> int:
    """The quantity of a usage line, which Salesforce requires and which means nothing."""
    if line.quantity != 1:
        bad_quantity(line, "what is used is counted", "A line that is billed by use has 1. Change it to 1.", faults)
    return 1


def bad_quantity(line: CrmQuoteLine, why: str, todo: str, faults: Faults) -> None:
    """Note a quantity that can't be billed, or taken off, and why (DATA-207)."""
    seen = line.quantity
    shown = "blank" if seen is None else f"{plain(seen)}" if seen.is_finite() else str(seen)
    product = faults.product(line)
    name = product.name if product else "the product"
    detail = f"{faults.name(line)}: Quantity is {shown}. {todo}"
    faults.add("DATA-207", detail, record_id=line.id, field="Quantity", quantity=shown, product=name, why=why)


# ------------------------------------------------------------------ what it costs, and how often


def _price(line: CrmQuoteLine, at: Reading) -> Decimal | None:
    price = line.unit_price
    if price is not None and price.is_finite() and price >= 0:
        return price
    shown = "blank" if price is None else str(price)
    at.faults.price(line, "UnitPrice", f"UnitPrice is {shown} ({at.currency}). Fill a price of 0 or more.")
    return None


def read_period(
    line: CrmQuoteLine, product: CrmProduct | None, at: Reading, cycle: int | None = None
) -> Fraction | None:
    """Months of the price period: the line's, else the product's; a Term is the deal's own, as it is billed in cycles of so
    many months.
    """
    value, field = _period_word(line, product), "Price_Period__c"
    if not value:
        if product:
            _blank(line, product, field, _PERIODS, at.faults)
        return None
    if value == "Term":
        return _term_months(line, at, cycle) if at.frame else None
    if value not in PERIOD_MONTHS:
        at.faults.bad_value(field, value, _PERIODS, line=line)
    months = PERIOD_MONTHS.get(value)
    return Fraction(months) if months else None


def _period_word(line: CrmQuoteLine, product: CrmProduct | None) -> str | None:
    return line.price_period or (product.price_period if product else None)


def _term_months(line: CrmQuoteLine, at: Reading, cycle: int | None) -> Fraction | None:
    """The deal's months, left-over days among them, of which a price for the term is one. Where days are left over they
    have to be counted everywhere as they are here, or the invoices would not come to that price: beside a billing day
    by the days of the line's own cycles.
    """
    assert at.frame is not None
    term, field = at.frame.term, "Price_Period__c"
    if term.end is None:
        detail = f"{field} is Term, but the deal has no end. Choose Month, Quarter or Year, or give the deal an end."
        at.faults.price(line, field, detail)
        return None
    if term.months or term.billing_day is None or cycle is None:
        return months_value(term.start, term.end)
    return sum((c.months for c in at.frame.grid(term.end, cycle).cycles()), Fraction(0))


def _check_part_months(line: CrmQuoteLine, product: CrmProduct | None, start: date, cycle: int, at: Reading) -> None:
    """Note a price for a term with days left over, on a line that begins inside a cycle, where a part month counts whole: it
    could come to more than that price.
    """
    assert at.frame is not None
    term = at.frame.term
    if not at.whole_months or term.months or _period_word(line, product) != "Term" or term.end is None:
        return
    if at.frame.grid(term.end, cycle).at(start).start != start:
        seen = f"Term, and the deal goes from {say(term.start)} to {say(term.end - _ONE_DAY)}"
        feature = (
            "A price for a term that is no whole number of months, from a day inside a billing cycle, where "
            "PRORATION_PRECISION is month,"
        )
        todo = "Choose Month, Quarter or Year, or begin the line with a billing cycle"
        at.faults.not_covered(feature, "Price_Period__c", seen, todo, line=line)


def _cycle(line: CrmQuoteLine, at: Reading) -> int | None:
    """Months of the billing cycle: the line's, else the quote's, else what the deal has for the product."""
    value, field = line.billing_frequency or at.quote.billing_frequency, "Billing_Frequency__c"
    if not value:
        cycles = {x.cycle_months for x in at.deal.recurring if x.product.id == line.product_id} if at.deal else set()
        if len(cycles) == 1:
            return cycles.pop()
        seen = "blank on the line and on the quote"
        seen += ", and the deal does not say how often this product is billed" if at.deal else ""
        detail = f"{at.faults.name(line)}: {field} is {seen}. Choose {_FREQUENCIES}."
        at.faults.add("DATA-215", detail, field=field, also=(line.id,))
        return None
    if value not in CYCLE_MONTHS:
        at.faults.bad_value(field, value, _FREQUENCIES, line=line if line.billing_frequency else None)
    return CYCLE_MONTHS.get(value)


def _check_signed(line: CrmQuoteLine, amount: Decimal, at: Reading) -> None:
    """The signed amount, price x quantity, must be one that the currency can carry (BILLING_RULES 2)."""
    exact = minor(amount, at.currency)
    if exact.denominator != 1:
        inexact = Inexact(exact, round_half_away(exact))
        name, what = at.faults.name(line), "UnitPrice x Quantity"
        inexact_amount(inexact, "UnitPrice", name, line.id, at.currency, at.faults, what=what)


# ------------------------------------------------------------------ from when to when


def _span(line: CrmQuoteLine, frame: Frame, faults: Faults, *, once: bool) -> tuple[date, date | None] | None:
    """The line's first day and the day after its last, inside the deal's time; None with DATA-205 noted.

    What is charged once has a day, and no end of its own.
    """
    start = read_line_start(line, frame, faults)
    if start is None:
        return None
    deal_end = frame.term.end
    if once:
        return start, deal_end
    end = frame.end
    if line.end_date is not None:
        end = line_end(line, frame, start, faults)
        if end is None:
            return None
    if end is not None and end <= start:
        last = end - _ONE_DAY
        detail = f"Start_Date__c is {say(start)}, but the line ends on {say(last)}. Correct one of them."
        faults.dates("Start_Date__c", start, last, detail, line=line)
        return None
    return start, end


def read_line_start(line: CrmQuoteLine, frame: Frame, faults: Faults) -> date | None:
    """The line's own first day, else the quote's; None with DATA-205 noted where the deal does not run then."""
    own = line.start_date
    if own is None or own == frame.written:
        return frame.start
    first, end = frame.start, frame.term.end
    if own < first:
        tried = frame.written not in (None, first)
        trial = f" (after the trial from {say(frame.written)})" if frame.written and tried else ""
        detail = f"Start_Date__c is {say(own)}, but the quote begins on {say(first)}{trial}. Set it to {say(first)} or later."
        faults.dates("Start_Date__c", own, first, detail, line=line)
        return None
    if end is not None and own >= end:
        last = end - _ONE_DAY
        detail = f"Start_Date__c is {say(own)}, but the deal ends on {say(last)}. Set it to {say(last)} or earlier."
        faults.dates("Start_Date__c", own, last, detail, line=line)
        return None
    if not FIRST_YEAR <= own.year <= LAST_YEAR:
        detail = f"Start_Date__c is {own.isoformat()}, which can't be meant. Correct it."
        faults.dates("Start_Date__c", own, first, detail, line=line)
        return None
    return own


def line_end(line: CrmQuoteLine, frame: Frame, start: date, faults: Faults) -> date | None:
    """The day after the line's own last one; None with DATA-205 noted where the deal does not run then, or where the
    line has to end with it.
    """
    assert line.end_date is not None
    last, deal_end, field = line.end_date, frame.term.end, "End_Date__c"
    deal_last = deal_end - _ONE_DAY if deal_end else None
    if frame.ends_with_deal and last != deal_last:
        no_end = f"{faults.name(line)}: {field} is {say(last)}, but the deal has no end. Clear it."
        if deal_last is None:
            faults.add("DATA-205", no_end, record_id=line.id, field=field, first=say(last), second="no end")
            return None
        detail = f"{field} is {say(last)}, but the deal ends on {say(deal_last)}, and so does what is added to it."
        faults.dates(field, last, deal_last, f"{detail} Set it to {say(deal_last)}, or clear it.", line=line)
        return None
    if deal_last is not None and last > deal_last:
        detail = (
            f"{field} is {say(last)}, but the deal ends on {say(deal_last)}. Set it to {say(deal_last)} or earlier."
        )
        faults.dates(field, last, deal_last, detail, line=line)
        return None
    if last < start or last.year > LAST_YEAR:
        detail = f"{field} is {say(last)}, but the line starts on {say(start)}. Correct one of them."
        faults.dates(field, last, start, detail, line=line)
        return None
    return last + _ONE_DAY
