"""The oracle of random use, against the worked cases; and what its dice can throw."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.papers import Paper, read_paper, read_terms
from tests.e2e.random_deals import USE, RandomCustomer, RandomLine, RandomQuote, RandomUse, history
from tests.e2e.random_use import Used, UseOracle, with_use

EARLY = datetime(2026, 1, 10, tzinfo=UTC)
FAR = datetime(2030, 1, 1, tzinfo=UTC)
CASE_17 = ((100, "0", None), (1000, "0.99", None), (None, "0.79", None))


def sold(
    use: RandomUse, *changes: tuple[str, str, str], arrives: datetime = EARLY, **fields: Any
) -> tuple[UseOracle, list[Paper]]:
    """Use from 1 February for six months, by the month; then changes: kind, day, and when it came."""
    line = RandomLine(USE, 1, use.price, {"Billing_Frequency__c": "Monthly", **fields})
    base = RandomQuote("New", arrives, {"Start_Date__c": "2026-02-01", "Term_Months__c": 6}, (line,))
    terms = read_terms(base, RandomCustomer("USD", None, False), False)
    papers = [read_paper(base, terms, 1)]
    for kind, day, came in changes:
        takes = (RandomLine(USE, 1, use.price, {"Change__c": "Remove"}),) if kind == "Amendment" else ()
        quote = RandomQuote(kind, datetime.fromisoformat(came).replace(tzinfo=UTC), {"Start_Date__c": day}, takes)
        papers.append(read_paper(quote, terms, len(papers) + 1, tuple(papers)))
    return UseOracle(use, line, terms), papers


def billed(oracle: UseOracle, papers: list[Paper]) -> list[tuple[str, int]]:
    return [(f"{bill.first:%m-%d}", bill.cents) for bill in oracle.bills(papers, FAR) if bill.cents]


@pytest.mark.parametrize(
    ("mode", "used", "cents"),
    [
        ("Graduated", 100, 0), ("Graduated", 101, 99), ("Graduated", 1_000, 89_100), ("Graduated", 1_001, 89_179),
        ("Graduated", 1_250, 108_850), ("Volume", 1_250, 98_750), ("Volume", 100, 0),
    ],
)  # fmt: skip
def test_case_17_units_cost_what_the_tiers_say(mode: str, used: int, cents: int) -> None:
    assert sold(RandomUse(mode, "0", CASE_17))[0].cost(used) == cents


def test_a_flat_fee_is_for_whoever_reaches_its_tier_and_a_discount_takes_off_all() -> None:
    tiers = ((100, "0.10", None), (None, "0.20", "5.00"))
    assert [sold(RandomUse("Graduated", "0", tiers))[0].cost(n) for n in (0, 100, 101)] == [0, 1_000, 1_520]
    assert [sold(RandomUse("Volume", "0", tiers))[0].cost(n) for n in (0, 100, 101)] == [0, 1_000, 2_520]
    assert sold(RandomUse("Unit", "0.50"), Discount="10")[0].cost(3) == 135


@pytest.mark.parametrize(
    ("changes", "bills"),
    [
        ([], [("03-01", 11), ("04-01", 3)]),
        # Ended today: what was used of February before that day, and nothing of that day.
        ([("Cancellation", "2026-02-16", "2026-02-16T09:00")], [("02-16", 1)]),
        ([("Amendment", "2026-02-16", "2026-02-16T09:00")], [("02-16", 1)]),
        # All of February was billed by then, and March is nobody's.
        ([("Cancellation", "2026-02-16", "2026-03-10T09:00")], [("03-01", 11)]),
        # Known ahead; and an end that comes later changes nothing of what is billed.
        ([("Amendment", "2026-02-16", "2026-02-03T09:00")], [("02-16", 1)]),
        ([("Amendment", "2026-02-16", "2026-02-03T09:00"), ("Cancellation", "2026-02-10", "2026-02-20T09:00")], [("02-16", 1)]),
    ],
)  # fmt: skip
def test_what_was_used_until_the_last_day_is_billed_once(changes: list[Any], bills: list[tuple[str, int]]) -> None:
    oracle, papers = sold(RandomUse("Unit", "0.01"), *changes)
    days = ((15, 1, 2), (16, 10, 2), (1, 3, 3))
    oracle.used = [Used(datetime(2026, month, day, tzinfo=UTC), many) for day, many, month in days]

    assert billed(oracle, papers) == bills


def test_every_kind_of_use_comes_up_in_a_soak() -> None:
    deals = [
        deal for plan in (history(seed, 5) for seed in range(1, 31))
        for deal in with_use(plan.seed, plan.deals, plan.customers) if deal.use
    ]  # fmt: skip
    lines = [line for deal in deals for line in deal.quotes[0].lines if line.product == USE]
    assert {deal.use.mode for deal in deals if deal.use} == {"Unit", "Graduated", "Volume"}
    assert {"Discount" in line.fields for line in lines} == {True, False}
    assert any(line.product == USE for deal in deals for quote in deal.quotes[1:] for line in quote.lines)
    assert any(deal.quotes[-1].kind == "Cancellation" for deal in deals)
