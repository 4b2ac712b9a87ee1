"""Salesforce's many ways to say no, sorted (reference: Salesforce, section 3; codes: users, section 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.errors import OutcomeUnknown, SyncError, Terminal, Transient
from sync.gateways.http import Answer, NoAnswer, NotSent

_WORDS = 400

LOCKED = frozenset(
    {"UNABLE_TO_LOCK_ROW", "DUPLICATE_VALUE"}
)  # a clash of two upserts of one key passes as soon as one is done
BUSY = frozenset(
    {
        "SERVER_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "UNKNOWN_EXCEPTION",
        "PROCESSING_HALTED",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    }
)
RIGHTS = frozenset(
    {
        "INVALID_FIELD",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "INVALID_TYPE",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INSUFFICIENT_ACCESS",
        "API_DISABLED_FOR_ORG",
        "FUNCTIONALITY_NOT_ENABLED",
    }
)
#: The org's own rules, flows and locks: billing goes on, the display waits (DATA-220).
RULES = frozenset(
    {
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "REQUIRED_FIELD_MISSING",
        "STRING_TOO_LONG",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "FIELD_INTEGRITY_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "ENTITY_IS_LOCKED",
        "INVALID_EMAIL_ADDRESS",
    }
)
#: How Salesforce names the field that a query or a write names in vain.
_NO_COLUMN = re.compile(r"No such column '(\w+)' on (?:entity|sobject of type) '?(\w+)")
GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID"})


@dataclass(frozen=True)
class Sorted:
    """One error of Salesforce in our terms. ``status_code`` is Salesforce's own."""

    code: str
    message: str
    transient: bool
    status_code: str
    no_parent: bool = False  # the record that it belongs to is not there, though it was named by a key of ours


def sorted_error(status_code: str, message: str, fields: Sequence[str] = (), *, what: str) -> Sorted:
    """The meaning of one error, of a call or of one record in a batch. An unknown one is BUG-502, loudly."""
    words = message[:_WORDS]
    named = f" ({', '.join(fields)})" if fields else ""
    if status_code in LOCKED or "UNABLE_TO_LOCK_ROW" in message:  # a trigger's failure may hide a lock
        return Sorted("TEMP-404", "Salesforce is busy with this record.", True, status_code)
    if status_code == "REQUEST_LIMIT_EXCEEDED":
        return _limit(words)
    if status_code in BUSY:
        return Sorted("TEMP-406", f"Salesforce is unavailable: {words}", True, status_code)
    if status_code == "INVALID_FIELD" and "Foreign key external ID" in message:
        message = f"{what} waits for the record that it belongs to: {words}"
        return Sorted("TEMP-404", message, True, status_code, no_parent=True)
    if status_code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST":
        return Sorted("CONF-304", f"{what}: a value is not in the picklist{named}: {words}", False, status_code)
    if status_code == "DUPLICATES_DETECTED":
        return Sorted("CONF-303", f"Salesforce treats our {what} as a duplicate: {words}", False, status_code)
    if status_code in RIGHTS:
        if column := _NO_COLUMN.search(message):  # behind a piece of our own query, which tells an admin nothing
            what, named, words = f"{column[2]}.{column[1]}", "", "The org has no such field for this log-in."
        text = f"We can't read or write {what}{named}. Give the permission set access. {words}"
        return Sorted("CONF-302", text.strip(), False, status_code)
    if status_code == "STORAGE_LIMIT_EXCEEDED":
        text = f"Salesforce's data storage is used up, so {what} can't be added. Free some, or buy more. {words}"
        return Sorted("DATA-220", text, False, status_code)
    if status_code in RULES:
        return Sorted(
            "DATA-220", f'Your Salesforce rule stopped our update of {what}{named}: "{words}"', False, status_code
        )
    if status_code in GONE:
        return Sorted(
            "DATA-223",
            f"{what}, or a record that it belongs to, is no longer in Salesforce{named}: {words}",
            False,
            status_code,
        )
    return Sorted(
        "BUG-502", f"Unexpected answer from Salesforce for {what}: {status_code} {words}".strip(), False, status_code
    )


def _limit(words: str) -> Sorted:
    if "ConcurrentRequests" in words or "Concurrent" in words:
        return Sorted("TEMP-406", "Salesforce has too many long calls at once.", True, "REQUEST_LIMIT_EXCEEDED")
    return Sorted(
        "TEMP-405",
        "Salesforce's daily allowance is used; display resumes when it renews. Billing itself goes on.",
        True,
        "REQUEST_LIMIT_EXCEEDED",
    )


def of_call(status: int, body: object, *, what: str, writing: bool, request_id: str | None = None) -> SyncError:
    """The error of a whole call (or of one part of a Composite) that was not a success, whatever its body is: list,
    object, HTML or nothing.
    """
    first = first_error(body)
    if first is None:
        return _infrastructure(status, what=what, writing=writing, request_id=request_id)
    code, message, fields = first
    if status == 401 or code == "INVALID_SESSION_ID":
        return Terminal(
            "CONF-307", f"Salesforce does not accept a fresh token: {message[:_WORDS]}", request_id=request_id
        )
    if status >= 500 and writing:
        return OutcomeUnknown(
            "TEMP-406", f"Salesforce failed at {what}: {message[:_WORDS]}", answered=True, request_id=request_id
        )
    found = sorted_error(code, message, fields, what=what)
    if found.transient or status >= 500:
        return Transient(found.code if found.transient else "TEMP-406", found.message)
    return Terminal(found.code, found.message, request_id=request_id)


def _infrastructure(status: int, *, what: str, writing: bool, request_id: str | None) -> SyncError:
    """An answer that is not Salesforce's API speaking: a maintenance page, a proxy."""
    if status == 401:
        return Terminal("CONF-307", "Salesforce does not accept a fresh token.", request_id=request_id)
    message = f"Salesforce's answer to {what} was no usable one (HTTP {status})."
    if writing and (status >= 500 or 200 <= status < 300):
        return OutcomeUnknown("TEMP-406", message, answered=status >= 500, request_id=request_id)
    if status >= 500 or status == 429 or status < 400:
        return Transient("TEMP-406", message)
    return Terminal("BUG-502", f"Unexpected answer from Salesforce: HTTP {status} to {what}.", request_id=request_id)


def of_failure(failure: NotSent | NoAnswer, *, what: str, writing: bool) -> SyncError:
    """The error of a call that was not answered."""
    if isinstance(failure, NoAnswer) and writing:
        return OutcomeUnknown("TEMP-406", f"No answer from Salesforce to {what} ({failure}).", answered=False)
    return Transient("TEMP-406", f"Salesforce can't be reached ({failure}).")


def first_error(body: object) -> tuple[str, str, tuple[str, ...]] | None:
    """(code, message, fields) of the first error in a body: ``errorCode`` of single calls, ``statusCode`` of
    collections, ``error`` of OAuth.
    """
    entry: Any = body[0] if isinstance(body, list) and body else body
    if not isinstance(entry, Mapping):
        return None
    code = entry.get("errorCode") or entry.get("statusCode") or entry.get("error")
    if not isinstance(code, str):
        return None
    fields = entry.get("fields")
    named = tuple(str(f) for f in fields) if isinstance(fields, list) else ()
    return code, str(entry.get("message") or entry.get("error_description") or ""), named


def is_expired(answer: Answer) -> bool:
    """The token is no longer good, whatever the body (HTML happens too)."""
    return answer.status == 401
