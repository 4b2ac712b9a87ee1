"""Who sees and changes what: a field one may not read does not exist, one that one may not edit is refused."""

from __future__ import annotations

from sandbox.salesforce.access import Access, Grants, User
from sandbox.salesforce.app import SalesforceHalf
from sandbox.salesforce.org import Switches
from sandbox.salesforce.schema import Schema
from sandbox.salesforce.sfdx import PermissionSet
from sandbox.salesforce.standard import standard_entities
from sandbox.world import World
from tests.sandbox.salesforce.conftest import Crm
from tests.sandbox.serving import Served


def test_integration_user_writes_what_tandem_keeps_and_not_what_the_rep_fills_in(crm: Crm) -> None:
    ids = crm.quote(Start_Date__c="2026-03-01")
    tandem = Crm(crm.served, "tandem")
    tandem.update("Quote", ids["Quote"], Billing_Status__c="Waiting")
    for body in ({"Start_Date__c": "2026-04-01"}, {"Status": "Accepted"}):
        refused = tandem.refused("PATCH", f"sobjects/Quote/{ids['Quote']}", body)
        assert refused[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert tandem.get("Quote", ids["Quote"])["Start_Date__c"] == "2026-03-01"


def test_integration_user_may_not_make_price_book_entries(crm: Crm) -> None:
    tandem = Crm(crm.served, "tandem/1.0")
    assert tandem.refused("POST", "sobjects/Product2", {"Name": "P"})[1] == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_who_wrote_last_tells_people_from_the_integration(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    assert crm.query("SELECT LastModifiedBy.Name FROM Account")[0]["LastModifiedBy"]["Name"] == "Ada Admin"
    Crm(crm.served, "tandem").update("Account", account, MRR__c=1)
    found = crm.query("SELECT LastModifiedBy.Name FROM Account")[0]
    assert found["LastModifiedBy"]["Name"] == "Tandem Integration"


def test_withheld_field_looks_as_if_it_did_not_exist(crm: Crm) -> None:
    account = crm.create("Account", Name="A", MRR__c=5)
    crm.switch("settings", withheld=["Account.MRR__c"])
    assert "MRR__c" not in crm.get("Account", account)
    assert crm.refused_query("SELECT MRR__c FROM Account")[0] == "INVALID_FIELD"
    assert crm.refused_query("SELECT Id FROM Account WHERE MRR__c = 5")[0] == "INVALID_FIELD"
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {"MRR__c": 6})[1] == "INVALID_FIELD"
    names = {field["name"] for field in crm.ask("GET", "sobjects/Account/describe").json()["fields"]}
    assert "ARR__c" in names
    assert "MRR__c" not in names
    assert Crm(crm.served, "harness").get("Account", account)["MRR__c"] == 5


def test_withheld_object_can_be_read_and_not_written(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.switch("settings", withheld=["Account"])
    assert crm.get("Account", account)["Name"] == "A"
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {})[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert crm.refused("POST", "sobjects/Account", {"Name": "B"})[1] == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_field_can_be_withheld_from_the_start() -> None:
    world = World()
    world.add(SalesforceHalf(world, switches=Switches(withheld=frozenset({"Account.MRR__c"}))))
    with Served(world) as served:
        assert Crm(served).refused_query("SELECT MRR__c FROM Account")[0] == "INVALID_FIELD"


def test_describe_says_what_the_caller_may_edit(crm: Crm) -> None:
    def editable(client: Crm, name: str) -> bool:
        fields = client.ask("GET", "sobjects/Quote/describe").json()["fields"]
        return next(bool(field["updateable"]) for field in fields if field["name"] == name)

    tandem = Crm(crm.served, "tandem")
    assert (editable(tandem, "Billing_Status__c"), editable(tandem, "Start_Date__c")) == (True, False)
    assert editable(crm, "Start_Date__c")


def test_unknown_switch_and_unknown_caller_are_404(crm: Crm) -> None:
    assert crm.refused("POST", "/tandem-sandbox/settings", {})[0] == 404
    harness = {"X-Tandem-Client": "harness"}
    assert crm.refused("POST", "/tandem-sandbox/nonsense", {}, headers=harness)[0] == 404
    assert crm.refused("POST", "/tandem-sandbox/settings", {"nonsense": 1}, headers=harness)[0] == 400
    assert crm.refused("POST", "/tandem-sandbox/settings", {"daily_calls": "9"}, headers=harness)[0] == 400


def test_rights_to_tasks_are_user_permissions() -> None:
    schema = Schema(standard_entities(person_accounts=False, state_codes=False))
    task = schema.get("Task")

    def rights(*permissions: str) -> list[str]:
        grants = Grants.of([PermissionSet("Some", user=set(permissions))])
        access = Access(schema, User("", "", "", grants), str)
        return [right for right in ("read", "create", "edit", "delete") if access.may(task, right)]

    assert rights("ApiEnabled") == []
    assert rights("ActivitiesAccess") == ["read"]
    assert rights("ActivitiesAccess", "EditTask") == ["read", "create", "edit", "delete"]


def test_nothing_is_given_to_a_user_who_has_left(crm: Crm) -> None:
    rita = crm.query("SELECT Id FROM User WHERE LastName = 'Rep'")[0]["Id"]
    hers = crm.create("Account", Name="Hers", OwnerId=rita)
    mine = crm.create("Account", Name="Mine")
    crm.switch("deactivate", id=rita)
    body = {"Subject": "Call", "WhatId": hers, "OwnerId": rita}
    assert crm.refused("POST", "sobjects/Task", body)[1] == "INACTIVE_OWNER_OR_USER"
    assert crm.refused("PATCH", f"sobjects/Account/{mine}", {"OwnerId": rita})[1] == "INACTIVE_OWNER_OR_USER"
    crm.update("Account", hers, Name="Still hers")
    assert crm.get("Account", hers)["OwnerId"] == rita
