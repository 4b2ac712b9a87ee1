"""How Tandem hears of what happens in Stripe: late, twice, in any order, or never; each customer's notices in a way of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sync.notices import notice_of_event
from sync.ports import NewNotice
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.year import Life

LOST, TWICE, LATE = (0.0, 0.3, 0.9), (0.0, 0.5), (0.0, 0.5)
#: Notices that arrive together, at most.
TOGETHER = 60
#: How often, of all times that something is heard, `/v1/events` is read, too.
POLLED = 0.25


@dataclass(frozen=True)
class Manner:
    """How the notices of one customer come: which part is lost, comes twice, comes only the next time. All others come in
    any order; ``plain`` ones in theirs.
    """

    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    plain: bool = False


def manners(rng: Random, lives: Sequence[Life]) -> Mapping[int, Manner]:
    """A manner for each customer; the first one's notices all come, in order, at once."""
    any_ = {n.number: Manner(rng.choice(LOST), rng.choice(TWICE), rng.choice(LATE)) for n in lives[1:]}
    return {lives[0].number: Manner(plain=True), **any_}


class Owned:
    """Whose notice one is: its customer's, or that of the payment which it is about; any other is the first customer's."""

    def __init__(self, lives: Sequence[Life]) -> None:
        self._lives = lives
        self._customer_of: dict[str, str] = {}

    def of(self, notices: Sequence[NewNotice]) -> list[tuple[int, NewNotice]]:
        """Each notice with the number of the customer."""
        numbers = {one.customer: one.number for one in self._lives}
        for notice in notices:
            if customer := _customer(notice):
                self._customer_of |= dict.fromkeys((notice.object_id, *notice.related.values()), customer)
        others = [_customer(n) or self._customer_of.get(n.related.get("payment_intent", "")) for n in notices]
        first = self._lives[0].number
        return [(numbers.get(customer or "", first), n) for customer, n in zip(others, notices, strict=True)]


def _customer(notice: NewNotice) -> str:
    return notice.object_id if notice.object_kind == "customer" else notice.related.get("customer", "")


@dataclass
class Hearsay:
    """What comes while the year is lived. Salesforce is polled each time, as it is by a scheduler; Stripe's events only
    now and then, and at the end.
    """

    world: World
    tandem: Tandem
    lives: Sequence[Life]
    rng: Random
    manner: Mapping[int, Manner] = field(init=False)
    orders: dict[int, list[str]] = field(init=False)
    owned: Owned = field(init=False)
    _later: dict[int, list[NewNotice]] = field(init=False)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.manner = manners(self.rng, self.lives)
        self.owned = Owned(self.lives)
        self.orders = {one.number: [] for one in self.lives}
        self._later = {one.number: [] for one in self.lives}

    def hear(self) -> None:
        """What has happened since the last time comes, or some of it; and what was late then."""
        first = not self._seen
        new: dict[int, list[NewNotice]] = {one.number: [] for one in self.lives}
        for number, notice in self.owned.of(self._new()):
            new[number].append(notice)
        come = [self._come(number, notices) for number, notices in new.items()]
        pipeline = self.tandem.services.pipeline
        self.tandem.see_clock()
        pipeline.changes.poll_salesforce("cold")
        pipeline.changes.poll_salesforce("hot")
        tell(self.tandem, interleaved(self.rng, come), self.rng)
        if (
            first or self.rng.random() < POLLED
        ):  # Stripe keeps events for thirty days: somebody who never asked gets no older
            pipeline.changes.poll_stripe()
        work_off(self.tandem)

    def _new(self) -> list[NewNotice]:
        """Stripe's events since the last time, the oldest first."""
        source, found = self.tandem.services.stripe.source, []
        params: dict[str, str] = {}
        while True:
            page = self.world.stripe.get("events", limit=100, **params)
            fresh = [event for event in page["data"] if event["id"] not in self._seen]
            found += fresh
            if not page["has_more"] or len(fresh) < len(page["data"]):
                break
            params = {"starting_after": page["data"][-1]["id"]}
        self._seen |= {event["id"] for event in found}
        return [notice_of_event(event, source) for event in reversed(found)]

    def _come(self, number: int, notices: list[NewNotice]) -> list[NewNotice]:
        """Of one customer's notices those that come now, in the order in which they do."""
        manner, rng = self.manner[number], self.rng
        before, self._later[number] = self._later[number], []
        come = []
        for notice in notices:
            if rng.random() < manner.late:
                self._later[number].append(notice)
            elif rng.random() >= manner.lost:
                come.append(notice)
        come += before
        come += [notice for notice in come if rng.random() < manner.twice]
        if not manner.plain:
            rng.shuffle(come)
        self.orders[number] += [notice.external_id for notice in come]
        return come


def told_again(rng: Random, notices: Sequence[NewNotice], lives: Sequence[Life]) -> list[list[NewNotice]]:
    """Everything that was ever heard of each customer, once more in another manner, whoever that was last time."""
    again = []
    owned = Owned(lives).of(notices)
    for one in lives:
        lost, twice = rng.choice(LOST), rng.choice(TWICE)
        heard = [notice for number, notice in owned if number == one.number and rng.random() >= lost]
        heard += [notice for notice in heard if rng.random() < twice]
        rng.shuffle(heard)
        again.append(heard)
    return again


def interleaved(rng: Random, several: Sequence[Sequence[NewNotice]]) -> list[NewNotice]:
    """All of them, each list in its order, mixed at random."""
    left = [list(reversed(one)) for one in several]
    turns = [n for n, one in enumerate(left) for _ in one]
    rng.shuffle(turns)
    return [left[n].pop() for n in turns]


def tell(tandem: Tandem, notices: Sequence[NewNotice], rng: Random) -> None:
    """These notices arrive a few at a time; some work is done meanwhile, with what is known by then."""
    services, left = tandem.services, list(notices)
    while left:
        some = rng.randint(1, TOGETHER)
        services.subjects.add_notices(left[:some])
        left = left[some:]
        services.pipeline.take_in()
        for _ in range(rng.randint(0, 2)):
            services.pipeline.run_deal()
            services.pipeline.run_mirror()
            services.pipeline.flusher.run_once()


def work_off(tandem: Tandem) -> None:
    """All that is due by what was heard is done, and nothing is asked for."""
    pipeline = tandem.services.pipeline
    while pipeline.step(Counter[str](), stop_at=0) or pipeline.flusher.run_once():
        pass
