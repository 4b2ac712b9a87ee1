"""What the papers of a deal say, read by the rules and by nothing else: no code of Tandem's is used here. What is billed
by use is left to `tests.e2e.random_use`.

Months, days, minutes and cents are worked out in ways of their own, so that a mistake in the product's arithmetic shows.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.random_deals import CYCLES, PRODUCTS, USE, RandomCustomer, RandomQuote

ONE_DAY = timedelta(days=1)
#: Decimals of Stripe's minor unit where they are not two, and the step of a charge where that is not one.
DECIMALS = {"JPY": 0, "KWD": 3}
STEPS = {"KWD": 10}
PERIODS = {"Month": 1, "Quarter": 3, "Year": 12}
FAR = date(2199, 1, 1)


# ------------------------------------------------------------------ days and cents


def month_on(first: date, months: int) -> date:
    """The same day so many months on, at most the month's last."""
    year, month = first.year + (first.month - 1 + months) // 12, (first.month - 1 + months) % 12 + 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def months_and_days(first: date, end: date) -> Fraction:
    """Whole months counted one by one, then days: 365 of them are twelve months."""
    whole = 0
    while month_on(first, whole + 1) <= end:
        whole += 1
    return whole + Fraction((end - month_on(first, whole)).days * 12, 365)


def cents(amount: Fraction, step: int = 1) -> int:
    """The nearest multiple of ``step``, from halves away from zero, by hand."""
    whole, rest = divmod(abs(amount), step)
    whole = int(whole) + (2 * rest >= step)
    return whole * step if amount >= 0 else -whole * step


def of_unit(amount: Fraction) -> Fraction:
    """A unit amount as Stripe takes it: twelve decimals of a cent."""
    return Fraction(cents(amount * 10**12), 10**12)


# ------------------------------------------------------------------ what is signed


@dataclass(frozen=True)
class Off:
    """Something taken off until a day: a part of the price, or cents off each invoice of one line (``owner``)."""

    part: Fraction | None
    cents: int = 0
    until: date | None = None
    owner: str = ""

    def runs(self, day: date) -> bool:
        return self.until is None or day < self.until


@dataclass(frozen=True)
class Line:
    """A line that adds something; ``price`` in cents a month, of what is billed once in cents. ``cycle`` 0: once."""

    id: str
    product: str
    quantity: int
    price: Fraction
    cycle: int
    start: date
    end: date
    offs: tuple[Off, ...] = ()

    def runs(self, day: date) -> bool:
        return self.start <= day < self.end


@dataclass(frozen=True)
class Take:
    """A line that takes something off, from ``day`` on."""

    id: str
    product: str
    price: Fraction
    quantity: int
    day: date


@dataclass(frozen=True)
class Paper:
    """One signed quote. ``arrived`` is when Tandem saw it, ``number`` its place among the quotes of the deal."""

    number: int
    kind: str
    effective: date
    signed: datetime
    arrived: datetime
    adds: tuple[Line, ...] = ()
    takes: tuple[Take, ...] = ()
    proration: str = "Signed"
    credit: str = "Balance"
    skip_past: bool = False
    takes_use: bool = False

    @property
    def order(self) -> tuple[date, datetime, int]:
        """By effective day, then by signature."""
        return (self.effective, self.signed, self.number)


@dataclass(frozen=True)
class Terms:
    """What holds for the whole deal. ``end`` is the first day after it; FAR without one."""

    currency: str
    zone: str
    rounding: bool
    opens: date
    start: date
    end: date
    billing_day: int | None = None

    @property
    def scale(self) -> int:
        """Cents of one unit of the currency."""
        return int(10 ** DECIMALS.get(self.currency, 2))

    @property
    def step(self) -> int:
        return STEPS.get(self.currency, 1)

    def at(self, day: date) -> datetime:
        """The moment at which a day begins: midnight in London, or in a western zone's winter."""
        months = (date(self.opens.year, month, 1) for month in (1, 7))
        offsets = [datetime.combine(m, time(), tzinfo=ZoneInfo(self.zone)).utcoffset() or timedelta() for m in months]
        west = max(timedelta(), -min(offsets))
        return datetime.combine(day, time(), tzinfo=UTC) + west

    def day(self, at: datetime) -> date:
        """The day of a moment in the billing zone."""
        return at.astimezone(ZoneInfo(self.zone)).date()


