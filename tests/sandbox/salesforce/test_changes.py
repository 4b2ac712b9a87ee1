"""What a poller meets: ties, late commits, deletes, and the two lists of changes."""

from __future__ import annotations

import pytest

from tests.sandbox.salesforce.conftest import Crm


def test_keyset_paging_by_stamp_and_id_misses_no_row_of_one_second(crm: Crm) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": str(n)} for n in range(30)]
    created = {result["id"] for result in crm.ask("POST", "composite/sobjects", {"records": records}).json()}
    where, seen = "Id != null", []
    while page := crm.query(
        f"SELECT Id, SystemModstamp FROM Account WHERE {where} ORDER BY SystemModstamp, Id LIMIT 7"
    ):
        seen += [record["Id"] for record in page]
        stamp, last = page[-1]["SystemModstamp"].replace("+0000", "Z"), page[-1]["Id"]
        where = f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{last}')"
    assert len(seen) == len(set(seen)) == 30
    assert set(seen) == created


def test_late_commit_shows_behind_the_watermark_with_its_old_stamp(crm: Crm) -> None:
    crm.switch("settings", commit_delay_s=20)
    slow = crm.create("Account", Name="Slow")
    crm.switch("settings", commit_delay_s=0)
    crm.served.clock("2026-03-01T00:00:10Z")
    crm.create("Account", Name="Quick")
    assert [r["Name"] for r in crm.query("SELECT Name FROM Account")] == ["Quick"]
    crm.served.clock("2026-03-01T00:00:20Z")
    found = {r["Name"]: r["SystemModstamp"] for r in crm.query("SELECT Name, SystemModstamp FROM Account")}
    assert found == {"Slow": "2026-03-01T00:00:00.000+0000", "Quick": "2026-03-01T00:00:10.000+0000"}
    assert crm.get("Account", slow)["Name"] == "Slow"


def test_change_that_is_not_committed_shows_the_old_values_and_locks_the_row(crm: Crm) -> None:
    account = crm.create("Account", Name="Old")
    crm.switch("settings", commit_delay_s=20)
    crm.update("Account", account, Name="New")
    crm.switch("settings", commit_delay_s=0)
    assert crm.get("Account", account)["Name"] == "Old"
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {"Name": "Other"})[1] == "UNABLE_TO_LOCK_ROW"
    assert crm.switch("commit") == {"released": 1}
    assert crm.get("Account", account)["Name"] == "New"


def test_unique_value_of_a_row_not_yet_committed_is_taken(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.switch("settings", commit_delay_s=20)
    crm.create("Billing_Invoice__c", Account__c=account, Billing_Key__c="x")
    crm.switch("settings", commit_delay_s=0)
    body = {"Account__c": account, "Billing_Key__c": "x"}
    assert crm.refused("POST", "sobjects/Billing_Invoice__c", body)[1] == "DUPLICATE_VALUE"


def test_changed_and_deleted_ids_are_listed_for_a_span(crm: Crm) -> None:
    kept, gone = crm.create("Account", Name="A"), crm.create("Account", Name="B")
    crm.served.clock("2026-03-01T02:00:00Z")
    crm.ask("DELETE", f"sobjects/Account/{gone}")
    span = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T03:00:00+00:00"}
    updated = crm.ask("GET", "sobjects/Account/updated/", params=span).json()
    deleted = crm.ask("GET", "sobjects/Account/deleted", params=span).json()
    assert updated["ids"] == [kept]
    assert [(one["id"], one["deletedDate"]) for one in deleted["deletedRecords"]] == [
        (gone, "2026-03-01T02:00:00.000+0000")
    ]
    assert updated["latestDateCovered"] == "2026-03-01T02:00:00.000+0000"


def test_covered_date_stops_at_the_oldest_open_transaction(crm: Crm) -> None:
    crm.switch("settings", commit_delay_s=7200)
    crm.create("Account", Name="Slow")
    crm.switch("settings", commit_delay_s=0)
    crm.served.clock("2026-03-01T01:00:00Z")
    span = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T01:00:00Z"}
    covered = crm.ask("GET", "sobjects/Account/updated", params=span).json()["latestDateCovered"]
    assert covered == "2026-03-01T00:00:00.000+0000"


@pytest.mark.parametrize(
    "span",
    [
        {"start": "2026-03-01T00:00:00Z"},
        {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T00:00:30Z"},
        {"start": "2026-01-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
        {"start": "2026-02-28T00:00:00", "end": "2026-03-01T00:00:00"},
    ],
)
def test_bad_span_is_refused(crm: Crm, span: dict[str, str]) -> None:
    assert crm.refused("GET", "sobjects/Account/updated", params=span)[0] == 400
