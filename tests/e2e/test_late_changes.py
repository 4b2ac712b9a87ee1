"""Quotes that come after their day and end what has begun, each found by `make soak`: nothing goes on being billed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.book import Book
from tests.e2e.looks import billed, changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

pytestmark = pytest.mark.long


YEAR: dict[str, Any] = {"Start_Date__c": "2026-01-01", "Term_Months__c": 12}


def given_back(world: World) -> int:
    """What credit notes and the balance of the one customer come to."""
    [customer] = world.stripe.all("customers")
    entries = world.stripe.all(f"customers/{customer['id']}/balance_transactions")
    ours = sum(-e["amount"] for e in entries if e["metadata"].get("tandem_key"))
    return ours + sum(note["amount"] for note in world.stripe.all("credit_notes"))


def in_crm(world: World) -> set[tuple[str, float]]:
    """Every invoice row: the deal that it stands under, and its total."""
    keys = {row["Id"]: row["Billing_Key__c"] for row in world.crm.rows("Billing_Subscription__c", "Id Billing_Key__c")}
    rows = world.crm.rows("Billing_Invoice__c", "Billing_Subscription__c Total__c")
    return {(keys[row["Billing_Subscription__c"]], float(row["Total__c"])) for row in rows}


def test_an_object_of_which_all_was_taken_off_in_the_past_is_ended(world: World, tandem: Tandem) -> None:
    """The platform is billed every half year, by a Stripe object of its own, and was removed before anybody said so."""
    world.at("2025-12-10")
    seat, platform = (world.crm.product(name, currencies=["USD"]) for name in ("Seat", "Platform"))
    monthly, half = ({"Billing_Frequency__c": often} for often in ("Monthly", "Semiannual"))
    deal = sell(world.crm, [(seat, 10, "50.00", monthly), (platform, 1, "100.00", half)], **YEAR)
    settled(tandem)
    world.at("2026-05-05T10:00")
    settled(tandem)

    change(world.crm, deal, [(platform, 1, "100.00", {"Change__c": "Remove"})], Start_Date__c="2026-03-20")
    settled(tandem)
    world.at("2026-12-05T10:00")
    settled(tandem)

    assert sum(total for _, total in billed(world)) == 12 * 50_000 + 60_000
    assert ("2026-07-01", 50_000) in billed(world)
    assert given_back(world) == 33_945  # of 1,200.00 a year 9 months and 12 days, less the half year that is not billed
    changes_nothing(tandem)


def test_a_deal_cancelled_from_its_first_day_on_stops_and_is_given_back(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    deal = sell(world.crm, [(seat, 10, "50.00", {})], **YEAR, Billing_Frequency__c="Monthly")
    settled(tandem)
    world.at("2026-03-05T10:00")
    settled(tandem)

    change(world.crm, deal, [(seat, 1, "0", {"Optional__c": True})], kind="Cancellation", Start_Date__c="2026-01-01")
    settled(tandem)
    world.at("2026-06-05T10:00")
    settled(tandem)

    assert billed(world) == [("2026-01-01", 50_000), ("2026-02-01", 50_000), ("2026-03-01", 50_000)]
    assert given_back(world) == 150_000
    assert {s["status"] for s in world.stripe.all("subscriptions", status="all")} == {"canceled"}
    changes_nothing(tandem)


def test_a_deal_that_comes_in_its_last_cycle_late_in_the_month_is_billed_once(world: World, tandem: Tandem) -> None:
    """Its last cycle of 82 days has begun; Stripe counted another one back from a 31st."""
    world.at("2026-12-02T17:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Term_Months__c": 3, "Billing_Day__c": 31, "Billing_Frequency__c": "Semiannual"}
    sell(world.crm, [(seat, 2, "3199.00", {})], Start_Date__c="2026-11-20", **terms)
    settled(tandem)
    world.at("2027-03-05T10:00")
    settled(tandem)

    [(day, _)] = billed(world)
    assert day == "2026-12-02"
    changes_nothing(tandem)


def test_a_deal_without_an_end_is_changed_long_after_its_schedule_let_go(world: World, tandem: Tandem) -> None:
    """The subscription goes on by itself after its first cycle; what changes it makes a schedule from it."""
    world.at("2025-12-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-01-01", "Auto_Renew__c": True, "Billing_Frequency__c": "Monthly"}
    deal = sell(world.crm, [(seat, 10, "50.00", {})], **terms)
    settled(tandem)
    world.at("2026-04-05T10:00")
    settled(tandem)

    change(world.crm, deal, [(seat, 2, "50.00", {})], Start_Date__c="2026-06-16")
    settled(tandem)
    world.at("2026-08-05T10:00")
    settled(tandem)

    monthly = [total for day, total in billed(world) if day.endswith("-01")]
    assert monthly == [50_000] * 6 + [60_000] * 2
    assert [total for day, total in billed(world) if not day.endswith("-01")] == [4_932]  # 15 days of 100.00 a month
    changes_nothing(tandem)


def test_a_line_that_is_over_when_its_deal_comes_is_billed(world: World, tandem: Tandem) -> None:
    """A back-dated ramp by the year whose first step ended, inside the cycle, before the deal was accepted."""
    world.at("2027-10-05T05:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    first = {"Start_Date__c": "2027-08-31", "End_Date__c": "2027-10-02", "Ramp_Key__c": "R"}
    second = {"Start_Date__c": "2027-10-03", "End_Date__c": "2028-08-30", "Ramp_Key__c": "R"}
    terms = {"Start_Date__c": "2027-08-31", "Term_Months__c": 12, "Billing_Frequency__c": "Annual"}
    deal = sell(world.crm, [(seat, 5, "100.00", first), (seat, 8, "95.00", second)], **terms)
    settled(tandem)
    world.at("2027-10-05T07:00")
    settled(tandem)

    assert sorted(billed(world)) == [
        ("2027-10-05", 54_932),
        ("2027-10-05", 829_962),
    ]  # 1 month 3 days; 10 months 28 days
    assert in_crm(world) == {(deal, 549.32), (deal, 8_299.62)}
    row = world.crm.row("Billing_Subscription__c", "Billing_Key__c MRR__c Start_Date__c Status__c")
    assert (row["Billing_Key__c"], row["MRR__c"], row["Status__c"]) == (deal, 760, "Active")
    assert quote_row(world, deal)["Billing_Status__c"] == "Live"
    changes_nothing(tandem)


def test_another_frequency_that_is_added_after_the_end_is_billed(world: World, tandem: Tandem) -> None:
    world.at("2025-12-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    deal = sell(world.crm, [(seat, 10, "50.00", {})], **YEAR, Billing_Frequency__c="Monthly")
    settled(tandem)
    world.at("2027-01-05T10:00")
    settled(tandem)

    quarterly = {"Billing_Frequency__c": "Quarterly"}
    added = change(world.crm, deal, [(seat, 2, "80.00", quarterly)], Start_Date__c="2026-12-16")
    settled(tandem)
    world.at("2027-01-20T10:00")
    settled(tandem)

    assert billed(world)[12:] == [("2027-01-05", 8_416)]  # 16 days of 160.00 a month
    assert (deal, 84.16) in in_crm(world)
    assert [quote_row(world, quote)["Billing_Status__c"] for quote in (deal, added)] == ["Ended", "Ended"]
    changes_nothing(tandem)

    # Half of it is taken off again from the day on which it began: what was billed for it is given back.
    change(world.crm, deal, [(seat, 1, "80.00", {**quarterly, "Change__c": "Remove"})], Start_Date__c="2026-12-16")
    settled(tandem)
    world.at("2027-02-20T10:00")
    settled(tandem)
    assert given_back(world) == 4_208
    assert len(billed(world)) == 13
    changes_nothing(tandem)


def test_what_is_taken_off_and_sold_again_later_stops_and_goes_on(world: World, tandem: Tandem) -> None:
    """Monthly seats beside a quarterly platform, with three months without: known ahead, the later quote first, or late."""
    world.at("2025-12-10")
    book = Book(world, tandem)
    seat, platform = book.product("Seat"), book.product("Platform")
    lines = [(platform, 1, "100.00", {"Billing_Frequency__c": "Quarterly"}), (seat, 5, "50.00", {})]
    for who in ("ahead", "other way round", "late"):
        book.sell(who, lines, **YEAR, Billing_Frequency__c="Monthly")
    book.live("2025-12-11")

    def take_off(who: str) -> None:
        book.change(who, [(seat, 5, "50.00", {"Change__c": "Remove"})], Start_Date__c="2026-03-01")

    def sell_again(who: str) -> None:
        book.change(who, [(seat, 2, "50.00", {"Billing_Frequency__c": "Monthly"})], Start_Date__c="2026-06-01")

    take_off("ahead")
    for who in ("other way round", "late"):
        sell_again(who)
    book.live("2026-01-05")
    sell_again("ahead")
    take_off("other way round")
    book.live("2026-02-05", "2026-04-05")
    assert book.row("ahead", "MRR__c Quantity__c Status__c") == (100, 1, "Active")
    book.live("2026-07-05")
    take_off("late")
    book.live("2026-07-06", "2027-01-05")

    quarterly = [(f"2026-{month}-01", 30_000) for month in ("01", "04", "07", "10")]
    before = [(f"2026-0{month}-01", 25_000) for month in (1, 2)]
    after = [(f"2026-{month:02}-01", 10_000) for month in range(6, 13)]
    for who in ("ahead", "other way round"):
        assert sorted(book.billed(who)) == sorted(quarterly + before + after), who
        assert book.given_back(who) == [], who
    late = [total for _, total in book.billed("late")]
    assert sum(late) - sum(amount for _, amount in book.given_back("late")) == 120_000 + 50_000 + 70_000
    assert [book.status(book.deals[who]) for who in book.deals] == ["Ended"] * 3
    changes_nothing(tandem)


def test_a_change_of_what_is_over_moves_no_money_and_is_part_of_the_deal(world: World, tandem: Tandem) -> None:
    """The first step of the ramp had a Stripe object of its own, which ended; nothing of it is due either way."""
    world.at("2026-03-20")
    book = Book(world, tandem)
    platform = book.product("Platform")
    ramp: dict[str, Any] = {"Billing_Frequency__c": "Quarterly", "Ramp_Key__c": "steps"}
    steps = [
        (platform, 5, "120.00", {**ramp, "End_Date__c": "2026-05-08"}),
        (platform, 8, "114.00", {**ramp, "Start_Date__c": "2026-05-09"}),
    ]
    book.sell("ramp", steps, Start_Date__c="2026-04-21", Term_Months__c=9, Billing_Frequency__c="Quarterly")
    book.live("2026-03-21", "2026-04-22", "2026-10-27")
    invoices = book.billed("ramp")
    off: dict[str, Any] = {"Start_Date__c": "2026-04-24", "Proration_Policy__c": "None"}
    less = [(platform, 5, "120.00", {"Billing_Frequency__c": "Quarterly", "Change__c": "Remove"})]
    first = book.change("ramp", less, **off)
    book.live("2026-10-27T03:00")
    assert (book.billed("ramp"), book.given_back("ramp")) == (invoices, [])
    promise = tandem.services.pipeline.quotes.promises.frozen(first)
    assert promise is not None
    assert "The running cycle is not billed" in str(promise.preview["text"])
    again = book.change("ramp", less, **off)
    assert not tandem.drain().clean
    assert quote_row(world, again)["Billing_Code__c"] == "DATA-207", "it is off already"


def test_what_is_added_from_a_day_before_a_subscription_ended_goes_on_with_one_of_its_own(
    world: World, tandem: Tandem
) -> None:
    world.at("2026-01-10")
    seat, extra = (world.crm.product(name, currencies=["USD"]) for name in ("Seat", "Extra"))
    deal = sell(
        world.crm, [(seat, 10, "50.00", {}), (extra, 1, "600.00", {"Billing_Frequency__c": "Annual", "Price_Period__c": "Year"})],
        Start_Date__c="2026-02-01", Term_Months__c=12, Billing_Frequency__c="Monthly",
    )  # fmt: skip
    settled(tandem)
    change(world.crm, deal, [(seat, 10, "50.00", {"Change__c": "Remove"})], Start_Date__c="2026-04-01")
    for day in ("2026-02-01T02:00", "2026-03-01T02:00", "2026-05-10"):
        world.at(day)
        settled(tandem)
    monthly = {"Billing_Frequency__c": "Monthly"}
    before, invoices = world.mark(), billed(world)
    less = {**monthly, "Discount": 10}
    cheaper = change(world.crm, deal, [(seat, 2, "50.00", less)], Start_Date__c="2026-03-01")
    tandem.drain()
    # What was taken off would come off these, the newest, so two of the others would go on.
    assert quote_row(world, cheaper)["Billing_Code__c"] == "CONF-311"
    assert [w.path for w in world.writes(before, "stripe")] == []
    world.crm.change("Quote", cheaper, Status="Denied")

    late = change(world.crm, deal, [(extra, 2, "20.00", monthly)], Start_Date__c="2026-03-01")
    settled(tandem)
    assert quote_row(world, late)["Billing_Status__c"] == "Live"
    assert sorted(set(billed(world)) - set(invoices)) == [("2026-05-10", 3 * 4_000)]
    world.at("2026-06-01T03:00")
    settled(tandem)
    assert billed(world)[-1] == ("2026-06-01", 4_000)
    shown = world.crm.row("Billing_Subscription__c", "MRR__c Quantity__c", f"Billing_Key__c = '{deal}'")
    assert list(shown.values()) == [90, 3]

    invoices = billed(world)
    same = change(world.crm, deal, [(seat, 2, "50.00", monthly)], Start_Date__c="2026-03-01")
    settled(tandem)
    assert quote_row(world, same)["Billing_Status__c"] == "Live", "worth the same, what was taken off stays off"
    assert sorted(set(billed(world)) - set(invoices)) == [("2026-06-01", 4 * 10_000)]
    change(world.crm, deal, kind="Cancellation", Start_Date__c="2026-06-16")
    settled(tandem)
    live = [s for s in world.stripe.all("subscriptions", status="all") if s["status"] != "canceled"]
    assert live == [] or all(s["cancel_at"] for s in live)
    changes_nothing(tandem)
