"""The mappings: complete, in step with the package and the records, and clear about what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from pathlib import Path

import pytest
from lxml import etree

from sync import crm
from sync.ends import SENT
from sync.gateways.stripe_shapes import FACTS, checked, members, writable
from sync.mapping import TYPES, FieldMap, MappingFaults, Mappings, builtin, load

ROOT = Path(__file__).parents[2]
OBJECTS = ROOT / "salesforce" / "force-app" / "main" / "default" / "objects"
STANDARD = json.loads((ROOT / "tests" / "contracts" / "salesforce_standard_fields.json").read_text())["objects"]
NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}

#: What a mapping's type is in the package's metadata.
METADATA_TYPES = {
    "text": {"Text", "LongTextArea", "MultiselectPicklist", "Email", "Url", "TextArea"},
    "id": {"Lookup", "MasterDetail"},
    "picklist": {"Picklist"},
    "date": {"Date"},
    "datetime": {"DateTime"},
    "decimal": {"Number"},
    "money": {"Currency"},
    "percent": {"Percent"},
    "integer": {"Number"},
    "boolean": {"Checkbox"},
}


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load()


def custom_fields(mappings: Mappings) -> list[tuple[str, FieldMap]]:
    return list(mappings.custom_fields())


def test_every_mapped_custom_field_is_in_the_package_with_a_fitting_type(mappings: Mappings) -> None:
    wrong = []
    for name, one in custom_fields(mappings):
        path = OBJECTS / name / "fields" / f"{one.api_name}.field-meta.xml"
        if not path.exists():
            wrong.append(f"{name}.{one.api_name} has no metadata")
            continue
        kind = etree.parse(path).findtext("m:type", namespaces=NAMESPACE)
        if kind not in METADATA_TYPES[one.type]:
            wrong.append(f"{name}.{one.api_name} is {kind}, mapped as {one.type}")
    assert wrong == []
    assert len(custom_fields(mappings)) > 100


def test_every_field_of_the_package_is_mapped(mappings: Mappings) -> None:
    packaged = {(p.parent.parent.name, p.name.split(".")[0]) for p in OBJECTS.glob("*/fields/*.field-meta.xml")}
    assert packaged - {(name, one.api_name) for name, one in custom_fields(mappings)} == set()


def test_every_field_of_ours_that_is_read_through_a_lookup_is_in_the_package(mappings: Mappings) -> None:
    paths = [(name, f.api_name) for name, o in mappings.objects.items() for f in o.fields if "__r." in f.api_name]
    assert paths == [("Quote", f"Billing_Subscription__r.{field}") for field in ("Billing_Key__c", "Quote__c")]
    for name, path in paths:
        lookup, field = path.split(".")
        file = OBJECTS / name / "fields" / f"{lookup[:-1]}c.field-meta.xml"
        target = etree.parse(file).findtext("m:referenceTo", namespaces=NAMESPACE)
        assert (OBJECTS / str(target) / "fields" / f"{field}.field-meta.xml").exists()


def test_every_mapped_standard_field_exists(mappings: Mappings) -> None:
    missing = []
    for name, one in mappings.objects.items():
        for mapped in one.fields:
            table, field = name, mapped.api_name
            if "__r." in field:
                continue  # of our own objects, which the package's own test sees to
            if "." in field:
                parent, field = field.split(".")
                table = STANDARD[name]["parents"][parent]
            if not field.endswith("__c") and table in STANDARD and field not in STANDARD[table]["fields"]:
                missing.append(f"{table}.{field}")
    assert missing == []


def test_every_attribute_of_a_record_is_filled(mappings: Mappings) -> None:
    for name, record in {
        "Quote": crm.CrmQuote,
        "QuoteLineItem": crm.CrmQuoteLine,
        "Account": crm.CrmAccount,
        "Product2": crm.CrmProduct,
        "Product_Price_Tier__c": crm.CrmTier,
    }.items():
        filled = {f.attribute for f in mappings[name].read_fields()}
        assert {f.name for f in dataclasses.fields(record)} - filled <= {"is_deleted", "tiers", "sent", "adopted"}, name


def test_what_the_rep_owns_is_never_written_and_what_is_ours_never_counts_as_a_change(mappings: Mappings) -> None:
    for one in mappings.objects.values():
        for mapped in one.fields:
            assert not (mapped.written and mapped.owner == "crm" and not mapped.cleared), mapped
            assert not (mapped.owner == "tandem" and mapped.input), mapped
    assert [f.api_name for o in mappings.objects.values() for f in o.fields if f.cleared] == ["Billing_Request__c"]
    assert "Status" not in mappings["Quote"].written()


def test_every_way_to_ask_for_billing_makes_a_quote_due(mappings: Mappings) -> None:
    inputs = {f.api_name for f in mappings["Quote"].inputs()}
    assert {"Status", "Billing_Request__c", "Start_Date__c", "Term_Months__c", "Signed_At__c"} <= inputs


# ------------------------------------------------------------------ faults

GOOD = """object: Contact
fields:
  Id:    {type: id, owner: crm}
  Email: {type: text, owner: crm, input: true}
