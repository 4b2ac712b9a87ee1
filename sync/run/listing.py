"""A Stripe account's lists, read whole into the store: several at a time, each page in one transaction with the cursor
behind it, so that a reading that was stopped anywhere goes on where it stopped.

A list that has more than one page is read in spans of creation, a year each, side by side; the account's rate limit,
which all processes share, sets the pace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from sync.errors import Transient
from sync.facts import Charge, Fact
from sync.ports import FACT_KINDS, Adoption, FactKind, FactPage, Facts, Span, StripeLists

log = structlog.get_logger()
T = TypeVar("T")

#: Pages read at the same time.
LANES = 3
#: Lists of what happened: only these begin at ``since``. What was sold long ago may run today.
HISTORY: frozenset[FactKind] = frozenset({"invoice", "charge", "creditnote"})
#: Years that are spans of their own, counted back from the newest object; what is older is one span.
YEARS = 8
#: Tries of a page that fails in passing, and the machine seconds before the second, doubled each time up to the longest.
TRIES, FIRST_PAUSE_S, LONGEST_PAUSE_S = 8, 0.1, 8.0


def patiently(call: Callable[[], T]) -> T:
    """The answer of a call that may fail in passing; raises its Transient after so many tries."""
    for tried in range(TRIES):
        try:
            return call()
        except Transient as error:
            if tried + 1 == TRIES:
                raise
            planned_s = min(FIRST_PAUSE_S * 2**tried, LONGEST_PAUSE_S)
            time.sleep(max(planned_s, min(error.retry_after_s or 0.0, LONGEST_PAUSE_S)))
    raise AssertionError("the last try returns or raises")


@dataclass(frozen=True)
class Lane:
    """One span of one list, and how far it was read."""

    kind: FactKind
    number: int
    since_s: int | None
    until_s: int | None
    after: str | None = None
    found: int = 0
    done: bool = False

    def to_json(self) -> dict[str, object]:
        """As it is kept."""
        bounds: dict[str, object] = {"since": self.since_s, "until": self.until_s}
        return {**bounds, "after": self.after, "found": self.found, "done": self.done}


@dataclass(frozen=True)
class Listing:
    """Reads every list of one account. ``prefix`` names its cursors in the store."""

    stripe: StripeLists
    adoption: Adoption
    facts: Facts
    prefix: str
    since_s: int | None
    say: Callable[[str], None] = lambda _: None

    def read(self) -> Mapping[FactKind, int]:
        """Everything is in the store; returns how many objects each list had. Raises what a list raised, once the pages
        in hand are stored.
        """
        begun = {lane.kind for lane in self._lanes()}
        fresh = [self._fresh(kind) for kind in FACT_KINDS if kind not in begun]
        self._side_by_side([lambda lane=lane: self._page(lane) for lane in fresh])  # type: ignore[misc]
        open_ = [lane for lane in self._lanes() if not lane.done]
        self._side_by_side([lambda lane=lane: self._to_the_end(lane) for lane in open_])  # type: ignore[misc]
        found: dict[FactKind, int] = dict.fromkeys(FACT_KINDS, 0)
        for lane in self._lanes():
            found[lane.kind] += lane.found
        return found

    def _side_by_side(self, work: Sequence[Callable[[], object]]) -> None:
        with ThreadPoolExecutor(LANES) as pool:
            jobs = [pool.submit(one) for one in work]
        for job in jobs:
            job.result()

    def _fresh(self, kind: FactKind) -> Lane:
        return Lane(kind, 0, self.since_s if kind in HISTORY else None, None)

    def _to_the_end(self, lane: Lane) -> None:
        while not lane.done:
            lane = self._page(lane)

    def _page(self, lane: Lane) -> Lane:
        """The next page is stored; returns how far the lane is now. The first page of a long list splits it."""
        fence = self.facts.fence()
        span = Span(lane.since_s, lane.until_s)
        page = patiently(lambda: self.stripe.list_facts(lane.kind, lane.after, span))
        first = lane.number == 0 and lane.after is None and lane.found == 0
        lanes = _split(lane, page) if first and page.after else [_moved(lane, page)]
        kept = {f"{self.prefix}{one.kind}:{one.number}": one.to_json() for one in lanes}
        self.adoption.facts_page(_worth_keeping(page.facts), fence, kept)
        self.say(f"{lane.kind}: {lanes[0].found} read{f' of span {lane.number}' if lane.number else ''}")
        return lanes[0]

    def _lanes(self) -> list[Lane]:
        lanes = []
        for name, value in sorted(self.adoption.progress(self.prefix).items()):
            kind, _, number = name.removeprefix(self.prefix).partition(":")
            if kind in FACT_KINDS:
                bounds = (value["since"], value["until"])
                lanes.append(Lane(kind, int(number), *bounds, value["after"], value["found"], value["done"]))
        return lanes


def _worth_keeping(found: Sequence[Fact]) -> list[Fact]:
    """Of charges those that failed, or whose money went back: what else succeeded stands on the invoice's payments."""
    return [f for f in found if not isinstance(f, Charge) or f.status == "failed" or f.refunded_minor or f.disputed]


def _moved(lane: Lane, page: FactPage) -> Lane:
    counted = lane.found + len(page.of(lane.kind))
    return Lane(lane.kind, lane.number, lane.since_s, lane.until_s, page.after, counted, page.after is None)


def _split(lane: Lane, page: FactPage) -> list[Lane]:
    """The lane that goes on in its year, and a lane for each year before; together they are the whole list, once."""
    newest = datetime.fromtimestamp(page.of(lane.kind)[-1].created_s, UTC).year
    cuts = [int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in range(newest, newest - YEARS, -1)]
    cuts = [cut for cut in cuts if lane.since_s is None or cut > lane.since_s]
    own = _moved(Lane(lane.kind, 0, cuts[0] if cuts else lane.since_s, None), page)
    bounds = [*cuts, lane.since_s]
    return [own, *(Lane(lane.kind, n, bounds[n], bounds[n - 1]) for n in range(1, len(bounds)))]
