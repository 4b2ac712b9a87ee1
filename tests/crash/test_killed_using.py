"""SIGKILL while use is reported and while the use until a last day is billed: each event counts once and is billed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lives import Lives
from tests.crash.points import Point, Points
from tests.crash.test_killed import MOMENTS
from tests.e2e.book import Book
from tests.e2e.looks import changes_nothing, settled
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long

#: Whatever of these is lost or counts twice, the sum is another. The first two are of one minute and of one batch.
USED = {"a": (100, "11:30:10"), "b": (20, "11:30:50"), "c": (3, "11:31:00")}
SEAT, USE = 6_000, 123 * 7  # cents: a seat for a quarter, and what was used
FEWEST = 10
#: Stripe has forgotten identifiers and idempotency keys by then.
DEAD_FOR = timedelta(hours=25)


@pytest.fixture
def tandem(make_tandem: Callable[..., Tandem]) -> Tandem:
    """One that does not wait long for what a dead process holds."""
    return make_tandem(call_deadline_s=2.0, lease_s=3.0)


@dataclass
class Customers:
    """Who bought a seat for a quarter in advance and calls by use, and ended that inside the quarter."""

    book: Book
    take_in: Callable[[str], Any]
    folder: Path

    def __post_init__(self) -> None:
        seat, use = self.book.product("Seat"), self.book.by_use("call", [(None, "0.07", None)])
        self.lines: list[Any] = [(seat, 1, "20.00", {}), (use, 1, "0", {})]
        self.ends: dict[str, str] = {}

    def buy(self, *names: str) -> None:
        """Their quotes start today."""
        terms: dict[str, Any] = {"Term_Months__c": 12, "Billing_Frequency__c": "Quarterly"}
        for who in names:
            self.book.sell(who, self.lines, Start_Date__c=f"{self.book.world.now().date()}", **terms)
        settled(self.book.tandem)

    def use(self, *names: str) -> None:
        """On the next day what they used is taken in, and not yet reported."""
        world, file = self.book.world, self.folder / f"{names[0]}.csv"
        day = world.now().date() + timedelta(days=1)
        world.at(f"{day}T12:00")
        rows = [
            f"{who}-{name},call,{self.book.accounts[who]},{many},{day}T{at}Z"
            for who in names for name, (many, at) in USED.items()
        ]  # fmt: skip
        file.write_text("\n".join(["identifier,event,account,quantity,timestamp", *rows]) + "\n")
        assert self.take_in(str(file))[1]["accepted"] == len(rows)

    def end(self, *names: str) -> None:
        """On the next day they cancel, yesterday being the last; what they used is due, and not yet billed."""
        world = self.book.world
        day = world.now().date() + timedelta(days=1)
        world.at(f"{day}T09:00")
        for who in names:
            terms: dict[str, Any] = {"Start_Date__c": f"{day}", "Credit_Policy__c": "None"}
            self.ends[who] = self.book.change(who, kind="Cancellation", **terms)
        settled(self.book.tandem)
        world.at(f"{day}T10:20")

    def judge(self, *names: str) -> None:
        """What each used was counted once and billed once, to the cent."""
        for who in names:
            assert [total for _, total in self.book.billed(who)] == [SEAT, USE], who
            assert [invoice["status"] for invoice in self.book.invoices(who)] == ["open", "open"], who
            assert self.book.row(who, "Last_Usage__c Status__c") == (123, "Canceled"), who
            assert [total for _, total in self.book.shown(who)] == [SEAT, USE], who


def test_use_counts_once_and_is_billed_once_wherever_a_process_dies_although_stripe_has_forgotten_what_it_was_sent(
    world: World, tandem: Tandem, command: Callable[..., Any], tmp_path: Path
) -> None:
    world.at("2026-06-01")
    lives = Lives(tandem, Points(tmp_path / "points"))
    customers = Customers(Book(world, tandem), lambda file: command("import", file, "--apply"), tmp_path)
    reporting, billing = _points(customers, lives)
    names = [f"dies {n}" for n in range(max(len(reporting), len(billing)))]
    customers.buy(*names)

    def passes() -> None:
        world.at(world.now() + DEAD_FOR)

    customers.use(*names)
    lives.die("send", [_of(who, point, customers) for who, point in zip(names, reporting, strict=False)], passes)
    settled(tandem)
    customers.end(*names)
    lives.die("drain", [_of(who, point, customers) for who, point in zip(names, billing, strict=False)], passes)
    world.at(world.now() + timedelta(hours=2))
    settled(tandem)

    everybody = ("nobody", *names)
    many = len(everybody)
    assert command("status")[1]["states"] == {"sent": {"rows": len(USED) * many, "quantity": 123 * many}}
    customers.judge(*everybody)
    changes_nothing(tandem)


def _points(customers: Customers, lives: Lives) -> tuple[list[Point], list[Point]]:
    """Where a process can die that reports, and one that bills: all that one came by whom nobody killed."""
    customers.buy("nobody")
    customers.use("nobody")
    lives.points.watch()
    lives.send_usage()
    reporting = [p for p in lives.points.come_by() if p.what == "usage"]
    customers.end("nobody")
    lives.points.watch()
    lives.drain()
    steps = {"windows", "meter", "run"}
    # Before an operation is marked sent is the same as after the one before it.
    came_by = [p for p in lives.points.come_by() if p.owner.startswith("quote:")]
    billing = [p for p in came_by if p.what in steps or p.moment in MOMENTS[1:]]
    assert len(reporting) >= FEWEST, reporting
    assert len(billing) >= FEWEST, billing
    for point in (*reporting, *billing):
        print(f"  {point.what}: {point.moment}")
    return reporting, billing


def _of(who: str, point: Point, customers: Customers) -> Point:
    """The same point in the work for another customer."""
    for quotes in (customers.book.deals, customers.ends):
        if point.owner == f"quote:{quotes['nobody']}":
            return replace(point, owner=f"quote:{quotes[who]}")
    return replace(point, owner=point.owner.replace("nobody", who))
