"""Deals of other shapes through both sides: they start today or are back-dated, in other currencies, with two frequencies, under a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import billed, changes_nothing, live_through, quote_row, seconds, settled, shown_invoices
from tests.e2e.people import sell
from tests.e2e.sandbox import World, fresh_world, running_sandbox
from tests.e2e.tandem import Tandem
from workers.embedded import Servers

pytestmark = pytest.mark.long


MONTHLY: dict[str, Any] = {"Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_deal_that_starts_today_is_billed_today(world: World, tandem: Tandem) -> None:
    world.at("2026-03-01T10:30")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(world.crm, [(seat, 5, "20.00", {})], Start_Date__c="2026-03-01", **MONTHLY)

    settled(tandem)
    world.at("2026-03-01T12:00")
    settled(tandem)

    assert billed(world) == [("2026-03-01", 10_000)]
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    changes_nothing(tandem)
    live_through(world, tandem, "2027-03-03", days=40)
    assert [total for _, total in billed(world)] == [10_000] * 12
    assert shown_invoices(world)[-1]["Period_End__c"] == "2027-02-28"
    changes_nothing(tandem)


def test_back_dated_deal_bills_what_has_begun_at_once(world: World, tandem: Tandem) -> None:
    """Case 31, its main line: three months at once, then nine more on their own days."""
    world.at("2026-04-10T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(world.crm, [(seat, 10, "100.00", {})], Start_Date__c="2026-02-01", **MONTHLY)

    settled(tandem)
    world.at("2026-04-10T12:00")
    settled(tandem)

    assert billed(world) == [("2026-04-10", 300_000)]
    shown = quote_row(world, quote)
    assert (shown["Contract_Total__c"], shown["First_Invoice_Amount__c"]) == (Decimal("12000"), Decimal("3000"))
    changes_nothing(tandem)

    live_through(world, tandem, "2027-02-03", days=30)

    rest = [f"2026-{m:02d}-01" for m in range(5, 13)] + ["2027-01-01"]
    assert billed(world) == [("2026-04-10", 300_000), *((day, 100_000) for day in rest)]
    assert sum(total for _, total in billed(world)) == 1_200_000
    ends = {s["cancel_at"] or s["ended_at"] for s in world.stripe.all("subscriptions", status="all")}
    assert ends == {1801440000}
    row = world.crm.row("Billing_Subscription__c", "Start_Date__c End_Date__c Status__c")
    assert row == {"Start_Date__c": "2026-02-01", "End_Date__c": "2027-01-31", "Status__c": "Canceled"}
    changes_nothing(tandem)


@pytest.mark.parametrize(("start", "signed", "days"), [
    ("2025-10-31", "2025-10-31T21:40", ["2025-11-30", "2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"]),
    ("2025-10-30", "2026-02-03T09:00", ["2026-02-28", "2026-03-30"]),
])  # fmt: skip
def test_deal_from_the_end_of_a_month_that_has_begun_never_sticks_on_a_shorter_month(
    world: World, tandem: Tandem, start: str, signed: str, days: list[str]
) -> None:
    """The boundary at which Stripe takes over is a clamped one; the days come back, and no cycle is billed past the end."""
    world.at(signed)
    seat = world.crm.product("Seat", currencies=["USD"])
    term = {"Term_Months__c": 6, "Billing_Frequency__c": "Monthly"}
    sell(world.crm, [(seat, 1, "100.00", {})], Start_Date__c=start, **term)
    settled(tandem)
    live_through(world, tandem, "2026-05-03", days=40)

    begun = 6 - len(days)
    assert billed(world) == [(signed[:10], begun * 10_000), *((day, 10_000) for day in days)]
    ends = {s["ended_at"] for s in world.stripe.all("subscriptions", status="all")}
    assert ends == {seconds("2026-04-30")}
    changes_nothing(tandem)


@pytest.mark.parametrize(("currency", "price", "minor", "major"), [
    ("JPY", "1200", 3_600, Decimal("3600")),
    ("KWD", "12.35", 37_050, Decimal("37.05")),
    ("EUR", "12.34", 3_702, Decimal("37.02")),
])  # fmt: skip
def test_amounts_have_the_decimals_of_their_currency(
    world: World, tandem: Tandem, currency: str, price: str, minor: int, major: Decimal
) -> None:
    world.at("2026-02-10")
    seat = world.crm.product("Seat", currencies=[currency])
    quote = sell(world.crm, [(seat, 3, price, {})], currency=currency, Start_Date__c="2026-03-01", **MONTHLY)

    settled(tandem)
    world.at("2026-03-01T02:00")
    settled(tandem)

    [invoice] = world.stripe.all("invoices")
    assert (invoice["currency"], invoice["total"]) == (currency.lower(), minor)
    [row] = shown_invoices(world)
    assert (row["Currency__c"], row["Total__c"]) == (currency, major)
    assert world.crm.row("Account", "MRR__c Billing_Currency__c") == {"MRR__c": major, "Billing_Currency__c": currency}
    assert quote_row(world, quote)["Contract_Total__c"] == 12 * major
    # A record that names no currency is in the org's own, and is cut to that one's decimals.
    for rows in ("Billing_Subscription__c", "Billing_Subscription_Item__c", "Billing_Invoice__c"):
        assert world.crm.row(rows, "CurrencyIsoCode") == {"CurrencyIsoCode": currency}
    changes_nothing(tandem)


def test_platform_fee_by_the_year_and_seats_by_the_month_are_one_deal(world: World, tandem: Tandem) -> None:
    """Case 37."""
    world.at("2025-12-10")
    platform = world.crm.product("Platform", currencies=["USD"], period="Year")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm,
        [(platform, 1, "12000.00", {"Billing_Frequency__c": "Annual"}), (seat, 20, "50.00", {"Billing_Frequency__c": "Monthly"})],
        Start_Date__c="2026-01-01", Term_Months__c=12,
    )  # fmt: skip

    settled(tandem)
    world.at("2026-01-01T02:00")
    settled(tandem)

    assert sum(total for _, total in billed(world)) == 1_300_000
    row = world.crm.row("Billing_Subscription__c", "MRR__c ARR__c Quote__c")
    assert row == {"MRR__c": Decimal("2000"), "ARR__c": Decimal("24000"), "Quote__c": quote}
    invoices = world.crm.rows("Billing_Invoice__c", "Billing_Subscription__r.Quote__c")
    assert {i["Billing_Subscription__r"]["Quote__c"] for i in invoices} == {quote}
    changes_nothing(tandem)

    live_through(world, tandem, "2027-01-03", days=40)

    later = [(day, total) for day, total in billed(world) if day > "2026-01-01"]
    assert later == [(f"2026-{m:02d}-01", 100_000) for m in range(2, 13)]
    assert sum(total for _, total in billed(world)) == 2_400_000
    assert quote_row(world, quote)["Contract_Total__c"] == Decimal("24000")
    changes_nothing(tandem)


def test_self_serve_customer_shows_in_the_same_form(world: World, tandem: Tandem) -> None:
    world.at("2026-03-05")
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")

    settled(tandem)

    assert world.writes(system="stripe") == []
    row = world.crm.row("Billing_Subscription__c", "Account__c Channel__c Status__c MRR__c Quantity__c Quote__c")
    assert row == {
        "Account__c": account, "Channel__c": "Self-Serve", "Status__c": "Active", "MRR__c": Decimal("195"),
        "Quantity__c": 5, "Quote__c": None,
    }  # fmt: skip
    [invoice] = shown_invoices(world)
    assert (invoice["Status__c"], invoice["Amount_Paid__c"]) == ("Paid", Decimal("195"))
    shown = world.crm.row("Account", "Billing_Channel__c Billing_Health__c Last_Payment_Amount__c MRR__c")
    assert shown == {
        "Billing_Channel__c": "Self-Serve", "Billing_Health__c": "Good", "Last_Payment_Amount__c": Decimal("195"),
        "MRR__c": Decimal("195"),
    }  # fmt: skip
    changes_nothing(tandem)


def test_refused_card_shows_and_clears_once_paid(world: World, tandem: Tandem) -> None:
    """The attempts stay in the history; the failure does not."""
    world.at("2026-03-05")
    world.crm.create("Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example")
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    bad = world.stripe.post("payment_methods/pm_card_chargeCustomerFail/attach", customer=plan["customer"])["id"]
    world.stripe.post(f"customers/{plan['customer']}", form={"invoice_settings[default_payment_method]": bad})

    world.at("2026-04-05T02:00")
    settled(tandem)

    failing = "Status__c = 'Open'"
    invoice = world.crm.row(
        "Billing_Invoice__c", "Attempts__c Failure__c Next_Attempt_At__c Amount_Remaining__c Stripe_Id__c", failing
    )
    assert (invoice["Attempts__c"], invoice["Amount_Remaining__c"]) == (1, Decimal("195"))
    assert "declined" in invoice["Failure__c"].lower()
    assert invoice["Next_Attempt_At__c"] is not None
    assert world.crm.row("Account", "Billing_Health__c")["Billing_Health__c"] == "Past Due"
    assert world.crm.row("Billing_Subscription__c", "Status__c")["Status__c"] == "Past Due"
    changes_nothing(tandem)

    good = world.stripe.post("payment_methods/pm_card_visa/attach", customer=plan["customer"])["id"]
    world.stripe.post(f"invoices/{invoice['Stripe_Id__c']}/pay", payment_method=good)
    settled(tandem)

    paid = world.crm.row(
        "Billing_Invoice__c", "Status__c Failure__c Next_Attempt_At__c", f"Stripe_Id__c = '{invoice['Stripe_Id__c']}'"
    )
    assert paid == {"Status__c": "Paid", "Failure__c": None, "Next_Attempt_At__c": None}
    history = world.crm.rows(
        "Billing_Payment__c",
        "Type__c Status__c Amount__c",
        f"Billing_Invoice__r.Stripe_Id__c = '{invoice['Stripe_Id__c']}'",
        "Type__c",
    )
    assert history == [
        {"Type__c": "Attempt", "Status__c": "Failed", "Amount__c": Decimal("195")},
        {"Type__c": "Payment", "Status__c": "Succeeded", "Amount__c": Decimal("195")},
    ]
    assert world.crm.row("Account", "Billing_Health__c")["Billing_Health__c"] == "Good"
    changes_nothing(tandem)


@pytest.fixture
def packaged_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org that has the package under the namespace ``tndm``."""
    with (
        running_sandbox(tmp_path_factory.mktemp("packaged"), "--namespace", "tndm") as url,
        fresh_world(url, "tndm") as world,
    ):
        yield world


def test_all_of_it_works_under_a_namespace(packaged_world: World, database: str, servers: Servers) -> None:
    world = packaged_world
    world.at("2026-02-10")
    tandem = Tandem(world, database, servers.redis_url, salesforce_namespace="tndm")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(world.crm, [(seat, 5, "20.00", {"Discount": 10})], Start_Date__c="2026-03-01", **MONTHLY)

    settled(tandem)
    world.at("2026-03-01T02:00")
    settled(tandem)

    assert billed(world) == [("2026-03-01", 9_000)]
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    [invoice] = shown_invoices(world)
    assert (invoice["Total__c"], invoice["Status__c"]) == (Decimal("90"), "Open")
    assert world.stripe.all("invoices")[0]["due_date"] // 86400 == seconds("2026-03-31") // 86400
    changes_nothing(tandem)
    tandem.close()
