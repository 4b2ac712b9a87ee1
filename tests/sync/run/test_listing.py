"""Reading and estimating long lists: every object once, whatever the spans, and numbers that are about right."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from sync.errors import Transient
from sync.facts import Customer, Fact, Invoice
from sync.ports import EVER, Adoption, FactKind, FactPage, Facts, Span
from sync.run import listing
from sync.run.estimate import COUNTED_PAGES, count
from sync.run.listing import YEARS, Listing

PAGE = 100
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Lists:
    """A Stripe account with so many invoices, and one customer; counts the calls."""

    def __init__(self, created: Iterable[datetime]) -> None:
        self.stamps = sorted((int(at.timestamp()) for at in created), reverse=True)
        self.calls: Counter[str] = Counter()
        self.failing = 0

    def list_facts(self, kind: FactKind, after: str | None = None, span: Span = EVER) -> FactPage:
        self.calls[kind] += 1
        if self.failing:
            self.failing -= 1
            raise Transient("TEMP-401", "slow down", retry_after_s=0.0)
        if kind == "customer":
            return FactPage((Customer(id="cus_1", created_s=1),), None)
        if kind != "invoice":
            return FactPage((), None)
        there = [
            (n, s)
            for n, s in enumerate(self.stamps)
            if (span.since_s is None or s >= span.since_s) and (span.until_s is None or s < span.until_s)
        ]
        behind = [(n, s) for n, s in there if after is None or n > int(after)]
        page = behind[:PAGE]
        facts = tuple(Invoice(id=f"in_{n}", created_s=s) for n, s in page)
        return FactPage(facts, str(page[-1][0]) if len(behind) > PAGE else None)


class Kept:
    """The pages and cursors that a reading stored."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.cursors: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def progress(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        return {name: value for name, value in self.cursors.items() if name.startswith(prefix)}

    def facts_page(self, found: Iterable[Fact], fence: int, progress: Mapping[str, Mapping[str, Any]]) -> None:
        with self._lock:
            self.found.update(f.id for f in found)
            self.cursors.update(progress)

    def fence(self) -> int:
        return 1


def read(lists: Lists, kept: Kept, since: datetime | None = None) -> Mapping[FactKind, int]:
    since_s = int(since.timestamp()) if since else None
    return Listing(lists, cast("Adoption", kept), cast("Facts", kept), "b:", since_s).read()


def spread(number: int, years: int) -> list[datetime]:
    return [NOW - timedelta(days=365 * years * n / number) for n in range(number)]


@pytest.mark.parametrize(("number", "years"), [(0, 1), (99, 1), (100, 1), (101, 1), (2500, 3), (2500, 12)])
def test_a_list_read_in_spans_has_every_object_once(number: int, years: int) -> None:
    lists, kept = Lists(spread(number, years)), Kept()
    found = read(lists, kept)

    assert found["invoice"] == number
    assert kept.found == Counter({"cus_1": 1, **{f"in_{n}": 1 for n in range(number)}})
    assert lists.calls["invoice"] <= max(1, number // PAGE + YEARS + 2)
    assert all(value["done"] for value in kept.cursors.values())


def test_history_begins_where_it_is_told_to_and_what_was_sold_is_read_whole() -> None:
    lists, kept = Lists(spread(1000, 10)), Kept()
    found = read(lists, kept, since=NOW - timedelta(days=365))

    assert 99 <= found["invoice"] <= 101
    assert kept.found["cus_1"] == 1


def test_a_page_that_fails_in_passing_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FIRST_PAUSE_S", 0.0)
    lists, kept = Lists(spread(250, 1)), Kept()
    lists.failing = listing.TRIES - 1
    assert read(lists, kept)["invoice"] == 250


def test_a_side_that_stays_away_ends_it_and_keeps_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FIRST_PAUSE_S", 0.0)
    lists, kept = Lists(spread(250, 1)), Kept()
    lists.failing = 1000
    with pytest.raises(Transient):
        read(lists, kept)
    lists.failing = 0
    assert read(lists, kept)["invoice"] == 250
    assert kept.found["in_249"] == 1


@pytest.mark.parametrize(("number", "exact"), [(0, True), (100, True), (COUNTED_PAGES * PAGE, True), (5000, False)])
def test_a_short_list_is_counted_and_a_long_one_estimated(number: int, exact: bool) -> None:
    lists = Lists(spread(number, 6))
    found = count(lists, "invoice", None)

    assert found.exact is exact
    assert abs(found.objects - number) <= number * 0.1
    assert lists.calls["invoice"] <= COUNTED_PAGES + YEARS + 1


def test_a_list_made_in_one_second_is_counted_to_its_end() -> None:
    assert count(Lists([NOW] * 2345), "invoice", None).objects == 2345
