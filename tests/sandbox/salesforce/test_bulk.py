"""Bulk 2.0 jobs: CSV in, CSV out."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Crm


def _job(crm: Crm, text: str, **body: Any) -> str:
    job = crm.ask("POST", "jobs/ingest", {"contentType": "CSV", "lineEnding": "LF", **body}).json()
    url = f"{crm.ready['url']}/{job['contentUrl']}"
    assert crm.session.put(url, data=text.encode(), headers={"Content-Type": "text/csv"}, timeout=10).status_code == 201
    done = crm.ask("PATCH", f"jobs/ingest/{job['id']}", {"state": "UploadComplete"}).json()
    assert done["state"] == "JobComplete"
    return str(job["id"])


def _rows(crm: Crm, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(crm.ask("GET", path).text)))


def test_upsert_job_keeps_good_rows_and_lists_bad_ones(crm: Crm) -> None:
    crm.create("Account", Name="A", Stripe_Customer_Id__c="cus_1")
    text = (
        "Billing_Key__c,Account__r.Stripe_Customer_Id__c,Total__c,Number__c\n"
        'a,cus_1,10.5,"N,1"\nb,cus_2,1,x\nc,cus_1,abc,x\n'
    )
    job = _job(crm, text, object="Billing_Invoice__c", operation="upsert", externalIdFieldName="Billing_Key__c")
    [good] = _rows(crm, f"jobs/ingest/{job}/successfulResults")
    assert (good["sf__Created"], good["Number__c"]) == ("true", "N,1")
    bad = _rows(crm, f"jobs/ingest/{job}/failedResults")
    assert [row["sf__Error"].split(":")[0] for row in bad] == ["INVALID_FIELD", "JSON_PARSER_ERROR"]
    info = crm.ask("GET", f"jobs/ingest/{job}").json()
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (3, 2)
    assert crm.get("Billing_Invoice__c", good["sf__Id"])["Total__c"] == 10.5


def test_update_job_leaves_empty_cells_alone_and_blanks_those_marked_so(crm: Crm) -> None:
    account = crm.create("Account", Name="A", Website="a.example", Phone="1")
    _job(crm, f"Id,Website,Phone\n{account},,#N/A\n", object="Account", operation="update")
    found = crm.get("Account", account)
    assert (found["Website"], found["Phone"]) == ("a.example", None)
    _job(crm, f"Id\n{account}\n", object="Account", operation="delete")
    assert crm.query("SELECT Id FROM Account") == []


def test_query_job_gives_pages_of_csv(crm: Crm) -> None:
    for name in ("A", "B", "C"):
        crm.create("Account", Name=name, MRR__c=1.5)
    body = {"operation": "query", "query": "SELECT name, mrr__c, Owner.Name, Parent.Name FROM Account ORDER BY Name"}
    job = crm.ask("POST", "jobs/query", body).json()
    assert (job["state"], job["object"]) == ("JobComplete", "Account")
    first = crm.ask("GET", f"jobs/query/{job['id']}/results?maxRecords=2")
    assert first.text.splitlines()[:2] == ['"Name","MRR__c","Owner.Name","Parent.Name"', '"A","1.5","Ada Admin",""']
    assert (first.headers["Sforce-Locator"], first.headers["Sforce-NumberOfRecords"]) == ("2", "2")
    last = crm.ask("GET", f"jobs/query/{job['id']}/results?maxRecords=2&locator=2")
    assert (last.headers["Sforce-Locator"], len(last.text.splitlines())) == ("null", 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"object": "Account", "operation": "merge"},
        {"object": "Nonsense", "operation": "insert"},
        {"object": "Account", "operation": "insert", "lineEnding": "CRLF"},
        {"object": "Account", "operation": "upsert", "externalIdFieldName": "Website"},
    ],
)
def test_job_that_can_not_be_done_is_refused(crm: Crm, body: dict[str, Any]) -> None:
    assert crm.refused("POST", "jobs/ingest", body)[0] in (400, 404)


def test_closed_job_takes_no_more_rows(crm: Crm) -> None:
    job = _job(crm, "Name\nA\n", object="Account", operation="insert")
    url = f"{crm.ready['url']}/services/data/v66.0/jobs/ingest/{job}/batches"
    assert crm.session.put(url, data=b"Name\nB\n", headers={"Content-Type": "text/csv"}, timeout=10).status_code == 400
    assert crm.refused("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})[1] == "INVALIDJOBSTATE"
    assert crm.ask("DELETE", f"jobs/ingest/{job}").status_code == 204
    assert crm.refused("GET", f"jobs/ingest/{job}")[0] == 404


def test_aborted_job_changes_nothing(crm: Crm) -> None:
    job = crm.ask("POST", "jobs/ingest", {"object": "Account", "operation": "insert"}).json()["id"]
    url = f"{crm.ready['url']}/services/data/v66.0/jobs/ingest/{job}/batches"
    crm.session.put(url, data=b"Name\nB\n", headers={"Content-Type": "text/csv"}, timeout=10)
    assert crm.ask("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"}).json()["state"] == "Aborted"
    assert _rows(crm, f"jobs/ingest/{job}/unprocessedrecords") == [{"Name": "B"}]
    assert crm.query("SELECT Id FROM Account") == []