"""


def faults_of(folder: Path, text: str, name: str = "contact.yaml") -> list[str]:
    (folder / name).write_text(text)
    with pytest.raises(MappingFaults) as caught:
        load(folder)
    assert any(str(folder) in str(f) for f in caught.value.faults)
    return [f"{f.line}: {f.what}" for f in caught.value.faults]


def test_a_file_of_the_override_replaces_the_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "contact.yaml").write_text(GOOD)
    found = load(tmp_path)
    assert [f.api_name for f in found["Contact"].fields] == ["Id", "Email"]
    assert found["Quote"] == load()["Quote"]


def test_a_customers_own_field_can_stand_for_one_of_ours(tmp_path: Path) -> None:
    text = "object: Opportunity\nfields:\n  Id: {type: id, owner: crm}\n  Our_Note__c: {for: Billing_Note__c, type: text, owner: tandem}\n"
    (tmp_path / "opportunity.yaml").write_text(text)
    assert load(tmp_path)["Opportunity"].written()["Billing_Note__c"].api_name == "Our_Note__c"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("object: Contact\nfields:\n  Id: {type: id, owner: crm\n", r"^\d+: not valid YAML"),
        ("", "0: is empty"),
        ("- a\n", "1: the file must be a mapping"),
        ("object: Contact\n", "1: fields are missing"),
        ("fields:\n  Id: {type: id, owner: crm}\n", "1: object is missing"),
        (GOOD + "colour: red\n", "5: unknown key colour"),
        (GOOD.replace("input", "imput"), "4: unknown key imput"),
        (GOOD.replace("type: text", "type: string"), "4: Email: type 'string' is none of"),
        (GOOD.replace("owner: crm, input", "owner: us, input"), "4: Email: owner 'us' is none of"),
        (GOOD.replace(", owner: crm, input", ", input"), "4: owner is missing"),
        (GOOD.replace("input: true", "input: yes"), "4: input must be true or false"),
        (GOOD + "  Email: {type: text, owner: crm}\n", "5: Email stands here twice"),
        (GOOD.replace("owner: crm, input", "owner: tandem, input"), "4: Email is ours"),
        (GOOD.replace("type: text", "as: email, type: text"), "4: Email: as is given but the file names no record"),
        (
            GOOD.replace("Email:", "Account.Name:").replace("crm, input: true", "tandem"),
            "4: Account.Name belongs to another record",
        ),
        (GOOD + "  X__c: nothing\n", "5: X__c must be a mapping"),
        (
            GOOD.replace("type: text", "type: text, length: 80"),
            "4: Email: length is for text that is filled from Stripe",
        ),
        (GOOD.replace("type: text", "type: text, length: 0"), "4: Email: length must be a whole number"),
        (GOOD.replace("crm, input: true", "crm, awaited: true"), "4: Email: awaited is for a field of ours"),
        (GOOD.replace("type: text", "type: [text]"), "4: type must be text"),
        (GOOD.replace("object: Contact", "object: Quote"), "0: Quote is mapped in"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    found = faults_of(tmp_path, text)
    assert any(re.match(fault, f) for f in found), found


def test_a_record_that_is_not_filled_or_not_fitting_is_told(tmp_path: Path) -> None:
    text = """object: Product2
record: CrmProduct
fields:
  Id: {as: id, type: id, owner: crm}
  IsActive: {as: is_active, type: date, owner: crm}
  Family: {as: family, type: text, owner: crm}
  Other: {as: id, type: id, owner: crm}
