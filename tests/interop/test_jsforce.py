"""jsforce against the sandbox: it decides paths, headers and bodies itself, and finds what an org would give it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.sandbox import fresh_world
from tests.interop.node import run


@pytest.fixture(scope="module")
def seen(sandbox_process: str) -> dict[str, Any]:
    """What the client saw in one session."""
    with fresh_world(sandbox_process) as world:
        answer: dict[str, Any] = run("client.mjs", world.ready["salesforce"])
    return answer


def test_logs_in_with_client_credentials(seen: dict[str, Any]) -> None:
    assert seen["user"]["id"].startswith("005")
    assert seen["user"]["organizationId"].startswith("00D")


def test_creates_updates_and_retrieves_a_record(seen: dict[str, Any]) -> None:
    assert seen["created"]["success"] is True
    assert seen["account"]["Name"] == "Interop Ltd"
    assert seen["account"]["Website"] == "https://interop.example"
    assert seen["account"]["attributes"]["type"] == "Account"


def test_queries_page_by_page(seen: dict[str, Any]) -> None:
    assert seen["manyCreated"] == 250
    assert seen["firstPage"] == {"rows": 200, "total": 250, "done": False}
    assert seen["secondPage"] == {"rows": 50, "done": True, "last": "Row 249"}


def test_upserts_by_external_id(seen: dict[str, Any]) -> None:
    assert (seen["upsertNew"]["success"], seen["upsertNew"]["created"]) == (True, True)
    assert (seen["upsertKnown"]["success"], seen["upsertKnown"]["created"]) == (True, False)
    assert seen["upsertKnown"]["id"] == seen["upsertNew"]["id"]


def test_upserts_collections_by_external_id(seen: dict[str, Any]) -> None:
    assert seen["upsertMany"] == {"ok": 210, "created": 209}


def test_bad_row_of_a_collection_fails_alone(seen: dict[str, Any]) -> None:
    good, bad = seen["upsertMixed"]
    assert good == {"success": True, "errors": []}
    assert bad == {"success": False, "errors": ["INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"]}


def test_describes_objects_and_fields(seen: dict[str, Any]) -> None:
    key = seen["described"]
    assert (key["externalId"], key["unique"], key["type"], key["length"]) == (True, True, "string", 255)
    assert {"Account", "Quote", "QuoteLineItem", "Billing_Invoice__c"} <= set(seen["objects"])


def test_retrieves_several_records_in_their_order(seen: dict[str, Any]) -> None:
    assert seen["retrieved"] == ["Interop Ltd", "Row 000", "Row 001"]


def test_deleted_rows_show_in_query_all_only(seen: dict[str, Any]) -> None:
    assert (seen["afterDelete"], seen["withDeleted"]) == (249, 250)


def test_refusals_carry_the_error_codes_of_salesforce(seen: dict[str, Any]) -> None:
    assert seen["refused"] == ["INVALID_FIELD", "MALFORMED_QUERY", "REQUIRED_FIELD_MISSING", "NOT_FOUND"]
