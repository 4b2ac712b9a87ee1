"""Person accounts: an Account that is a person, and its Contact in one.

https://help.salesforce.com/s/articleView?id=sales.account_person_behavior.htm. Such an Account has FirstName and LastName, its
Name is made of them and can't be written; a business account has a Name and none of the person's fields. The Contact behind
it can't be made, nor can any other be put on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_types import is_person
from sandbox.salesforce.store import Row

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

#: Of a person account, and what they are on its Contact.
SHARED = {"FirstName": "FirstName", "LastName": "LastName", "Salutation": "Salutation", "PersonEmail": "Email"}


def account(org: Org, row: Row, old: Row | None) -> None:
    """Whether a new Account is a person, and the name of one that is; refuses fields of the other kind."""
    fields = org.schema.get("Account").fields
    if "IsPersonAccount" not in fields:
        return
    fresh = old is None and not row.get("IsPersonAccount")
    if fresh and is_person(org, row):
        if row.get("Name") is not None:
            raise _not_of_this_kind(["Name"])
        row["IsPersonAccount"] = True
    if row.get("IsPersonAccount"):
        if row.get("LastName") is None:
            text = "Required fields are missing: [LastName]"
            raise SalesforceError("REQUIRED_FIELD_MISSING", text, ["LastName"])
        name = " ".join(filter(None, (row.get("FirstName"), row.get("LastName"))))
        if old is not None and row.get("Name") not in (old.get("Name"), name):
            raise _not_of_this_kind(["Name"])
        row["Name"] = name
        return
    strange = [
        name for name in fields if (name in SHARED or name.startswith("Person")) and row.get(name) not in (None, False)
    ]
    if strange:
        raise _not_of_this_kind(strange)


def contact_of(account: Row) -> Row | None:
    """What the Contact behind a person account has; None of a business account."""
    if not account.get("IsPersonAccount"):
        return None
    shared = {theirs: account.get(mine) for mine, theirs in SHARED.items()}
    return {**shared, "Name": account["Name"], "AccountId": account["Id"], "IsPersonAccount": True}


def check_contact(org: Org, row: Row, old: Row | None) -> None:
    """Refuse a Contact that is put on a person account."""
    named = row.get("AccountId")
    if row.get("IsPersonAccount") or not named or (old is not None and old.get("AccountId") == named):
        return
    if (org.store.get("Account", named) or {}).get("IsPersonAccount"):
        text = "field integrity exception: AccountId (a contact can't be associated with a person account)"
        raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", text, ["AccountId"])


def _not_of_this_kind(names: list[str]) -> SalesforceError:
    text = f"Account: bad field names on insert/update call: {', '.join(names)}"
    return SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", text, names)