# ------------------------------------------------------------------ cycles


@dataclass(frozen=True)
class Cycle:
    """From ``start`` to ``end`` (exclusive). ``months`` is how many of them are billed."""

    start: date
    end: date
    months: Fraction


def boundaries(terms: Terms, cycle: int) -> Iterator[date]:
    """The days on which full cycles begin, without end."""
    day = terms.billing_day
    if day is None or day == terms.start.day:
        yield from (month_on(terms.start, k * cycle) for k in count())
    month = terms.start.replace(day=1)
    if on_day(month, day) < terms.start:
        month = month_on(month, 1)
    yield from (on_day(month_on(month, k * cycle), day) for k in count())


def on_day(month: date, day: int | None) -> date:
    """That day of a month, at most its last."""
    return month.replace(day=min(day or 1, calendar.monthrange(month.year, month.month)[1]))


def cycles(terms: Terms, cycle: int, end: date) -> Iterator[Cycle]:
    """Every cycle of what ends on ``end``: shorter ones first and last where the days are so."""
    days = boundaries(terms, cycle)
    first, second = next(days), next(days)
    by_day = terms.billing_day not in (None, terms.start.day)
    if terms.start < first:
        whole = first - on_day(month_on(first.replace(day=1), -cycle), terms.billing_day)
        stub = min(first, end)
        yield Cycle(terms.start, stub, Fraction(cycle * (stub - terms.start).days, whole.days))
    for done in count():
        if first >= end:
            return
        if second <= end:
            months = Fraction(cycle)
        elif by_day:
            months = Fraction(cycle * (end - first).days, (second - first).days)
        else:
            months = months_and_days(terms.start, end) - done * cycle
        yield Cycle(first, min(second, end), months)
        first, second = second, next(days)


def cycle_of(terms: Terms, line: Line, day: date) -> Cycle:
    """The cycle of a line that a day is in."""
    return next(c for c in cycles(terms, line.cycle, line.end) if day < c.end)


# ------------------------------------------------------------------ reading


def read_terms(quote: RandomQuote, customer: RandomCustomer, rounding: bool, follows: date | None = None) -> Terms:
    """The time of the deal that a New quote makes, or of a Renewal that ``follows`` another."""
    head = quote.header
    opens = follows or date.fromisoformat(head["Start_Date__c"])
    start = opens + timedelta(days=head.get("Trial_Days__c", 0))
    end = FAR
    if "Term_Months__c" in head:
        end = month_on(start, head["Term_Months__c"])
    elif "End_Date__c" in head:
        end = date.fromisoformat(head["End_Date__c"]) + ONE_DAY
    return Terms(customer.currency, customer.timezone or "UTC", rounding, opens, start, end, head.get("Billing_Day__c"))


def read_paper(quote: RandomQuote, terms: Terms, number: int, earlier: tuple[Paper, ...] = ()) -> Paper:
    """What the quote does to the deal; ``earlier`` are the deal's papers before it."""
    head = quote.header
    makes = quote.kind in ("New", "Renewal")
    effective = terms.start if makes else date.fromisoformat(head["Start_Date__c"])
    lines = [
        (f"{number}.{n}", line)
        for n, line in enumerate(quote.lines)
        if not line.fields.get("Optional__c") and line.product != USE
    ]
    known = {x.product: x.cycle for p in earlier for x in p.adds if x.cycle}
    signed = head.get("Signed_At__c")
    return Paper(
        number=number,
        kind=quote.kind,
        effective=effective,
        signed=datetime.fromisoformat(signed) if signed else quote.arrives,
        arrived=quote.arrives,
        adds=tuple(
            _line(id_, x, head, effective, terms, known) for id_, x in lines if x.fields.get("Change__c") != "Remove"
        ),
        takes=tuple(
            _take(id_, x, effective, terms, known) for id_, x in lines if x.fields.get("Change__c") == "Remove"
        ),
        proration=head.get("Proration_Policy__c", "Signed"),
        credit=head.get("Credit_Policy__c", "Balance"),
        skip_past=head.get("Skip_Past_Invoices__c", False),
        takes_use=any(x.product == USE and x.fields.get("Change__c") == "Remove" for x in quote.lines),
    )


