"""Case 23: a self-serve customer is bought by sales; the plan, the card and the row go on in the deal."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, day_of, quote_row, seconds, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

ROW = "Id Billing_Key__c Channel__c Status__c MRR__c Quote__c Ends_On__c End_Date__c Stripe_Id__c"
ITEM = "Quantity__c MRR__c"


@pytest.mark.parametrize("signed", ["2026-06-20", "2026-06-25T09:00"], ids=["ahead", "on the day"])
def test_a_self_serve_customer_signs_and_stays_one_customer_one_subscription_and_one_row(
    world: World, tandem: Tandem, signed: str
) -> None:
    world.at("2026-06-10")
    plan = world.stripe.sign_up("Birch Inc", "ops@birch.example", seats=5, card="pm_card_visa")
    account = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    settled(tandem)
    ahead = signed < "2026-06-25"
    [before] = world.crm.rows("Billing_Subscription__c", ROW)
    assert (before["Channel__c"], before["MRR__c"]) == ("Self-Serve", Decimal("195"))

    world.at(signed)
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(
        world.crm, [(seat, 50, "99.00", {})], account=account, Start_Date__c="2026-06-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Days_Until_Due__c=30, PO_Number__c="PO-7741",
    )  # fmt: skip
    settled(tandem)
    shown = quote_row(world, quote)
    assert "97.50 USD, which leaves 4,852.50 USD" in shown["Billing_Preview__c"]
    assert shown["First_Invoice_Amount__c"] == Decimal("4852.5")
    if ahead:
        [still] = world.crm.rows("Billing_Subscription__c", ROW)
        assert (still["Id"], still["Channel__c"], still["MRR__c"]) == (before["Id"], "Self-Serve", Decimal("195"))
        assert (still["Quote__c"], still["Ends_On__c"], still["End_Date__c"]) == (quote, None, "2027-06-24")
        world.at("2026-06-25T00:20")  # the first invoice is a draft for an hour
        settled(tandem)
    world.at("2026-06-25T12:00")
    settled(tandem)

    [customer] = world.stripe.all("customers")
    assert customer["id"] == plan["customer"]
    assert customer["invoice_settings"]["default_payment_method"]
    [live] = [s for s in world.stripe.all("subscriptions", status="all") if s["status"] != "canceled"]
    assert live["collection_method"] == "send_invoice"
    assert day_of(live["items"]["data"][0]["current_period_end"]) == "2026-07-25"  # the anchor is the deal's
    old = world.stripe.get(f"subscriptions/{plan['id']}")
    assert old["status"] == "canceled"
    invoice = world.stripe.all("invoices", customer=customer["id"])[0]
    assert (invoice["total"], invoice["collection_method"]) == (485_250, "send_invoice")
    assert sorted(line["amount"] for line in invoice["lines"]["data"]) == [-9_750, 495_000]
    assert day_of(invoice["due_date"]) == "2026-07-25"
    assert [f["value"] for f in invoice["custom_fields"]] == ["PO-7741"]
    [schedule] = world.stripe.all("subscription_schedules", customer=customer["id"])
    assert schedule["phases"][-1]["end_date"] == seconds("2027-06-25") == 1_813_881_600

    [row] = world.crm.rows("Billing_Subscription__c", ROW)
    assert row["Id"] == before["Id"]
    assert (row["Channel__c"], row["Status__c"], row["MRR__c"]) == ("Sales-Led", "Active", Decimal("4950"))
    assert (row["Quote__c"], row["Stripe_Id__c"], row["Ends_On__c"]) == (quote, live["id"], None)
    assert _items(world.crm.rows("Billing_Subscription_Item__c", ITEM)) == [(0, Decimal(0)), (50, Decimal("4950"))]
    fields = world.crm.row("Account", "Stripe_Customer_Id__c Billing_Channel__c MRR__c", f"Id = '{account}'")
    assert fields == {
        "Stripe_Customer_Id__c": customer["id"], "Billing_Channel__c": "Sales-Led", "MRR__c": Decimal("4950"),
    }  # fmt: skip
    assert quote_row(world, quote)["Billing_Status__c"] == "Live"
    changes_nothing(tandem)

    world.at("2026-07-25T02:00")
    settled(tandem)
    assert [i["total"] for i in world.stripe.all("invoices", customer=customer["id"])] == [495_000, 485_250, 19_500]


def _items(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return sorted((row["Quantity__c"], row["MRR__c"]) for row in rows)
