"""One record at a time: by id, by external id, with preconditions, and through the recycle bin."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from sandbox.salesforce.ids import full_id
from tests.sandbox.salesforce.conftest import BASE, Crm


def _invoice_path(key: str) -> str:
    return f"sobjects/Billing_Invoice__c/Billing_Key__c/{key}"


def test_created_record_has_an_id_of_eighteen_with_the_right_suffix(crm: Crm) -> None:
    answer = crm.ask("POST", "sobjects/Account", {"Name": "Acme"})
    record_id = answer.json()["id"]
    assert answer.headers["Location"] == f"{BASE}/sobjects/Account/{record_id}"
    assert record_id.startswith("001")
    assert full_id(record_id[:15]) == record_id


def test_id_of_fifteen_is_accepted_and_answered_as_eighteen(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme")
    assert crm.get("Account", account[:15])["Id"] == account


def test_stamps_are_business_time_in_whole_seconds(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme")
    crm.served.clock("2026-03-05T06:07:08Z")
    crm.update("Account", account, Name="Acme Ltd")
    found = crm.get("Account", account)
    assert found["CreatedDate"] == "2026-03-01T00:00:00.000+0000"
    assert found["LastModifiedDate"] == found["SystemModstamp"] == "2026-03-05T06:07:08.000+0000"


def test_answers_carry_the_date_of_the_business_clock(crm: Crm) -> None:
    assert crm.ask("GET", "limits").headers["Date"] == "Sun, 01 Mar 2026 00:00:00 GMT"


def test_only_the_wanted_fields_are_read(crm: Crm) -> None:
    account = crm.create("Account", Name="Acme")
    found = crm.ask("GET", f"sobjects/Account/{account}?fields=Name,MRR__c").json()
    assert set(found) == {"attributes", "Id", "Name", "MRR__c"}
    assert crm.refused("GET", f"sobjects/Account/{account}?fields=Nope")[1] == "INVALID_FIELD"


@pytest.mark.parametrize("record_id", ["001gL00000zzzzzAAA", "nonsense", "001gL000000000"])
def test_record_that_is_not_there_is_404(crm: Crm, record_id: str) -> None:
    assert crm.refused("GET", f"sobjects/Account/{record_id}")[:2] == (404, "NOT_FOUND")


def test_upsert_creates_then_updates(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    first = crm.ask("PATCH", _invoice_path("in_1"), {"Account__c": account, "Total__c": 10})
    second = crm.ask("PATCH", _invoice_path("in_1"), {"Total__c": 11})
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert first.json()["id"] == second.json()["id"]
    assert crm.get("Billing_Invoice__c", first.json()["id"])["Billing_Key__c"] == "in_1"


def test_external_id_in_the_address_is_decoded(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.ask("PATCH", _invoice_path("acct%2F1%3Ain%20x"), {"Account__c": account})
    assert crm.query("SELECT Billing_Key__c FROM Billing_Invoice__c")[0]["Billing_Key__c"] == "acct/1:in x"


def test_key_field_in_the_body_of_an_upsert_is_refused(crm: Crm) -> None:
    assert crm.refused("PATCH", _invoice_path("in_1"), {"Billing_Key__c": "in_1"})[1] == "INVALID_FIELD"


def test_upsert_that_may_only_update_creates_nothing(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    answer = crm.refused("PATCH", f"{_invoice_path('in_1')}?updateOnly=true", {"Account__c": account})
    assert answer[:2] == (404, "NOT_FOUND")
    assert crm.query("SELECT Id FROM Billing_Invoice__c") == []


def test_upsert_by_a_field_that_is_no_external_id_is_404(crm: Crm) -> None:
    assert crm.refused("PATCH", "sobjects/Account/Website/x", {"Name": "A"})[:2] == (404, "NOT_FOUND")


def test_several_records_with_one_external_id_are_300_with_their_addresses(crm: Crm) -> None:
    ids = [crm.create("Account", Name=name, Stripe_Customer_Id__c="cus_1") for name in "AB"]
    for method in ("GET", "PATCH", "DELETE"):
        answer = crm.ask(method, "sobjects/Account/Stripe_Customer_Id__c/cus_1", {} if method == "PATCH" else None)
        assert answer.status_code == 300
        assert answer.json() == [f"{BASE}/sobjects/Account/{one}" for one in ids]


def test_conditional_update_is_412_after_a_later_change(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.served.clock("2026-03-01T00:01:00Z")
    seen = {"If-Unmodified-Since": format_datetime(datetime(2026, 3, 1, tzinfo=UTC), usegmt=True)}
    path = f"sobjects/Account/{account}"
    assert crm.ask("PATCH", path, {"Name": "B"}, headers=seen).status_code == 204
    assert crm.ask("PATCH", path, {"Name": "C"}, headers=seen).status_code == 412
    assert crm.get("Account", account)["Name"] == "B"
    assert crm.ask("PATCH", path, {"Name": "C"}, headers={"If-Unmodified-Since": "soon"}).status_code == 400


def test_unchanged_record_is_304(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    seen = {"If-Modified-Since": "Sun, 01 Mar 2026 00:00:00 GMT"}
    assert crm.ask("GET", f"sobjects/Account/{account}", headers=seen).status_code == 304


def test_deleted_record_is_404_with_its_own_code(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    assert crm.ask("DELETE", f"sobjects/Account/{account}").status_code == 204
    assert crm.refused("GET", f"sobjects/Account/{account}")[:2] == (404, "ENTITY_IS_DELETED")
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {"Name": "B"})[1] == "ENTITY_IS_DELETED"
    assert crm.refused("POST", "sobjects/Account", {"Name": "C", "ParentId": account})[1] == "ENTITY_IS_DELETED"


def test_deleting_an_account_takes_its_deals_and_rows_along_and_undelete_brings_them_back(crm: Crm) -> None:
    ids = crm.quote()
    row = crm.create("Billing_Invoice__c", Account__c=ids["Account"], Billing_Key__c="x")
    crm.ask("DELETE", f"sobjects/Account/{ids['Account']}")
    gone = crm.query("SELECT Id FROM Quote WHERE IsDeleted = true", "queryAll")
    assert [one["Id"] for one in gone] == [ids["Quote"]]
    assert crm.refused("GET", f"sobjects/Billing_Invoice__c/{row}")[1] == "ENTITY_IS_DELETED"
    crm.switch("undelete", id=ids["Account"])
    assert crm.get("QuoteLineItem", ids["QuoteLineItem"])["IsDeleted"] is False


def test_deleting_a_quote_blanks_the_look_ups_to_it(crm: Crm) -> None:
    ids = crm.quote()
    issue = crm.create("Billing_Issue__c", Billing_Key__c="i", Quote__c=ids["Quote"])
    crm.ask("DELETE", f"sobjects/Quote/{ids['Quote']}")
    assert crm.get("Billing_Issue__c", issue)["Quote__c"] is None


def test_restoring_a_quote_brings_back_the_look_ups_to_it_that_nobody_has_filled_since(crm: Crm) -> None:
    ids = crm.quote()
    other = crm.create("Quote", Name="Other", OpportunityId=ids["Opportunity"])
    kept, filled = (crm.create("Billing_Issue__c", Billing_Key__c=k, Quote__c=ids["Quote"]) for k in ("i", "j"))
    crm.ask("DELETE", f"sobjects/Quote/{ids['Quote']}")
    crm.ask("PATCH", f"sobjects/Billing_Issue__c/{kept}", {"Detail__c": "said meanwhile"})
    crm.ask("PATCH", f"sobjects/Billing_Issue__c/{filled}", {"Quote__c": other})
    crm.switch("undelete", id=ids["Quote"])
    assert crm.get("Billing_Issue__c", kept)["Quote__c"] == ids["Quote"]
    assert crm.get("Billing_Issue__c", filled)["Quote__c"] == other


def test_merged_account_points_at_the_winner_and_its_children_move(crm: Crm) -> None:
    ids = crm.quote()
    winner = crm.create("Account", Name="Winner")
    crm.switch("merge", master=winner, losers=[ids["Account"]])
    [loser] = crm.query(f"SELECT IsDeleted, MasterRecordId FROM Account WHERE Id = '{ids['Account']}'", "queryAll")
    assert (loser["IsDeleted"], loser["MasterRecordId"]) == (True, winner)
    assert crm.get("Quote", ids["Quote"])["AccountId"] == winner


def test_unknown_address_version_and_method_are_refused(crm: Crm) -> None:
    assert crm.refused("GET", "nonsense")[:2] == (404, "NOT_FOUND")
    assert crm.refused("GET", "/services/data/v61.0/limits")[:2] == (404, "NOT_FOUND")
    assert crm.refused("PUT", "sobjects/Account", {})[:2] == (405, "METHOD_NOT_ALLOWED")


def test_address_above_sixteen_kilobytes_is_414(crm: Crm) -> None:
    assert crm.ask("GET", "query", params={"q": "x" * 17_000}).status_code == 414
    assert crm.ask("GET", "query", params={"q": "x" * 16_300}).status_code == 431


def test_record_that_others_need_can_not_be_deleted(crm: Crm) -> None:
    product = crm.create("Product2", Name="Calls")
    crm.create("Product_Price_Tier__c", Product2__c=product, Currency__c="USD", Unit_Amount__c="0.99")
    assert crm.refused("DELETE", f"sobjects/Product2/{product}")[1] == "DELETE_FAILED"
    assert crm.get("Product2", product)["IsDeleted"] is False
