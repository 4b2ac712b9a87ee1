"""Composite: several calls in one, with references, together or each for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import BASE, Crm


def _part(name: str, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
    part = {"referenceId": name, "method": method, "url": f"{BASE}/{path}", **more}
    return part if body is None else {**part, "body": body}


def _run(crm: Crm, *parts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = crm.ask("POST", "composite", {"compositeRequest": list(parts), **more})
    assert answer.status_code == 200, answer.text
    answers: list[dict[str, Any]] = answer.json()["compositeResponse"]
    return answers


def test_later_parts_use_answers_of_earlier_ones(crm: Crm) -> None:
    answers = _run(
        crm,
        _part("acme", "POST", "sobjects/Account", {"Name": "Acme"}),
        _part("row", "POST", "sobjects/Billing_Invoice__c", {"Account__c": "@{acme.id}", "Billing_Key__c": "x"}),
        _part("found", "GET", "query?q=SELECT+Id,Account__c+FROM+Billing_Invoice__c+WHERE+Id='@{row.id}'"),
        _part("name", "PATCH", "sobjects/Account/@{found.records[0].Account__c}", {"Website": "w-@{row.id}.example"}),
    )
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200, 204]
    assert answers[0]["httpHeaders"]["Location"].endswith(answers[0]["body"]["id"])
    row = answers[1]["body"]["id"]
    assert crm.get("Account", answers[0]["body"]["id"])["Website"] == f"w-{row}.example"


def test_each_for_itself_keeps_the_good_ones(crm: Crm) -> None:
    answers = _run(
        crm,
        _part("a", "POST", "sobjects/Account", {"Name": "A"}),
        _part("b", "POST", "sobjects/Account", {}),
        _part("c", "POST", "sobjects/Billing_Invoice__c", {"Account__c": "@{b.id}"}),
        _part("d", "GET", "nonsense"),
        _part("e", "GET", "query?q=SELECT+Name+FROM+Account"),
        collateSubrequests=False,
    )
    assert [answer["httpStatusCode"] for answer in answers] == [201, 400, 400, 404, 200]
    assert answers[1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert answers[2]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [record["Name"] for record in answers[4]["body"]["records"]] == ["A"]


def test_together_one_failure_takes_all_back(crm: Crm) -> None:
    answers = _run(
        crm,
        _part("a", "POST", "sobjects/Account", {"Name": "A"}),
        _part("b", "POST", "sobjects/Account", {}),
        _part("c", "POST", "sobjects/Account", {"Name": "C"}),
        allOrNone=True,
    )
    codes = [answer["body"][0]["errorCode"] for answer in answers]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert crm.query("SELECT Id FROM Account") == []


def test_collections_inside_a_composite_keep_their_results(crm: Crm) -> None:
    rows = [{"attributes": {"type": "Account"}, "Name": "A"}, {"attributes": {"type": "Account"}}]
    [answer] = _run(crm, _part("rows", "POST", "composite/sobjects", {"records": rows}))
    assert answer["httpStatusCode"] == 200
    assert [result["success"] for result in answer["body"]] == [True, False]


def test_a_composite_is_one_call(crm: Crm) -> None:
    before = crm.ask("GET", "limits").headers["Sforce-Limit-Info"]
    answer = crm.ask("POST", "composite", {"compositeRequest": [_part(f"p{n}", "GET", "limits") for n in range(25)]})
    used = [int(text.partition("=")[2].partition("/")[0]) for text in (before, answer.headers["Sforce-Limit-Info"])]
    assert used[1] == used[0] + 1


_QUERY = "query?q=SELECT+Id+FROM+Account"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"compositeRequest": []},
        {"compositeRequest": [_part(f"p{n}", "GET", "limits") for n in range(26)]},
        {"compositeRequest": [_part(f"p{n}", "GET", _QUERY) for n in range(6)]},
        {"compositeRequest": [_part("same", "GET", "limits"), _part("same", "GET", "limits")]},
        {"compositeRequest": [_part("bad name", "GET", "limits")]},
        {"compositeRequest": [_part("a", "FETCH", "limits")]},
        {"compositeRequest": [{"referenceId": "a", "method": "GET", "url": "https://evil.example/x"}]},
        {"compositeRequest": [_part("a", "GET", "limits", surprise=1)]},
        {"compositeRequest": [_part("a", "GET", "limits")], "allOrNone": "yes"},
        {"compositeRequest": [_part("a", "GET", "limits")], "surprise": 1},
    ],
)
def test_malformed_composite_is_refused_whole(crm: Crm, body: dict[str, Any]) -> None:
    assert crm.refused("POST", "composite", body)[0] == 400


def test_composite_inside_a_composite_is_refused(crm: Crm) -> None:
    [answer] = _run(crm, _part("a", "POST", "composite", {"compositeRequest": []}))
    assert answer["httpStatusCode"] == 400


def test_references_point_backwards_only(crm: Crm) -> None:
    answers = _run(
        crm,
        _part("a", "GET", "sobjects/Account/@{b.id}"),
        _part("b", "POST", "sobjects/Account", {"Name": "B"}),
    )
    assert [answer["httpStatusCode"] for answer in answers] == [400, 201]
