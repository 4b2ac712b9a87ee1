"""Deals with automatic tax: what is asked of Stripe, what the invoices come to, and that no forecast changes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.looks import billed, changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from tests.e2e.taxing import account, tax_is_on

INVOICE = "Status__c Subtotal__c Tax__c Total__c Amount_Paid__c Amount_Credited__c"
TERMS: dict[str, Any] = {"Start_Date__c": "2026-02-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


def test_an_address_that_says_too_little_is_asked_for_and_the_deal_goes_on_by_itself_with_its_tax(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(automatic_tax=True, default_tax_code="txcd_10103001")
    world.at("2026-01-10")
    tax_is_on(world)
    seat = world.crm.product("Seat", currencies=["USD"])
    buyer = account(world, "US", BillingPostalCode="787")
    quote = sell(world.crm, [(seat, 3, "33.37", {})], account=buyer, **TERMS)
    before = world.mark()
    tandem.drain()

    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Billing_Code__c"]) == ("Needs Attention", "DATA-202")
    assert "BillingPostalCode with five digits" in row["Billing_Message__c"]
    assert world.writes(before, "stripe") == []

    world.crm.change("Account", buyer, BillingPostalCode="78701")
    settled(tandem)
    world.at("2026-02-01T02:00")
    settled(tandem)
    row = quote_row(world, quote)
    assert (row["Billing_Status__c"], row["Contract_Total__c"]) == ("Live", Decimal("1201.32"))
    assert "First invoice 1 Feb 2026: 100.11 USD + tax" in row["Billing_Preview__c"]
    assert billed(world) == [("2026-02-01", 10_837)]  # 8.25 % of 100.11 are 8.26
    shown = world.crm.row("Billing_Invoice__c", INVOICE)
    assert (shown["Subtotal__c"], shown["Tax__c"], shown["Total__c"]) == (
        Decimal("100.11"),
        Decimal("8.26"),
        Decimal("108.37"),
    )
    [product] = world.stripe.all("products")
    assert product["tax_code"] == "txcd_10103001"
    assert world.crm.rows("Billing_Issue__c", "Code__c") == []

    # The address goes on both sides: the renewal can't be finalised, which the rep is told, who completes it.
    [customer] = world.stripe.all("customers")
    world.crm.change("Account", buyer, BillingPostalCode=None)
    world.stripe.post(f"customers/{customer['id']}", form={"address": ""})
    world.at("2026-03-01T02:00")
    settled(tandem)
    told = world.crm.row("Billing_Issue__c", "Code__c Status__c Audience__c Detail__c")
    assert (told["Code__c"], told["Status__c"], told["Audience__c"]) == ("DATA-202", "Open", "Rep")
    assert "it goes on by itself" in told["Detail__c"]
    world.crm.change("Account", buyer, BillingPostalCode="78701")
    settled(tandem)
    assert billed(world) == [("2026-02-01", 10_837), ("2026-03-01", 10_837)]
    assert {i["status"] for i in world.stripe.all("invoices")} == {"open"}
    assert world.crm.row("Billing_Issue__c", "Status__c")["Status__c"] == "Closed"
    changes_nothing(tandem)


@pytest.mark.long
def test_a_deal_made_before_the_switch_stays_untaxed_and_prices_that_contain_tax_are_billed_as_signed(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    before = make_tandem()
    world.at("2026-01-10")
    tax_is_on(world)
    seat = world.crm.product("Seat", currencies=["USD", "JPY"])
    texan, buyer = account(world, "US", BillingPostalCode="78701"), account(world, "JP")
    old = sell(world.crm, [(seat, 10, "100.00", {})], account=texan, **TERMS)
    settled(before)
    tandem = Tandem(world, before.database_url, before.redis_url, automatic_tax=True, tax_behavior="inclusive")
    try:
        signed = sell(world.crm, [(seat, 3, "3337", {})], account=buyer, currency="JPY", **TERMS)
        changed = change(
            world.crm, old, [(seat, 5, "100.00", {})], Start_Date__c="2026-02-15", Proration_Policy__c="Stripe"
        )
        settled(tandem)
        changes_nothing(tandem)
        world.at("2026-02-15T02:00")
        settled(tandem)

        shown = {
            row["Currency__c"]: row
            for row in world.crm.rows("Billing_Invoice__c", f"{INVOICE} Currency__c", order="Total__c")
        }
        assert (shown["USD"]["Tax__c"], shown["USD"]["Total__c"]) == (0, 1_000)
        assert (shown["JPY"]["Subtotal__c"], shown["JPY"]["Tax__c"], shown["JPY"]["Total__c"]) == (10_011, 910, 10_011)
        assert quote_row(world, signed)["Contract_Total__c"] == 120_132
        assert quote_row(world, changed)["Billing_Status__c"] == "Live"
        assert {p["tax_behavior"] for p in world.stripe.all("prices")} == {"unspecified", "inclusive"}
        changes_nothing(tandem)
    finally:
        tandem.close()


@pytest.mark.long
def test_what_is_given_back_takes_its_tax_with_it_also_from_the_plan_that_was_taken_over(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(automatic_tax=True)
    world.at("2026-01-10")
    tax_is_on(world)
    buyer = account(world, "US", BillingPostalCode="78701", Name="Birch", Website="https://us.example")
    world.stripe.sign_up("Birch", "ap@us.example", seats=5, card="pm_card_visa")
    settled(tandem)
    world.at("2026-01-25T09:00")
    seat = world.crm.product("Seat", currencies=["USD"])
    deal = sell(
        world.crm, [(seat, 10, "100.00", {})], account=buyer, Start_Date__c="2026-01-25", Term_Months__c=12,
        Billing_Frequency__c="Monthly", Collection_Method__c="Charge Automatically", Proration_Policy__c="Stripe",
    )  # fmt: skip
    settled(tandem)
    [first] = [i for i in world.stripe.all("invoices") if i["metadata"].get("tandem_deal")]
    # 16 of 31 days of 19,500 that were not taxed pay part of 100,000 and its 8.25 %.
    assert (first["total"], first["amount_due"]) == (108_250, 108_250 - 10_065)
    said = quote_row(world, deal)["Billing_Preview__c"]
    assert "100.65 USD of its unused time goes to the customer's balance, with its tax, and pays the first" in said
    changes_nothing(tandem)

    row = world.crm.row("Billing_Subscription__c", "Billing_Key__c", f"Quote__c = '{deal}'")["Billing_Key__c"]
    change(world.crm, row, [(seat, 5, "100.00", {})], Start_Date__c="2026-02-05", Proration_Policy__c="Stripe")
    world.at("2026-02-05T02:00")
    settled(tandem)
    end = change(world.crm, row, kind="Cancellation", Start_Date__c="2026-02-15", Credit_Policy__c="Balance")
    world.at("2026-02-15T02:00")
    settled(tandem)
    assert quote_row(world, end)["Billing_Status__c"] == "Ended"
    notes = world.stripe.all("credit_notes")
    for note in notes:
        taxed = sum(t["amount"] for t in note["total_taxes"])
        assert note["total"] == note["total_excluding_tax"] + taxed
    given = sum(int(n["metadata"].get("tandem_before_tax", 0)) for n in notes)
    assert f"{Decimal(given) / 100:,.2f} USD, to the balance" in quote_row(world, end)["Billing_Preview__c"]
    shown = world.crm.rows("Billing_Invoice__c", INVOICE)
    assert sum(row["Amount_Credited__c"] for row in shown) == Decimal(sum(n["total"] for n in notes)) / 100
    assert given > 0
    changes_nothing(tandem)


def test_a_business_elsewhere_in_the_union_owes_the_tax_itself_by_the_number_on_its_account(
    world: World, make_tandem: Callable[..., Tandem]
) -> None:
    tandem = make_tandem(automatic_tax=True)
    world.at("2026-01-10")
    seat = world.crm.product("Seat", currencies=["EUR"])
    buyer = account(world, "DE", Tax_Id__c="DE12345")
    quote = sell(world.crm, [(seat, 3, "33.37", {})], account=buyer, currency="EUR", **TERMS)
    tandem.drain()
    said = quote_row(world, quote)["Billing_Message__c"]
    assert 'Tax number "DE12345" isn\'t valid for DE.' in said
    assert "the tax settings of the Stripe account lack head_office" in said
    assert world.stripe.all("customers") == []

    world.crm.change("Account", buyer, Tax_Id__c="DE111111111")  # which the authorities will not confirm
    tandem.drain()
    assert quote_row(world, quote)["Billing_Code__c"] == "CONF-310"
    tax_is_on(world)  # the settings have no record in Salesforce; Stripe tells of them
    settled(tandem)
    [customer] = world.stripe.all("customers")
    world.stripe.post(f"customers/{customer['id']}/tax_ids", form={"type": "eu_vat", "value": "DE555555555"})
    world.at("2026-02-01T02:00")
    settled(tandem)
    shown = world.crm.row("Billing_Invoice__c", INVOICE)
    assert (shown["Tax__c"], shown["Total__c"]) == (0, Decimal("100.11"))
    told = world.crm.row("Billing_Issue__c", "Code__c Status__c Title__c Account__c")
    assert (told["Code__c"], told["Status__c"], told["Account__c"]) == ("DATA-216", "Open", buyer)
    assert told["Title__c"] == "Tax number DE111111111 is not confirmed"
    asked = world.crm.quote(
        "Next",
        buyer,
        "EUR",
        [(seat, 1, "10.00", {})],
        Billing_Request__c="Check",
        **{**TERMS, "Start_Date__c": "2026-03-01"},
    )
    world.crm.change("Account", buyer, Tax_Id__c="DE 987654321")
    settled(tandem)
    said = quote_row(world, asked)["Billing_Preview__c"]
    assert "agrees: 10.00 EUR + tax (estimate 0.00 EUR, reverse charge)" in said
    listed = world.stripe.get(f"customers/{customer['id']}/tax_ids")["data"]
    assert {x["value"] for x in listed} == {"DE987654321", "DE555555555"}
    assert world.crm.row("Billing_Issue__c", "Status__c")["Status__c"] == "Closed"

    # One that can't be a number is not sent, and told though the deal runs; corrected, it is over.
    world.crm.change("Account", buyer, Tax_Id__c="see mail")
    settled(tandem)
    told = world.crm.row("Billing_Issue__c", "Code__c Status__c Title__c Detail__c")
    assert (told["Code__c"], told["Status__c"]) == ("DATA-216", "Open")
    assert told["Title__c"] == "Tax number see mail is none of DE"
    assert "Stripe was not told of it" in told["Detail__c"]
    world.crm.change("Account", buyer, Tax_Id__c="DE 987654321")
    settled(tandem)
    assert world.crm.row("Billing_Issue__c", "Status__c")["Status__c"] == "Closed"
    changes_nothing(tandem)