def _line(
    id_: str, sold: Any, head: Mapping[str, Any], effective: date, terms: Terms, known: Mapping[str, int]
) -> Line:
    fields = sold.fields
    charge = fields.get("Charge_Type__c") or PRODUCTS[sold.product][0]
    price = Fraction(sold.price) * terms.scale
    start = date.fromisoformat(fields["Start_Date__c"]) if "Start_Date__c" in fields else effective
    if charge == "One-Time":
        once = Line(id_, sold.product, sold.quantity, price, 0, start, terms.end)
        return replace(once, offs=_offs(once, fields, head, effective, terms))
    often = fields.get("Billing_Frequency__c") or head.get("Billing_Frequency__c")
    end = date.fromisoformat(fields["End_Date__c"]) + ONE_DAY if "End_Date__c" in fields else terms.end
    cycle = CYCLES[often] if often else known[sold.product]
    line = Line(id_, sold.product, sold.quantity, price / _period(sold, terms, cycle), cycle, start, end)
    return replace(line, offs=_offs(line, fields, head, effective, terms))


def _take(id_: str, sold: Any, effective: date, terms: Terms, known: Mapping[str, int]) -> Take:
    day = date.fromisoformat(sold.fields["Start_Date__c"]) if "Start_Date__c" in sold.fields else effective
    return Take(
        id_, sold.product, Fraction(sold.price) * terms.scale / _period(sold, terms, known.get(sold.product, 1)), sold.quantity, day
    )  # fmt: skip


def _period(sold: Any, terms: Terms, cycle: int) -> Fraction:
    word = str(sold.fields.get("Price_Period__c") or PRODUCTS[sold.product][1])
    if word != "Term":
        return Fraction(PERIODS[word])
    months = months_and_days(terms.start, terms.end)
    by_day = terms.billing_day not in (None, terms.start.day)
    return sum((c.months for c in cycles(terms, cycle, terms.end)), Fraction(0)) if by_day and months % 1 else months


def _offs(
    line: Line, fields: Mapping[str, Any], head: Mapping[str, Any], effective: date, terms: Terms
) -> tuple[Off, ...]:
    """The line's percentage, its amount, then the quote's percentage."""
    until = _until(line.start, fields.get("Discount_Months__c"), line, terms)
    until = until if until != line.end else None
    found = []
    if "Discount" in fields:
        found.append(Off(Fraction(fields["Discount"]) / 100, until=until))
    if "Discount_Amount__c" in fields:
        amount = cents(Fraction(fields["Discount_Amount__c"]) * terms.scale, terms.step)
        found.append(Off(None, amount, until, line.id))
    if "Quote_Discount__c" in head:
        until = _until(effective, head.get("Quote_Discount_Months__c"), line, terms)
        if until is None or until > line.start:
            lasts = until is None or not line.cycle or line.end <= until
            found.append(Off(Fraction(head["Quote_Discount__c"]) / 100, until=None if lasts else until))
    return tuple(found)


def _until(first: date, months: int | None, line: Line, terms: Terms) -> date | None:
    """So many months on, on the deal's own boundaries where the first day is one."""
    if months is None:
        return None
    cycle = line.cycle or 1
    days = boundaries(terms, cycle)
    for day in days:
        if day == first and months % cycle == 0:
            return next(d for n, d in enumerate(days, start=1) if n == months // cycle)
        if day >= first:
            return month_on(first, months)
    raise AssertionError
