"""Random deals in the whole language of quotes. What a seed makes is always the same; nothing here knows Tandem's code.

A deal is a New quote and up to six quotes that change it, each accepted at a moment that has nothing to do with the day
on which it takes effect; perhaps a Renewal follows. A few changes can't be: they have to be refused.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

#: Decimals of the amounts that a rep types, by currency of the sandbox's org. Dinars are charged in steps of 10 fils.
CURRENCIES: Mapping[str, int] = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 2, "CHF": 2, "INR": 2}
DINAR = "KWD"
CYCLES: Mapping[str, int] = {"Monthly": 1, "Quarterly": 3, "Semiannual": 6, "Annual": 12}
PERIODS = ("Month", "Quarter", "Year", "Term")
PERIOD_MONTHS = {"Month": 1, "Quarter": 3, "Year": 12}
TERMS = (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 12, 12, 12, 13, 15, 18, 24, 36)
POLICIES = ("Signed", "Signed", "Stripe", "None")
CREDITS = ("Balance", "Balance", "Refund", "None")
#: East and west, with half hours, with summer time on either hemisphere, at both ends of the day; None: the installation's.
ZONES = (
    None, None, "America/Los_Angeles", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "Pacific/Pago_Pago",
    "Europe/Berlin", "Europe/Dublin", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Kiritimati",
)  # fmt: skip
#: Things happen at these minutes, because boundaries of deals stand on hours and half hours and nothing begins just before one.
MINUTES = (7, 19, 40, 52)
#: Products by name: charge type and price period. The last says neither, so that every line of it has to.
PRODUCTS: Mapping[str, tuple[str | None, str | None]] = {
    "Seat": ("Recurring", "Month"), "Seats by the quarter": ("Recurring", "Quarter"), "Platform": ("Recurring", "Year"),
    "Package": ("Recurring", "Term"), "Implementation": ("One-Time", None), "Bare": (None, None),
    "Use": ("Usage", None),
}  # fmt: skip
#: What is billed by use is a product of each deal, with a meter of its own.
USE = "Use"
RECURRING = ("Seat", "Seat", "Seats by the quarter", "Platform", "Package", "Bare")
ONE_DAY = timedelta(days=1)
#: A coupon of Stripe takes off 99,999,999 cents (or fils) and no more.
MOST_OFF = Decimal(99_999)


@dataclass(frozen=True)
class RandomLine:
    """One line of a quote; ``fields`` are more fields of it."""

    product: str
    quantity: int
    price: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class RandomQuote:
    """A quote that a rep gets accepted at ``arrives`` (business time)."""

    kind: str
    arrives: datetime
    header: Mapping[str, Any]
    lines: tuple[RandomLine, ...] = ()


@dataclass(frozen=True)
class RandomUse:
    """What a deal sells by use: at ``price`` a unit, or in ``tiers`` (up to, a unit, flat), ``Graduated`` or ``Volume``."""

    mode: str
    price: str
    tiers: tuple[tuple[int | None, str, str | None], ...] = ()


@dataclass(frozen=True)
class RandomDeal:
    """A deal of a customer: the quote that makes it, then those that change it, in the order in which they come.

    ``plain``: nothing in it leaves a rounding difference, and all of it is billed as signed. ``follows``: the place of
    the deal that this one renews. ``twin``: the place of one with the same quotes, which come in another order.
    """

    customer: int
    quotes: tuple[RandomQuote, ...]
    plain: bool = False
    follows: int | None = None
    twin: int | None = None
    use: RandomUse | None = None


@dataclass(frozen=True)
class RandomCustomer:
    """An Account. ``card``: it has a Stripe customer with a card already."""

    currency: str
    timezone: str | None
    card: bool


@dataclass(frozen=True)
class History:
    """What happens in one world, in order of time; ``rounding`` is how Tandem is set. ``moments``: where the clock stops."""

    seed: int
    rounding: bool
    customers: tuple[RandomCustomer, ...]
    deals: tuple[RandomDeal, ...]
    moments: tuple[datetime, ...]


def history(seed: int, deals: int, *, early: bool = False) -> History:
    """So many deals of about half as many customers, and the moments at which the clock stops until all is over.

    ``early``: much is changed before it begins, from the first day on, and taken off whole.
    """
    dice = Random(seed)
    begins = date(2025, 1, 1) + timedelta(days=dice.randrange(1400))
    stops = sorted({_moment(dice, begins + timedelta(days=dice.randint(0, 400))) for _ in range(9)})
    customers = [_customer(dice) for _ in range(max(1, (deals + 1) // 2))]
    made: list[RandomDeal] = []
    while len(made) < deals:
        if made and made[-1].plain and made[-1].twin is None and len(made) % 2:
            customers.append(customers[made[-1].customer])
            made.append(_twin(dice, made[-1], len(made) - 1, len(customers) - 1))
            continue
        number = dice.randrange(len(customers))
        made.append(_Deal(dice, customers[number], stops, early=early).made(number))
        renewal = _renewal(dice, made, customers, stops) if len(made) < deals else None
        made += [renewal] if renewal else []
    over = max(stops[-1].date(), *(_over(deal) for deal in made)) + timedelta(days=45)
    stops = [*stops, *_more(dice, stops[-1].date(), over), _at(over, 12, 0)]
    return History(seed, dice.random() < 0.4, tuple(customers), tuple(made), tuple(stops))


def _over(deal: RandomDeal) -> date:
    """The day after the last of a deal; of one without an end some time on."""
    head = deal.quotes[0].header
    start = date.fromisoformat(head["Start_Date__c"]) + timedelta(days=head.get("Trial_Days__c", 0))
    if "End_Date__c" in head:
        return date.fromisoformat(head["End_Date__c"]) + ONE_DAY
    return months_after(start, head.get("Term_Months__c", 15))


def _more(dice: Random, first: date, last: date) -> list[datetime]:
    """Stops on the way to the end, some days or months apart: nobody is away for longer than half a year."""
    found, day = [], first
    while (last - day).days > 40:
        day += timedelta(days=dice.randint(20, 170))
        if day < last:
            found.append(_moment(dice, day))
    return found


def _moment(dice: Random, day: date) -> datetime:
    return _at(day, dice.randrange(24), dice.choice(MINUTES))


def _at(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), tzinfo=UTC)


def _customer(dice: Random) -> RandomCustomer:
    return RandomCustomer(dice.choice(("USD", "USD", *CURRENCIES)), dice.choice(ZONES), dice.random() < 0.25)


def _twin(dice: Random, of: RandomDeal, place: int, customer: int) -> RandomDeal:
    """The same quotes for another customer; the changes are signed in the same order and come in another."""
    base, *changes = of.quotes
    moments = [quote.arrives for quote in changes]
    signed = [replace(q, header={**q.header, "Signed_At__c": _stamp(q.arrives)}) for q in changes]
    dice.shuffle(signed)
    again = [replace(quote, arrives=at) for quote, at in zip(signed, moments, strict=True)]
    return RandomDeal(customer, (base, *again), plain=True, twin=place)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _renewal(
    dice: Random, made: Sequence[RandomDeal], customers: Sequence[RandomCustomer], stops: Sequence[datetime]
) -> RandomDeal | None:
    """A deal that goes on where the newest ends; accepted before or after that day."""
    place, old = len(made) - 1, made[-1]
    head = old.quotes[0].header
    changed = max(quote.arrives for quote in old.quotes)
    after = [at for at in stops if at > changed]
    endless = "Auto_Renew__c" in head
    if dice.random() < 0.75 or old.plain or old.follows is not None or endless or not after:
        return None
    ends = min(
        [_over(old), *(date.fromisoformat(q.header["Start_Date__c"]) for q in old.quotes if q.kind == "Cancellation")]
    )
    writer = _Deal(dice, customers[old.customer], stops, start=ends)
    writer.signed = dice.choice(after)
    base = writer.base("Renewal", _over(old))
    if _over(RandomDeal(0, (base,))) <= base.arrives.date() + timedelta(days=2):
        return None
    return RandomDeal(old.customer, (base,), follows=place)


# ------------------------------------------------------------------ one deal


@dataclass
class _Deal:
    """Writes the quotes of one deal."""

    dice: Random
    customer: RandomCustomer
    stops: Sequence[datetime]
    start: date = date.min
    end: date | None = None
    months: int | None = None  # None: days of the term are left over
    plain: bool = False
    early: bool = False
    by_day: bool = False  # has a billing day of its own
    signed: datetime = datetime.min  # noqa: DTZ901 - chosen anew for every quote before it is used
    often: dict[str, str] = field(default_factory=dict)  # by product
    sold: list[RandomLine] = field(default_factory=list)
    based: set[str] = field(default_factory=set)  # products of the first quote: its frequency is known

    def made(self, customer: int) -> RandomDeal:
        dice = self.dice
        self.plain = dice.random() < 0.3 and self.customer.currency != DINAR
        self.signed = dice.choice(self.stops[:4])
        base = self.base("New", None)
        until = (
            self.end + timedelta(days=40 if dice.random() < 0.2 else -1) if self.end else date.max
        )  # some come too late
        later = [at for at in self.stops if at > self.signed and at.date() < until]
        arrivals = sorted(dice.sample(later, min(dice.choice((0, 1, 2, 3, 4, 5, 6)), len(later))))
        if self.plain and len(arrivals) < 2:
            self.plain = False
        changes = [self._change(at, last=n + 1 == len(arrivals)) for n, at in enumerate(arrivals)]
        return RandomDeal(customer, (base, *changes), self.plain)

    @property
    def _has_term(self) -> bool:
        """Whether a price can be one for the term."""
        return self.months is not None or self.end is not None

    @property
    def _term_months(self) -> int:
        """The months of the term, a part of one counted whole."""
        return self.months or (((self.end - self.start).days // 28 + 1) if self.end else 1)

    # -------------------------------------------------------------- the quote that makes it

    def base(self, kind: str, follows: date | None) -> RandomQuote:
        dice = self.dice
        self.months = months = dice.choice(TERMS)
        head: dict[str, Any] = {"Quote_Type__c": kind} if kind != "New" else {}
        if kind == "New":
            ahead = self.signed.date() + timedelta(days=dice.randint(1, 200)) if self.early else None
            self.start = ahead or _start(dice, self.signed.date(), months)
            if not self.plain and dice.random() < 0.12:
                head["Trial_Days__c"] = dice.randint(1, 40)
        head["Start_Date__c"] = self.start.isoformat()
        self.start += timedelta(days=head.get("Trial_Days__c", 0))
        self._term(head, kind)
        if not self.plain and kind == "New" and dice.random() < 0.15:
            head["Billing_Day__c"] = dice.choice((1, 5, 15, 28, 29, 30, 31))
            self.by_day = True
        head |= self._money()
        head["Billing_Frequency__c"] = dice.choice(tuple(CYCLES))
        lines = [self._recurring(head, base=kind == "New", whole=n == 0) for n in range(self._how_many())]
        if kind == "New" and not self.plain and dice.random() < 0.2:
            lines += self._ramp(head)
        self.sold += [self._explicit(line) for line in lines]
        self.based |= {line.product for line in lines}
        lines += [self._once(self.start, base=True) for _ in range(dice.choice((0, 0, 1, 2)))]
        if dice.random() < 0.1:
            lines.append(RandomLine("Seat", 3, "77.00", {"Optional__c": True}))
        if not self.plain:
            head |= self._quote_discount(lines, head)
        dice.shuffle(lines)
        return RandomQuote(kind, self.signed, head, tuple(lines))

    def _how_many(self) -> int:
        if self.plain:
            return self.dice.choice((1, 1, 2))
        return 23 if self.dice.random() < 0.03 else self.dice.choice((1, 1, 2, 3, 4))

    def _term(self, head: dict[str, Any], kind: str) -> None:
        """Whole months, some days more or less, or none at all."""
        dice, months = self.dice, self.months or 1
        self.end = months_after(self.start, months)
        chance = 1.0 if self.plain else dice.random()
        if chance < 0.08 and kind == "New":
            self.end, self.months = None, None
            head["Auto_Renew__c"] = True
        elif chance < 0.3:
            self.end = self.end + timedelta(days=dice.randint(-12, 25))
            self.months = next((n for n in range(40) if months_after(self.start, n) == self.end), None)
            head["End_Date__c"] = (self.end - ONE_DAY).isoformat()
        elif chance < 0.6:
            head["End_Date__c"] = (self.end - ONE_DAY).isoformat()
        else:
            head["Term_Months__c"] = months

    def _money(self) -> dict[str, Any]:
        dice, found = self.dice, dict[str, Any]()
        if self.customer.card and dice.random() < 0.7:
            found["Collection_Method__c"] = "Charge Automatically"
        elif dice.random() < 0.5:
            found["Days_Until_Due__c"] = dice.choice((0, 1, 14, 30, 45, 90))
        if dice.random() < 0.3:
            found["PO_Number__c"] = f"PO-{dice.randrange(10_000)}"
        return found

    def _quote_discount(self, lines: Sequence[RandomLine], head: Mapping[str, Any]) -> dict[str, Any]:
        dice = self.dice
        if dice.random() >= 0.15:
            return {}
        found: dict[str, Any] = {"Quote_Discount__c": dice.choice(("5", "10", "12.5"))}
        cycles = {CYCLES[x.fields.get("Billing_Frequency__c") or head["Billing_Frequency__c"]] for x in lines}
        fits = [n for n in (1, 2, 3, 6, 12) if not any(n % c for c in cycles) and self._lasts(self.start, n)]
        if fits and "Billing_Day__c" not in head and dice.random() < 0.5:
            found["Quote_Discount_Months__c"] = dice.choice(fits)
        return found

    def _lasts(self, start: date, months: int) -> bool:
        return self.end is None or months_after(start, months) <= self.end

    # -------------------------------------------------------------- lines

    def _recurring(
        self, head: Mapping[str, Any], *, base: bool, day: date | None = None, whole: bool = False
    ) -> RandomLine:
        """A line of a New quote, perhaps with days of its own, or one that an Amendment adds from a day on."""
        dice, fields = self.dice, dict[str, Any]()
        product = "Seat" if self.plain else dice.choice(RECURRING)
        if product == "Bare":
            fields["Charge_Type__c"] = "Recurring"
            fields["Billing_Frequency__c"] = dice.choice(tuple(CYCLES))
        period = PRODUCTS[product][1]
        if product == "Bare" or (not self.plain and dice.random() < 0.2) or (period == "Term" and not self._has_term):
            period = fields["Price_Period__c"] = dice.choice(PERIODS if self._has_term else PERIODS[:3])
        own = dice.random() < 0.25
        if product not in self.often:
            self.often[product] = dice.choice(tuple(CYCLES)) if own else head.get("Billing_Frequency__c", "Monthly")
        said = head.get("Billing_Frequency__c", self.often[product])
        if product != "Bare" and (product not in self.based or said != self.often[product] or dice.random() < 0.7):
            fields["Billing_Frequency__c"] = self.often[product]
        often = fields.get("Billing_Frequency__c") or said
        quantity = dice.randint(60, 90) if self.plain else dice.choice((1, 2, 3, 7, 10, 25, dice.randint(1, 2000)))
        price = str(dice.randint(5, 300)) if self.plain else _price(dice, self.customer.currency)
        start = day or self.start
        free = base and not self.plain and not whole
        if free and dice.random() < 0.2 and self.end and (self.end - self.start).days > 3:
            start = self._some_day(self.start)
            fields["Start_Date__c"] = start.isoformat()
        end = self.end
        if free and dice.random() < 0.12 and self.end and (self.end - start).days > 3:
            end = start + timedelta(days=dice.randint(2, (self.end - start).days))
            fields["End_Date__c"] = (end - ONE_DAY).isoformat()
        if base:
            fields["Ramp_Key__c"] = f"K{dice.randrange(10**9)}"
        if not self.plain:
            worth = Decimal(price) * quantity * CYCLES[often] / (PERIOD_MONTHS.get(period or "") or self._term_months)
            fields |= self._discount(
                start, end, CYCLES[often], worth, by_day="Billing_Day__c" in head or (self.early and self.by_day)
            )
        return RandomLine(product, quantity, price, fields)

    def _discount(self, start: date, end: date | None, cycle: int, worth: Decimal, *, by_day: bool) -> dict[str, Any]:
        dice, found = self.dice, dict[str, Any]()
        if dice.random() < 0.35:
            found["Discount"] = dice.choice(("10", "15", "20", "50", "100", f"{dice.randint(1, 9999) / Decimal(100)}"))
        full = end is None or months_after(start, 2 * cycle) <= end
        if full and dice.random() < 0.15 and found.get("Discount") != "100":
            left = worth * (100 - Decimal(found.get("Discount", 0))) / 100
            places = Decimal(1).scaleb(-CURRENCIES[self.customer.currency])
            amount = min(left * dice.randint(2, 30) / 100, MOST_OFF).quantize(places, ROUND_DOWN)
            found |= {"Discount_Amount__c": str(amount)} if amount else {}
        if found and not by_day and dice.random() < 0.4:
            fits = [n for n in (1, 2, 3, 6, 9, 12) if n % cycle == 0 and (end is None or months_after(start, n) <= end)]
            found |= {"Discount_Months__c": dice.choice(fits)} if fits else {}
        return found

    def _ramp(self, head: Mapping[str, Any]) -> list[RandomLine]:
        """Steps of one product that follow each other over the whole term."""
        dice = self.dice
        if self.end is None:
            return []
        cycle = CYCLES[self.often.setdefault("Platform", head["Billing_Frequency__c"])]
        days = [months_after(self.start, n * cycle) for n in range(1, 40)]
        days = [d for d in days if d < self.end] if dice.random() < 0.7 else [self._some_day(self.start)]
        cuts = sorted(set(dice.sample(days, min(len(days), dice.randint(1, 3)))) - {self.start})
        key, often = f"Ramp {dice.randrange(10**6)}", self.often["Platform"]
        spans = list(zip([self.start, *cuts], [*cuts, self.end], strict=True))
        return [
            RandomLine("Platform", 5 + 3 * n, str(1200 - 60 * n), {
                "Billing_Frequency__c": often, "Ramp_Key__c": key, "Start_Date__c": first.isoformat(),
                "End_Date__c": (last - ONE_DAY).isoformat(),
            })
            for n, (first, last) in enumerate(spans)
        ]  # fmt: skip

    def _once(self, day: date, *, base: bool) -> RandomLine:
        dice = self.dice
        fields: dict[str, Any] = (
            {"Discount": str(dice.randint(1, 60))} if not self.plain and dice.random() < 0.2 else {}
        )
        if base and self.end and dice.random() < 0.2 and (self.end - day).days > 2:
            fields["Start_Date__c"] = self._some_day(day).isoformat()
        price = _price(dice, self.customer.currency)
        if dice.random() < 0.3:
            return RandomLine("Bare", dice.choice((1, 2)), price, {**fields, "Charge_Type__c": "One-Time"})
        return RandomLine("Implementation", dice.choice((1, 1, 2, 5)), price, fields)

    # -------------------------------------------------------------- what changes it

    def _change(self, arrives: datetime, *, last: bool) -> RandomQuote:
        dice = self.dice
        if last and not self.plain and dice.random() < 0.3:
            return self._cancellation(arrives)
        day = self._some_day(self.start)
        head: dict[str, Any] = {"Quote_Type__c": "Amendment", "Start_Date__c": day.isoformat()}
        if not self.plain:
            head |= self._policies()
            if dice.random() < 0.06 and self.end:
                head["Start_Date__c"] = (self.end + timedelta(days=dice.randint(0, 60))).isoformat()
        if dice.random() < 0.3:
            head["Signed_At__c"] = _stamp(arrives - timedelta(days=dice.randint(0, 60), seconds=dice.randrange(9999)))
        if dice.random() < 0.5:
            head["Billing_Frequency__c"] = dice.choice(tuple(CYCLES))
        lines = [self._add_or_take(day, head) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
        if dice.random() < 0.15:
            lines.append(self._once(day, base=False))
        return RandomQuote("Amendment", arrives, head, tuple(lines))

    def _policies(self) -> dict[str, Any]:
        dice, found = self.dice, dict[str, Any]()
        if dice.random() < 0.7:
            found["Proration_Policy__c"] = dice.choice(POLICIES)
        if dice.random() < 0.7:
            found["Credit_Policy__c"] = dice.choice(CREDITS)
        return found

    def _add_or_take(self, day: date, head: Mapping[str, Any]) -> RandomLine:
        dice = self.dice
        known = dice.choice(self.sold)
        keep = ("Charge_Type__c", "Price_Period__c", "Billing_Frequency__c")
        fields = {k: v for k, v in known.fields.items() if k in keep}
        if self.early and dice.random() < 0.5:
            return RandomLine(known.product, known.quantity, known.price, {**fields, "Change__c": "Remove"})
        if dice.random() < 0.4 and known.fields.get("Start_Date__c") != day.isoformat():
            most = 3 if self.plain else known.quantity  # of a plain deal there is enough in whatever order they come
            quantity = known.quantity + 5_000 if not self.plain and dice.random() < 0.08 else dice.randint(1, most)
            return RandomLine(known.product, quantity, known.price, {**fields, "Change__c": "Remove"})
        if self.plain or (dice.random() < 0.6 and "End_Date__c" not in known.fields):
            fields |= {k: known.fields[k] for k in ("Discount",) if k in known.fields}
            return RandomLine(known.product, dice.randint(1, 12), known.price, fields)
        line = self._recurring(head, base=False, day=day)
        self.sold.append(self._explicit(line))
        return line

    def _explicit(self, line: RandomLine) -> RandomLine:
        """The line as it is copied: it says how often it is billed."""
        return replace(line, fields={"Billing_Frequency__c": self.often[line.product], **line.fields})

    def _cancellation(self, arrives: datetime) -> RandomQuote:
        """On the last day or before it, on a boundary or inside a cycle, known ahead or late."""
        dice = self.dice
        day = self._some_day(self.start) if dice.random() < 0.85 else self.start
        if self.end and dice.random() < 0.08:
            day = self.end + timedelta(days=dice.randint(0, 9))
        head = {"Quote_Type__c": "Cancellation", "Start_Date__c": day.isoformat(), **self._policies()}
        return RandomQuote("Cancellation", arrives, head)

    def _some_day(self, first: date) -> date:
        """A day of the deal after its first, often the same day of a later month."""
        dice = self.dice
        if self.early and dice.random() < 0.5:
            return first
        days = ((self.end or self.start + timedelta(days=400)) - first).days
        if dice.random() < 0.3:
            months = [months_after(first, n) for n in range(1, 36)]
            months = [day for day in months if (day - first).days < days]
            if months:
                return dice.choice(months)
        return first + timedelta(days=dice.randint(1, max(1, days - 1)))


def _start(dice: Random, today: date, months: int) -> date:
    """A day before, on or after ``today``, often one of the last of a month; the term is not over by then."""
    back = min(200, 28 * months - 20)
    past = timedelta(days=-dice.randint(1, back)) if back > 1 else timedelta()
    start = today + dice.choice((timedelta(), timedelta(days=dice.randint(1, 150)), past))
    if start > today and dice.random() < 0.35:
        last = months_after(start.replace(day=1), 1) - ONE_DAY
        start = last - timedelta(days=dice.randrange(3))
    return start


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
    return date(year, month0 + 1, min(day.day, calendar.monthrange(year, month0 + 1)[1]))
