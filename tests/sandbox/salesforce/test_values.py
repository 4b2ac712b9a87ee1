"""Ids, numbers and the schema's sources, each on its own."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.salesforce import sfdx, standard
from sandbox.salesforce.ids import IdMint, full_id, suffix
from sandbox.salesforce.json_text import dumps
from sandbox.salesforce.values import number_text, to_datetime


@pytest.mark.parametrize(("id15", "expected"), [("001D000000IRFma", "IAH"), ("003D000000QV9n2", "IAD")])
def test_suffix_of_published_ids(id15: str, expected: str) -> None:
    assert suffix(id15) == expected


@pytest.mark.parametrize("text", ["", "001", "001D000000IRFmaAAA", "001D000000IRFm!", "001D000000IRFmaIA", "x" * 17])
def test_what_is_no_id_is_none(text: str) -> None:
    assert full_id(text) is None


def test_ids_are_never_given_twice_and_sort_by_age() -> None:
    mint = IdMint(random.Random(1))
    ids = [mint.new("001") for _ in range(5000)]
    assert len(set(ids)) == 5000
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.0"),
        ("0.00", "0.0"),
        ("49", "49.0"),
        ("1E+2", "100.0"),
        ("-1225.50", "-1225.5"),
        ("9999999.99", "9999999.99"),
        ("10000000", "1.0E7"),
        ("-12675000", "-1.2675E7"),
        ("0.001", "0.001"),
        ("0.00012", "1.2E-4"),
        ("123456789012345.678", "1.23456789012345678E14"),
    ],
)
def test_numbers_are_written_as_java_writes_them_and_read_back_the_same(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text
    assert json.loads(text, parse_float=Decimal) == Decimal(value)


def test_json_of_every_kind_of_value() -> None:
    value = {"a": [1, True, None, 'é"\n'], "b": {}, "c": [], "d": to_datetime("2026-03-01T01:00:00+01:00")}
    assert json.loads(dumps(value)) == {**value, "d": "2026-03-01T00:00:00.000+0000"}
    with pytest.raises(TypeError):
        dumps({"x": object()})


def test_field_list_is_the_judged_one() -> None:
    judged = Path(__file__).parents[2] / "contracts" / "salesforce_standard_fields.json"
    assert json.loads(standard.FIELD_LIST.read_text()) == json.loads(judged.read_text())


def test_person_account_and_state_code_fields_come_with_their_switches() -> None:
    plain = {entity.name: entity for entity in standard.standard_entities()}["Account"]
    rich = {e.name: e for e in standard.standard_entities(person_accounts=True, state_codes=True)}["Account"]
    added = set(rich.fields) - set(plain.fields)
    assert {"PersonEmail", "IsPersonAccount", "FirstName", "BillingStateCode", "ShippingCountryCode"} <= added
    assert plain.find("BillingState") is not None


def _package(tmp_path: Path, field: str) -> Path:
    folder = tmp_path / "force-app/main/default/objects/Account/fields"
    folder.mkdir(parents=True)
    (folder / "X__c.field-meta.xml").write_text(field)
    return tmp_path


@pytest.mark.parametrize(
    "inside",
    ["<fullName>X__c</fullName><type>Hologram</type>", "<fullName>X</fullName><type>Text</type>", "<fullName>"],
)
def test_package_that_can_not_be_read_names_the_file(tmp_path: Path, inside: str) -> None:
    xml = f'<CustomField xmlns="http://soap.sforce.com/2006/04/metadata">{inside}</CustomField>'
    with pytest.raises(sfdx.PackageRefused, match=r"X__c\.field-meta\.xml"):
        sfdx.add_package(standard.standard_entities(), _package(tmp_path, xml), "")


def test_folder_without_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sfdx.PackageRefused, match="no SFDX source"):
        sfdx.find_package(tmp_path)
