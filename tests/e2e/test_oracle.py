"""The oracle of the random deals, against the worked cases: what holds Tandem to account has to be right itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.e2e.oracle import Charge, Impossible, Oracle, unlike
from tests.e2e.papers import month_on, read_paper, read_terms
from tests.e2e.random_deals import RandomCustomer, RandomLine, RandomQuote

EARLY = datetime(2025, 12, 5, tzinfo=UTC)
FAR = datetime(2040, 1, 1, tzinfo=UTC)


def line(quantity: int, price: str, product: str = "Seat", **fields: Any) -> RandomLine:
    return RandomLine(product, quantity, price, fields)


def a_deal(*lines: RandomLine, currency: str = "USD", arrives: datetime = EARLY, **head: Any) -> Oracle:
    head = {"Start_Date__c": "2026-01-01", "Billing_Frequency__c": "Monthly", **head}
    head |= {} if {"End_Date__c", "Auto_Renew__c"} & head.keys() else {"Term_Months__c": head.get("Term_Months__c", 12)}
    quote = RandomQuote("New", arrives, head, lines)
    terms = read_terms(quote, RandomCustomer(currency, None, False), False)
    return Oracle(terms, [read_paper(quote, terms, 1)])


def changed(
    of: Oracle, day: str, *lines: RandomLine, arrives: datetime = EARLY, kind: str = "Amendment", **head: Any
) -> Oracle:
    quote = RandomQuote(kind, arrives, {"Start_Date__c": day, **head}, lines)
    paper = read_paper(quote, of.terms, len(of.papers) + 1, of.papers)
    of.accepts(paper)
    return Oracle(of.terms, [*of.papers, paper])


def billed(of: Oracle) -> list[tuple[str, int]]:
    made = of.bill(FAR)
    days: dict[str, int] = {}
    for charge in made.charges:
        days[str(charge.at.date())] = days.get(str(charge.at.date()), 0) + charge.cents
    for at, amount in made.late.items():
        days[str(at.date())] = days.get(str(at.date()), 0) + amount
    return sorted(days.items())


def given_back(of: Oracle) -> list[tuple[str, int]]:
    return [(str(at.date()), amount) for (_, at), amount in of.bill(FAR).credits.items()]


ANNUAL = a_deal(line(10, "1200", "Platform"), Billing_Frequency__c="Annual")
MAY = {"Start_Date__c": "2026-05-01"}


def test_case_01_and_02_a_year_at_once_or_by_the_month() -> None:
    annual = {"Billing_Frequency__c": "Annual", "Start_Date__c": "2026-03-01"}
    assert billed(a_deal(line(25, "588", "Platform"), **annual)) == [("2026-03-01", 1_470_000)]
    monthly = billed(a_deal(line(40, "468", "Package")))
    assert (monthly[0], monthly[-1], len(monthly)) == (("2026-01-01", 156_000), ("2026-12-01", 156_000), 12)


def test_case_04_the_31st_comes_back() -> None:
    days = [day for day, _ in billed(a_deal(line(1, "100"), Start_Date__c="2027-01-31", Term_Months__c=5))]
    assert days == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]


@pytest.mark.parametrize(("policy", "amount"), [("Signed", 300_000), ("Stripe", 302_465), ("None", 0)])
def test_case_06_seats_in_the_middle_of_a_year(policy: str, amount: int) -> None:
    more = changed(ANNUAL, "2026-07-01", line(5, "1200", "Platform"), Proration_Policy__c=policy)
    assert billed(more) == [("2026-01-01", 1_200_000)] + ([("2026-07-01", amount)] if amount else [])


def test_case_06_seats_that_are_an_item_of_their_own() -> None:
    own = line(5, "1200", "Platform", Discount="1")
    added = changed(ANNUAL, "2026-07-01", own, Proration_Policy__c="Stripe")
    assert billed(added)[1] == ("2026-07-01", 299_441)  # 184 of 365 days of 594,000


@pytest.mark.parametrize(("policy", "amounts"), [("Signed", (7_397, 4_932)), ("Stripe", (7_742, 5_162))])
def test_case_08_two_on_one_day(policy: str, amounts: tuple[int, int]) -> None:
    both = a_deal(line(10, "50"), **MAY)
    for quantity in (3, 2):
        both = changed(both, "2026-05-16", line(quantity, "50"), Proration_Policy__c=policy)
    assert [c.cents for c in both.bill(FAR).charges if c.first == "2026-05-16"] == sorted(amounts)
    assert ("2026-06-01", 75_000) in billed(both)


def test_case_10_a_ramp() -> None:
    steps = [("2026-09-15", 50, "600"), ("2027-09-15", 75, "570"), ("2028-09-15", 100, "540")]
    ends = ["2027-09-14", "2028-09-14", "2029-09-14"]
    lines = [
        line(n, price, "Platform", Start_Date__c=day, End_Date__c=end, Ramp_Key__c="R")
        for (day, n, price), end in zip(steps, ends, strict=True)
    ]
    made = a_deal(*lines, Start_Date__c="2026-09-15", Term_Months__c=36, Billing_Frequency__c="Annual")
    assert billed(made) == [("2026-09-15", 3_000_000), ("2027-09-15", 4_275_000), ("2028-09-15", 5_400_000)]
    assert [int(12 * made.monthly(made.terms.at(date.fromisoformat(day)))) for day, *_ in steps] == [
        3_000_000, 4_275_000, 5_400_000,
    ]  # fmt: skip


def test_case_11_and_16_a_discount_and_a_fee() -> None:
    lines = (line(30, "49", Discount="15"), line(1, "200"), line(1, "2500", "Implementation"))
    made = a_deal(*lines)
    assert [amount for _, amount in billed(made)] == [394_950, *([144_950] * 11)]
    assert made.monthly(made.terms.at(date(2026, 5, 5))) == 144_950


def test_case_31_what_has_begun_is_billed_on_the_day_it_comes() -> None:
    made = a_deal(line(10, "100"), Start_Date__c="2026-02-01", arrives=datetime(2026, 4, 10, 9, tzinfo=UTC))
    assert billed(made)[0] == ("2026-04-10", 300_000)
    assert len(billed(made)) == 10


def test_a_term_that_is_no_whole_number_of_cycles() -> None:
    made = a_deal(line(1, "1200", "Platform"), Billing_Frequency__c="Annual", Term_Months__c=18)
    assert billed(made) == [("2026-01-01", 120_000), ("2027-01-01", 60_000)]


def test_what_came_late_is_caught_up_and_a_removal_credited() -> None:
    base = a_deal(line(10, "50"), **MAY)
    late = datetime(2026, 8, 5, tzinfo=UTC)
    assert ("2026-08-05", 7_397 + 3 * 15_000) in billed(changed(base, "2026-05-16", line(3, "50"), arrives=late))
    less = changed(base, "2026-07-16", line(4, "50", Change__c="Remove"))
    assert given_back(less) == [("2026-07-16", 9_863)]
    ended = changed(base, "2026-07-16", kind="Cancellation", arrives=datetime(2026, 9, 5, tzinfo=UTC))
    assert given_back(ended) == [("2026-09-05", 124_658)]


def test_what_cannot_be_is_said_with_its_code() -> None:
    ended = changed(ANNUAL, "2026-07-01", kind="Cancellation")
    for of, day, sold, code in (
        (ANNUAL, "2026-07-01", line(11, "1200", "Platform", Change__c="Remove"), "DATA-207"),
        (ANNUAL, "2027-01-01", line(1, "1200", "Platform"), "DATA-205"),
        (ended, "2026-07-01", line(1, "1200", "Platform"), "DATA-212"),
    ):
        with pytest.raises(Impossible) as told:
            changed(of, day, sold)
        assert told.value.code == code


def test_a_cent_too_many_or_on_another_day_is_unlike() -> None:
    made = ANNUAL.bill(FAR)
    [charge] = made.charges
    assert unlike(made, made.charges, {}) == []
    for other in (
        [],
        [charge, charge],
        [Charge(charge.at, charge.cents + 1, charge.first, charge.last)],
        [Charge(charge.at, charge.cents - 1, charge.first, charge.last)],
        [Charge(charge.at, charge.cents, charge.first, "2026-12-31")],
        [Charge(EARLY, charge.cents, charge.first, charge.last)],
    ):
        assert unlike(made, other, {}) != [], other
    assert unlike(made, made.charges, {EARLY: 1}) != []


def test_months_are_counted_from_the_first_day() -> None:
    assert [month_on(date(2027, 1, 31), n).day for n in range(4)] == [31, 28, 31, 30]
