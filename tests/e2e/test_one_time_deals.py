"""A service sold alone: nothing of it runs, so it stands on invoices alone, each made on its day."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.e2e.looks import billed, changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

FIELDS = "Status__c Start_Date__c End_Date__c Ends_On__c MRR__c Contracted_MRR__c Quote__c Stripe_Id__c"


def test_a_service_sold_alone_is_billed_on_its_days_changed_and_ended(world: World, tandem: Tandem) -> None:
    world.at("2026-03-01T09:00")
    training = world.crm.product("Training", currencies=["USD"], charge="One-Time", period=None)
    seat = world.crm.product("Seat", currencies=["USD"])
    days = [(training, 2, "1250.00", {}), (training, 1, "400.00", {"Start_Date__c": "2026-06-01"})]
    deal = sell(world.crm, days, Start_Date__c="2026-05-01", Term_Months__c=3, Days_Until_Due__c=30)
    settled(tandem)

    def row() -> list[object]:
        found = world.crm.row("Billing_Subscription__c", FIELDS, f"Billing_Key__c = '{deal}'")
        assert found["Quote__c"] == deal
        return [found[f] for f in FIELDS.split()[:5]]

    shown = quote_row(world, deal)
    assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Scheduled", None)
    assert (shown["Contract_Total__c"], shown["First_Invoice_Amount__c"]) == (2_900, 2_500)
    assert world.stripe.all("invoices") == world.stripe.all("subscription_schedules") == []
    assert row() == ["Scheduled", "2026-05-01", "2026-07-31", None, 0]
    next_one = "Next_Invoice_Date__c Next_Invoice_Amount__c Billing_Health__c Billing_Channel__c"
    assert list(world.crm.row("Account", next_one).values()) == ["2026-05-01", 2_500, "Good", "Sales-Led"]
    won = world.crm.row("Opportunity", "Billing_Status__c Contracted_Amount__c Billed_Amount__c")
    assert list(won.values()) == ["Scheduled", 2_900, 0]
    account = world.crm.row("Account", "Id")["Id"]
    again = sell(world.crm, [(training, 1, "50.00", {})], account=account, Start_Date__c="2026-07-01")
    before = world.mark()
    settled(tandem)
    assert [w.path for w in world.writes(before, "stripe")] == [], "customer and product are there"
    assert quote_row(world, again)["Billing_Status__c"] == "Scheduled"
    world.crm.change("Quote", again, Start_Date__c="2026-06-15")
    tandem.drain()
    assert quote_row(world, again)["Billing_Code__c"] == "DATA-221", "it was frozen all the same"
    world.crm.change("Quote", again, Start_Date__c="2026-07-01")
    settled(tandem)
    changes_nothing(tandem)

    world.at("2026-05-01T00:00")
    settled(tandem)
    assert billed(world) == [("2026-05-01", 250_000)]
    [first] = world.stripe.all("invoices")
    assert (first["status"], first["parent"], first["due_date"] - first["created"]) == ("open", None, 30 * 86_400)
    assert (quote_row(world, deal)["Billing_Status__c"], row()) == (
        "Live",
        ["Active", "2026-05-01", "2026-07-31", None, 0],
    )
    assert quote_row(world, deal)["Billing_Reference__c"] == first["id"]

    added = change(world.crm, deal, [(training, 1, "100.00", {})], Start_Date__c="2026-05-15")
    seats = change(world.crm, deal, [(seat, 1, "9.00", {})], Start_Date__c="2026-05-15", Billing_Frequency__c="Monthly")
    settled(tandem)
    assert [quote_row(world, quote)["Billing_Status__c"] for quote in (deal, added, seats)] == [
        "Live",
        "Scheduled",
        "Scheduled",
    ]
    assert row() == ["Active", "2026-05-01", "2026-07-31", None, 0], "it runs, though its seats are to come"
    assert quote_row(world, seats)["Contract_Total__c"] == Decimal("23.03")  # 2 months and 17 days
    world.at("2026-05-15T01:30")
    settled(tandem)
    assert billed(world)[1:] == [("2026-05-15", 503), ("2026-05-15", 10_000)]
    assert row() == ["Active", "2026-05-01", "2026-07-31", None, 9]
    [subscription] = world.stripe.all("subscriptions")
    assert subscription["metadata"]["tandem_key"] == deal
    changes_nothing(tandem)

    change(world.crm, deal, kind="Cancellation", Start_Date__c="2026-05-20")
    settled(tandem)
    assert row() == ["Active", "2026-05-01", "2026-07-31", "2026-05-19", 9]
    world.at("2026-06-02T09:00")
    settled(tandem)
    assert (quote_row(world, deal)["Billing_Status__c"], len(billed(world))) == ("Ended", 3)
    assert row() == ["Canceled", "2026-05-01", "2026-07-31", "2026-05-19", 0]
    assert [note["total"] for note in world.stripe.all("credit_notes")] == [355]
    assert len(world.crm.rows("Billing_Invoice__c", "Id", "Billing_Subscription__c != null")) == 3
    report = tandem.services.pipeline.nightly.sweep.run("once", heal=False)
    assert list(report.differences) == []
    changes_nothing(tandem)


@pytest.mark.long
def test_more_lines_than_an_invoice_takes_are_two_invoices_of_one_day(world: World, tandem: Tandem) -> None:
    world.at("2026-03-01T09:00")
    training = world.crm.product("Training", currencies=["USD"], charge="One-Time", period=None)
    days = [(training, 1, f"{n}.00", {}) for n in range(1, 252)]
    deal = sell(world.crm, days, Start_Date__c="2026-03-02", Days_Until_Due__c=30)
    settled(tandem)
    shown = quote_row(world, deal)
    assert (shown["Contract_Total__c"], shown["First_Invoice_Amount__c"]) == (31_626, 31_626)
    assert shown["Billing_Preview__c"].count("First invoice 2 Mar 2026") == 2
    world.at("2026-03-02T00:00")
    settled(tandem)
    assert billed(world) == [("2026-03-02", 100 * 251), ("2026-03-02", 100 * (31_626 - 251))]
    assert {i["status"] for i in world.stripe.all("invoices")} == {"open"}
    rows = world.crm.rows("Billing_Invoice__c", "Subtotal__c", "Billing_Subscription__c != null")
    assert sorted(row["Subtotal__c"] for row in rows) == [251, 31_626 - 251]
    changes_nothing(tandem)
