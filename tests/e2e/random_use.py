"""Random lines by use: of some deals of a history, what they sell, what was used of it and what that comes to.

As `tests.e2e.oracle` this knows nothing of Tandem's code. Prices are such that no amount is ever rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random

from tests.e2e.papers import Paper, Terms, cycles
from tests.e2e.random_deals import CYCLES, USE, RandomCustomer, RandomDeal, RandomLine, RandomUse

#: So many days before a stop at most something is used: Stripe takes nothing that is older than 35.
MOST_DAYS = 25
#: So long after the last moment what was used is waited for, where Stripe does not bill it by itself; and some minutes.
WAITED_FOR = timedelta(minutes=70)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Used:
    """So many units at a moment."""

    at: datetime
    many: int


@dataclass(frozen=True)
class UseBill:
    """The use of one cycle, billed between two moments."""

    first: datetime
    last: datetime
    cents: int


def with_use(seed: int, deals: Sequence[RandomDeal], customers: Sequence[RandomCustomer]) -> list[RandomDeal]:
    """The deals; some of those that were sold new are by use besides, until an Amendment perhaps takes it off."""
    dice = Random(f"use of {seed}")
    found = []
    for deal in deals:
        able = not deal.plain and deal.follows is None and deal.twin is None
        found.append(_with_use(dice, deal, customers[deal.customer].currency) if able and dice.random() < 0.5 else deal)
    return found


def _with_use(dice: Random, deal: RandomDeal, currency: str) -> RandomDeal:
    mode = dice.choice(("Unit", "Graduated", "Volume"))
    units = [_price(dice, currency) for _ in range(3)]
    if mode == "Unit":
        use = RandomUse(mode, units[0])
    else:
        first = dice.choice((1, 100, 500))
        flat = _price(dice, currency) if dice.random() < 0.5 else None
        tiers = ((first, units[0], None), (first + dice.choice((1, 400)), units[1], flat), (None, units[2], None))
        use = RandomUse(mode, "0", tiers)
    fields = {"Billing_Frequency__c": dice.choice(tuple(CYCLES))}
    off = dice.choice((None, None, "10", "20", "50"))
    fields |= {"Discount": off} if off else {}
    base, *changes = deal.quotes
    quotes = [replace(base, lines=(*base.lines, RandomLine(USE, 1, use.price, fields)))]
    able = [n for n, quote in enumerate(changes) if quote.kind == "Amendment"]
    taken = dice.choice(able) if able and dice.random() < 0.5 else None
    for n, quote in enumerate(changes):
        takes = RandomLine(USE, 1, use.price, {"Change__c": "Remove"})
        quotes.append(replace(quote, lines=(*quote.lines, takes)) if n == taken else quote)
    return replace(deal, quotes=tuple(quotes), use=use)


def _price(dice: Random, currency: str) -> str:
    """Tenths; of a currency without them tens."""
    tens = dice.randint(1, 40)
    return str(tens * 10) if currency == "JPY" else f"{tens / 10:.2f}"


# ------------------------------------------------------------------ what it comes to


class UseOracle:
    """What one deal is billed by use, from its papers and from what was used."""

    def __init__(self, use: RandomUse, sold: RandomLine, terms: Terms) -> None:
        self.use, self.terms = use, terms
        self.cycle = CYCLES[sold.fields["Billing_Frequency__c"]]
        self.kept = 1 - Fraction(sold.fields.get("Discount", 0)) / 100
        self.used: list[Used] = []

    def cost(self, many: int) -> int:
        """Cents of so many units of one cycle."""
        if self.use.mode == "Unit":
            exact = Fraction(self.use.price) * many
        else:
            exact, below = Fraction(0), 0
            for up_to, unit, flat in self.use.tiers:
                reached = many > below
                ends = up_to is None or many <= up_to
                if self.use.mode == "Graduated" and reached:
                    exact += Fraction(unit) * ((many if ends else up_to or 0) - below) + Fraction(flat or 0)
                elif self.use.mode == "Volume" and reached and ends:
                    exact = Fraction(unit) * many + Fraction(flat or 0)
                below = up_to or 0
        amount = exact * self.kept * self.terms.scale
        assert amount.denominator == 1, f"{many} units come to {amount} cents"
        return int(amount)

    def bills(self, papers: Iterable[Paper], until: datetime) -> list[UseBill]:
        """What was or may have been billed by a moment, cycle by cycle."""
        known = sorted(papers, key=lambda paper: paper.arrived)
        nexts = [*(paper.arrived for paper in known[1:]), until]
        found = []
        for span in cycles(self.terms, self.cycle, self.terms.end):
            if self.terms.at(span.start) > until:
                break
            for n, over in enumerate(nexts, start=1):
                last, by = service_end(self.terms, known[:n])
                if last <= span.start:
                    break  # no paper that comes later brings it back
                ends = min(span.end, last)
                came = known[0] if by is None or last >= span.end else by
                first = max(self.terms.at(ends), came.arrived)
                if first <= over:
                    found.append(UseBill(first, first + WAITED_FOR, self._between(span.start, ends)))
                    break
        return found

    def _between(self, first: date, end: date) -> int:
        begins, ends = self.terms.at(first), self.terms.at(end)
        return self.cost(sum(used.many for used in self.used if begins <= used.at < ends))

    # -------------------------------------------------------------- what is used

    def may_use(self, papers: Sequence[Paper], now: datetime) -> tuple[datetime, datetime] | None:
        """From when until when something can be reported now that is billed with the cycle that runs. Nothing where its
        service has ended, unless the paper that ended it has only just come.
        """
        last, by = service_end(self.terms, papers)
        running = None
        for span in cycles(self.terms, self.cycle, self.terms.end):
            if self.terms.at(span.start) > now:
                break
            running = span
        if running is None or last <= running.start or self.terms.at(running.end) <= now:
            return None
        ends = self.terms.at(min(running.end, last))
        if ends <= now and (by is None or by.arrived != now):
            return None
        first = max(self.terms.at(running.start), now - timedelta(days=MOST_DAYS))
        first += (-first.second % 60) * timedelta(seconds=1)
        return (first, min(now, ends) - MINUTE) if first < min(now, ends) - MINUTE else None

    def is_used(self, dice: Random, papers: Sequence[Paper], now: datetime) -> list[Used]:
        """What happens to be reported now; from here on it counts."""
        span = self.may_use(papers, now)
        if span is None:
            return []
        minutes = int((span[1] - span[0]) / MINUTE)
        found = [
            Used(span[0] + dice.choice((0, minutes, dice.randint(0, minutes))) * MINUTE, dice.choice((1, 99, 100, 101, 650)))
            for _ in range(dice.choice((0, 1, 1, 2, 3)))
        ]  # fmt: skip
        self.used += found
        return found


def service_end(terms: Terms, papers: Sequence[Paper]) -> tuple[date, Paper | None]:
    """The first day without use by these papers, and the paper that says so; none where the term does."""
    ends: list[tuple[date, Paper | None]] = [(terms.end, None)]
    for paper in papers:
        if paper.kind == "Cancellation" or paper.takes_use:
            ends.append((paper.effective, paper))
    return min(ends, key=lambda end: end[0])
