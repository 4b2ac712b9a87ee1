"""Quotes and Accounts as they are now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from sync.config import ConfigFault, Settings
from sync.errors import SyncError, Terminal, Transient
from sync.gateways.salesforce_shapes import unlike
from sync.mapping import FieldMap, Mappings, ObjectMap, load
from sync.wiring import check_mapped
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


# ---------------------------------------------------------------- tiers


def add_tier(world: World, product: str, **fields: object) -> None:
    world.make("Product_Price_Tier__c", Product2__c=product, **fields)


def make_tiers(world: World, product: str) -> None:
    """Out of order, in two currencies."""
    world.change("Product2", product, Charge_Type__c="Usage", Tier_Mode__c="Graduated", Meter_Event__c="resolution")
    add_tier(world, product, Currency__c="USD", Unit_Amount__c=Decimal("0.79"), Flat_Amount__c=Decimal("5.5"))
    add_tier(world, product, Currency__c="USD", Up_To__c=1000, Unit_Amount__c=Decimal("0.99000001"))
    add_tier(world, product, Currency__c="EUR", Up_To__c=50, Unit_Amount__c=Decimal("0.50"))
    add_tier(world, product, Currency__c="USD", Up_To__c=100, Unit_Amount__c=0)


@pytest.mark.parametrize("which", ["world", "namespaced_world"])
def test_tiers_come_with_their_product_the_lowest_first(which: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(which)
    deal = make_deal(world)
    make_tiers(world, deal.product)
    tiers = world.org().quotes([deal.quote])[deal.quote].products[deal.product].tiers
    assert [(t.currency, t.up_to) for t in tiers] == [("EUR", 50), ("USD", 100), ("USD", 1000), ("USD", None)]
    assert (tiers[2].unit_amount, tiers[2].flat_amount) == (Decimal("0.99000001"), None)
    assert (tiers[3].unit_amount, tiers[3].flat_amount) == (Decimal("0.79"), Decimal("5.5"))


def test_tiers_of_many_quotes_cost_one_call_and_only_where_there_is_a_tier_mode(world: World) -> None:
    deals = [make_deal(world, name=f"A{n}") for n in range(3)]
    org = world.org()
    before = len(calls(world))
    org.quotes([deal.quote for deal in deals])
    plain = len(calls(world)) - before
    for deal in deals[:2]:
        make_tiers(world, deal.product)
    before = len(calls(world))
    graphs = org.quotes([deal.quote for deal in deals])
    assert len(calls(world)) - before == 2
    assert plain == 2, "the schema, asked once, and the quotes"
    assert [len(graphs[d.quote].products[d.product].tiers) for d in deals] == [4, 4, 0]


def test_a_deleted_tier_is_not_read(world: World) -> None:
    deal = make_deal(world)
    make_tiers(world, deal.product)
    for row in world.query("SELECT Id FROM Product_Price_Tier__c WHERE Currency__c = 'USD'"):
        world.delete("Product_Price_Tier__c", row["Id"])
    (tier,) = world.org().quotes([deal.quote])[deal.quote].products[deal.product].tiers
    assert tier.currency == "EUR"


# ---------------------------------------------------------------- the deal that a quote changes


def row_of_deal(world: World, account: str, key: str) -> str:
    return world.make("Billing_Subscription__c", Account__c=account, Billing_Key__c=key)


@pytest.mark.parametrize("which", ["world", "namespaced_world"])
def test_the_deal_that_a_quote_changes_comes_with_it_and_its_quotes_are_found(
    which: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(which)
    first, second, third = (make_deal(world, name=f"A{n}") for n in range(3))
    row = row_of_deal(world, first.account, first.quote)
    other = row_of_deal(world, first.account, "o'brien\\")
    for quote, at in ((second.quote, row), (third.quote, row), (first.quote, other)):
        world.change("Quote", quote, Billing_Subscription__c=at)
    world.change("Quote", third.quote, Status="Accepted")
    org = world.org()

    assert org.quotes([second.quote])[second.quote].quote.billing_subscription_key == first.quote
    assert org.deal_quotes([first.quote, "o'brien\\", "nobody"]) == {
        first.quote: [second.quote, third.quote],
        "o'brien\\": [first.quote],
        "nobody": [],
    }


def test_a_quote_without_a_deal_has_no_key_and_keys_differ_by_case(world: World) -> None:
    deal = make_deal(world)
    org = world.org()
    assert org.quotes([deal.quote])[deal.quote].quote.billing_subscription_key is None
    world.change("Quote", deal.quote, Billing_Subscription__c=row_of_deal(world, deal.account, "KeyA"))
    assert org.deal_quotes(["keya", "KeyA"]) == {"keya": [], "KeyA": [deal.quote]}


def test_a_deleted_quote_is_none_of_its_deal_and_asking_for_nothing_asks_nothing(world: World) -> None:
    deal = make_deal(world)
    world.change("Quote", deal.quote, Billing_Subscription__c=row_of_deal(world, deal.account, "K"))
    world.delete("Quote", deal.quote)
    org = world.org()
    assert org.deal_quotes(["K"]) == {"K": []}
    before = len(calls(world))
    assert org.deal_quotes([]) == {}
    assert len(calls(world)) == before


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


def test_a_field_behind_a_lookup_is_looked_for_where_it_leads(world: World) -> None:
    def through(*names: str) -> list[str]:
        fields = [FieldMap(n, n, None, "text", "crm", target=f"customer.metadata.f{i}") for i, n in enumerate(names)]
        one = ObjectMap("Account", None, tuple(fields), "account.yaml")
        return list(world.org(Mappings({"Account": one})).missing_rights())

    assert through("Parent.Name", "Parent.Parent.Site", "Owner.Name") == []
    assert through("Website2.Name", "Parent.Nope__c", "Parent.NumberOfEmployees") == [
        "Account.Website2.Name can't be read: Account has no lookup called Website2 that the log-in sees (CONF-302)",
        "Account.Parent.Nope__c can't be read (CONF-302)",
        "Account.Parent.NumberOfEmployees is int in the org; the mapping says text (CONF-302)",
    ]
    world.switch("settings", {"withheld": ["Contact.Email"]})
    told = ["Contact.Email can't be read (CONF-302)", "Quote.Contact.Email can't be read (CONF-302)"]
    assert world.org().missing_rights() == told


def test_a_process_starts_with_every_field_that_billing_reads_and_with_those_that_can_be_asked_for_later(
    world: World,
) -> None:
    settings = Settings.model_construct(tandem_mappings=None)
    with capture_logs() as logs:
        world.switch("settings", {"withheld": ["Account.MRR__c"]})  # is only filled
        check_mapped(settings, world.org())
        world.switch("settings", {"withheld": ["Account.MRR__c", "Quote.PO_Number__c"]})
        away = world.org()
        assert away.organization_id
        world.fault(system="salesforce", kind="error_500", next=1)
        check_mapped(settings, away)  # a Salesforce that is down holds up no billing
    told = [(line["event"], line.get("reason", "")) for line in logs if line["log_level"] != "info"]
    assert told[0] == ("field_unlike_its_mapping", "Account.MRR__c can't be read (CONF-302)")
    assert [event for event, _ in told[1:]] == ["fields_not_checked"]
    with pytest.raises(ConfigFault) as caught:
        check_mapped(settings, world.org())
    assert caught.value.faults == ["mappings: Quote.PO_Number__c can't be read (CONF-302)"]
    nowhere = Mappings({**load().objects, "Nowhere__c": ObjectMap("Nowhere__c", None, (), "nowhere.yaml")})
    with pytest.raises(ConfigFault, match="can't read Nowhere__c: the org has no such object"):
        check_mapped(settings, world.org(nowhere))


@pytest.mark.parametrize(
    ("line", "described", "said"),
    [
        ({"type": "text"}, {"type": "email", "length": 80}, None),
        ({"type": "text"}, {"type": "double"}, "is double in the org; the mapping says text"),
        ({"type": "picklist"}, {"type": "boolean"}, "is boolean in the org"),
        ({"type": "integer"}, {"type": "double", "scale": 0}, None),
        ({"type": "integer"}, {"type": "double", "scale": 2}, "has 2 decimals in the org"),
        (
            {"type": "text", "target": "customer.metadata.note"},
            {"type": "textarea", "length": 32768},
            "has 32768 characters",
        ),
        ({"type": "text", "target": "customer.metadata.note"}, {"type": "string", "length": 255}, None),
        ({"type": "text", "source": "customer.name"}, {"type": "string", "length": 255}, None),
        ({"type": "text", "source": "customer.name"}, {"type": "string", "length": 80}, "write length: 80"),
        ({"type": "text", "source": "customer.name", "length": 80}, {"type": "string", "length": 80}, None),
    ],
)
def test_a_field_that_is_unlike_its_line_is_told(
    line: dict[str, Any], described: dict[str, Any], said: str | None
) -> None:
    found = unlike(FieldMap("F__c", "F__c", None, owner="crm", **line), described)
    assert (not found) if said is None else (said in found[0])