"""
    assert faults_of(tmp_path, text, "product2.yaml") == [
        "1: no field fills CrmProduct.name",
        "5: IsActive: type date does not fit CrmProduct.is_active, which is bool",
        "6: Family: CrmProduct has no attribute family",
        "7: Other: another line fills the attribute id",
    ]
    assert any(
        "record 'Nobody' is none of" in f
        for f in faults_of(tmp_path, text.replace("CrmProduct", "Nobody"), "product2.yaml")
    )


ENDS: list[tuple[str, str, str | None]] = [
    ("account", "{type: text, owner: tandem, from: customer.metadata.erp}", None),
    ("account", "{type: integer, owner: tandem, from: customer.balance_minor}", None),
    ("account", "{type: boolean, owner: stripe, from: customer.delinquent}", None),
    ("account", "{type: text, owner: tandem, from: customer.address.city}", None),
    ("account", "{type: text, owner: tandem, from: customer.delinquent}", "type text does not fit customer.delinquent"),
    ("account", "{type: integer, owner: tandem, from: customer.metadata.seats}", "type integer does not fit"),
    ("account", "{type: text, owner: tandem, from: customer.adress.city}", "did you mean customer.address.city?"),
    ("account", "{type: text, owner: tandem, from: customer.metadata}", "is none of customer.metadata.KEY"),
    ("account", "{type: text, owner: tandem, from: customer.metadata.}", "is none of customer.metadata.KEY"),
    ("account", "{type: text, owner: tandem, from: invoice.number}", "is none of customer.metadata.KEY"),
    ("account", "{type: text, owner: crm, from: customer.name}", "what is filled from Stripe is ours"),
    ("account", "{type: text, owner: stripe}", "says what of Stripe fills it"),
    ("account", "{type: text, owner: crm, to: customer.metadata.region}", None),
    ("account", "{type: boolean, owner: crm, to: customer.metadata.vip}", None),
    ("account", "{type: text, owner: crm, to: customer.phone}", None),
    ("account", "{type: text, owner: crm, to: customer.phnoe}", "did you mean customer.phone?"),
    ("account", "{type: text, owner: crm, to: customer.name}", "is none of customer.metadata.KEY"),
    ("account", "{type: text, owner: crm, to: customer.balance}", "is none of customer.metadata.KEY"),
    ("account", "{type: text, owner: tandem, to: customer.metadata.region}", "so that it has one owner"),
    ("account", "{type: text, owner: crm, to: product.metadata.region}", "is none of customer.metadata.KEY"),
    ("account", f"{{type: text, owner: crm, to: customer.metadata.{'k' * 41}}}", "has 41 characters; Stripe takes 40"),
    ("account", "{type: text, owner: crm, to: 'customer.metadata.a[b]'}", "no square brackets"),
    ("account", "{type: text, owner: crm, to: customer.metadata.tandem_key}", "is reserved"),
    ("account", "{type: text, owner: crm, to: customer.metadata.Salesforce_account_id}", "is reserved"),
    ("product2", "{type: text, owner: crm, to: product.unit_label}", None),
    ("product2", "{type: text, owner: crm, to: product.name}", "another line fills the place in Stripe product.name"),
    ("product2", "{type: boolean, owner: crm, to: product.url}", "type boolean does not fit product.url"),
    ("product2", "{type: text, owner: stripe, from: product.unit_lable}", "did you mean product.unit_label?"),
    ("quote", "{type: text, owner: crm, to: subscription.metadata.order}", None),
    ("quote", "{type: text, owner: crm, to: subscription.description}", "is none of subscription.metadata.KEY"),
    (
        "quote",
        "{type: text, owner: tandem, from: subscription.metadata.x}",
        "from fills fields of Account, Product2, Billing_Subscription__c, Billing_Invoice__c only",
    ),
    ("billing_invoice", "{type: text, owner: tandem, from: invoice.metadata.po}", None),
    ("billing_invoice", "{type: text, owner: stripe, from: invoice.footer}", None),
    ("billing_invoice", "{type: integer, owner: tandem, from: invoice.amount_due_minor}", None),
    ("billing_invoice", "{type: text, owner: tandem, from: invoice.foter}", "did you mean invoice.footer?"),
    ("billing_invoice", "{type: text, owner: tandem, from: customer.name}", "is none of invoice.metadata.KEY"),
    ("billing_invoice", "{type: text, owner: crm, to: invoice.footer}", "to sends fields of Account, Product2, Quote"),
    ("billing_subscription", "{type: text, owner: tandem, from: subscription.cancellation_details.reason}", None),
    ("billing_subscription", "{type: boolean, owner: tandem, from: subscription.paused}", None),
    (
        "billing_payment",
        "{type: text, owner: tandem, from: charge.metadata.x}",
        "from fills fields of Account, Product2",
    ),
    (
        "contact",
        "{type: text, owner: crm, to: customer.metadata.x}",
        "to sends fields of Account, Product2, Quote only",
    ),
]


@pytest.mark.parametrize(("file", "line", "fault"), ENDS)
def test_what_a_line_names_in_stripe_is_there_and_has_one_owner(
    tmp_path: Path, file: str, line: str, fault: str | None
) -> None:
    text = (builtin() / f"{file}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"{file}.yaml").write_text(f"{text}  Own__c: {line}\n", encoding="utf-8")
    if fault is None:
        found = checked(load(tmp_path))
        [own] = [f for o in found.objects.values() for f in o.fields if f.api_name == "Own__c"]
        assert (own.source or own.target) in line
        return
    with pytest.raises(MappingFaults) as caught:
        checked(load(tmp_path))
    [said] = [f for f in caught.value.faults if fault in f.what]
    assert (Path(said.file).name, said.line) == (f"{file}.yaml", len(text.splitlines()) + 1)


def test_two_lines_never_write_one_field_whatever_the_case_of_its_name(tmp_path: Path) -> None:
    text = (builtin() / "account.yaml").read_text(encoding="utf-8")
    for line, fault in (
        (
            "website: {type: text, owner: tandem, from: customer.name}",
            "another line fills the field, whatever its case",
        ),
        ("Own__c: {for: MRR__c, type: decimal, owner: tandem}", "another line fills the field MRR__c"),
        ("MRR: {type: decimal, owner: tandem}", "another line fills the name mrr"),
    ):
        assert any(fault in f for f in faults_of(tmp_path, f"{text}  {line}\n", "account.yaml")), fault
    many = "".join(f"  F{n}__c: {{type: text, owner: crm, to: customer.metadata.k{n}}}\n" for n in range(21))
    assert any("21 metadata keys of a customer" in f for f in faults_of(tmp_path, text + many, "account.yaml"))


def test_what_may_be_sent_can_be_written_by_the_sdk_and_what_a_fact_has_is_what_the_sdk_has() -> None:
    for kind in ("customer", "product"):
        assert SENT[kind] <= writable(kind).keys()
        shared = FACTS[kind].model_fields.keys() & members(kind).keys()
        assert {"name", "description"} & shared
        for name in shared:
            hints = typing.get_type_hints(FACTS[kind])[name]
            assert members(kind)[name] in (typing.get_args(hints) or (hints,)), (kind, name)
    assert members("customer")["shipping.address.city"] is str
    assert not {"metadata", "balance", "sources", "tax_ids"} & members("customer").keys()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("12: {type: text, owner: tandem, from: customer.name}", "'12' is no name of a field"),
        ("~: {type: text, owner: tandem, from: customer.name}", "'~' is no name of a field"),
        ('"": {type: text, owner: crm, to: customer.metadata.x}', "'' is no name of a field"),
        ('"Site, Name": {type: text, owner: crm, to: customer.metadata.x}', "'Site, Name' is no name of a field"),
        ('"Owner..Name": {type: text, owner: crm, to: customer.metadata.x}', "'Owner..Name' is no name of a field"),
        ("Own__c: {type: decimal, owner: tandem}", "nothing fills it"),
        ("Own__c: {type: decimal, owner: tandem, for: Overdue_Amounts__c}", "did you mean Overdue_Amount__c?"),
        ("LastModifiedDate: {type: datetime, owner: crm, to: customer.metadata.x}", "changes with our own writing"),
        ("SystemModstamp: {type: datetime, owner: crm, input: true}", "changes with our own writing"),
    ],
)
def test_a_line_that_would_fill_nothing_or_ask_nonsense_of_salesforce_is_told(
    tmp_path: Path, line: str, fault: str
) -> None:
    text = (builtin() / "account.yaml").read_text(encoding="utf-8")
    said = [f for f in faults_of(tmp_path, f"{text}  {line}\n", "account.yaml") if fault in f]
    assert [f.partition(":")[0] for f in said] == [str(len(text.splitlines()) + 1)]


def test_a_file_that_is_nested_without_end_is_a_fault(tmp_path: Path) -> None:
    text = "object: Account\nfields: " + "[" * 1000
    assert any("nested too deep" in f for f in faults_of(tmp_path, text, "account.yaml"))


def test_the_faults_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "quote.yaml").write_text("object: 7\n")
    (tmp_path / "invoices.yaml").write_text(GOOD)
    found = faults_of(tmp_path, GOOD.replace("type: id", "type: key"))
    assert len(found) >= 3


def test_yaml_is_version_1_2_so_that_no_is_a_word(tmp_path: Path) -> None:
    (tmp_path / "contact.yaml").write_text(GOOD.replace("Email:", "NO:"))
    assert "NO" in [f.api_name for f in load(tmp_path)["Contact"].fields]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingFaults, match="TANDEM_MAPPINGS"):
        load(tmp_path / "nowhere")


def test_a_file_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "contact.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MappingFaults, match=r"contact\.yaml"):
        load(tmp_path)


def test_the_types_are_those_of_the_documentation() -> None:
    assert set(TYPES) == set(METADATA_TYPES)


def test_a_copy_of_an_earlier_release_that_leaves_out_what_decides_money_is_refused(tmp_path: Path) -> None:
    shipped = (builtin() / "quote_line_item.yaml").read_text()
    kept = [
        line
        for line in shipped.splitlines()
        if not line.strip().startswith(("Discount_Amount__c", "Contract_Amount__c"))
    ]
    (tmp_path / "quote_line_item.yaml").write_text("\n".join(kept))
    with pytest.raises(MappingFaults) as refused:
        load(tmp_path)
    [fault] = refused.value.faults
    assert "Discount_Amount__c is read by this release" in str(fault)
