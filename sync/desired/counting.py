"""What counts a customer's use, and when: a meter sums by customer, so all that stands on one meter at a time bills the same
events. Stamps are Unix seconds, ends exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import combinations

from sync.deal.calendar import seconds
from sync.desired.kept_on import let_go
from sync.desired.keys import DEAL, ENDS_ON, TAKEN_BY, TERM_END
from sync.facts import Fact, Price, Schedule, Subscription

#: Never began, so it bills nothing.
NEVER = frozenset({"incomplete_expired"})


@dataclass(frozen=True)
class Counting:
    """One meter, counted for ``owner`` (a deal's key, else the id of what was bought without one) from ``from_s`` until
    ``until_s`` (None: it goes on). ``ids`` are Stripe's, of what counts. ``meter`` is the meter's id, or its event where
    that is what is compared; ``said`` names who counts, to people.
    """

    owner: str
    meter: str
    said: str
    from_s: int
    until_s: int | None
    ids: tuple[str, ...] = ()
    records: tuple[str, ...] = ()  # of the CRM

    def meets(self, other: Counting) -> tuple[int, int | None] | None:
        """The time in which both count the same events; None where there is none."""
        if self.meter != other.meter:
            return None
        ends = [end for end in (self.until_s, other.until_s) if end is not None]
        since, until = max(self.from_s, other.from_s), min(ends, default=None)
        return (since, until) if until is None or since < until else None


def counted_in_stripe(objects: Sequence[Fact], prices: Mapping[str, Price]) -> list[Counting]:
    """What the subscriptions and schedules among these objects count, or will. ``prices`` by id are those of phases; what
    stands on a price that is not among them is left out. A plan that a deal takes over counts until that deal begins.
    """
    kept = let_go(objects)
    there = [_as_plan(f, kept) for f in objects if isinstance(f, Subscription | Schedule) and not f.deleted]
    running = {s.subscription: s for s in there if isinstance(s, Schedule) and s.status == "active" and s.subscription}
    found = [(f, one) for f in there for one in _of(f, running, prices)]
    begins: dict[str, int] = {}
    for fact in there:
        if (deal := fact.metadata.get(DEAL)) and (first := _begins(fact)) is not None:
            begins[deal] = min(first, begins.get(deal, first))
    ended = (_ended(one, fact, begins) for fact, one in found)
    return [one for one in ended if one.until_s is None or one.from_s < one.until_s]


def _as_plan(fact: Subscription | Schedule, kept: frozenset[str]) -> Subscription | Schedule:
    """What somebody let go of its schedule goes on after the signed term as a plan of its own."""
    end = fact.metadata.get(TERM_END)
    if fact.id not in kept or end is None or ENDS_ON in fact.metadata:
        return fact
    since = max(fact.start_date_s if isinstance(fact, Subscription) else 0, _day_s(end))
    return fact.model_copy(update={"metadata": {}, "start_date_s": since})


def _of(
    fact: Subscription | Schedule, running: Mapping[str, Schedule], prices: Mapping[str, Price]
) -> Iterator[Counting]:
    owner = fact.metadata.get(DEAL) or fact.id
    if isinstance(fact, Subscription):
        schedule = running.get(fact.id)
        if fact.status in NEVER:
            return
        if schedule is not None and fact.ended_at_s is None:
            yield from _of_phases(schedule, owner, fact.id, {**prices, **{i.price.id: i.price for i in fact.items}})
            return
        ends = [i.period_end_s for i in fact.items] if fact.cancel_at_period_end else []
        until = fact.ended_at_s or fact.cancel_at_s or min(ends, default=None)
        for item in fact.items:
            if meter := meter_of(item.price):
                yield Counting(owner, meter, f"{fact.id} in Stripe", fact.start_date_s, until, (fact.id,))
    elif fact.status == "not_started":
        yield from _of_phases(fact, owner, fact.id, prices)


def _of_phases(schedule: Schedule, owner: str, id_: str, prices: Mapping[str, Price]) -> Iterator[Counting]:
    for n, phase in enumerate(schedule.phases, start=1):
        goes_on = n == len(schedule.phases) and schedule.end_behavior == "release"
        for item in phase.items:
            if (price := prices.get(item.price)) and (meter := meter_of(price)):
                until = None if goes_on else phase.end_s
                ids = tuple(dict.fromkeys((id_, schedule.id)))
                yield Counting(owner, meter, f"{id_} in Stripe", phase.start_s, until, ids)


def meter_of(price: Price) -> str | None:
    """The meter whose sums the price bills."""
    return price.meter if price.usage_type == "metered" else None


def _begins(fact: Subscription | Schedule) -> int | None:
    if isinstance(fact, Subscription):
        return fact.start_date_s
    return min((p.start_s for p in fact.phases), default=None)


def _ended(one: Counting, fact: Subscription | Schedule, begins: Mapping[str, int]) -> Counting:
    """As far as it is known beside Stripe: by the deal that takes it over, and by the days that were signed."""
    ends = [_day_s(fact.metadata[key]) for key in (TERM_END, ENDS_ON) if fact.metadata.get(key)]
    taker = begins.get(fact.metadata.get(TAKEN_BY, ""))
    ends += [end for end in (one.until_s, taker) if end is not None]
    return replace(one, until_s=min(ends, default=None))


def _day_s(day: str) -> int:
    """The first second of that day anywhere a deal may begin: its boundaries are at 00:00Z or later."""
    return seconds(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC))


@dataclass(frozen=True)
class Twice:
    """Use of one customer that two things bill from ``since_s`` until ``until_s`` (None: it goes on)."""

    customer: str
    one: Counting
    other: Counting
    since_s: int
    until_s: int | None

    @property
    def ids(self) -> tuple[str, ...]:
        """What bills it, Stripe's ids."""
        return (self.one.ids[0], self.other.ids[0])


def counted_twice(objects: Sequence[Fact], prices: Mapping[str, Price], now: datetime) -> list[Twice]:
    """What is, or will be, billed twice from now on, by customer: the first such time of each two. Parts of one deal are not
    held against each other.
    """
    by_customer: dict[str, list[Fact]] = {}
    for fact in objects:
        by_customer.setdefault(getattr(fact, "customer", ""), []).append(fact)
    found: dict[tuple[str, frozenset[str]], Twice] = {}
    for customer, mine in sorted(by_customer.items()):
        ahead = [c for c in counted_in_stripe(mine, prices) if c.until_s is None or c.until_s > seconds(now)]
        for one, other in combinations(sorted(ahead, key=lambda c: (c.from_s, c.owner)), 2):
            time = one.meets(other) if one.owner != other.owner else None
            if time is not None:
                found.setdefault((customer, frozenset((one.owner, other.owner))), Twice(customer, one, other, *time))
    return list(found.values())
