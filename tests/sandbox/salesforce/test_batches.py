"""Collections: 200 records a call, each with its own result, together or each for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Crm


def _records(entity: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"attributes": {"type": entity}, **row} for row in rows]


def _ask(crm: Crm, method: str, path: str, records: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    answer = crm.ask(method, path, {"records": records, **more})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()
    return results


def _names(crm: Crm) -> list[str]:
    return [record["Name"] for record in crm.query("SELECT Name FROM Account ORDER BY Name")]


def test_good_records_are_kept_and_bad_ones_say_why_under_status_code(crm: Crm) -> None:
    results = _ask(crm, "POST", "composite/sobjects", _records("Account", {"Name": "A"}, {}, {"Name": "C"}))
    assert [result["success"] for result in results] == [True, False, True]
    assert results[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [Name]",
                "fields": ["Name"],
            }
        ],
    }
    assert _names(crm) == ["A", "C"]


def test_all_or_none_keeps_nothing_and_says_so_of_the_innocent(crm: Crm) -> None:
    results = _ask(crm, "POST", "composite/sobjects", _records("Account", {"Name": "A"}, {}), allOrNone=True)
    assert [result["errors"][0]["statusCode"] for result in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert _names(crm) == []
    assert crm.served.log()[-2]["effect"] is False


def test_update_takes_ids_from_the_records(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    rows = _records("Account", {"Id": account, "Name": "B"}, {"id": "nonsense", "Name": "C"}, {"Name": "D"})
    results = _ask(crm, "PATCH", "composite/sobjects", rows)
    codes = [result["errors"][0]["statusCode"] if result["errors"] else "" for result in results]
    assert codes == ["", "MALFORMED_ID", "MISSING_ARGUMENT"]
    assert (results[0]["id"], results[1]["id"]) == (account, "nonsense")
    assert _names(crm) == ["B"]


def test_upsert_says_which_were_created(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    path = "composite/sobjects/Billing_Invoice__c/Billing_Key__c"
    rows = _records("Billing_Invoice__c", {"Billing_Key__c": "a", "Account__c": account, "Total__c": 1})
    first = _ask(crm, "PATCH", path, rows)
    rows += _records("Billing_Invoice__c", {"Billing_Key__c": "b", "Account__c": account})
    second = _ask(crm, "PATCH", path, rows)
    assert [result["created"] for result in first + second] == [True, False, True]
    assert first[0]["id"] == second[0]["id"]


def test_upsert_refuses_missing_and_repeated_keys_row_by_row(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    row = {"Billing_Key__c": "a", "Account__c": account}
    rows = _records("Billing_Invoice__c", row, {"Account__c": account}, row)
    results = _ask(crm, "PATCH", "composite/sobjects/Billing_Invoice__c/Billing_Key__c", rows)
    codes = [result["errors"][0]["statusCode"] if result["errors"] else "" for result in results]
    assert codes == ["", "MISSING_ARGUMENT", "DUPLICATE_VALUE"]


def test_upsert_by_an_id_that_two_records_carry_is_refused(crm: Crm) -> None:
    for name in "AB":
        crm.create("Account", Name=name, Stripe_Customer_Id__c="cus_1")
    rows = _records("Account", {"Stripe_Customer_Id__c": "cus_1", "Name": "C"})
    [result] = _ask(crm, "PATCH", "composite/sobjects/Account/Stripe_Customer_Id__c", rows)
    assert result["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"


def test_more_than_two_hundred_records_are_refused(crm: Crm) -> None:
    body = {"records": _records("Account", *({"Name": str(n)} for n in range(201)))}
    assert crm.refused("POST", "composite/sobjects", body)[:2] == (400, "EXCEEDED_ID_LIMIT")
    assert _names(crm) == []


def test_more_than_ten_changes_of_object_are_refused(crm: Crm) -> None:
    rows = [one for _ in range(6) for one in _records("Account", {"Name": "A"}) + _records("Product2", {"Name": "P"})]
    assert crm.refused("POST", "composite/sobjects", {"records": rows})[1] == "INVALID_OPERATION"
    assert len(_ask(crm, "POST", "composite/sobjects", rows[:10])) == 10


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ({"records": {}}, "JSON_PARSER_ERROR"),
        ({"records": ["x"]}, "JSON_PARSER_ERROR"),
        ({"records": [{"Name": "A"}]}, "INVALID_FIELD"),
        ({"records": [{"attributes": {"type": "Nonsense"}, "Name": "A"}]}, "INVALID_TYPE"),
        ({"records": [{"attributes": {"type": "Account"}, "Nonsense": "A"}]}, "INVALID_FIELD"),
        ({"records": [{"attributes": {"type": "Account"}, "MRR__c": "x"}]}, "JSON_PARSER_ERROR"),
        ({"allOrNone": "yes", "records": []}, "JSON_PARSER_ERROR"),
    ],
)
def test_body_that_is_no_list_of_records_refuses_the_whole_call(crm: Crm, body: Any, code: str) -> None:
    good = [{"attributes": {"type": "Account"}, "Name": "Good"}]
    if isinstance(body, dict) and isinstance(body["records"], list) and body["records"]:
        body = {**body, "records": good + body["records"]}
    assert crm.refused("POST", "composite/sobjects", body)[:2] == (400, code)
    assert _names(crm) == []


def test_retrieve_answers_in_order_with_null_for_what_is_not_there(crm: Crm) -> None:
    first, second = crm.create("Account", Name="A"), crm.create("Account", Name="B")
    gone = crm.create("Account", Name="C")
    crm.ask("DELETE", f"sobjects/Account/{gone}")
    found = crm.ask("POST", "composite/sobjects/Account", {"ids": [second, gone, first], "fields": ["Name"]}).json()
    assert [record and record["Name"] for record in found] == ["B", None, "A"]
    found = crm.ask("GET", f"composite/sobjects/Account?ids={first},{second}&fields=Id,Name").json()
    assert [record["Id"] for record in found] == [first, second]


def test_delete_takes_ids_of_any_object(crm: Crm) -> None:
    account, product = crm.create("Account", Name="A"), crm.create("Product2", Name="P")
    answer = crm.ask("DELETE", f"composite/sobjects?ids={account},nonsense,{product}").json()
    assert [result["success"] for result in answer] == [True, False, True]
    assert _names(crm) == []
    again = crm.ask("DELETE", f"composite/sobjects?ids={account}&allOrNone=true").json()
    assert again[0]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
