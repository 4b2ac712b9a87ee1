"""SOQL: what it finds, in which order, and that nothing it does not understand is passed over."""

from __future__ import annotations

import pytest

from tests.sandbox.salesforce.conftest import Crm


@pytest.fixture
def accounts(crm: Crm) -> Crm:
    crm.create("Account", Name="Alpha", MRR__c=10, Website="alpha.example", Billing_Channel__c="Self-Serve")
    crm.create("Account", Name="beta", MRR__c=20, Next_Invoice_Date__c="2026-04-01")
    crm.create("Account", Name="Gamma's", Website="gamma.example", Billing_Channel__c="Sales-Led")
    return crm


def _names(crm: Crm, where: str) -> list[str]:
    return [record["Name"] for record in crm.query(f"SELECT Name FROM Account {where}")]


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("WHERE Name = 'alpha'", ["Alpha"]),
        ("WHERE Name != 'alpha'", ["beta", "Gamma's"]),
        (r"WHERE Name = 'Gamma\'s'", ["Gamma's"]),
        ("WHERE Name LIKE '%A%'", ["Alpha", "beta", "Gamma's"]),
        ("WHERE Name LIKE '_eta'", ["beta"]),
        (r"WHERE Name LIKE '\%'", []),
        ("WHERE Name IN ('ALPHA', 'beta')", ["Alpha", "beta"]),
        ("WHERE Name NOT IN ('Alpha')", ["beta", "Gamma's"]),
        ("WHERE NOT Name LIKE 'b%'", ["Alpha", "Gamma's"]),
        ("WHERE NOT (Name = 'Alpha' OR Name = 'beta')", ["Gamma's"]),
        ("WHERE MRR__c > 10", ["beta"]),
        ("WHERE MRR__c >= 10.0", ["Alpha", "beta"]),
        ("WHERE MRR__c < 15.5", ["Alpha"]),
        ("WHERE MRR__c = null", ["Gamma's"]),
        ("WHERE MRR__c != NULL AND Website = null", ["beta"]),
        ("WHERE Website != null AND (MRR__c = 10 OR Billing_Channel__c = 'sales-led')", ["Alpha", "Gamma's"]),
        ("WHERE Next_Invoice_Date__c >= 2026-04-01", ["beta"]),
        ("WHERE CreatedDate = 2026-03-01T00:00:00Z", ["Alpha", "beta", "Gamma's"]),
        ("WHERE CreatedDate > 2026-03-01T01:00:00+02:00", ["Alpha", "beta", "Gamma's"]),
        ("WHERE SystemModstamp < 2026-03-01T00:00:00.000Z", []),
        ("WHERE IsDeleted = false AND Account.Name = 'beta'", ["beta"]),
        ("ORDER BY Name", ["Alpha", "beta", "Gamma's"]),
        ("ORDER BY Name DESC LIMIT 2", ["Gamma's", "beta"]),
        ("ORDER BY MRR__c", ["Gamma's", "Alpha", "beta"]),
        ("ORDER BY MRR__c DESC NULLS LAST", ["beta", "Alpha", "Gamma's"]),
        ("ORDER BY MRR__c NULLS LAST OFFSET 1", ["beta", "Gamma's"]),
        ("ORDER BY CreatedDate, Name DESC", ["Gamma's", "beta", "Alpha"]),
    ],
)
def test_query_finds_exactly_these(accounts: Crm, where: str, names: list[str]) -> None:
    assert _names(accounts, where) == names


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("", "MALFORMED_QUERY"),
        ("SELECT FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FORM Account", "MALFORMED_QUERY"),
        ("SELECT Id, FROM Account", "MALFORMED_QUERY"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT abc", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT -1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE MRR__c < 1e3", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account nonsense here", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate = TODAY", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:3", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WITH SECURITY_ENFORCED", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account FOR UPDATE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account USING SCOPE mine", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account ALL ROWS", "MALFORMED_QUERY"),
        ("SELECT toLabel(Name) FROM Account", "MALFORMED_QUERY"),
        ("SELECT TYPEOF Owner WHEN User THEN Id END FROM Account", "MALFORMED_QUERY"),
        ("SELECT Name FROM Account GROUP BY Name HAVING COUNT(Id) > 1", "MALFORMED_QUERY"),
        ("SELECT Id, Name, name FROM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 201", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account ORDER BY Description", "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        (r"SELECT Id FROM Account WHERE Name = 'a\qb'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Nonsense) FROM Account", "INVALID_TYPE"),
        ("SELECT Nonsense FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nonsense = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Nonsense", "INVALID_FIELD"),
        ("SELECT Nonsense.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE MRR__c = '1'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate = '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate = 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE MRR__c LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE IsDeleted > false", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_query_that_is_not_understood_is_refused(accounts: Crm, soql: str, code: str) -> None:
    assert accounts.refused_query(soql)[0] == code


def test_refusal_says_where_in_the_query_it_is(crm: Crm) -> None:
    message = crm.refused_query("SELECT Id,\n Nonsense FROM Account")[1]
    assert "ERROR at Row:2:Column:2\nNo such column 'Nonsense' on entity 'Account'" in message


def test_query_parameter_is_required(crm: Crm) -> None:
    assert crm.refused("GET", "query")[1] == "MALFORMED_QUERY"


def test_count_is_a_number_without_records(accounts: Crm) -> None:
    answer = accounts.ask("GET", "query", params={"q": "SELECT COUNT() FROM Account WHERE MRR__c > 5"}).json()
    assert (answer["totalSize"], answer["done"], answer["records"]) == (2, True, [])


def test_aggregates_by_group(accounts: Crm) -> None:
    accounts.create("Account", Name="Delta", MRR__c=5, Billing_Channel__c="Self-Serve")
    soql = "SELECT Billing_Channel__c, COUNT(Id) n, SUM(MRR__c), MAX(MRR__c) FROM Account GROUP BY Billing_Channel__c"
    groups = {record["Billing_Channel__c"]: record for record in accounts.query(soql)}
    assert (groups["Self-Serve"]["n"], groups["Self-Serve"]["expr0"], groups["Self-Serve"]["expr1"]) == (2, 15.0, 10.0)
    assert groups[None]["attributes"] == {"type": "AggregateResult"}


def test_parents_are_nested_records_and_null_where_missing(crm: Crm) -> None:
    ids = crm.quote()
    soql = (
        "SELECT l.Quote.Account.Name, l.Quote.Contact.Email, l.PricebookEntry.Product2.ProductCode FROM QuoteLineItem l"
    )
    [line] = crm.query(soql)
    assert line["Quote"]["Account"]["Name"] == "Acme"
    assert line["Quote"]["Account"]["attributes"]["type"] == "Account"
    assert line["Quote"]["Contact"] is None
    assert line["PricebookEntry"]["Product2"]["ProductCode"] == "SEAT"
    assert crm.query("SELECT Owner.Name FROM Quote")[0]["Owner"]["Name"] == "Ada Admin"
    found = crm.query(f"SELECT Id FROM QuoteLineItem WHERE Quote.Account.Name = 'Acme' AND QuoteId = '{ids['Quote']}'")
    assert [one["Id"] for one in found] == [ids["QuoteLineItem"]]


def test_custom_parents_are_reached_by_their_relationship_name(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    deal = crm.create("Billing_Subscription__c", Account__c=account, Billing_Key__c="s")
    crm.create("Billing_Invoice__c", Account__c=account, Billing_Subscription__c=deal, Billing_Key__c="i")
    [row] = crm.query("SELECT Billing_Subscription__r.Account__r.Name FROM Billing_Invoice__c")
    assert row["Billing_Subscription__r"]["Account__r"]["Name"] == "A"
    [found] = crm.query("SELECT (SELECT Billing_Key__c FROM Billing_Invoices__r) FROM Account")
    assert found["Billing_Invoices__r"]["records"][0]["Billing_Key__c"] == "i"


def test_child_query_has_its_own_conditions_and_limit_for_each_parent(crm: Crm) -> None:
    ids = crm.quote()
    for quantity in (3, 1, 2):
        crm.create("QuoteLineItem", QuoteId=ids["Quote"], PricebookEntryId=ids["PricebookEntry"], Quantity=quantity,
                   UnitPrice=1)  # fmt: skip
    soql = "SELECT Id, (SELECT Quantity FROM QuoteLineItems WHERE UnitPrice = 1 ORDER BY Quantity LIMIT 2) FROM Quote"
    lines = crm.query(soql)[0]["QuoteLineItems"]
    assert ([line["Quantity"] for line in lines["records"]], lines["totalSize"]) == ([1, 2], 2)


def test_semi_join_and_anti_join(crm: Crm) -> None:
    ids = crm.quote()
    other = crm.create("Account", Name="Without deal")
    inner = "(SELECT AccountId FROM Opportunity WHERE Name = 'Deal')"
    assert [r["Id"] for r in crm.query(f"SELECT Id FROM Account WHERE Id IN {inner}")] == [ids["Account"]]
    assert [r["Id"] for r in crm.query(f"SELECT Id FROM Account WHERE Id NOT IN {inner}")] == [other]


def test_several_picked_values_are_included(crm: Crm) -> None:
    crm.quote(Payment_Methods__c="Card;ACH")
    assert len(crm.query("SELECT Id FROM Quote WHERE Payment_Methods__c INCLUDES ('ACH', 'Link;Card')")) == 1
    assert crm.query("SELECT Id FROM Quote WHERE Payment_Methods__c INCLUDES ('ACH;Link')") == []
    assert crm.query("SELECT Id FROM Quote WHERE Payment_Methods__c EXCLUDES ('ACH')") == []


def test_all_fields_come_with_a_small_limit(crm: Crm) -> None:
    crm.create("Account", Name="A", BillingCity="Cork")
    [record] = crm.query("SELECT FIELDS(ALL) FROM Account LIMIT 200")
    assert record["MRR__c"] is None
    assert record["BillingAddress"]["city"] == "Cork"
    assert "MRR__c" not in crm.query("SELECT FIELDS(STANDARD) FROM Account")[0]


def test_deleted_records_are_found_by_query_all_only(crm: Crm) -> None:
    crm.ask("DELETE", f"sobjects/Account/{crm.create('Account', Name='Gone')}")
    assert crm.query("SELECT Id FROM Account") == []
    assert crm.query("SELECT Name FROM Account", "queryAll")[0]["Name"] == "Gone"


def test_long_results_come_in_pages_of_the_first_moment(crm: Crm) -> None:
    for start in range(0, 450, 150):
        records = [{"attributes": {"type": "Account"}, "Name": f"A{start + n:03d}"} for n in range(150)]
        assert crm.ask("POST", "composite/sobjects", {"records": records}).status_code == 200
    options = {"Sforce-Query-Options": "batchSize=200"}
    page = crm.ask("GET", "query", params={"q": "SELECT Name FROM Account ORDER BY Name"}, headers=options).json()
    crm.create("Account", Name="A000b")
    names = [record["Name"] for record in page["records"]]
    while not page["done"]:
        assert page["totalSize"] == 450
        page = crm.ask("GET", page["nextRecordsUrl"], headers=options).json()
        names += [record["Name"] for record in page["records"]]
    assert names == [f"A{n:03d}" for n in range(450)]


def test_unknown_page_is_refused(crm: Crm) -> None:
    assert crm.refused("GET", "query/01gnonsense-2000")[1] == "INVALID_QUERY_LOCATOR"
