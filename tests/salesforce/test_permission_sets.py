"""Who may see and change what: complete for every field, and nothing that a deployment would refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.salesforce import deployment
from tests.salesforce.package import PermissionSet, package_fields, package_objects, permission_sets
from tests.salesforce.standard import standard_fields
from tests.salesforce.test_fields import FILLED_IN_BY_PEOPLE

# Sets that must name every field that can be named; the optional ones only add rights on standard objects.
COMPLETE = ("Billing_Integration", "Billing_Operations", "Billing_Rep")
OPTIONAL = (
    "Billing_Integration_Locked_Records",
    "Billing_Integration_Owner_Tasks",
    "Billing_Integration_Self_Serve",
)

READ = frozenset({"allowRead"})
WRITE = READ | {"allowCreate", "allowEdit", "allowDelete"}
MODIFY_ALL = WRITE | {"viewAllRecords", "modifyAllRecords"}

BY_PEOPLE = {f"{name}.{field}" for name, fields in FILLED_IN_BY_PEOPLE.items() for field in fields}
NAMEABLE = {name for name, field in package_fields().items() if not field.required and field.type != "MasterDetail"}


def masters() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in package_objects()}
    for field in package_fields().values():
        if field.type == "MasterDetail":
            assert field.refers_to is not None
            found[field.object_name].add(field.refers_to)
    return found


def problems(item: PermissionSet) -> list[str]:
    return deployment.permission_set_problems(item, package_fields(), standard_fields(), masters())


def editable(name: str) -> set[str]:
    return {field for field, may_edit in permission_sets()[name].fields.items() if may_edit}


def test_these_are_the_permission_sets() -> None:
    assert sorted(permission_sets()) == sorted(COMPLETE + OPTIONAL)


@pytest.mark.parametrize("name", COMPLETE + OPTIONAL)
def test_permission_set_would_be_accepted(name: str) -> None:
    assert problems(permission_sets()[name]) == []


@pytest.mark.parametrize("name", COMPLETE)
def test_every_custom_field_that_can_be_named_is_in_the_permission_set(name: str) -> None:
    named = {field for field in permission_sets()[name].fields if field.endswith("__c")}
    assert len(NAMEABLE) == len(package_fields()) - 5
    assert named == NAMEABLE


def test_integration_changes_every_field_of_tandem_and_of_people_only_the_answered_request() -> None:
    assert editable("Billing_Integration") == (NAMEABLE - BY_PEOPLE) | {"Quote.Billing_Request__c"}


def test_rep_changes_the_fields_of_quotes_lines_and_accounts_that_people_fill_in() -> None:
    own = {name for name in BY_PEOPLE if name.split(".")[0] in ("Quote", "QuoteLineItem", "Account")}
    assert editable("Billing_Rep") == own


def test_billing_team_changes_all_that_people_fill_in_and_nothing_of_tandem() -> None:
    assert editable("Billing_Operations") == BY_PEOPLE & NAMEABLE


def test_integration_sees_all_records_that_it_reads_and_writes_all_of_its_own() -> None:
    objects = permission_sets()["Billing_Integration"].objects
    for name in ("Account", "Opportunity", "Quote"):
        assert objects[name] == READ | {"allowEdit", "viewAllRecords"}, name
    assert objects["Contact"] == READ | {"viewAllRecords"}
    assert objects["Product2"] == READ | {"allowEdit"}
    assert objects["Pricebook2"] == READ
    assert objects["Product_Price_Tier__c"] == READ
    assert objects["Billing_Issue__c"] == MODIFY_ALL
    details = {name for name, parents in masters().items() if parents}
    assert len(details) == 4
    assert {objects[name] for name in details} == {WRITE}
    assert set(objects) == set(package_objects()) | {
        "Account",
        "Contact",
        "Opportunity",
        "Pricebook2",
        "Product2",
        "Quote",
    }


def test_reps_and_billing_team_change_no_row_that_tandem_keeps() -> None:
    for name in ("Billing_Rep", "Billing_Operations"):
        for row, rights in permission_sets()[name].objects.items():
            if row != "Product_Price_Tier__c":
                assert rights <= READ | {"viewAllRecords"}, f"{name} {row}"
    assert permission_sets()["Billing_Operations"].objects["Billing_Issue__c"] == READ | {"viewAllRecords"}
    assert permission_sets()["Billing_Operations"].objects["Product_Price_Tier__c"] == WRITE
    assert permission_sets()["Billing_Rep"].objects["Product_Price_Tier__c"] == READ


def test_only_the_optional_sets_reach_further_on_standard_objects() -> None:
    locked = permission_sets()["Billing_Integration_Locked_Records"]
    assert {name for name, rights in locked.objects.items() if "modifyAllRecords" in rights} == {"Account", "Quote"}
    assert locked.fields == {}
    tasks = permission_sets()["Billing_Integration_Owner_Tasks"]
    assert (tasks.fields, tasks.objects) == ({}, {})
    self_serve = permission_sets()["Billing_Integration_Self_Serve"].objects
    assert self_serve == {name: READ | {"allowCreate", "allowEdit"} for name in ("Account", "Contact")}


def test_only_the_integration_user_holds_the_custom_permission_and_api_access() -> None:
    held = {name: (item.custom_permissions, item.user_permissions) for name, item in permission_sets().items()}
    assert held.pop("Billing_Integration") == (("Tandem_Integration",), ("ApiEnabled",))
    assert held.pop("Billing_Integration_Owner_Tasks") == ((), ("ActivitiesAccess", "EditTask"))
    assert set(held.values()) == {((), ())}


def test_people_see_the_app_and_a_tab_for_every_object() -> None:
    people = {"Billing_Rep", "Billing_Operations"}
    for name in people:
        assert sorted(permission_sets()[name].tabs) == sorted(package_objects())
    assert {name for name, item in permission_sets().items() if item.applications} == people
    assert {item.applications for name, item in permission_sets().items() if name in people} == {("Tandem_Billing",)}


SOUND = PermissionSet("Planted", "Planted", "", {"Quote.Billing_Status__c": False}, objects={"Account": READ})


@pytest.mark.parametrize(
    "item",
    [
        replace(SOUND, fields={"Billing_Invoice__c.Account__c": False}),
        replace(SOUND, fields={"Product_Price_Tier__c.Product2__c": True}),
        replace(SOUND, fields={"Quote.Name": False}),
        replace(SOUND, fields={"Billing_Invoice__c.Name": False}),
        replace(SOUND, fields={"Quote.Billing_Statuss__c": False}),
        replace(SOUND, fields={"Quote.Term": False}),
        replace(SOUND, repeated=("Quote.Billing_Status__c",)),
        replace(SOUND, unreadable=("Quote.Billing_Status__c",)),
        replace(SOUND, label=""),
        replace(SOUND, description="x" * 256),
        replace(SOUND, objects={"Account": frozenset({"viewAllRecords"})}),
        replace(SOUND, objects={"Account": frozenset({"allowEdit"})}),
        replace(SOUND, objects={"Account": READ | {"allowDelete"}}),
        replace(SOUND, objects={"Account": READ | {"allowEdit", "viewAllRecords", "modifyAllRecords"}}),
        replace(SOUND, objects={"Contact": READ}),
        replace(SOUND, objects={"Account": READ, "Quote": READ}),
        replace(SOUND, objects={"Billing_Invoice__c": READ}),
        replace(SOUND, objects={"Account": READ, "Billing_Payment__c": READ}),
        replace(SOUND, objects={"QuoteLineItem": READ}),
        replace(SOUND, objects={"Billing_Ledger__c": READ}),
    ],
    ids=[
        "master-detail",
        "required",
        "standard name",
        "own name",
        "misspelt",
        "no such standard field",
        "twice",
        "unreadable",
        "label",
        "description",
        "view all without read",
        "edit without read",
        "delete without edit",
        "modify all without delete",
        "contact without account",
        "quote without opportunity",
        "detail without master",
        "payment without invoice",
        "object without rights",
        "unknown object",
    ],
)
def test_planted_permission_fault_is_refused(item: PermissionSet) -> None:
    assert problems(SOUND) == []
    assert problems(item)
