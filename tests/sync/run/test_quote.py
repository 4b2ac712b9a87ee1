"""The deal run against both sides: what is asked before the signature, and what people do to a deal after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import changes_nothing, everything_due, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


@pytest.fixture(autouse=True)
def in_february(world: World) -> None:
    world.at("2026-02-10")


def account(world: World, name: str = "Acme") -> str:
    return world.crm.create("Account", Name=name, Billing_Email__c=f"ap@{name.lower()}.example")


def draft(world: World, payer: str = "", **header: Any) -> str:
    seat = world.crm.product("Seat", currencies=["USD"])
    return world.crm.quote("Seats", payer or account(world), "USD", [(seat, 2, "10.00", {})], **{**HEADER, **header})


def signed(world: World, tandem: Tandem, **more: Any) -> str:
    quote = draft(world, **more)
    world.crm.accept(quote)
    settled(tandem)
    return quote


def status(world: World, quote: str) -> tuple[Any, Any]:
    row = quote_row(world, quote)
    return row["Billing_Status__c"], row["Billing_Code__c"]


def opportunity(world: World, quote: str) -> str:
    return str(world.crm.row("Quote", "OpportunityId", f"Id = '{quote}'")["OpportunityId"])


def line(world: World, quote: str) -> str:
    return str(world.crm.row("QuoteLineItem", "Id", f"QuoteId = '{quote}'")["Id"])


# ------------------------------------------------------------------ before the signature


@pytest.mark.parametrize("request_", ["Check", "Start", "Retry", "Cancel", "Refresh"])
def test_any_request_before_the_signature_is_answered_with_a_preview_and_cleared(
    world: World, tandem: Tandem, request_: str
) -> None:
    quote = draft(world)
    world.crm.change("Quote", quote, Billing_Request__c=request_)

    settled(tandem)

    assert quote_row(world, quote)["Billing_Preview__c"].startswith("READY")
    assert world.crm.row("Quote", "Billing_Request__c")["Billing_Request__c"] is None
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def test_an_answer_is_kept_right_when_the_draft_changes(world: World, tandem: Tandem) -> None:
    quote = draft(world)
    world.crm.change("Quote", quote, Billing_Request__c="Check")
    settled(tandem)

    world.crm.change("QuoteLineItem", line(world, quote), Quantity=5)
    settled(tandem)

    assert quote_row(world, quote)["Contract_Total__c"] == Decimal("600")
    changes_nothing(tandem)


def test_a_signature_taken_back_before_anything_was_billed_needs_nobodys_attention(
    world: World, tandem: Tandem
) -> None:
    quote = draft(world, Start_Date__c=None)
    world.crm.accept(quote)
    tandem.drain()
    assert status(world, quote) == ("Needs Attention", "DATA-215")

    world.crm.change("Quote", quote, Status="Draft")
    settled(tandem)

    assert status(world, quote)[0] == "Not Started"
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


# ------------------------------------------------------------------ after the signature


def test_a_deal_whose_account_was_merged_goes_on_under_the_winner_and_is_billed_once(
    world: World, tandem: Tandem
) -> None:
    payer = account(world)
    quote = signed(world, tandem, payer=payer)
    other, before = account(world, "Other"), world.mark()

    world.switch("merge", master=other, losers=[payer])
    everything_due(tandem)
    done = tandem.drain()

    assert done.clean, done
    assert world.crm.row("Quote", "AccountId", f"Id = '{quote}'")["AccountId"] == other
    made = ("/v1/customers", "/v1/subscription_schedules")
    assert [e.path for e in world.writes(before, "stripe") if e.path in made] == []
    assert len(world.stripe.all("customers")) == len(world.stripe.all("subscription_schedules")) == 1
    assert quote_row(world, quote)["Billing_Code__c"] is None


def test_a_quote_that_takes_the_place_of_a_billed_one_waits_though_that_was_taken_back(
    world: World, tandem: Tandem
) -> None:
    first = signed(world, tandem)
    seat = world.crm.product("Seat", currencies=["USD"])
    second = world.crm.create(
        "Quote", Name="Second", OpportunityId=opportunity(world, first), Pricebook2Id=seat["book"], **HEADER
    )
    world.crm.create("QuoteLineItem", QuoteId=second, PricebookEntryId=seat["USD"], Quantity=3, UnitPrice="10.00")
    world.crm.change("Quote", first, Status="Draft")
    world.crm.accept(second)

    tandem.drain()

    assert (status(world, first)[1], status(world, second)[1]) == ("DATA-221", "DATA-222")
    assert len(world.stripe.all("subscription_schedules")) == 1
    changes_nothing(tandem)


def test_a_line_deleted_after_the_signature_gets_no_write_and_the_rest_goes_on(world: World, tandem: Tandem) -> None:
    quote = signed(world, tandem)

    world.crm.delete("QuoteLineItem", line(world, quote))
    done = tandem.drain()

    assert [code for _, code, _ in done.failed] == ["DATA-221"]
    assert done.rows_waiting == 0
    assert "removed" in quote_row(world, quote)["Billing_Message__c"]
    world.at("2026-03-01T02:00")
    tandem.drain()
    assert [i["total"] for i in world.stripe.all("invoices")] == [2000]


# ------------------------------------------------------------------ somebody else in Stripe


def test_seats_changed_in_stripe_are_told_never_overwritten_and_over_once_put_back(
    world: World, tandem: Tandem
) -> None:
    quote = signed(world, tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    before = world.mark()

    _with_seats(world, schedule, 1)
    done = tandem.drain()

    assert [code for _, code, _ in done.failed] == ["DATA-219"]
    assert status(world, quote) == ("With Billing Team", "DATA-219")
    assert world.writes(before, "stripe") == []
    assert world.stripe.all("subscription_schedules")[0]["phases"][0]["items"][0]["quantity"] == 1
    changes_nothing(tandem)

    _with_seats(world, schedule, 2)
    settled(tandem)

    assert status(world, quote) == ("Scheduled", None)
    assert world.writes(before, "stripe") == []


def test_a_deal_canceled_in_stripe_is_told_on_the_quote_and_canceled_on_its_row(world: World, tandem: Tandem) -> None:
    quote = signed(world, tandem)
    world.at("2026-03-01T02:00")
    settled(tandem)
    [schedule] = world.stripe.all("subscription_schedules")
    before = world.mark()

    world.stripe.post(f"subscription_schedules/{schedule['id']}/cancel", invoice_now="false", prorate="false")
    tandem.drain()

    assert status(world, quote) == ("With Billing Team", "DATA-219")
    row = world.crm.row("Billing_Subscription__c", "Status__c MRR__c Contracted_MRR__c End_Date__c Ends_On__c")
    assert row == {
        "Status__c": "Canceled", "MRR__c": Decimal(0), "Contracted_MRR__c": Decimal(0), "End_Date__c": "2027-02-28", "Ends_On__c": "2026-03-01",
    }  # fmt: skip
    assert world.writes(before, "stripe") == []
    changes_nothing(tandem)


def _with_seats(world: World, schedule: dict[str, Any], seats: int) -> None:
    """Finance changes the quantity in the Dashboard, and nothing else."""
    [phase] = schedule["phases"]
    form: dict[str, Any] = {
        "phases[0][start_date]": phase["start_date"],
        "phases[0][end_date]": phase["end_date"],
        "phases[0][proration_behavior]": "none",
        "phases[0][items][0][price]": phase["items"][0]["price"],
        "phases[0][items][0][quantity]": seats,
        "proration_behavior": "none",
    }
    kept = {f"phases[0][metadata][{k}]": v for k, v in phase["metadata"].items()}
    kept |= {f"phases[0][items][0][metadata][{k}]": v for k, v in phase["items"][0]["metadata"].items()}
    world.stripe.post(f"subscription_schedules/{schedule['id']}", form=form | kept)


# ------------------------------------------------------------------ the customer's past


def test_what_a_found_customer_was_billed_before_is_shown_with_its_first_deal(world: World, tandem: Tandem) -> None:
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    settled(tandem)
    assert world.crm.rows("Billing_Invoice__c", "Id") == []
    world.stripe._http.delete(f"{world.stripe._base}/v1/subscriptions/{plan['id']}").raise_for_status()
    settled(tandem)

    payer = world.crm.create(
        "Account", Name="Birch", Website="https://birch.example", Billing_Email__c="ops@birch.example"
    )
    seat = world.crm.product("Seat", currencies=["USD"])
    sell(world.crm, [(seat, 2, "10.00", {})], account=payer, **HEADER)
    settled(tandem)

    assert len(world.stripe.all("customers")) == 1
    [invoice] = world.crm.rows("Billing_Invoice__c", "Account__c Total__c Status__c")
    assert invoice == {"Account__c": payer, "Total__c": Decimal("195"), "Status__c": "Paid"}
    assert {r["Channel__c"] for r in world.crm.rows("Billing_Subscription__c", "Channel__c")} == {
        "Self-Serve",
        "Sales-Led",
    }
    changes_nothing(tandem)
