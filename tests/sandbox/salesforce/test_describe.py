"""Describe: objects and fields in Salesforce's own shape."""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.app import SalesforceHalf
from sandbox.world import World
from tests.sandbox.salesforce.conftest import Crm
from tests.sandbox.serving import Served


def _fields(crm: Crm, entity: str) -> dict[str, dict[str, Any]]:
    described = crm.ask("GET", f"sobjects/{entity}/describe").json()
    return {field["name"]: field for field in described["fields"]}


def test_global_describe_lists_standard_and_package_objects(crm: Crm) -> None:
    listed = {entry["name"]: entry for entry in crm.ask("GET", "sobjects").json()["sobjects"]}
    assert listed["Account"]["keyPrefix"] == "001"
    assert (listed["Billing_Invoice__c"]["custom"], listed["User"]["createable"]) == (True, False)


def test_external_key_is_described_as_unique_and_telling_case(crm: Crm) -> None:
    key = _fields(crm, "Billing_Invoice__c")["Billing_Key__c"]
    assert (key["type"], key["length"]) == ("string", 255)
    assert all(key[flag] for flag in ("externalId", "unique", "caseSensitive", "idLookup", "createable", "nillable"))


def test_picklist_reference_and_amount_are_described(crm: Crm) -> None:
    status = _fields(crm, "Billing_Invoice__c")["Status__c"]
    assert status["restrictedPicklist"]
    assert "Paid" in {value["value"] for value in status["picklistValues"]}
    master = _fields(crm, "Billing_Invoice__c")["Account__c"]
    assert (master["referenceTo"], master["relationshipName"], master["nillable"]) == (["Account"], "Account__r", False)
    total = _fields(crm, "Billing_Invoice__c")["Total__c"]
    assert (total["type"], total["precision"], total["scale"]) == ("currency", 18, 3)


def test_standard_fields_say_what_may_be_written(crm: Crm) -> None:
    quote = _fields(crm, "Quote")
    assert not quote["AccountId"]["createable"]
    assert quote["OpportunityId"]["createable"]
    assert not quote["OpportunityId"]["updateable"]
    assert not quote["GrandTotal"]["updateable"]


def test_unknown_object_can_not_be_described(crm: Crm) -> None:
    assert crm.refused("GET", "sobjects/Nonsense/describe")[:2] == (404, "NOT_FOUND")


def test_namespace_prefixes_every_custom_name_and_only_those() -> None:
    world = World()
    world.add(SalesforceHalf(world, "tnd"))
    with Served(world) as served:
        crm = Crm(served)
        account = crm.create("Account", Name="A", tnd__MRR__c=5)
        crm.create("tnd__Billing_Invoice__c", tnd__Account__c=account, tnd__Billing_Key__c="x")
        [row] = crm.query("SELECT tnd__Account__r.tnd__MRR__c FROM tnd__Billing_Invoice__c")
        assert row["tnd__Account__r"]["tnd__MRR__c"] == 5
        [parent] = crm.query("SELECT (SELECT Id FROM tnd__Billing_Invoices__r) FROM Account")
        assert parent["tnd__Billing_Invoices__r"]["totalSize"] == 1
        assert crm.refused_query("SELECT MRR__c FROM Account")[0] == "INVALID_FIELD"
        assert Crm(served, "tandem").refused_query("SELECT Id FROM Billing_Invoice__c")[0] == "INVALID_TYPE"
        Crm(served, "tandem").update("Account", account, tnd__MRR__c=6)
        assert crm.query("SELECT NamespacePrefix FROM Organization")[0]["NamespacePrefix"] == "tnd"
