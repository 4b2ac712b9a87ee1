"""Record types: which a user may give to a record, and which one a record gets that names none.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_recordtype.htm. An org
comes without any; `features.py` makes them. One may be kept from the integration user, as a profile does that does not have
it assigned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.salesforce.access import User
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.store import Row

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org


def settle(org: Org, user: User, sobject: str, row: Row, old: Row | None) -> None:
    """Refuse a record type that the user may not give; a new record that names none has the user's first."""
    if old is not None and old.get("RecordTypeId") == row.get("RecordTypeId"):
        return
    given = row.get("RecordTypeId")
    own = [found for found in org.store.rows("RecordType") if found["SobjectType"] == sobject and found["IsActive"]]
    if given is None:
        if old is None and own:
            person = sobject == "Account" and row.get("Name") is None and row.get("LastName") is not None
            fitting = [found["Id"] for found in own if found["IsPersonType"] == person and _may(org, user, found["Id"])]
            row["RecordTypeId"] = next(iter(fitting), None)
        return
    if given not in [found["Id"] for found in own] or not _may(org, user, given):
        text = f"Record Type ID: this ID value isn't valid for the user: {given}"
        raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", text, ["RecordTypeId"])


def is_person(org: Org, row: Row) -> bool:
    """Whether the row's record type is one of person accounts."""
    found = org.store.get("RecordType", row.get("RecordTypeId") or "")
    return bool(found and found["IsPersonType"])


def _may(org: Org, user: User, record_type: str) -> bool:
    return user.id != org.integration_user.id or record_type not in org.kept_record_types
