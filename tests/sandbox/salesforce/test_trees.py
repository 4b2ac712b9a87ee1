"""Trees: new records with their children in one call, all of them or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Crm


def _one(type_: str, reference: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": type_, "referenceId": reference}, **fields}


def _account(n: int, *contacts: dict[str, Any]) -> dict[str, Any]:
    below = {"Contacts": {"records": list(contacts)}} if contacts else {}
    return _one("Account", f"a{n}", Name=f"A{n}", **below)


def test_parents_and_children_are_made_together(crm: Crm) -> None:
    trees = [_account(1, _one("Contact", "c1", LastName="Ada")), _account(2)]

    answer = crm.ask("POST", "composite/tree/Account", {"records": trees})

    assert (answer.status_code, answer.json()["hasErrors"]) == (201, False)
    ids = {one["referenceId"]: one["id"] for one in answer.json()["results"]}
    assert set(ids) == {"a1", "c1", "a2"}
    assert [c["AccountId"] for c in crm.query("SELECT AccountId FROM Contact")] == [ids["a1"]]


def test_one_refused_record_undoes_all_and_is_the_only_one_named(crm: Crm) -> None:
    trees = [_account(1), _account(2, _one("Contact", "c2", LastName="B", Email="none"))]

    answer = crm.ask("POST", "composite/tree/Account", {"records": trees})

    assert (answer.status_code, answer.json()["hasErrors"]) == (400, True)
    [refused] = answer.json()["results"]
    assert (refused["referenceId"], refused["errors"][0]["statusCode"]) == ("c2", "INVALID_EMAIL_ADDRESS")
    assert crm.query("SELECT Id FROM Account") == []
    assert crm.served.log()[-2]["effect"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"records": []},
        {"records": [_account(n) for n in range(201)]},
        {"records": [_account(1), _account(1)]},
        {"records": [_one("Contact", "c1", LastName="A")]},
        {"records": [{"attributes": {"type": "Account"}, "Name": "A"}]},
        {"records": [_account(1)], "allOrNone": True},
        {"records": [_one("Account", "a1", Name="A", Nobodies={"records": []})]},
    ],
    ids=["none", "too many", "a reference twice", "another type", "no reference", "unknown member", "unknown children"],
)
def test_what_is_no_tree_is_refused_whole(crm: Crm, body: dict[str, Any]) -> None:
    answer = crm.ask("POST", "composite/tree/Account", body)

    assert answer.status_code == 400
    assert crm.query("SELECT Id FROM Account") == []
