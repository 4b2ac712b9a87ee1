"""Random New quotes within what this release bills. What a seed makes is always the same; nothing here knows Tandem's code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

#: Decimals of the amounts that a rep types, by currency of the sandbox's org. Dinars are charged in steps of 10 fils.
CURRENCIES: Mapping[str, int] = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 2, "CHF": 2, "INR": 2}
DINAR = "KWD"
CYCLES: Mapping[str, int] = {"Monthly": 1, "Quarterly": 3, "Semiannual": 6, "Annual": 12}
PERIODS = ("Month", "Quarter", "Year", "Term")
TERMS = (1, 2, 3, 4, 6, 9, 12, 12, 12, 12, 15, 18, 24, 36)
#: East and west, with half hours, with summer time on either hemisphere, at both ends of the day; None: the installation's.
ZONES = (
    None, None, "America/Los_Angeles", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Pacific/Pago_Pago",
    "Europe/Berlin", "Europe/Dublin", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Kiritimati",
)  # fmt: skip
#: Signed at these minutes, because boundaries of deals stand on hours and half hours and nothing begins just before one.
MINUTES = (7, 19, 40, 52)
#: Products by name: charge type and price period. The last says neither, so that every line of it has to.
PRODUCTS: Mapping[str, tuple[str | None, str | None]] = {
    "Seat": ("Recurring", "Month"), "Seats by the quarter": ("Recurring", "Quarter"), "Platform": ("Recurring", "Year"),
    "Package": ("Recurring", "Term"), "Implementation": ("One-Time", None), "Bare": (None, None),
}  # fmt: skip


@dataclass(frozen=True)
class RandomLine:
    """One line of a quote; ``fields`` are more fields of it."""

    product: str
    quantity: int
    price: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class RandomDeal:
    """A quote that a rep gets accepted at ``signed`` (business time). ``months`` from ``start`` is its term."""

    customer: int
    signed: datetime
    start: date
    months: int
    header: Mapping[str, Any]
    lines: tuple[RandomLine, ...]

    @property
    def end(self) -> date:
        """The first day after the term."""
        return months_after(self.start, self.months)


@dataclass(frozen=True)
class RandomCustomer:
    """An Account. ``card``: it has a Stripe customer with a card already."""

    currency: str
    timezone: str | None
    card: bool


@dataclass(frozen=True)
class History:
    """What happens in one world, in order of time; ``rounding`` is how Tandem is set."""

    seed: int
    rounding: bool
    customers: tuple[RandomCustomer, ...]
    deals: tuple[RandomDeal, ...]
    jumps: tuple[datetime, ...]

    @property
    def begins(self) -> datetime:
        """The first instant of business time."""
        return self.jumps[0]


def history(seed: int, deals: int) -> History:
    """So many quotes for about half as many customers, signed at a few moments, and jumps of the clock until all is over."""
    dice = Random(seed)
    begins = _moment(dice, date(2025, 1, 1) + timedelta(days=dice.randrange(1400)))
    signings = [begins, *(_moment(dice, begins.date() + timedelta(days=dice.randint(1, 200))) for _ in range(2))]
    customers = tuple(_customer(dice) for _ in range(max(1, (deals + 1) // 2)))
    made = [_deal(dice, customers, dice.choice(signings)) for _ in range(deals)]
    over = max(deal.end for deal in made) + timedelta(days=45)
    return History(seed, dice.random() < 0.4, customers, tuple(made), _jumps(dice, signings, over))


def _jumps(dice: Random, signings: list[datetime], over: date) -> tuple[datetime, ...]:
    stops = set(signings)
    days = (over - signings[0].date()).days
    stops |= {
        _moment(dice, signings[0].date() + timedelta(days=dice.randint(1, days))) for _ in range(dice.randint(0, 6))
    }
    return (*sorted(stops), datetime.combine(over, time(12), tzinfo=UTC))


def _moment(dice: Random, day: date) -> datetime:
    return datetime.combine(day, time(dice.randrange(24), dice.choice(MINUTES)), tzinfo=UTC)


def _customer(dice: Random) -> RandomCustomer:
    return RandomCustomer(dice.choice(("USD", "USD", *CURRENCIES)), dice.choice(ZONES), dice.random() < 0.25)


def _deal(dice: Random, customers: tuple[RandomCustomer, ...], signed: datetime) -> RandomDeal:
    number = dice.randrange(len(customers))
    months = dice.choice(TERMS)
    start = _start(dice, signed.date(), months)
    header: dict[str, Any] = {"Start_Date__c": start.isoformat(), "Billing_Frequency__c": _frequency(dice, months)}
    last = (months_after(start, months) - timedelta(days=1)).isoformat()
    header |= dice.choice(
        ({"Term_Months__c": months}, {"End_Date__c": last}, {"Term_Months__c": months, "End_Date__c": last})
    )
    if customers[number].card and dice.random() < 0.7:
        header["Collection_Method__c"] = "Charge Automatically"
    elif dice.random() < 0.5:
        header["Days_Until_Due__c"] = dice.choice((0, 1, 14, 30, 45, 90))
    if dice.random() < 0.3:
        header["PO_Number__c"] = f"PO-{dice.randrange(10_000)}"
    many = 23 if dice.random() < 0.03 else dice.choice((1, 1, 2, 3, 4, 5))
    lines = [_recurring(dice, customers[number].currency, months) for _ in range(many)]
    lines += [_once(dice, customers[number].currency) for _ in range(dice.choice((0, 0, 1, 2)))]
    if dice.random() < 0.2:
        lines.append(lines[0])  # one that agrees with another
    if dice.random() < 0.15:
        lines.append(RandomLine("Seat", 3, "77.00", {"Optional__c": True}))
    dice.shuffle(lines)
    return RandomDeal(number, signed, start, months, header, tuple(lines))


def _start(dice: Random, today: date, months: int) -> date:
    """A day before, on or after ``today``, often one of the last of a month; the term is not over by then."""
    back = min(200, 28 * months - 5)
    start = today + dice.choice(
        (timedelta(), timedelta(days=dice.randint(1, 150)), timedelta(days=-dice.randint(1, back)))
    )
    if start != today and dice.random() < 0.35:
        last = months_after(start.replace(day=1), 1) - timedelta(days=1)
        start = last - timedelta(days=dice.randrange(3))
    return start


def _frequency(dice: Random, months: int) -> str:
    return dice.choice([name for name, cycle in CYCLES.items() if months % cycle == 0])


def _recurring(dice: Random, currency: str, months: int) -> RandomLine:
    fields: dict[str, Any] = {}
    product = dice.choice(("Seat", "Seat", "Seats by the quarter", "Platform", "Package", "Bare"))
    if product == "Bare":
        fields["Charge_Type__c"] = "Recurring"
    if product == "Bare" or dice.random() < 0.2:
        fields["Price_Period__c"] = dice.choice(PERIODS)
    if dice.random() < 0.25:
        fields["Billing_Frequency__c"] = _frequency(dice, months)
    if dice.random() < 0.35:
        fields["Discount"] = dice.choice(("10", "15", "20", "50", "100", f"{dice.randint(1, 9999) / Decimal(100)}"))
    quantity = dice.choice((1, 1, 2, 3, 7, 10, 25, dice.randint(1, 2000)))
    return RandomLine(product, quantity, _price(dice, currency), fields)


def _once(dice: Random, currency: str) -> RandomLine:
    fields: dict[str, Any] = {"Discount": str(dice.randint(1, 60))} if dice.random() < 0.2 else {}
    if dice.random() < 0.3:
        return RandomLine("Bare", dice.choice((1, 2)), _price(dice, currency), {**fields, "Charge_Type__c": "One-Time"})
    return RandomLine("Implementation", dice.choice((1, 1, 2, 5)), _price(dice, currency), fields)


def _price(dice: Random, currency: str) -> str:
    if dice.random() < 0.06:
        return "0"
    whole = dice.choice((dice.randint(1, 120), dice.randint(100, 20_000)))
    if dice.random() < 0.5:
        return str(whole * (12 if currency == DINAR else 1))
    return f"{Decimal(whole) + Decimal(dice.randrange(100)) / 100:.{CURRENCIES[currency]}f}"


def months_after(day: date, months: int) -> date:
    """``months`` later, on the same day of the month or, where there is none, on the month's last."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month0 == 11), (month0 + 1) % 12 + 1, 1)
    return date(year, month0 + 1, min(day.day, (following - timedelta(days=1)).day))
