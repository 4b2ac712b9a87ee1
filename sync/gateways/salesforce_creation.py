"""Why Salesforce does not make an Account for a customer of the web site, and what an admin does about it: the org wants more
than a customer says of themselves, and what that is stands in our settings (BILLING_RULES 6, operations.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync.errors import SyncError, Terminal
from sync.gateways.salesforce_errors import first_error, of_call

SETTINGS = {"Account": "SELF_SERVE_ACCOUNT_FIELDS", "Contact": "SELF_SERVE_CONTACT_FIELDS"}
_OWNERS = frozenset({"INACTIVE_OWNER_OR_USER", "OP_WITH_INACTIVE_USER_EXCEPTION"})
#: How Salesforce begins its refusal of a state or country that its picklist lacks.
_NO_SUCH_PLACE = "There's a problem with this "
_GOES_ON = (
    "Nothing was made in Salesforce; billing in Stripe goes on, and the customer is shown once this is put right."
)


@dataclass(frozen=True)
class _Told:
    """A code of the catalogue and what to do, in plain words."""

    code: str
    words: str


def of_creation(status: int, body: object, *, what: str, given: Mapping[str, object]) -> SyncError:
    """The error of a record that was not made. ``given`` are the fields that it was to have, ours."""
    first = first_error(body)
    found = of_call(status, body, what=what, writing=True)
    if first is None or not isinstance(found, Terminal):
        return found
    told = _told(*first, what=what, given=given)
    if told is None:
        return found
    return Terminal(told.code, f"{told.words} {_GOES_ON}", request_id=found.request_id)


def _told(code: str, message: str, fields: tuple[str, ...], *, what: str, given: Mapping[str, object]) -> _Told | None:
    named, settings = ", ".join(fields), SETTINGS.get(what, "")
    if code == "REQUIRED_FIELD_MISSING":
        words = f"Your org wants more of a new {what} than is known of a customer: {named or message}."
        return _Told("DATA-220", f"{words} Give it a value in {settings}, or don't require it.")
    if code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" or message.startswith(_NO_SUCH_PLACE):
        words = f"A new {what} was to have a value that isn't in the picklist{f' {named}' if named else ''}: {message}"
        return _Told("CONF-304", f"{words} Correct it in {settings}, or add it to the picklist.")
    if "RecordTypeId" in fields:
        words = f"The integration user may not give a new {what} the record type {given.get('RecordTypeId')}."
        advice = (
            "Assign it to the user, or name another in SELF_SERVE_RECORD_TYPE_ID or SELF_SERVE_PERSON_RECORD_TYPE_ID."
        )
        return _Told("CONF-302", f"{words} {advice}")
    if code in _OWNERS or (code in ("INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED") and "OwnerId" in given):
        words = f"A new {what} can't be owned by {given.get('OwnerId')}: {message}."
        return _Told("CONF-302", f"{words} Name an active user or a queue for {what}s in SELF_SERVE_OWNER_ID.")
    if code == "INVALID_EMAIL_ADDRESS" or (code == "STRING_TOO_LONG" and any("mail" in one for one in fields)):
        words = f"Salesforce takes the customer's e-mail for none ({what}: {named}): {message}."
        return _Told("DATA-220", f"{words} Correct it on the customer in Stripe.")
    return None
