"""The quote's lines, each read into what was signed (BILLING_RULES 3)."""

from __future__ import annotations

from decimal import Decimal

from sync.crm import CrmProduct, CrmQuote, CrmQuoteLine
from sync.deal.calendar import say
from sync.deal.discounts import Percent
from sync.deal.lines import CYCLE_MONTHS, PERIOD_MONTHS, Charge, DealLine, DealProduct
from sync.deal.money import exponent, format_amount, format_exact, minor, plain, round_half_away
from sync.quotes.faults import Faults
from sync.quotes.header import Term


def read_line(
    line: CrmQuoteLine, quote: CrmQuote, term: Term | None, currency: str, faults: Faults, *, rounding: bool
) -> DealLine | None:
    """One line as it was signed, or None with all that is wrong with it noted. ``term`` None: only checked."""
    before = len(faults.found)
    _check_uncovered(line, term, faults)
    product = _product(line, faults)
    charge = _charge(line, product, faults)
    quantity = _quantity(line, faults)
    price = _price(line, currency, faults)
    discounts = _discounts(line, faults)
    period = cycle = None
    if charge is Charge.RECURRING:
        period = _period(line, product, term, faults)
        cycle = _cycle(line, quote, term, faults)
    if price is not None and quantity and not rounding:
        _check_signed(line, price * quantity, currency, faults)
    if term is None or product is None or charge is None or price is None or len(faults.found) > before:
        return None
    sold = DealProduct(product.id, product.name, product.description, product.tax_code)
    return DealLine(line.id, sold, charge, quantity, price, term.start, term.end, period, cycle, discounts)


def _check_uncovered(line: CrmQuoteLine, term: Term | None, faults: Faults) -> None:
    if line.change not in (None, "", "Add"):
        faults.not_covered(f"A line that says {line.change}, on a New quote,", "Change__c", line.change, line=line)
    for feature, field, value in (
        ("An amount off a line", "Discount_Amount__c", line.discount_amount),
        ("A discount for some months", "Discount_Months__c", line.discount_months),
        ("A ramp", "Ramp_Key__c", line.ramp_key),
    ):
        if value:
            faults.not_covered(feature, field, value, line=line)
    if term and line.start_date not in (None, term.start):
        todo = f"Clear it, or set it to {say(term.start)}"
        faults.not_covered("A line with a start of its own", "Start_Date__c", line.start_date, todo, line=line)
    if term and line.end_date is not None and line.end_date.toordinal() + 1 != term.end.toordinal():
        faults.not_covered("A line with an end of its own", "End_Date__c", line.end_date, line=line)


def _product(line: CrmQuoteLine, faults: Faults) -> CrmProduct | None:
    product = faults.product(line)
    also = (line.product_id,) if line.product_id else ()
    if product is None or product.is_deleted:
        name = product.name if product else "The product"
        detail = f"{faults.name(line)}: the product was deleted (Product2Id). Restore it, or quote another."
        faults.add("CONF-301", detail, record_id=line.id, field="Product2Id", also=also, product=name)
        return None
    if not product.is_active:
        detail = f"{faults.name(line)}: Product2.IsActive is unchecked. Activate the product, or quote another."
        faults.add("CONF-301", detail, record_id=product.id, field="IsActive", also=(line.id,), product=product.name)
        return None
    return product


def _charge(line: CrmQuoteLine, product: CrmProduct | None, faults: Faults) -> Charge | None:
    value = line.charge_type or (product.charge_type if product else None)
    if product is None and not value:
        return None  # told already: the product is gone
    if not value:
        _incomplete(line, product, "Charge_Type__c", "Recurring or One-Time", faults)
        return None
    if value == "Usage":
        on_line = line.charge_type == "Usage"
        faults.not_covered("Billing by usage", "Charge_Type__c", "Usage", "Change it", line=line if on_line else None)
        return None
    if value not in tuple(Charge):
        detail = f"{faults.name(line)}: choose Recurring or One-Time."
        faults.add("CONF-304", detail, record_id=line.id, field="Charge_Type__c", value=value, where="Charge_Type__c")
        return None
    if product and product.tier_mode:
        where = f'{faults.name(line)}: Product2.Tier_Mode__c of "{product.name}" is {product.tier_mode}. Clear it'
        feature = "A price in tiers"
        detail = f"{where}, or bill this deal by hand."
        faults.add("CONF-311", detail, record_id=product.id, field="Tier_Mode__c", feature=feature)
    return Charge(value)


