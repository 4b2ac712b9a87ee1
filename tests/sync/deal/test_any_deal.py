"""Random deals in the whole language of quotes, in the pure model: what is foreseen is what the papers say (`tests.e2e.oracle`)."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sync.deal.forecast import Forecast, ForecastLine
from sync.errors import Refused
from tests.e2e.oracle import Bill, Charge, Impossible, Oracle, unlike
from tests.e2e.papers import month_on, read_paper, read_terms
from tests.e2e.random_deals import History, history
from tests.sync.deal.lived import Lived

SEEDS = range(int(os.environ.get("FROM", 1)), int(os.environ.get("TO", 25)))


def same(bill: Bill, made: Forecast, until: datetime) -> list[str]:
    """What differs between what the papers say and what was foreseen, up to a moment."""
    found = [
        Charge(datetime.fromtimestamp(i.at_s, UTC), line.amount, *_days(line))
        for i in made.invoices
        for line in i.lines
        if i.at_s <= until.timestamp()
    ]
    given: Counter[datetime] = Counter()
    for credit in made.credits:
        given[credit.at.replace(microsecond=0)] += credit.amount if credit.at <= until else 0
    return unlike(bill, found, given)


def _days(line: ForecastLine) -> tuple[str, str]:
    return (line.period_start.isoformat(), line.period_end.isoformat()) if line.recurring else ("", "")


def lived(plan: History) -> list[str]:
    wrong: list[str] = []
    oracles: list[Oracle | None] = []
    lives: list[Lived] = []
    for place, deal in enumerate(plan.deals):
        customer = plan.customers[deal.customer]
        life = Lived(customer, plan.rounding)
        oracle: Oracle | None = None
        renews = None
        follows = None
        if deal.follows is not None:
            renews, before = lives[deal.follows].deal, oracles[deal.follows]
            follows = before.last() if before else None
        lives.append(life)
        oracles.append(None)
        if deal.follows is not None and renews is None:
            continue
        for number, quote in enumerate(deal.quotes, start=1):
            where = f"SEED={plan.seed} deal {place} quote {number}"
            code = ""
            try:
                if oracle is None:
                    terms = read_terms(quote, customer, plan.rounding, follows)
                    after = Oracle(terms, [read_paper(quote, terms, number)])
                    after.bill(terms.at(month_on(terms.start, 60)))
                else:
                    paper = read_paper(quote, oracle.terms, number, oracle.papers)
                    oracle.accepts(paper)
                    after = Oracle(oracle.terms, [*oracle.papers, paper])
            except Impossible as impossible:
                code = impossible.code
            try:
                made = life.take_in(quote, number, renews=renews)
            except Refused as refused:
                codes = {r.code for r in refused.refusals}
                pause = codes == {"DATA-206"} and not code and oracle is not None and after.pauses()
                fine = codes == {"DATA-210"} and customer.currency == "KWD" and not plan.rounding
                if code not in codes and not pause and not fine:
                    wrong.append(f"{where}: {quote} refused {refused}, not {code}")
                if oracle is None:
                    break
                continue
            except Exception as error:
                wrong.append(f"{where}: {quote}: {error!r}")
                break
            if code:
                wrong.append(f"{where}: {quote} not refused with {code}")
                break
            oracle = after
            oracles[place] = oracle
            until = datetime.fromtimestamp(made.invoices[-1].at_s, UTC) if made.open_ended and made.invoices else FAR_AT
            if made.open_ended:
                ahead = max(oracle.terms.start, oracle.terms.day(quote.arrives))
                until = oracle.terms.at(month_on(ahead, 12)) - timedelta(seconds=1)
            try:
                found = same(oracle.bill(until), made, until)
            except Impossible as impossible:
                found = [f"oracle: {impossible}"]
            if found:
                wrong.append(f"{where}: {deal.quotes[:number]}\n   " + "\n   ".join(found))
                break
    return wrong


FAR_AT = datetime(2190, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_foreseen_is_what_the_papers_say(seed: int) -> None:
    wrong = lived(history(seed, 10))
    assert not wrong, "\n".join(wrong)
