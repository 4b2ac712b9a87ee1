"""Random deals with random amendments: what is billed and credited adds up to what the papers say, in any order of arrival.

The papers are added up here by other arithmetic than the product's: whole months counted one by one, days by hand.
"""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sync.deal.changes import Proration, TooMuchRemoved
from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.settled import Begun
from sync.deal.timeline import tracks
from tests.properties import examples
from tests.sync.deal.deals import EARLY, EndedInStripe, amended, bring_in, deal, line, taken

PRICES = ("12.00", "49.00", "50.00", "99.00")


def month_on(first: date, months: int) -> date:
    """The same day so many months later, at most the month's last."""
    year, month = first.year, first.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def months_and_days(first: date, end: date) -> Fraction:
    """Whole months, then days of a 365th of twelve months each."""
    months = 0
    while month_on(first, months + 1) <= end:
        months += 1
    return months + Fraction((end - month_on(first, months)).days * 12, 365)


def cents(amount: Fraction) -> int:
    """Half away from zero, by hand."""
    doubled = abs(amount) * 2
    whole = (doubled.numerator // doubled.denominator + 1) // 2
    return whole if amount >= 0 else -whole


@st.composite
def random_deals(draw: Any) -> tuple[Deal, list[str], int]:
    """A monthly deal with up to six changes, the ids of the changes, and what the papers add up to in cents."""
    start = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 400)))
    start = min(
        start, start.replace(day=28)
    )  # later in the month a boundary may be a clamped day: nothing is left over there
    end = month_on(start, draw(st.integers(2, 26)))
    price = draw(st.sampled_from(PRICES))
    minor = Fraction(price) * 100
    quantity = draw(st.integers(1, 20))
    made = deal(line("L0", quantity, price, start=start, end=end), start=start, end=end)
    paper = cents(minor * quantity * months_and_days(start, end))
    names: list[str] = []
    for n in range(draw(st.integers(0, 6))):
        on = start + timedelta(days=draw(st.integers(1, (end - start).days - 1)))
        signed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 9_000)), minutes=n)
        many, name = draw(st.integers(1, 6)), f"A{n}"
        if draw(st.booleans()):
            made = amended(
                made, name, on, line(f"L{name}", many, price, start=on, end=end), signed_at=signed, accepted_at=EARLY
            )
            paper += cents(minor * many * months_and_days(on, end))
        else:
            made = amended(
                made, name, on, removes=(taken(f"R{name}", many, price, on),), signed_at=signed, accepted_at=EARLY
            )
        names.append(name)
    try:
        tracks(made)
    except TooMuchRemoved:
        assume(False)
    for removal in (removal for change in made.changes for removal in change.removes):
        paper -= cents(minor * removal.quantity * months_and_days(removal.start, end))
    return made, names, paper


@st.composite
def crowded_deals(draw: Any) -> tuple[Deal, list[str], int]:
    """As `random_deals`, within few days: much is taken off whole and sold again, often on one day."""
    start = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 26)))
    end = month_on(start, draw(st.integers(2, 6)))
    price, here, paper = draw(st.sampled_from(PRICES)), draw(st.integers(1, 3)), 0
    minor = Fraction(price) * 100
    made = deal(line("L0", here, price, start=start, end=end), start=start, end=end)
    paper = cents(minor * here * months_and_days(start, end))
    day, names = start + timedelta(days=1), [f"A{n}" for n in range(draw(st.integers(1, 6)))]
    for n, name in enumerate(names):
        day = min(day + timedelta(days=draw(st.integers(0, 12))), end - timedelta(days=2))
        signed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n)
        if here and draw(st.booleans()):
            gone = draw(st.sampled_from((1, here)))
            made = amended(
                made, name, day, removes=(taken(f"R{name}", gone, price, day),), signed_at=signed, accepted_at=EARLY
            )
            here, paper = here - gone, paper - cents(minor * gone * months_and_days(day, end))
        else:
            more = draw(st.integers(1, 2))
            added = line(f"L{name}", more, price, start=day, end=end)
            made = amended(made, name, day, added, signed_at=signed, accepted_at=EARLY)
            here, paper = here + more, paper + cents(minor * more * months_and_days(day, end))
    return made, names, paper


def lived_through(made: Deal, arrivals: list[tuple[str, datetime]]) -> Forecast:
    """The forecast once every change was brought in at its moment, as the runs that brought them in left it."""
    took_in = {"Q1": EARLY, **dict(arrivals)}
    changes = sorted((replace(c, accepted_at=took_in[c.quote_id]) for c in made.changes), key=lambda c: c.accepted_at)
    made = replace(made, changes=tuple(changes))
    begun: dict[str, Begun] = {"Q1": Begun(made.base.effective, EARLY)}
    for n in range(2, len(changes) + 1):
        bring_in(begun, made.of_first(n), changes[n - 1].accepted_at)
    return forecast(made, datetime(2035, 1, 1, tzinfo=UTC), begun)


