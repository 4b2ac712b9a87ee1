"""What a backfill would take, before it is run: objects, calls, rows, storage, minutes. Nothing is kept or written.

Short lists are counted. Of a long one so many pages are counted and the rest is estimated, year by year, from how close
in time the objects of one page lie; then the number is said to be about right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.ports import FACT_KINDS, FactKind, FactPage, Span, StripeLists
from sync.run.listing import HISTORY, YEARS, patiently

#: Pages of a list that are counted before the rest is estimated, and objects of a full page.
COUNTED_PAGES, PAGE = 10, 100
#: Rows of one call to Salesforce when writing, and when listing.
WRITTEN_A_CALL, LISTED_A_CALL = 1000, 2000
#: What Salesforce takes of the storage for one row, in kB.
KB_A_ROW = 2
#: Machine seconds of one call to Salesforce with so many rows, and of working out one row.
CALL_S, ROW_S = 4.0, 0.004


@dataclass(frozen=True)
class Counted:
    """The length of a list; ``exact`` says that it was counted to its end."""

    objects: int
    exact: bool


@dataclass(frozen=True)
class Estimate:
    """What a backfill would take. ``stripe_per_s`` is the rate at which Stripe is asked."""

    lists: Mapping[FactKind, Counted]
    stripe_per_s: float

    def _of(self, kind: FactKind) -> int:
        return self.lists[kind].objects

    @property
    def exact(self) -> bool:
        """Whether every list was counted to its end."""
        return all(one.exact for one in self.lists.values())

    @property
    def stripe_calls(self) -> int:
        """Pages of all lists, and the spans that long ones are read in."""
        return sum(max(1, -(-c.objects // PAGE)) + (YEARS if c.objects > PAGE else 0) for c in self.lists.values())

    @property
    def rows(self) -> int:
        """Rows of ours at most: a contract and an item for each subscription or schedule, an invoice and its payment,
        the failed attempts.
        """
        contracts = max(self._of("subscription"), self._of("schedule"))
        return 2 * contracts + 2 * self._of("invoice") + self._of("charge") // PAGE

    @property
    def accounts(self) -> int:
        """Accounts at most whose billing summary is filled."""
        return self._of("customer")

    @property
    def storage_kb(self) -> int:
        """What the rows take of the org's data storage."""
        return KB_A_ROW * self.rows

    @property
    def salesforce_calls(self) -> int:
        """Lists of what is there, and writes of what is not, at most."""
        listed = 8 + -(-self.accounts // LISTED_A_CALL)
        return listed + -(-(self.rows + self.accounts) // WRITTEN_A_CALL)

    @property
    def minutes(self) -> int:
        """Whole minutes, at least one."""
        seconds = self.stripe_calls / self.stripe_per_s + self.salesforce_calls * CALL_S
        return max(1, round((seconds + (self.rows + self.accounts) * ROW_S) / 60))

    def to_json(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "lists": {kind: {"objects": c.objects, "exact": c.exact} for kind, c in self.lists.items()},
            "stripe_calls": self.stripe_calls,
            "stripe_writes": 0,
            "salesforce_calls": self.salesforce_calls,
            "rows": self.rows,
            "accounts": self.accounts,
            "storage_kb": self.storage_kb,
            "minutes": self.minutes,
        }


def estimate(stripe: StripeLists, since: datetime | None, *, stripe_per_s: float) -> Estimate:
    """How long each list is, and what follows. Raises the Transient of a side that stays away."""
    since_s = int(since.timestamp()) if since else None
    lists = {kind: count(stripe, kind, since_s if kind in HISTORY else None) for kind in FACT_KINDS}
    return Estimate(lists, stripe_per_s)


def count(stripe: StripeLists, kind: FactKind, since_s: int | None) -> Counted:
    """The length of one list, in at most `COUNTED_PAGES` + `YEARS` calls, unless all of it was made in one second."""
    counted, pages, newest, after = 0, 0, None, None
    while True:
        page = _page(stripe, kind, after, Span(since_s))
        there = page.of(kind)
        counted, pages, after = counted + len(there), pages + 1, page.after
        if after is None:
            return Counted(counted, exact=True)
        newest = there[0].created_s if newest is None else newest
        oldest = there[-1].created_s
        if pages >= COUNTED_PAGES and newest > oldest:
            return Counted(counted + _before(stripe, kind, since_s, oldest), exact=False)


def _before(stripe: StripeLists, kind: FactKind, since_s: int | None, until_s: int) -> int:
    """About how many objects are older than ``until_s``: a page of each year, taken for the whole of it."""
    year = datetime.fromtimestamp(until_s, UTC).year
    starts = [int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in range(year, year - YEARS, -1)]
    bounds = [until_s, *(s for s in starts if (since_s or 0) < s < until_s)]
    total = 0
    for number, upper in enumerate(bounds):
        lower = bounds[number + 1] if number + 1 < len(bounds) else since_s
        page = _page(stripe, kind, None, Span(lower, upper))
        there = page.of(kind)
        if page.after is None:
            total += len(there)
            continue
        covered_s = max(1, upper - there[-1].created_s)
        whole_s = upper - lower if lower is not None else covered_s
        total += len(there) * whole_s // covered_s
    return total


def _page(stripe: StripeLists, kind: FactKind, after: str | None, span: Span) -> FactPage:
    return patiently(lambda: stripe.list_facts(kind, after, span))
