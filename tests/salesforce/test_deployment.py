"""What a deployment would refuse: the package has none of it, and each refusal is proved on a planted fault."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lxml import etree

from tests.salesforce import deployment
from tests.salesforce.package import (
    REPOSITORY,
    SOURCE,
    CustomObject,
    Field,
    package_fields,
    package_objects,
    sources,
)
from tests.salesforce.standard import standard_children, standard_fields

TEXT = Field("Thing__c", "Note__c", "Text", "Note", "Kept by Tandem.", length=40)
LONG = replace(TEXT, type="LongTextArea", length=32_768, visible_lines=3)
MONEY = replace(TEXT, type="Currency", length=None, precision=18, scale=3)
CHOICE = replace(TEXT, type="Picklist", length=None, values=("Open", "Closed"), restricted=True)
CHOICES = replace(CHOICE, type="MultiselectPicklist", visible_lines=4)
BOX = replace(TEXT, type="Checkbox", length=None, default="false")
LOOKUP = replace(
    TEXT, type="Lookup", length=None, refers_to="Quote", relationship_name="Things", relationship_label="Things"
)
MASTER = replace(LOOKUP, type="MasterDetail", refers_to="Account", reparentable=True)
THING = CustomObject("Thing__c", "Thing", "Things", "", "ControlledByParent", "AutoNumber")


@pytest.mark.parametrize("field", package_fields().values(), ids=lambda field: field.api_name)
def test_field_would_be_accepted(field: Field) -> None:
    assert deployment.field_problems(field) == []


@pytest.mark.parametrize("item", package_objects().values(), ids=lambda item: item.name)
def test_object_would_be_accepted(item: CustomObject) -> None:
    own = [field for field in package_fields().values() if field.object_name == item.name]
    assert deployment.object_problems(item, own) == []


def test_fields_would_be_accepted_together() -> None:
    assert deployment.package_problems(package_fields().values()) == []


def test_children_are_named_unlike_those_that_standard_objects_have() -> None:
    lookups = [field for field in package_fields().values() if field.refers_to in standard_children()]
    assert len(lookups) == 7
    for field in lookups:
        assert field.relationship_name not in standard_children()[field.refers_to], field.api_name


def test_every_lookup_refers_to_an_object_that_is_there() -> None:
    known = set(standard_fields()) | set(package_objects())
    assert {field.refers_to for field in package_fields().values() if field.refers_to} <= known


def test_standard_objects_that_get_fields_are_standard_objects() -> None:
    named = {field.object_name for field in package_fields().values()} - set(package_objects())
    assert named == {"Account", "Opportunity", "Product2", "Quote", "QuoteLineItem"}
    assert named <= set(standard_fields())


@pytest.mark.parametrize("path", sources("objects/*/fields/*"), ids=lambda path: f"{path.parts[-3]}.{path.name}")
def test_full_name_inside_the_file_is_the_file_name(path) -> None:
    assert etree.parse(path).getroot().findtext("{*}fullName") == path.name.removesuffix(".field-meta.xml")


def test_project_names_the_folder_and_the_pinned_api_version() -> None:
    project = json.loads((REPOSITORY / "salesforce" / "sfdx-project.json").read_text())
    assert project["packageDirectories"] == [{"path": "force-app", "default": True}]
    assert project["sourceApiVersion"] == "66.0"
    assert project["namespace"] == ""
    assert SOURCE.is_dir()


def test_sound_fields_have_no_fault() -> None:
    for field in (TEXT, LONG, MONEY, CHOICE, CHOICES, BOX, LOOKUP, MASTER):
        assert deployment.field_problems(field) == [], field.type


@pytest.mark.parametrize(
    "field",
    [
        replace(TEXT, name="Note"),
        replace(TEXT, name="9Notes__c"),
        replace(TEXT, name="Note__Two__c"),
        replace(TEXT, name="Note_-__c"),
        replace(TEXT, name="N" * 41 + "__c"),
        replace(TEXT, label=""),
        replace(TEXT, label="x" * 41),
        replace(TEXT, help_text="x" * 511),
        replace(TEXT, description="x" * 1001),
        replace(TEXT, formula="1 + 1"),
        replace(TEXT, length=256),
        replace(TEXT, length=0),
        replace(TEXT, length=None),
        replace(TEXT, case_sensitive=True),
        replace(LONG, length=255),
        replace(LONG, length=131_073),
        replace(LONG, visible_lines=None),
        replace(LONG, visible_lines=1),
        replace(LONG, required=True),
        replace(LONG, external_id=True),
        replace(MONEY, precision=19),
        replace(MONEY, scale=18),
        replace(MONEY, precision=2, scale=3),
        replace(MONEY, scale=None),
        replace(MONEY, unique=True),
        replace(CHOICE, values=()),
        replace(CHOICE, values=("Open", "open")),
        replace(CHOICE, values=tuple(str(number) for number in range(1001))),
        replace(CHOICE, values=("x" * 256,)),
        replace(CHOICES, visible_lines=None),
        replace(CHOICES, visible_lines=2),
        replace(BOX, default=None),
        replace(BOX, required=True),
        replace(LOOKUP, refers_to=None),
        replace(LOOKUP, relationship_name=None),
        replace(LOOKUP, relationship_name="All things"),
        replace(LOOKUP, required=True, delete_constraint="SetNull"),
        replace(MASTER, delete_constraint="Cascade"),
        replace(MASTER, required=True),
        replace(TEXT, type="AutoNumber"),
    ],
    ids=lambda field: f"{field.type}",
)
def test_planted_field_fault_is_refused(field: Field) -> None:
    assert deployment.field_problems(field)


@pytest.mark.parametrize(
    ("item", "fields"),
    [
        (replace(THING, sharing_model="ReadWrite"), [MASTER]),
        (THING, [LOOKUP]),
        (replace(THING, label="x" * 41), [MASTER]),
        (replace(THING, plural_label=""), [MASTER]),
        (replace(THING, name="Thing"), [MASTER]),
        (replace(THING, description="x" * 1001), [MASTER]),
    ],
    ids=[
        "own sharing with a master",
        "parent's sharing without one",
        "long label",
        "no plural",
        "no __c",
        "description",
    ],
)
def test_planted_object_fault_is_refused(item: CustomObject, fields: list[Field]) -> None:
    assert deployment.object_problems(THING, [MASTER]) == []
    assert deployment.object_problems(item, fields)


@pytest.mark.parametrize(
    "fields",
    [
        [replace(LOOKUP, name="A__c", label="A"), replace(LOOKUP, name="B__c", label="B", relationship_name="things")],
        [replace(MASTER, name=f"M{n}__c", label=f"M{n}", relationship_name=f"Things{n}") for n in range(3)],
        [replace(TEXT, name=f"E{n}__c", label=f"E{n}", external_id=True) for n in range(26)],
        [replace(TEXT, name=f"F{n}__c", label=f"F{n}") for n in range(501)],
        [replace(LOOKUP, name=f"L{n}__c", label=f"L{n}", relationship_name=f"Things{n}") for n in range(41)],
        [replace(LONG, name=f"T{n}__c", label=f"T{n}", length=131_072) for n in range(13)],
        [replace(TEXT, name="A__c"), replace(TEXT, name="B__c")],
    ],
    ids=[
        "children of one name",
        "three masters",
        "26 external ids",
        "501 fields",
        "41 relationships",
        "long text",
        "labels",
    ],
)
def test_planted_fault_across_fields_is_refused(fields: list[Field]) -> None:
    assert [deployment.field_problems(field) for field in fields] == [[] for _ in fields]
    assert deployment.package_problems(fields)
