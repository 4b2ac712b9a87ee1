"""What a rep does to a quote besides accepting it, and what becomes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sync.errors import Transient
from sync.run import drain as draining
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

HEADER: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_check_previews_and_writes_nothing_to_stripe(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quote = _draft(world)
    world.crm.change("Quote", quote, Billing_Request__c="Check")

    settled(tandem)

    shown = quote_row(world, quote)
    assert shown["Billing_Status__c"] == "Not Started"
    assert (shown["Contract_Total__c"], shown["First_Invoice_Amount__c"]) == (Decimal("240"), Decimal("20"))
    assert shown["Billing_Preview__c"].startswith("READY")
    assert world.crm.row("Quote", "Billing_Request__c")["Billing_Request__c"] is None
    assert world.writes(system="stripe") == []
    changes_nothing(tandem)


def test_check_of_a_bad_quote_says_what_to_correct(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quote = _draft(world)
    world.crm.change("Quote", quote, Billing_Request__c="Check", Start_Date__c=None)

    settled(tandem)

    shown = quote_row(world, quote)
    assert shown["Billing_Code__c"] == "DATA-215"
    assert "Start_Date__c" in shown["Billing_Preview__c"]
    assert "0.00" not in shown["Billing_Preview__c"]
    assert world.writes(system="stripe") == []


def test_draft_quote_that_nobody_asked_about_is_left_alone(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    _draft(world)
    settled(tandem)
    assert world.writes() == []


def test_cancel_asked_for_on_a_signed_quote_ends_nothing_and_says_how_to_end_it(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quote = _draft(world)
    world.crm.accept(quote)
    settled(tandem)
    world.crm.change("Quote", quote, Billing_Request__c="Cancel")
    before = world.mark()

    settled(tandem)

    shown = quote_row(world, quote)
    assert shown["Billing_Status__c"] == "Scheduled"
    assert "a quote of type Cancellation" in shown["Billing_Message__c"]
    assert world.crm.row("Quote", "Billing_Request__c")["Billing_Request__c"] is None
    assert world.writes(before, system="stripe") == []
    changes_nothing(tandem)


def test_clone_of_a_billed_quote_does_not_keep_its_billing_fields(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quote = _draft(world)
    world.crm.accept(quote)
    settled(tandem)
    copied = {
        name: quote_row(world, quote)[name]
        for name in ("Billing_Status__c", "Billing_Reference__c", "Billing_Preview__c")
    }

    clone = _draft(world)
    world.crm.change("Quote", clone, **copied)
    settled(tandem)

    assert quote_row(world, clone) == {
        "Billing_Status__c": "Not Started", "Billing_Code__c": None, "Billing_Message__c": None, "Billing_Preview__c": None,
        "Billing_Reference__c": None, "Contract_Total__c": None, "First_Invoice_Amount__c": None,
    }  # fmt: skip
    assert len(world.stripe.all("subscription_schedules")) == 1


def test_changes_after_the_signature_bill_nothing_until_they_are_put_back(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    quotes = {change: _draft(world, who=change) for change in ("quantity", "un-acceptance", "deletion")}
    for quote in quotes.values():
        world.crm.accept(quote)
    settled(tandem)
    before = world.mark()

    for change, quote in quotes.items():
        _tamper(world, quote, change)
    done = tandem.drain()

    assert sorted((key, code) for key, code, _ in done.failed) == sorted(
        (f"quote:{quote}", "DATA-221") for quote in quotes.values()
    )
    assert world.writes(before, "stripe") == []
    assert not done.rows_waiting
    for change, field in {"quantity": "Quantity", "un-acceptance": "Status"}.items():
        shown = quote_row(world, quotes[change])
        assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Needs Attention", "DATA-221")
        assert field in shown["Billing_Message__c"]
    changes_nothing(tandem)

    for change, quote in quotes.items():
        _put_back(world, quote, change)
    settled(tandem)

    assert {quote_row(world, quote)["Billing_Status__c"] for quote in quotes.values()} == {"Scheduled"}
    assert world.writes(before, "stripe") == []


def _line(world: World, quote: str) -> str:
    return str(world.crm.row("QuoteLineItem", "Id", f"QuoteId = '{quote}'")["Id"])


def _tamper(world: World, quote: str, change: str) -> None:
    match change:
        case "quantity":
            world.crm.change("QuoteLineItem", _line(world, quote), Quantity=7)
        case "un-acceptance":
            world.crm.change("Quote", quote, Status="Draft")
        case "deletion":
            world.crm.delete("Quote", quote)


def _put_back(world: World, quote: str, change: str) -> None:
    match change:
        case "quantity":
            world.crm.change("QuoteLineItem", _line(world, quote), Quantity=2)
        case "un-acceptance":
            world.crm.accept(quote)
        case "deletion":
            world.switch("undelete", id=quote)


def test_second_new_quote_of_an_opportunity_waits_for_a_person(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    first = _draft(world)
    world.crm.accept(first)
    settled(tandem)
    opportunity = world.crm.row("Quote", "OpportunityId", f"Id = '{first}'")["OpportunityId"]
    seat = world.crm.product("Other seat", currencies=["USD"])
    second = world.crm.create("Quote", Name="Second", OpportunityId=opportunity, Pricebook2Id=seat["book"], **HEADER)
    world.crm.create("QuoteLineItem", QuoteId=second, PricebookEntryId=seat["USD"], Quantity=1, UnitPrice="5.00")
    world.crm.accept(second)

    done = tandem.drain()

    assert [(key, code) for key, code, _ in done.failed] == [(f"quote:{second}", "DATA-222")]
    assert quote_row(world, first)["Billing_Code__c"] is None
    assert len(world.stripe.all("subscription_schedules")) == 1


def test_side_that_never_answers_does_not_hold_up_the_other(
    world: World, tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripe's list of events is away: the quote is billed all the same, and the drain says at its end what it could not read."""
    monkeypatch.setattr(draining, "LONGEST_PAUSE_S", 0.05)
    world.at("2026-02-10")
    quote = _draft(world)
    world.crm.accept(quote)
    world.fault("stripe", "error_500", ratio=1, match="GET /v1/events")

    with pytest.raises(Transient, match="TEMP-406"):
        tandem.drain()

    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
    world.clear_faults()
    settled(tandem)
    changes_nothing(tandem)


def _draft(world: World, *, who: str = "acme") -> str:
    seat = world.crm.product("Seat", currencies=["USD"])
    account = world.crm.create("Account", Name=f"{who.title()} Ltd", Billing_Email__c=f"ap@{who}.example")
    return world.crm.quote("Q", account, "USD", [(seat, 2, "10.00", {})], **HEADER)


def test_accepting_is_enough_whatever_else_the_opportunity_says(world: World, tandem: Tandem) -> None:
    world.at("2026-02-10")
    seat = world.crm.product("Seat", currencies=["USD"])
    quote = sell(world.crm, [(seat, 2, "10.00", {})], **HEADER)
    settled(tandem)
    assert world.crm.row("Opportunity", "StageName")["StageName"] == "Negotiation/Review"
    assert quote_row(world, quote)["Billing_Status__c"] == "Scheduled"
