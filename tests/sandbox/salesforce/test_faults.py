"""Faults and limits as Salesforce shows them."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.salesforce.conftest import Crm


def test_quota_fault_is_403_for_the_whole_org(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="quota", next=1)
    assert crm.refused("GET", "limits") == (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert crm.ask("GET", "limits").status_code == 200


def test_rate_limit_fault_is_the_concurrent_variant(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="rate_limit", next=1)
    status, code, message = crm.refused("GET", "limits")
    assert (status, code, "ConcurrentRequests" in message) == (403, "REQUEST_LIMIT_EXCEEDED", True)


def test_server_error_is_an_html_page(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="error_500", next=1)
    answer = crm.ask("GET", "limits")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html;charset=UTF-8")


def test_expired_token_fault_revokes_the_token(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="expire_token", next=1)
    assert [crm.refused("GET", "limits")[1] for _ in range(2)] == ["INVALID_SESSION_ID"] * 2
    crm.log_in()
    assert crm.ask("GET", "limits").status_code == 200


def test_locked_row_refuses_a_single_write(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.served.fault(system="salesforce", kind="lock", next=1)
    assert crm.refused("PATCH", f"sobjects/Account/{account}", {"Name": "B"})[:2] == (400, "UNABLE_TO_LOCK_ROW")
    assert crm.get("Account", account)["Name"] == "A"


def test_locked_rows_fail_alone_in_a_batch(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="lock", next=1)
    records = [{"attributes": {"type": "Account"}, "Name": str(n)} for n in range(4)]
    part = {
        "method": "POST",
        "referenceId": "rows",
        "url": "/services/data/v66.0/composite/sobjects",
        "body": {"records": records},
    }
    [answer] = crm.ask("POST", "composite", {"compositeRequest": [part]}).json()["compositeResponse"]
    codes = [result["errors"][0]["statusCode"] if result["errors"] else "" for result in answer["body"]]
    assert codes == ["UNABLE_TO_LOCK_ROW", "", "UNABLE_TO_LOCK_ROW", ""]


def test_write_that_timed_out_took_effect(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="timeout_after_effect", next=1)
    with pytest.raises(requests.exceptions.RequestException):
        crm.session.post(crm.ready["url"] + "/services/data/v66.0/sobjects/Account", json={"Name": "A"}, timeout=0.3)
    assert len(crm.query("SELECT Id FROM Account")) == 1


def test_dropped_write_took_no_effect(crm: Crm) -> None:
    crm.served.fault(system="salesforce", kind="drop", next=1)
    with pytest.raises(requests.exceptions.ConnectionError):
        crm.ask("POST", "sobjects/Account", {"Name": "A"})
    assert crm.query("SELECT Id FROM Account") == []


def test_faults_and_the_allowance_spare_the_harness(crm: Crm) -> None:
    harness = Crm(crm.served, "harness")
    crm.served.fault(system="salesforce", kind="quota", ratio=1)
    before = harness.ask("GET", "limits").json()["DailyApiRequests"]
    assert harness.ask("GET", "limits").json()["DailyApiRequests"] == before


def test_used_calls_are_counted_and_over_the_allowance_refused(crm: Crm) -> None:
    crm.switch("settings", daily_calls=3)
    infos = [crm.ask("GET", "limits").headers["Sforce-Limit-Info"] for _ in range(3)]
    assert infos == ["api-usage=1/3", "api-usage=2/3", "api-usage=3/3"]
    assert crm.refused("GET", "limits")[:2] == (403, "REQUEST_LIMIT_EXCEEDED")
    crm.served.clock("2026-03-02T01:00:00Z")
    assert crm.ask("GET", "limits").json()["DailyApiRequests"] == {"Max": 3, "Remaining": 2}


def test_refusals_carry_the_limit_too(crm: Crm) -> None:
    assert crm.ask("GET", "nonsense").headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_log_tells_writes_that_changed_something_from_those_that_did_not(crm: Crm) -> None:
    account = crm.create("Account", Name="A")
    crm.update("Account", account, Name="A")
    crm.update("Account", account, Name="B")
    crm.refused("PATCH", f"sobjects/Account/{account}", {"Nonsense": 1})
    crm.query("SELECT Id FROM Account")
    assert [line["effect"] for line in crm.served.log()][-5:] == [True, False, True, False, False]


def test_log_never_holds_the_secret_or_a_token(crm: Crm) -> None:
    token = crm.log_in()["access_token"]
    crm.ask("GET", "limits")
    text = str(crm.served.log())
    assert crm.ready["client_secret"] not in text
    assert token not in text
