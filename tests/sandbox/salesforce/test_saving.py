"""What the org checks on every save, and in which words it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Crm


def _refusal(crm: Crm, entity: str, **values: Any) -> tuple[int, str, list[str]]:
    answer = crm.ask("POST", f"sobjects/{entity}", values)
    [error] = answer.json()
    return answer.status_code, error["errorCode"], error.get("fields", [])


def test_required_fields_are_named_together(crm: Crm) -> None:
    assert _refusal(crm, "Opportunity") == (400, "REQUIRED_FIELD_MISSING", ["CloseDate", "Name", "StageName"])


def test_required_field_can_not_be_emptied(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme")
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {"Name": " "})[1] == "REQUIRED_FIELD_MISSING"


@pytest.mark.parametrize(
    ("entity", "values", "code"),
    [
        ("Account", {"Name": "A", "Nonsense__c": 1}, "INVALID_FIELD"),
        ("Account", {"Name": "A" * 256}, "STRING_TOO_LONG"),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "NumberOfEmployees": "many"}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "NumberOfEmployees": 2**31}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Account", {"Name": "A", "MRR__c": 10**15}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Account", {"Name": "A", "MRR__c": "1e999999999"}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Account", {"Name": "A", "NumberOfEmployees": "1e999999999"}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Account", {"Name": "A", "MRR__c": "abc"}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "MRR__c": True}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "MRR__c": "NaN"}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "Billing_Channel__c": "Carrier Pigeon"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Account", {"Name": "A", "CurrencyIsoCode": "ZZZ"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Account", {"Name": "A", "CurrencyIsoCode": "SEK"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Account", {"Name": "A", "Billing_Email__c": "no address"}, "INVALID_EMAIL_ADDRESS"),
        ("Account", {"Name": "A", "ParentId": "nothing"}, "MALFORMED_ID"),
        ("Account", {"Name": "A", "ParentId": "001gL000000000A"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("Account", {"Name": "A", "CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Account", {"Name": "A", "Id": "001gL000000000AAAA"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Account", {"Name": "A", "Next_Invoice_Date__c": "2026-02-30"}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "Billing_As_Of__c": "2026-02-01T00:00:00"}, "JSON_PARSER_ERROR"),
        ("Account", {"Name": "A", "BillingStateCode": "CA"}, "INVALID_FIELD"),
        ("Account", {"Name": "A", "PersonEmail": "a@b.example"}, "INVALID_FIELD"),
        ("Nonsense__c", {"Name": "A"}, "INVALID_TYPE"),
        ("User", {"LastName": "A"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ],
)
def test_bad_value_is_refused_in_salesforces_words(crm: Crm, entity: str, values: dict[str, Any], code: str) -> None:
    status, found, _ = _refusal(crm, entity, **values)
    assert (status, found) == (400, code)


def test_refusal_names_the_field(crm: Crm) -> None:
    assert _refusal(crm, "Account", Name="A", Billing_Channel__c="Pigeon")[2] == ["Billing_Channel__c"]


def test_reference_to_another_object_is_refused(crm: Crm) -> None:
    product = crm.create("Product2", Name="Seat")
    assert _refusal(crm, "Account", Name="A", ParentId=product)[1] == "FIELD_INTEGRITY_EXCEPTION"


@pytest.mark.parametrize("body", [b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b'{"Name": NaN}'])
def test_garbage_body_is_refused_and_nothing_is_kept(crm: Crm, body: bytes) -> None:
    url = crm.ready["url"] + "/services/data/v66.0/sobjects/Account"
    answer = crm.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert crm.query("SELECT Id FROM Account") == []


def test_refused_update_leaves_the_record_as_it_was(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme", MRR__c=5)
    crm.refused("PATCH", f"sobjects/Account/{account}", {"MRR__c": 6, "Billing_Channel__c": "Pigeon"})
    assert crm.get("Account", account)["MRR__c"] == 5


def test_numbers_are_rounded_half_up_to_their_decimals(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme", MRR__c="1.0005", ARR__c=-1.0005)
    found = crm.get("Account", account)
    assert (found["MRR__c"], found["ARR__c"]) == (1.001, -1.001)


def test_long_decimals_do_not_pass_through_floats(crm: Crm) -> None:
    answer = crm.ask("POST", "sobjects/Account", None, data='{"Name":"A","MRR__c":123456789012345.678}')
    account = answer.json()["id"]
    assert '"MRR__c":1.23456789012345678E14' in crm.ask("GET", f"sobjects/Account/{account}").text


def test_large_numbers_are_written_with_an_exponent(crm: Crm) -> None:
    account = crm.create("Account", Name="A", MRR__c=12675000)
    assert '"MRR__c":1.2675E7' in crm.ask("GET", f"sobjects/Account/{account}").text


def test_text_is_trimmed_and_blank_text_is_null(crm: Crm) -> None:
    account = crm.create("Account", Name="  Acme ", Website="  ")
    found = crm.get("Account", account)
    assert (found["Name"], found["Website"]) == ("Acme", None)


def test_picklist_value_is_kept_in_the_case_of_the_list(crm: Crm) -> None:
    account = crm.create("Account", Name="A", Billing_Channel__c="self-serve")
    assert crm.get("Account", account)["Billing_Channel__c"] == "Self-Serve"


def test_each_of_several_picked_values_is_checked(crm: Crm) -> None:
    ids = crm.quote()
    crm.update("Quote", ids["Quote"], Payment_Methods__c="Card;ACH")
    refused = crm.refused("PATCH", f"sobjects/Quote/{ids['Quote']}", {"Payment_Methods__c": "Card;Barter"})
    assert refused[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_unique_external_id_is_refused_twice_and_tells_case(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    row = {"Account__c": account, "Billing_Key__c": "inv:a"}
    crm.create("Billing_Invoice__c", **row)
    assert _refusal(crm, "Billing_Invoice__c", **row)[1] == "DUPLICATE_VALUE"
    crm.create("Billing_Invoice__c", **{**row, "Billing_Key__c": "inv:A"})


def test_unique_value_is_free_again_once_its_record_is_deleted(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    row = {"Account__c": account, "Billing_Key__c": "inv:a"}
    crm.ask("DELETE", f"sobjects/Billing_Invoice__c/{crm.create('Billing_Invoice__c', **row)}")
    crm.create("Billing_Invoice__c", **row)


def test_row_needs_its_master(crm: Crm) -> None:
    assert _refusal(crm, "Billing_Invoice__c", Billing_Key__c="x")[1] == "REQUIRED_FIELD_MISSING"


def test_master_can_be_changed_where_the_package_allows_it(crm: Crm) -> None:
    first, second = crm.create("Account", Name="A"), crm.create("Account", Name="B")
    row = crm.create("Billing_Invoice__c", Account__c=first, Billing_Key__c="x")
    crm.update("Billing_Invoice__c", row, Account__c=second)
    assert crm.get("Billing_Invoice__c", row)["Account__c"] == second


def test_parent_may_be_named_by_its_external_id(crm: Crm) -> None:
    account = crm.create("Account", Name="A", Stripe_Customer_Id__c="cus_1")
    row = crm.create("Billing_Invoice__c", Account__r={"Stripe_Customer_Id__c": "cus_1"}, Billing_Key__c="x")
    assert crm.get("Billing_Invoice__c", row)["Account__c"] == account
    values = {"Account__r": {"Stripe_Customer_Id__c": "cus_2"}, "Billing_Key__c": "y"}
    _, code, message = crm.refused("POST", "sobjects/Billing_Invoice__c", values)
    assert (code, "cus_2 not found" in message) == ("INVALID_FIELD", True)


def test_auto_number_names_the_row_and_can_not_be_given(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    row = crm.create("Billing_Invoice__c", Account__c=account, Billing_Key__c="x")
    assert crm.get("Billing_Invoice__c", row)["Name"] == "INV-00000001"
    values = {"Account__c": account, "Name": "INV-7"}
    assert _refusal(crm, "Billing_Invoice__c", **values)[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_names_of_fields_and_objects_are_found_in_any_case(crm: Crm) -> None:
    answer = crm.ask("POST", "sobjects/account", {"NAME": "Acme", "mrr__C": 4})
    assert crm.get("ACCOUNT", answer.json()["id"])["MRR__c"] == 4
