"""Random deals in the whole language of quotes, in the pure model: what is foreseen is what the papers say (`tests.e2e.oracle`)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
import os

import pytest

from sync.deal.forecast import Forecast
from sync.errors import Refused
from tests.e2e.oracle import Bill, Impossible, Oracle
from tests.e2e.papers import FAR, month_on, read_paper, read_terms
from tests.e2e.random_deals import History, history
from tests.sync.deal.lived import Lived

SEEDS = range(int(os.environ.get("FROM", 1)), int(os.environ.get("TO", 25)))


def same(bill: Bill, made: Forecast, until: datetime) -> list[str]:
    """What differs between what the papers say and what was foreseen, up to a moment."""
    expected, found = Counter(), Counter()
    late = dict(bill.late)
    for charge in bill.charges:
        if charge.cents:
            expected[int(charge.at.timestamp()), charge.cents, charge.first, charge.last] += 1
    for invoice in (i for i in made.invoices if i.at_s <= until.timestamp()):
        for line in invoice.lines:
            days = (line.period_start.isoformat(), line.period_end.isoformat()) if line.recurring else ("", "")
            if line.amount:
                found[(invoice.at_s, line.amount, *days)] += 1
    missing, extra = expected - found, found - expected
    over: Counter[int] = Counter()
    for (at, cents, *_), n in extra.items():
        over[at] += cents * n
    wrong = [f"missing {datetime.fromtimestamp(k[0], UTC)} {k[1:]} x{n}" for k, n in sorted(missing.items())]
    lates = Counter({int(at.timestamp()): cents for at, cents in late.items() if cents})
    if {k: v for k, v in over.items() if v} != dict(lates):
        wrong += [f"too many {datetime.fromtimestamp(k[0], UTC)} {k[1:]} x{n}" for k, n in sorted(extra.items())]
        wrong += [f"late {datetime.fromtimestamp(k, UTC)} {v}" for k, v in lates.items()]
    credits: Counter[int] = Counter()
    for credit in made.credits:
        if credit.at <= until:
            credits[int(credit.at.timestamp())] += credit.amount
    wanted: Counter[int] = Counter()
    for (_, at), cents in bill.credits.items():
        wanted[int(at.timestamp())] += cents
    if credits != wanted:
        wrong.append(f"credits {dict(credits)} but {dict(wanted)}")
    return wrong


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
                    after.bill(terms.at(month_on(terms.start, 30)))
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
                if code not in codes:
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