def _incomplete(line: CrmQuoteLine, product: CrmProduct | None, field: str, choices: str, faults: Faults) -> None:
    name = product.name if product else "The product"
    detail = (
        f"{faults.name(line)}: {field} is blank on the line and on the product. "
        f"Set it on the product (or on the line) to {choices}."
    )
    also = (line.id,)
    record_id = product.id if product else line.id
    faults.add("CONF-301", detail, record_id=record_id, field=field, also=also, product=name)


def _quantity(line: CrmQuoteLine, faults: Faults) -> int:
    """The whole, positive quantity; 0 with DATA-207 noted where it is anything else."""
    seen = line.quantity
    if seen is not None and seen.is_finite() and seen > 0 and seen == seen.to_integral_value():
        return int(seen)
    shown = "blank" if seen is None else f"{plain(seen)}" if seen.is_finite() else str(seen)
    product = faults.product(line)
    name = product.name if product else "the product"
    detail = f"{faults.name(line)}: Quantity is {shown}. Change it to a whole number of 1 or more."
    faults.add("DATA-207", detail, record_id=line.id, field="Quantity", quantity=shown, product=name)
    return 0


def _price(line: CrmQuoteLine, currency: str, faults: Faults) -> Decimal | None:
    price = line.unit_price
    if price is not None and price.is_finite() and price >= 0:
        return price
    shown = "blank" if price is None else str(price)
    detail = f"{faults.name(line)}: UnitPrice is {shown} ({currency}). Fill a price of 0 or more."
    faults.add("DATA-209", detail, record_id=line.id, field="UnitPrice", line=faults.name(line))
    return None


def _discounts(line: CrmQuoteLine, faults: Faults) -> tuple[Percent, ...]:
    percent = line.discount_percent
    if percent is None or percent == 0:
        return ()
    if percent.is_finite() and 0 < percent <= 100:
        return (Percent(percent),)
    detail = f"{faults.name(line)}: Discount is {percent} %. Set a percentage from 0 to 100."
    faults.add("DATA-209", detail, record_id=line.id, field="Discount", line=faults.name(line))
    return ()


def _period(line: CrmQuoteLine, product: CrmProduct | None, term: Term | None, faults: Faults) -> int | None:
    """Months of the price period: the line's, else the product's; a Term is the deal's own."""
    value = line.price_period or (product.price_period if product else None)
    if not value:
        if product:
            _incomplete(line, product, "Price_Period__c", "Month, Quarter, Year or Term", faults)
        return None
    if value == "Term":
        return term.months if term else None
    if value not in PERIOD_MONTHS:
        detail = f"{faults.name(line)}: choose Month, Quarter, Year or Term."
        faults.add("CONF-304", detail, record_id=line.id, field="Price_Period__c", value=value, where="Price_Period__c")
    return PERIOD_MONTHS.get(value)


def _cycle(line: CrmQuoteLine, quote: CrmQuote, term: Term | None, faults: Faults) -> int | None:
    """Months of the billing cycle: the line's, else the quote's. The term must be a whole number of cycles, as yet."""
    value = line.billing_frequency or quote.billing_frequency
    at = line.id if line.billing_frequency else ""
    choices = "Monthly, Quarterly, Semiannual or Annual"
    if not value:
        detail = f"{faults.name(line)}: Billing_Frequency__c is blank on the line and on the quote. Choose {choices}."
        faults.add("DATA-215", detail, field="Billing_Frequency__c", also=(line.id,))
        return None
    if value not in CYCLE_MONTHS:
        detail, field = f"{faults.name(line)}: choose {choices}.", "Billing_Frequency__c"
        faults.add("CONF-304", detail, record_id=at, field=field, value=value, where=field)
        return None
    cycle = CYCLE_MONTHS[value]
    if term and term.months % cycle:
        todo = f"Choose a frequency that divides {term.months} months"
        feature = f"A term of {term.months} months billed {value.lower()} (a shorter last cycle)"
        faults.not_covered(feature, "Billing_Frequency__c", value, todo, line=line)
    return cycle


def _check_signed(line: CrmQuoteLine, amount: Decimal, currency: str, faults: Faults) -> None:
    """The signed amount, price x quantity, must be one that the currency can carry (BILLING_RULES 2)."""
    exact = minor(amount, currency)
    if exact.denominator == 1:
        return
    nearest = round_half_away(exact)
    gap = (exact - nearest) / 10 ** exponent(currency)
    decimals = exponent(currency)
    detail = (
        f"{faults.name(line)}: UnitPrice x Quantity has more decimals than {currency} carries ({decimals}). "
        "Correct the price, or ask for the rounding step to be switched on."
    )
    faults.add(
        "DATA-210",
        detail,
        record_id=line.id,
        field="UnitPrice",
        signed=format_exact(amount, currency),
        billed=format_amount(nearest, currency),
        difference=format_exact(abs(gap), currency),
    )
