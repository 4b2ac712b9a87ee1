"""Two Stripe accounts, one for Europe: every deal is billed in one of them, and the CRM shows one customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.looks import changes_nothing, quote_row, settled
from tests.e2e.people import change, sell
from tests.e2e.sandbox import World
from tests.e2e.tandem import Tandem
from workers.demo.actors import Stripe

FILE = """\
accounts: [{name: main}, {name: eu}]
routes:
  - {account: eu, when: {Account.BillingCountry: [Germany, France]}}
  - {account: eu, when: {Quote.CurrencyIsoCode: GBP}}
  - {account: main}
"""
TERMS: dict[str, Any] = {"Start_Date__c": "2026-03-01", "Term_Months__c": 12, "Billing_Frequency__c": "Monthly"}


@pytest.fixture
def eu(world: World) -> Stripe:
    """The account for Europe, as its finance team uses it."""
    made = requests.post(f"{world.control_url}/stripe_accounts", json={"name": "eu"}, timeout=10).json()
    return Stripe({**world.ready, "stripe": made})


@pytest.fixture
def accounts_file(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.yaml"
    file.write_text(FILE)
    return file


@pytest.fixture
def several(eu: Stripe, accounts_file: Path, make_tandem: Callable[..., Tandem]) -> Tandem:
    return make_tandem(stripe_accounts=accounts_file)


def payer(world: World, name: str, country: str) -> str:
    email = f"ap@{name.lower()}.example"
    return world.crm.create("Account", Name=name, Billing_Email__c=email, BillingCountry=country)


def billed(stripe: Stripe) -> dict[str, list[int]]:
    """Totals of all invoices by the customer's name."""
    names = {c["id"]: c["name"] for c in stripe.all("customers")}
    found: dict[str, list[int]] = {name: [] for name in names.values()}
    for invoice in stripe.all("invoices"):
        found[names[invoice["customer"]]].append(invoice["total"])
    return {name: sorted(totals) for name, totals in found.items()}


def account_row(world: World, id_: str) -> Mapping[str, Any]:
    return world.crm.row("Account", "Stripe_Customer_Id__c MRR__c Open_Balance__c Billing_Currency__c", f"Id = '{id_}'")


def reconciled_without_a_difference(tandem: Tandem) -> None:
    """Neither account takes what shows the other for its own, or for nobody's."""
    for one in tandem.services.everywhere:
        report = one.pipeline.nightly.sweep.run("by hand", heal=True)
        assert report.finished
        assert report.differences == [], one.name
    changes_nothing(tandem)


def test_each_deal_is_billed_where_the_rules_say_and_its_changes_follow_it(
    world: World, eu: Stripe, several: Tandem
) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD", "EUR", "GBP"])
    oak, birch = payer(world, "Oak", "Germany"), payer(world, "Birch", "United States")
    in_eu = sell(world.crm, [(seat, 10, "50.00", {})], account=oak, currency="EUR", **TERMS)
    in_us = sell(world.crm, [(seat, 4, "50.00", {})], account=birch, **TERMS)
    pounds = sell(
        world.crm, [(seat, 2, "50.00", {})], account=payer(world, "Elm", "United States"), currency="GBP", **TERMS
    )
    settled(several)
    world.at("2026-03-02")
    settled(several)

    assert billed(world.stripe) == {"Birch": [20_000]}
    assert billed(eu) == {"Oak": [50_000], "Elm": [10_000]}
    assert [quote_row(world, q)["Billing_Status__c"] for q in (in_eu, in_us, pounds)] == ["Live"] * 3
    theirs = eu.all("subscription_schedules")
    assert {s["metadata"]["salesforce_quote_id"] for s in theirs} == {in_eu, pounds}
    [customer] = [c for c in eu.all("customers") if c["name"] == "Oak"]
    assert account_row(world, oak) == {
        "Stripe_Customer_Id__c": customer["id"], "MRR__c": Decimal(500), "Open_Balance__c": Decimal(500),
        "Billing_Currency__c": "EUR",
    }  # fmt: skip

    # The Account moves; its deal stays where it began, and what changes it goes there too. A new deal goes by the rules.
    world.crm.change("Account", oak, BillingCountry="United States")
    change(world.crm, in_eu, [(seat, 5, "50.00", {})], Start_Date__c="2026-04-01")
    other = sell(
        world.crm, [(seat, 1, "30.00", {})], account=oak, currency="EUR", **{**TERMS, "Start_Date__c": "2026-04-01"}
    )
    settled(several)
    world.at("2026-04-02")
    settled(several)

    assert billed(eu)["Oak"] == [50_000, 75_000]
    assert billed(world.stripe) == {"Birch": [20_000, 20_000], "Oak": [3_000]}
    assert quote_row(world, other)["Billing_Status__c"] == "Live"
    [at_home] = [c for c in world.stripe.all("customers") if c["name"] == "Oak"]
    assert account_row(world, oak) == {
        "Stripe_Customer_Id__c": at_home["id"], "MRR__c": Decimal(780), "Open_Balance__c": Decimal(1280),
        "Billing_Currency__c": "EUR",
    }  # fmt: skip
    reconciled_without_a_difference(several)


@pytest.mark.long
def test_an_account_that_is_away_leaves_the_other_going(
    world: World, eu: Stripe, several: Tandem, accounts_file: Path, make_tandem: Callable[..., Tandem]
) -> None:
    world.at("2026-02-20")
    seat = world.crm.product("Seat", currencies=["USD", "EUR"])
    settled(several)
    world.fault("stripe", "error_500", ratio=1, account="eu")
    in_eu = sell(world.crm, [(seat, 10, "50.00", {})], account=payer(world, "Oak", "Germany"), currency="EUR", **TERMS)
    in_us = sell(world.crm, [(seat, 4, "50.00", {})], account=payer(world, "Birch", "Spain"), **TERMS)

    other = make_tandem(stripe_accounts=accounts_file)
    with pytest.raises(Exception, match="TEMP-4"):
        other.drain()

    assert quote_row(world, in_us)["Billing_Status__c"] == "Scheduled"
    assert quote_row(world, in_eu)["Billing_Status__c"] != "Scheduled"
    world.clear_faults()
    settled(other)
    assert quote_row(world, in_eu)["Billing_Status__c"] == "Scheduled"
    assert len(eu.all("subscription_schedules")) == len(world.stripe.all("subscription_schedules")) == 1