def _never_sold(made: Deal) -> int:
    """Cents that may be open: what is taken off on the day on which it begins, where nothing else runs, is neither billed nor
    given back, so nothing of it is rounded. Everything else is exact.
    """
    gone = {removal.start for change in made.changes for removal in change.removes}
    return sum(added.start in gone for change in made.changes for added in change.adds)


def _said(made: Deal) -> list[str]:
    """The changes in short, for a failure."""
    return [
        f"{c.quote_id} {c.effective} {[(x.id, x.quantity) for x in c.adds]} {[(x.line_id, x.quantity) for x in c.removes]}"
        for c in made.changes
    ]


def _late_too(made: Deal, names: list[str], paper: int, data: st.DataObject) -> None:
    """Brought in one by one, in any order and at any hour from before the deal until its end, it adds up all the same."""
    assert made.end is not None
    life = (made.end - made.start).days
    order = data.draw(st.permutations(names))
    hours = sorted(data.draw(st.lists(st.integers(-480, 24 * life - 1), min_size=len(names), max_size=len(names))))
    begin = datetime.combine(made.start, datetime.min.time(), tzinfo=UTC)
    arrivals = [
        (name, begin + timedelta(hours=h, minutes=n)) for n, (name, h) in enumerate(zip(order, hours, strict=True))
    ]
    try:
        lived = lived_through(made, arrivals)
    except (TooMuchRemoved, EndedInStripe):  # that quote would have been refused when it came
        assume(False)
    told = "; ".join(_said(made)), arrivals, [(i.day, i.total, i.key) for i in lived.invoices], lived.credits
    assert abs(lived.total - lived.credited - paper) <= _never_sold(made), told


@settings(max_examples=examples(200), deadline=None)
@given(crowded_deals(), st.data())
def test_what_is_sold_and_taken_off_within_days_adds_up_to_what_the_papers_say(
    drawn: tuple[Deal, list[str], int], data: st.DataObject
) -> None:
    made, names, paper = drawn
    on_time = forecast(made, EARLY)
    assert abs(on_time.total - on_time.credited - paper) <= _never_sold(made), _said(made)
    _late_too(made, names, paper, data)


@settings(max_examples=examples(1_000), deadline=None)
@given(random_deals(), st.data())
def test_invoices_less_credits_are_what_the_papers_say_in_any_order_of_arrival(
    drawn: tuple[Deal, list[str], int], data: st.DataObject
) -> None:
    made, names, paper = drawn
    try:
        on_time = forecast(made, EARLY)
    except TooMuchRemoved:
        assume(False)
    assert abs(on_time.total - on_time.credited - paper) <= _never_sold(made), _said(made)
    _late_too(made, names, paper, data)


@settings(max_examples=examples(300), deadline=None)
@given(random_deals(), st.sampled_from(list(Proration)), st.data())
def test_under_every_policy_the_order_of_arrival_ahead_of_time_changes_nothing(
    drawn: tuple[Deal, list[str], int], policy: Proration, data: st.DataObject
) -> None:
    made, names, _ = drawn
    changes = [replace(c, proration=policy) for c in made.changes]
    made = replace(made, changes=tuple(changes))
    shuffled = [changes[0], *(changes[1 + names.index(name)] for name in data.draw(st.permutations(names)))]
    try:
        one, other = forecast(made, EARLY), forecast(replace(made, changes=tuple(shuffled)), EARLY)
    except TooMuchRemoved:  # one that came before what it takes off: that quote would have been refused
        assume(False)

    # By Stripe's rule an item of its own is prorated alone, and which lines are one follows from what came first.
    alone = sum(invoice.stated for invoice in one.invoices) + len(one.credits) if policy is Proration.STRIPE else 0
    assert abs(one.total - one.credited - other.total + other.credited) <= alone
    if {invoice.track for made_ in (one, other) for invoice in made_.invoices} != {"Q1"}:
        return  # a pause parts them by arrival
    assert [(i.at_s, i.total) for i in one.invoices if not i.stated] == [
        (i.at_s, i.total) for i in other.invoices if not i.stated
    ]
    assert {(i.key, i.total) for i in one.invoices if i.stated} == {
        (i.key, i.total) for i in other.invoices if i.stated
    }
    assert {(c.key, c.amount) for c in one.credits} == {(c.key, c.amount) for c in other.credits}
