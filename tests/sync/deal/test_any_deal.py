"""Random deals in the whole language of quotes, in the pure model: what is foreseen is what the papers say.

The papers are read and worked out by `tests.e2e.oracle`, which knows nothing of `sync.deal`. The same deals go through
the sandbox in `tests/e2e/test_random_deals.py` and `make soak`; here are many more of them in less time.
``FROM=200 TO=900`` lives other worlds.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.deal.forecast import Forecast, ForecastLine
from sync.errors import Refused
from tests.e2e.oracle import Bill, Charge, Impossible, Oracle, unlike
from tests.e2e.papers import month_on, read_paper, read_terms
from tests.e2e.random_deals import DINAR, PRODUCTS, History, RandomDeal, RandomLine, RandomQuote, history
from tests.sync.deal.deals import EndedInStripe
from tests.sync.deal.lived import Lived

SEEDS = range(int(os.environ.get("FROM", "1")), int(os.environ.get("TO", "13")))
FAR_AT = datetime(2190, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("early", [False, True], ids=["whenever", "before it begins"])
@pytest.mark.parametrize("seed", SEEDS, ids=[f"SEED={seed}" for seed in SEEDS])
def test_what_is_foreseen_is_what_the_papers_say(seed: int, early: bool) -> None:
    plan = history(seed, 10, early=early)
    worked: dict[int, Worked] = {}
    wrong: list[str] = []
    for place, deal in enumerate(plan.deals):
        if deal.follows is not None and not _follows(deal, worked.get(deal.follows)):
            continue
        life = Lived(plan.customers[deal.customer], plan.rounding)
        one = Worked(plan, deal, life, worked.get(deal.follows or 0))
        wrong += _taken_in(one, place)
        if one.oracle is not None:
            worked[place] = one
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", SEEDS, ids=[f"SEED={seed}" for seed in SEEDS])
def test_what_is_added_to_a_deal_of_one_time_lines_is_what_the_papers_say(seed: int) -> None:
    plan = history(seed, 10)
    wrong: list[str] = []
    for place, deal in enumerate(made for given in plan.deals if (made := _made_by_fees(given))):
        life = Lived(plan.customers[deal.customer], plan.rounding)
        # What an Amendment takes off, or its discount, was thought of beside lines that are not there.
        one = Worked(plan, deal, life, None, fair=frozenset({"DATA-207", "DATA-209"}))
        wrong += _taken_in(one, place)
    assert not wrong, "\n".join(wrong)


def _taken_in(one: Worked, place: int) -> list[str]:
    """What is wrong with the first of the deal's quotes that something is wrong with."""
    for number, quote in enumerate(one.deal.quotes, start=1):
        found = one.take_in(number, quote)
        if found:
            return [f"deal {place} quote {number} {quote}: {found}\n  {one.deal.quotes[: number - 1]}"]
        if one.oracle is None:
            break
    return []


def _made_by_fees(deal: RandomDeal) -> RandomDeal | None:
    """The deal with the one-time lines of its first quote only, and its changes as they are."""
    base, *changes = deal.quotes
    if base.kind != "New" or not changes or "Auto_Renew__c" in base.header:
        return None
    fees = tuple(x for x in base.lines if (x.fields.get("Charge_Type__c") or PRODUCTS[x.product][0]) == "One-Time")
    first = replace(base, lines=fees or (RandomLine("Implementation", 1, "100.00", {}),))
    often = {"Billing_Frequency__c": "Quarterly"}
    rest = (c if c.kind == "Cancellation" else replace(c, header={**often, **c.header}) for c in changes)
    return replace(deal, quotes=(first, *rest))


def _follows(deal: RandomDeal, before: Worked | None) -> bool:
    """Whether the deal that is renewed ends where the plan has it: a Cancellation of it may have been refused."""
    last = before.oracle.last().isoformat() if before and before.oracle else ""
    return bool(last == deal.quotes[0].header["Start_Date__c"])


@dataclass
class Worked:
    """A deal as far as it came, twice: by the product's model and by the oracle."""

    plan: History
    deal: RandomDeal
    life: Lived
    before: Worked | None  # the deal that this one may renew
    oracle: Oracle | None = None
    fair: frozenset[str] = frozenset()  # with what else a quote may be refused

    def take_in(self, number: int, quote: RandomQuote) -> str:
        """What is wrong with this quote in it; blank if nothing."""
        after, code = self._papers(number, quote)
        renews = self.before.life.deal if self.before and self.deal.follows is not None else None
        try:
            made = self.life.take_in(quote, number, renews=renews)
        except EndedInStripe:
            return "" if not code else f"not refused with {code}"
        except Refused as refused:
            return "" if self._is_fair(refused, code, after) else f"refused: {refused}, not {code}"
        if code:
            return f"not refused with {code}"
        self.oracle = after
        until = self._until(made, quote)
        return "; ".join(_unlike(after.bill(until), made, until))

    def _papers(self, number: int, quote: RandomQuote) -> tuple[Oracle, str]:
        """The papers with this one, and the code with which it has to be refused."""
        if self.oracle is None:
            follows = self.before.oracle if self.before and self.deal.follows is not None else None
            last = follows.last() if follows else None
            terms = read_terms(quote, self.plan.customers[self.deal.customer], self.plan.rounding, last)
            after = Oracle(terms, [read_paper(quote, terms, number)])
        else:
            paper = read_paper(quote, self.oracle.terms, number, self.oracle.papers)
            after = Oracle(self.oracle.terms, [*self.oracle.papers, paper])
        try:
            if self.oracle is not None:
                self.oracle.accepts(after.papers[-1])
            else:
                after.bill(after.terms.at(month_on(after.terms.start, 60)))
        except Impossible as impossible:
            return after, impossible.code
        return after, ""

    def _is_fair(self, refused: Refused, code: str, after: Oracle) -> bool:
        codes = {refusal.code for refusal in refused.refusals}
        fine = codes == {"DATA-210"} and after.terms.currency == DINAR and not self.plan.rounding
        return code in codes or fine or bool(codes & self.fair)

    def _until(self, made: Forecast, quote: RandomQuote) -> datetime:
        if not made.open_ended or self.oracle is None:
            return FAR_AT
        terms = self.oracle.terms
        return terms.at(month_on(max(terms.start, terms.day(quote.arrives)), 12)) - timedelta(seconds=1)


def _unlike(bill: Bill, made: Forecast, until: datetime) -> list[str]:
    found = [
        Charge(datetime.fromtimestamp(i.at_s, UTC), line.amount, *_days(line))
        for i in made.invoices
        for line in i.lines
        if i.at_s <= until.timestamp()
    ]
    given: Counter[datetime] = Counter()
    for credit in made.credits:
        given[credit.at] += credit.amount if credit.at <= until else 0
    return unlike(bill, found, given)


def _days(line: ForecastLine) -> tuple[str, str]:
    return (line.period_start.isoformat(), line.period_end.isoformat()) if line.recurring else ("", "")
