"""What Salesforce says when it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SalesforceError(Exception):
    """One refusal: error code, message, fields, and the HTTP status of a single call."""

    def __init__(self, code: str, message: str, fields: Sequence[str] | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.status = status

    def as_single(self) -> list[dict[str, Any]]:
        """The body of a refused single call: a list with ``errorCode``."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return [body]

    def as_row(self) -> dict[str, Any]:
        """The same inside a Collections result, where the code is called ``statusCode``."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


class BodyRefused(SalesforceError):
    """The body can't be read as records of the object. Refuses a whole Collections call, not one row of it."""


class SeveralMatches(SalesforceError):
    """More than one record carries the external id; ``ids`` are theirs."""

    def __init__(self, field: str, ids: Sequence[str]) -> None:
        text = f"{field}: more than one record found for external id field: [{', '.join(ids)}]"
        super().__init__("DUPLICATE_EXTERNAL_ID", text, [field])
        self.ids = list(ids)


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    """404: no such address or record."""
    return SalesforceError("NOT_FOUND", message, status=404)


def deleted() -> SalesforceError:
    """404: the record is in the recycle bin."""
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", [], status=404)


def unsupported_type(name: str) -> SalesforceError:
    """400: the object does not exist or may not be seen, which looks the same."""
    return SalesforceError(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def locked(record_id: str | None) -> SalesforceError:
    """400: another transaction holds the row."""
    return SalesforceError(
        "UNABLE_TO_LOCK_ROW",
        f"unable to obtain exclusive access to this record or 1 records: {record_id or 'unknown'}",
        [],
    )
