"""Tabs, list views and layouts name only what is there; every object has one of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.salesforce.package import SOURCE, Field, package_fields, package_objects, permission_sets, sources
from tests.salesforce.standard import standard_fields

# What list views call standard fields (the names of report columns); both objects' are documented with ListView.
STANDARD_COLUMNS = {
    "Account": {"ACCOUNT.NAME"},
    "Opportunity": {"OPPORTUNITY.NAME", "OPPORTUNITY.CLOSE_DATE", "OPPORTUNITY.WON"},
}
NOT_FOR_FILTERS = {"LongTextArea"}


def own_fields(object_name: str) -> dict[str, Field]:
    return {field.name: field for field in package_fields().values() if field.object_name == object_name}


def texts(path: Path, xpath: str) -> list[str]:
    return [element.text for element in etree.parse(path).getroot().findall(xpath)]


def test_every_object_has_a_tab() -> None:
    assert {path.name.removesuffix(".tab-meta.xml") for path in sources("tabs/*")} == set(package_objects())


def test_tandems_custom_permission_has_the_name_that_validation_rules_use() -> None:
    assert [path.name for path in sources("customPermissions/*")] == ["Tandem_Integration.customPermission-meta.xml"]


def test_every_object_has_a_list_of_all_its_rows() -> None:
    for name in package_objects():
        views = sources(f"objects/{name}/listViews/All_*")
        assert len(views) == 1, name
        assert texts(views[0], "{*}filters") == []


@pytest.mark.parametrize("path", sources("objects/*/listViews/*"), ids=lambda path: f"{path.parts[-3]}.{path.name}")
def test_list_view_shows_and_filters_fields_that_are_there(path: Path) -> None:
    object_name = path.parent.parent.name
    fields = own_fields(object_name)
    columns = texts(path, "{*}columns")
    assert columns
    assert len(columns) == len(set(columns)) <= 15
    assert set(columns) <= set(fields) | {"NAME"} | STANDARD_COLUMNS.get(object_name, set())
    assert not {name for name in columns if name in fields and fields[name].type in NOT_FOR_FILTERS}
    assert texts(path, "{*}fullName") == [path.name.removesuffix(".listView-meta.xml")]
    assert all(len(label) <= 40 for label in texts(path, "{*}label"))


@pytest.mark.parametrize("path", sources("objects/*/listViews/*"), ids=lambda path: f"{path.parts[-3]}.{path.name}")
def test_list_view_filters_by_values_that_the_picklist_has(path: Path) -> None:
    object_name = path.parent.parent.name
    fields = own_fields(object_name)
    for element in etree.parse(path).getroot().findall("{*}filters"):
        name, value = element.findtext("{*}field"), element.findtext("{*}value")
        assert name in fields or name in STANDARD_COLUMNS.get(object_name, set())
        if name in fields and fields[name].values:
            assert set(value.split(",")) <= set(fields[name].values)


@pytest.mark.parametrize("name", package_objects())
def test_layout_shows_every_field_once_and_lets_nobody_type_over_tandem(name: str) -> None:
    label = package_objects()[name].label
    root = etree.parse(SOURCE / "layouts" / f"{name}-{label} Layout.layout-meta.xml").getroot()
    behavior = {item.findtext("{*}field"): item.findtext("{*}behavior") for item in root.findall(".//{*}layoutItems")}
    assert len(behavior) == len(root.findall(".//{*}layoutItems"))
    assert behavior.pop("Name") == "Readonly"
    fields = own_fields(name)
    assert set(behavior) == set(fields)
    for field_name, how in behavior.items():
        fixed = fields[field_name].type == "MasterDetail" or fields[field_name].required
        free = "Edit" if name == "Product_Price_Tier__c" else "Readonly"
        assert how == ("Required" if fixed else free), field_name


@pytest.mark.parametrize("name", package_objects())
def test_top_of_a_records_page_says_more_than_its_number(name: str) -> None:
    [path] = sources(f"objects/{name}/compactLayouts/*")
    shown = texts(path, "{*}fields")
    fields = own_fields(name)

    assert shown[0] == "Name"
    assert 4 < len(shown) == len(set(shown)) <= 10
    assert set(shown[1:]) <= set(fields)
    assert not {field for field in shown[1:] if fields[field].type in NOT_FOR_FILTERS}
    [full_name] = texts(path, "{*}fullName")
    assert path.name == f"{full_name}.compactLayout-meta.xml"
    of_object = SOURCE / "objects" / name / f"{name}.object-meta.xml"
    assert texts(of_object, "{*}compactLayoutAssignment") == [full_name]


def test_the_app_has_a_tab_for_all_that_people_look_at() -> None:
    [path] = sources("applications/*")
    tabs = texts(path, "{*}tabs")
    standard = {name.removeprefix("standard-") for name in tabs if name.startswith("standard-")}

    assert path.name == "Tandem_Billing.app-meta.xml"
    assert len(tabs) == len(set(tabs))
    assert {name for name in tabs if name.endswith("__c")} == set(package_objects()) - {"Billing_Subscription_Item__c"}
    assert standard - {"report"} <= set(standard_fields())


def test_related_lists_on_layouts_name_lookups_that_are_there() -> None:
    seen = 0
    for path in sources("layouts/*"):
        layout_object = path.name.partition("-")[0]
        for element in etree.parse(path).getroot().findall("{*}relatedLists"):
            seen += 1
            lookup = package_fields()[element.findtext("{*}relatedList")]
            assert lookup.refers_to == layout_object
            columns = {column.text for column in element.findall("{*}fields")}
            assert columns <= set(own_fields(lookup.object_name)) | {"NAME"}
    assert seen == 4


def test_standard_fields_named_in_the_package_are_in_the_published_contract() -> None:
    named = {name for item in permission_sets().values() for name in item.fields if not name.endswith("__c")}
    assert {name.split(".")[0] for name in named} == {
        "Account", "Contact", "Opportunity", "Product2", "Quote", "QuoteLineItem",
    }  # fmt: skip
    for name in named:
        object_name, _, field_name = name.partition(".")
        assert field_name in standard_fields()[object_name], name


def test_standard_objects_named_in_the_package_are_in_the_published_contract() -> None:
    named = {name for item in permission_sets().values() for name in item.objects if not name.endswith("__c")}
    assert named == {"Account", "Contact", "Opportunity", "Pricebook2", "Product2", "Quote"}
    assert named <= set(standard_fields())
