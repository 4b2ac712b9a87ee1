"""Use beside shorter cycles: a billing day, a term that ends inside a cycle, a line that starts inside one; and its end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.book import Book, by_day
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


TIERS = [(100, "0.10", None), (None, "0.05", None)]
MONTHLY: dict[str, Any] = {"Billing_Frequency__c": "Monthly"}


def test_use_is_billed_beside_shorter_cycles(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", [(None, "0.50", None)])
    both = [(seat, 10, "10.00", {}), (call, 1, "0", {})]
    book.sell("day", both, Start_Date__c="2026-01-03", Term_Months__c=2, Billing_Day__c=15, **MONTHLY)
    book.sell("tail", both, Start_Date__c="2026-01-01", End_Date__c="2026-02-14", **MONTHLY)
    begins = {"Start_Date__c": "2026-01-11"}
    book.sell("inside", [both[0], (call, 1, "0", begins)], Start_Date__c="2026-01-01", Term_Months__c=2, **MONTHLY)
    book.sell("ended", both, Start_Date__c="2026-01-01", Term_Months__c=6, **MONTHLY)
    book.live("2025-12-11", "2026-01-04")
    for who in ("day", "tail"):
        book.used(who, "call", 10, "2026-01-03T12:00:00")
    world.at("2026-01-20")
    for who in book.deals:
        book.used(who, "call", 100, "2026-01-20T00:00:00")
    world.at("2026-02-10")
    for who in book.deals:
        book.used(who, "call", 1_000, "2026-02-10T00:00:00")
    book.change("ended", kind="Cancellation", Start_Date__c="2026-02-16", Credit_Policy__c="None")
    book.live("2026-02-10T02:00", "2026-03-05")

    expected = {
        # 12 of 31 days and the last 16 of 28 (15 Feb to 3 Mar) of 100.00; the use of each piece at its end, at 0.50
        "day": [("2026-01-03", 3_871), ("2026-01-15", 10_000 + 500), ("2026-02-15", 5_714 + 55_000), ("2026-03-03", 0)],
        # 14 days of February: 100.00 x 14 x 12 / 365
        "tail": [("2026-01-01", 10_000), ("2026-02-01", 4_603 + 5_500), ("2026-02-15", 50_000)],
        "inside": [("2026-01-01", 10_000), ("2026-02-01", 10_000 + 5_000), ("2026-03-01", 50_000)],
        "ended": [("2026-01-01", 10_000), ("2026-02-01", 10_000 + 5_000), ("2026-02-16", 50_000)],
    }
    for who, invoices in expected.items():
        assert [one for one in by_day(book.billed(who)) if one[1]] == [one for one in invoices if one[1]], who
        assert quote_row(world, book.deals[who])["Billing_Status__c"] == "Ended", who
        assert book.row(who, "Status__c") == ("Canceled",), who
    changes_nothing(tandem)


def test_what_was_used_until_a_last_day_inside_a_cycle_is_billed_once_to_the_unit(world: World, tandem: Tandem) -> None:
    world.at("2026-01-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", TIERS)
    dearer = book.by_use("dear call", [(None, "2.00", None)])
    world.crm.change("Product2", dearer["id"], Meter_Event__c="call")
    for who in ("today", "before", "too late", "taken off", "dearer", "dearer at once", "alone"):
        lines = [(call, 1, "0", {})] if who == "alone" else [(seat, 10, "10.00", {}), (call, 1, "0", {})]
        book.sell(who, lines, Start_Date__c="2026-02-01", Term_Months__c=6, **MONTHLY)
    less = {"Discount": 10, "Discount_Months__c": 1}
    lines = [(seat, 10, "10.00", {}), (call, 1, "0", less)]
    book.sell("less in February", lines, Start_Date__c="2026-02-01", Term_Months__c=6, **MONTHLY)
    book.live("2026-01-11", "2026-02-03")
    off, none = (call, 1, "0", {"Change__c": "Remove"}), {"Credit_Policy__c": "None"}
    book.change("taken off", [off], Start_Date__c="2026-02-16", **none)
    swap = book.change("dearer", [off, (dearer, 1, "0", MONTHLY)], Start_Date__c="2026-02-16", **none)
    settled(tandem)
    assert "What is used of call until 15 Feb 2026 is billed" in quote_row(world, swap)["Billing_Preview__c"]

    world.at("2026-02-11")
    for who in book.deals:
        book.used(who, "call", 150, "2026-02-11T00:00:00")
    world.at("2026-02-16T09:00")
    both = [(seat, 10, "10.00", {}), (call, 1, "0", {})]
    book.sell("signed late", both, Start_Date__c="2026-01-15", Term_Months__c=6, card=True, **MONTHLY)
    book.used("signed late", "call", 150, "2026-01-20T00:00:00")  # in a cycle that is over
    for who in book.deals:
        book.used(who, "call", 1_000, "2026-02-15T23:59:59")
        book.used(who, "call", 10_000, "2026-02-16T00:00:00")  # no service any more, but of the dearer ones
    ends: dict[str, Any] = {"kind": "Cancellation", **none}
    book.change("today", Start_Date__c="2026-02-16", **ends)
    book.change("alone", Start_Date__c="2026-02-16", **ends)
    book.change("dearer at once", [off, (dearer, 1, "0", MONTHLY)], Start_Date__c="2026-02-16", **none)
    book.change("before", Start_Date__c="2026-02-12", **ends)
    settled(tandem)
    book.used("today", "call", 7, "2026-02-15T12:00:00")  # it comes late, and is waited for
    book.live("2026-02-16T12:00", "2026-03-01")
    book.used("less in February", "call", 200, "2026-03-01T00:00:00")
    book.change("too late", Start_Date__c="2026-02-20", **ends)  # all of February was billed this night
    book.live("2026-03-01T10:00", "2026-03-02", "2026-04-02")

    first, used = ("2026-02-01", 10_000), 100 * 10 + 1_050 * 5  # by hand: 1,150 calls, the first 100 at 0.10, then 0.05
    assert book.billed("today") == [first, ("2026-02-16", used + 7 * 5)]
    assert book.billed("alone") == [("2026-02-16", used)]
    assert book.billed("before") == [first, ("2026-02-16", 100 * 10 + 50 * 5)]
    assert book.billed("too late") == [first, ("2026-03-01", 10_000 + used + 10_000 * 5)]
    assert book.billed("taken off") == [first, ("2026-02-16", used), ("2026-03-01", 10_000), ("2026-04-01", 10_000)]
    for who in ("dearer", "dearer at once"):
        assert by_day(book.billed(who)) == [
            first, ("2026-02-16", used), ("2026-03-01", 10_000 + 10_000 * 200), ("2026-04-01", 10_000),
        ]  # fmt: skip
    assert by_day(book.billed("signed late")) == [
        ("2026-02-16", 2 * 10_000 + 100 * 10 + 50 * 5), ("2026-03-15", 10_000 + 100 * 10 + 10_900 * 5),
    ]  # fmt: skip
    assert book.billed("less in February") == [
        first, ("2026-03-01", 10_000 + 900 + 49_725), ("2026-04-01", 10_000 + 100 * 10 + 100 * 5),
    ]  # fmt: skip
    for who in book.deals:
        assert sorted(book.shown(who)) == sorted(book.billed(who)), who
    assert book.row("today", "Status__c Last_Usage__c Last_Usage_Amount__c") == ("Canceled", 1_157, Decimal("62.85"))
    report = tandem.services.pipeline.nightly.sweep.run("test", heal=False)
    assert [f"{d.kind}: {d.record} {d.field}: {d.expected}, not {d.actual}" for d in report.differences] == []
    changes_nothing(tandem)


def test_what_was_used_of_a_deal_that_is_over_is_billed_by_what_its_meter_counted(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    book = Book(world, tandem)
    seat, call = book.product("Seat"), book.by_use("call", TIERS)
    book.sell("other", [(call, 1, "0", {})], Start_Date__c="2026-02-11", Term_Months__c=6, **MONTHLY)
    settled(tandem)
    world.at("2026-03-10T09:00")
    february: dict[str, Any] = {"Start_Date__c": "2026-02-01", "Term_Months__c": 1, **MONTHLY}
    book.sell("late", [(seat, 10, "10.00", {}), (call, 1, "0", {})], card=True, **february)
    book.sell("only by use", [(call, 1, "0", {})], card=True, **february)
    book.sell("used nothing", [(call, 1, "0", {})], card=True, **february)
    new = book.sell("new", [(call, 1, "0", {})], **february)
    for who in ("late", "only by use"):
        book.used(who, "call", 150, "2026-02-11T00:00:00")
        book.used(who, "call", 1_000, "2026-03-01T00:00:00")  # no service any more
    settled(tandem)
    counted = "What is used of call until 28 Feb 2026 is billed by what was counted, on 10 Mar 2026"
    assert counted in quote_row(world, book.deals["late"])["Billing_Preview__c"]
    assert f"{counted}; Stripe does not know the customer yet" in quote_row(world, new)["Billing_Preview__c"]
    assert [book.billed(who) for who in book.deals] == [[], [("2026-03-10", 10_000)], [], [], []]
    twice = sell(world.crm, [(call, 1, "0", {})], account=book.accounts["other"], **february)
    tandem.drain()
    assert quote_row(world, twice)["Billing_Code__c"] == "DATA-237"
    world.crm.change("Quote", twice, Status="Denied")

    book.live("2026-03-10T12:00")
    use = ("2026-03-10", 100 * 10 + 50 * 5)
    assert sorted(book.billed("late")) == [use, ("2026-03-10", 10_000)]
    assert [book.billed(who) for who in ("only by use", "used nothing", "new")] == [[use], [], []]
    for who in ("late", "only by use", "used nothing", "new"):
        assert quote_row(world, book.deals[who])["Billing_Status__c"] == "Ended", who
        assert book.row(who, "Status__c Start_Date__c End_Date__c") == ("Canceled", "2026-02-01", "2026-02-28"), who
        assert sorted(book.shown(who)) == sorted(book.billed(who)), who
    report = tandem.services.pipeline.nightly.sweep.run("over", heal=False)
    assert list(report.differences) == []
    changes_nothing(tandem)
