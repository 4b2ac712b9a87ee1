"""Quotes and Accounts as they are now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from sync.errors import SyncError, Terminal, Transient
from tests.sync.gateways.crm_seed import make_deal
from tests.sync.gateways.world import World


def calls(world: World) -> list[str]:
    return [f"{x['method']} {x['path']}" for x in world.log("salesforce") if "oauth2" not in x["path"]]


def test_the_whole_graph_of_a_quote_is_read(world: World) -> None:
    deal = make_deal(world, PO_Number__c="PO-2291", Days_Until_Due__c=45)
    graph = world.org().quotes([deal.quote])[deal.quote]
    quote, (line,), account = graph.quote, graph.lines, graph.account
    assert account is not None
    assert (quote.status, quote.account_id, quote.currency) == ("Draft", deal.account, "USD")
    assert (quote.start_date, quote.term_months, quote.days_until_due) == (date(2026, 3, 1), 12, 45)
    assert (quote.contact_email, quote.contact_name, quote.po_number) == ("jo@acme.example", "Jo Berg", "PO-2291")
    assert (line.quantity, line.unit_price, line.discount_percent) == (Decimal(10), Decimal("49.99"), Decimal(15))
    assert (line.product_id, graph.products[deal.product].charge_type) == (deal.product, "Recurring")
    assert (account.id, account.name, account.city) == (deal.account, "Acme", "Utrecht")
    assert quote.is_deleted is False


def test_the_same_quote_is_read_where_the_package_has_a_namespace(namespaced_world: World) -> None:
    deal = make_deal(namespaced_world, Billing_Day__c=5)
    graph = namespaced_world.org().quotes([deal.quote])[deal.quote]
    assert (graph.quote.billing_day, graph.products[deal.product].charge_type) == (5, "Recurring")
    assert namespaced_world.org().find_accounts(emails=["ap@acme.example"])[0].id == deal.account


def test_many_quotes_cost_few_calls(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    org.quotes([deal.quote])
    before = len(calls(world))
    unknown = [f"0Q0{i:012d}" for i in range(299)]
    assert set(org.quotes([deal.quote, *unknown])) == {deal.quote}
    assert len(calls(world)) == before + 1


def test_a_deleted_quote_comes_as_deleted_and_an_unknown_one_is_absent(world: World) -> None:
    deal = make_deal(world)
    world.delete("Quote", deal.quote)
    graphs = world.org().quotes([deal.quote, "0Q0000000000001"])
    assert set(graphs) == {deal.quote}
    assert graphs[deal.quote].quote.is_deleted


def test_a_line_that_was_deleted_is_not_part_of_the_quote(world: World) -> None:
    deal = make_deal(world)
    world.delete("QuoteLineItem", deal.line)
    graph = world.org().quotes([deal.quote])[deal.quote]
    assert (graph.lines, graph.products) == ((), {})


def test_signed_quotes_of_an_opportunity_are_found(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    assert org.quotes_of_deal([deal.opportunity]) == {deal.opportunity: []}
    world.change("Quote", deal.quote, Status="Accepted")
    assert org.quotes_of_deal([deal.opportunity]) == {deal.opportunity: [deal.quote]}


def test_accounts_are_found_by_stripe_id_and_by_email_in_any_case(world: World) -> None:
    acme, other = make_deal(world), world.make("Account", Name="Birch", Stripe_Customer_Id__c="cus_1")
    org = world.org()
    found = org.find_accounts(stripe_customer_ids=["cus_1"], emails=["ap@ACME.example", "x' OR Name != '"])
    assert {a.id for a in found} == {acme.account, other}
    assert org.find_accounts(emails=["nobody@example.com"]) == []
    assert org.find_accounts() == []


def test_a_merged_account_names_its_winner(world: World) -> None:
    loser, winner = world.make("Account", Name="Old"), world.make("Account", Name="New")
    world.switch("merge", {"master": winner, "losers": [loser]})
    read = world.org().accounts([loser, winner])
    assert (read[loser].is_deleted, read[loser].master_record_id) == (True, winner)
    assert read[winner].is_deleted is False


def test_more_rows_than_a_page_are_all_read(world: World) -> None:
    deal = make_deal(world)
    price = world.query(f"SELECT PricebookEntryId FROM QuoteLineItem WHERE Id = '{deal.line}'")[0]["PricebookEntryId"]
    record = {
        "attributes": {"type": "QuoteLineItem"},
        "QuoteId": deal.quote,
        "PricebookEntryId": price,
        "Quantity": 1,
        "UnitPrice": 1,
    }
    for _ in range(11):
        world.admin("POST", "/composite/sobjects", {"allOrNone": True, "records": [record] * 200})
    assert len(world.org().quotes([deal.quote])[deal.quote].lines) == 2201


@pytest.mark.parametrize(
    "id", ["", "0Q0", "0Q0000000000001AA'", "a/b0000000000000", "0Q0000000000001AAB", "0Q0000000000001AAAA"]
)
def test_what_is_no_id_reaches_no_query(world: World, id: str) -> None:
    org = world.org()
    with pytest.raises(Terminal, match="BUG-502"):
        org.quotes([id])
    assert calls(world) == []


def test_a_field_that_is_withheld_is_named(world: World) -> None:
    deal = make_deal(world)
    world.switch("settings", {"withheld": ["Quote.Term_Months__c"]})
    with pytest.raises(Terminal, match="CONF-302") as caught:
        world.org().quotes([deal.quote])
    assert "Term_Months__c" in caught.value.message


@pytest.mark.parametrize(("kind", "code"), [("quota", "TEMP-405"), ("error_500", "TEMP-406"), ("drop", "TEMP-406")])
def test_a_read_that_fails_passes(world: World, kind: str, code: str) -> None:
    org = world.org()
    assert org.organization_id
    world.fault(system="salesforce", kind=kind, next=1)
    with pytest.raises(SyncError) as caught:
        org.accounts(["001000000000001AAA"])
    assert isinstance(caught.value, Transient)
    assert caught.value.code == code


def test_the_daily_allowance_is_read_off_every_answer(world: World) -> None:
    org = world.org()
    first = org.limits()
    org.accounts(["001000000000001AAA"])
    assert org.limits()["used"] > first["used"]
    assert org.limits()["allowed"] == first["allowed"]


def test_rights_that_are_missing_are_listed_together(world: World) -> None:
    assert world.org().missing_rights() == []
    world.switch("settings", {"withheld": ["Quote.PO_Number__c", "Account.MRR__c"]})
    assert sorted(world.org().missing_rights()) == [
        "Account.MRR__c can't be read (CONF-302)",
        "Quote.PO_Number__c can't be read (CONF-302)",
    ]
