"""Every metadata file against the Metadata WSDL; faults planted to prove that the judge sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from tests.salesforce import metadata_schema
from tests.salesforce.package import NAMESPACE, SOURCE, sources


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_file_is_valid_against_the_metadata_wsdl(path: Path) -> None:
    assert metadata_schema.problems(etree.parse(path).getroot()) == []


def test_every_folder_of_the_package_was_judged() -> None:
    folders = {path.relative_to(SOURCE).parts[0] for path in sources()}
    assert folders == {"applications", "customPermissions", "layouts", "objects", "permissionsets", "tabs"}
    strangers = [path for path in SOURCE.rglob("*") if path.is_file() and path not in set(sources())]
    assert strangers == []


def field_document(body: str) -> etree._Element:
    return etree.fromstring(f'<CustomField xmlns="{NAMESPACE}"><fullName>Planted__c</fullName>{body}</CustomField>')


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<lable>Planted</lable>", "lable"),
        ("<label>Planted</label><label>Twice</label>", "label stands 2 times"),
        ("<type>Txet</type>", "Txet"),
        ("<length>long</length>", "long"),
        ("<required>yes</required>", "yes"),
        ("<deleteConstraint>Forget</deleteConstraint>", "Forget"),
        (
            "<valueSet><valueSetDefinition><value><fullName>A</fullName></value></valueSetDefinition></valueSet>",
            "missing",
        ),
    ],
    ids=[
        "misspelt element",
        "repeated element",
        "unknown type",
        "text for a number",
        "no boolean",
        "unknown constraint",
        "left-out element",
    ],
)
def test_planted_fault_is_caught(body: str, complaint: str) -> None:
    found = metadata_schema.problems(field_document(body))
    assert found
    assert complaint in " ".join(found)


def test_misspelt_element_is_caught_deep_inside_a_real_file() -> None:
    path = SOURCE / "permissionsets" / "Billing_Rep.permissionset-meta.xml"
    damaged = path.read_text().replace("<allowRead>true</allowRead>", "<alowRead>true</alowRead>", 1)
    assert any("alowRead" in problem for problem in metadata_schema.problems(etree.fromstring(damaged.encode())))


def test_unknown_root_element_is_refused() -> None:
    with pytest.raises(ValueError, match="CustomFeld"):
        metadata_schema.problems(etree.fromstring(f'<CustomFeld xmlns="{NAMESPACE}"/>'))
