"""Duplicate rules (https://help.salesforce.com/s/articleView?id=sales.duplicate_rules_map_of_reference.htm): off, or one that
blocks new Accounts by name and new Contacts by e-mail, as Salesforce's standard rules do once their action is Block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.salesforce.errors import SalesforceError

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

#: What a rule of an object compares.
_COMPARED = {"Account": "Name", "Contact": "Email"}


def check(org: Org, sobject: str, row: dict[str, Any]) -> None:
    """Refuse a new record that the org's rule takes for one that is there already."""
    field = _COMPARED.get(sobject)
    value = str(row.get(field) or "").casefold() if field else ""
    if not org.switches.duplicate_rules or not value:
        return
    others = (other for other in org.store.rows(sobject) if not other.get("IsDeleted"))
    if any(str(other.get(field) or "").casefold() == value for other in others):
        raise SalesforceError("DUPLICATES_DETECTED", "Use one of these records?", [])
