"""Deals that charge by themselves, of customers with nothing to charge: billed all the same, and people are told."""

from __future__ import annotations

from typing import Any

import pytest

from sync.cli.reconcile import compare
from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem

ISSUE = "Code__c Status__c Audience__c Quote__c Detail__c Sum__c"


def test_a_deal_without_a_card_is_billed_and_told_of_until_there_is_one(world: World, tandem: Tandem) -> None:
    world.at("2026-03-10")
    account = world.crm.create("Account", Name="Birch", Billing_Email__c="ops@birch.example")
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {
        "Term_Months__c": 3, "Billing_Frequency__c": "Monthly", "Collection_Method__c": "Charge Automatically",
        "Start_Date__c": "2026-04-01",
    }  # fmt: skip
    asked = world.crm.quote("Check", account, "USD", [(seat, 2, "50.00", {})], Billing_Request__c="Check", **terms)
    mark = world.mark()
    settled(tandem)
    login = world.stripe.get("billing_portal/configurations")["data"][0]["login_page"]["url"]
    page = f"{login}?prefilled_email=ops%40birch.example"
    preview = quote_row(world, asked)["Billing_Preview__c"]
    assert "DATA-217: This deal is set to charge a card and there is none." in preview
    assert page in preview
    assert world.writes(mark, "stripe") == []
    read = _portal_reads(world)

    world.crm.accept(asked)
    settled(tandem)
    shown = quote_row(world, asked)
    assert (shown["Billing_Status__c"], shown["Billing_Code__c"]) == ("Scheduled", None)
    [told] = _told(world)
    assert (told["Status__c"], told["Audience__c"], told["Quote__c"], told["Sum__c"]) == ("Open", "Rep", asked, None)
    assert page in told["Detail__c"]

    world.at("2026-04-01T02:00")  # Stripe could not collect its first invoice
    settled(tandem)
    past = sell(world.crm, [(seat, 1, "30.00", {})], account=account, **{**terms, "Start_Date__c": "2026-03-15"})
    settled(tandem)
    assert quote_row(world, past)["Billing_Status__c"] == "Live"
    bills = {i["total"]: i for i in world.stripe.all("invoices")}
    assert {total: bill["status"] for total, bill in bills.items() if total} == {10_000: "open", 3_000: "open"}
    by_quote = {issue["Quote__c"]: issue for issue in _told(world)}
    for quote, total in ((asked, 10_000), (past, 3_000)):
        assert bills[total]["hosted_invoice_url"] in by_quote[quote]["Detail__c"]
        assert by_quote[quote]["Sum__c"] * 100 == total
    assert compare(tandem.services, [f"account:{account}"]).differences == []

    customer = bills[10_000]["customer"]
    method = world.stripe.post("payment_methods/pm_card_visa/attach", customer=customer)["id"]
    world.stripe.post(f"customers/{customer}", form={"invoice_settings[default_payment_method]": method})
    settled(tandem)
    assert {issue["Status__c"] for issue in _told(world)} == {"Closed"}
    changes_nothing(tandem)
    world.at("2026-05-01T02:00")
    settled(tandem)
    assert (
        sorted(i["total"] for i in world.stripe.all("invoices") if i["status"] == "paid" and i["total"])[-1] == 10_000
    )
    assert _portal_reads(world) == read > 0, "where customers log in is asked for by a check, and then known"


@pytest.mark.long
def test_the_card_that_a_plan_was_bought_with_is_charged_for_the_deal(world: World, tandem: Tandem) -> None:
    world.at("2026-06-10")
    account = world.crm.create("Account", Name="Birch", Billing_Email__c="ops@birch.example", Website="birch.example")
    plan = world.stripe.sign_up("Birch", "ops@birch.example", seats=5, card="pm_card_visa")
    customer = world.stripe.get(f"customers/{plan['customer']}")
    method = customer["invoice_settings"]["default_payment_method"]  # as Stripe's checkout leaves it: on the plan alone
    world.stripe.post(f"subscriptions/{plan['id']}", default_payment_method=method)
    world.stripe.post(f"customers/{customer['id']}", form={"invoice_settings[default_payment_method]": ""})
    seat = world.crm.product("Seat", currencies=["USD"])
    terms = {"Start_Date__c": "2026-06-25", "Term_Months__c": 2, "Billing_Frequency__c": "Monthly"}
    card = {"Collection_Method__c": "Charge Automatically"}
    quote = sell(world.crm, [(seat, 50, "99.00", {})], account=account, **terms, **card)
    settled(tandem)
    for hour in ("00:10", "12:00"):  # the first invoice is a draft for an hour, for its credit
        world.at(f"2026-06-25T{hour}")
        settled(tandem)

    preview = quote_row(world, quote)["Billing_Preview__c"]
    assert "Its payment method is kept, as the customer's own, and charged for this deal" in preview
    assert "DATA-217" not in preview
    assert _told(world) == []
    assert {i["total"]: i["status"] for i in world.stripe.all("invoices")} == {19_500: "paid", 485_250: "paid"}
    changes_nothing(tandem)


def _portal_reads(world: World) -> int:
    return sum(e.path == "/v1/billing_portal/configurations" and e.client != "harness" for e in world.log())


def _told(world: World) -> list[dict[str, Any]]:
    return world.crm.rows("Billing_Issue__c", ISSUE, "Code__c = 'DATA-217'", "Quote__c")
