"""Rows that point at a record in the recycle bin: shown without that look-up, which Salesforce has blanked already.

Salesforce refuses the whole row, and would keep the amounts of a deal from being shown because its quote was deleted. A
look-up that is left out, and not sent as null, is Salesforce's to bring back with the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sync.gateways.salesforce_errors import GONE
from sync.ports import OutRow, RowResult

#: Look-ups of ours at records of other people, that a row can do without (``deleteConstraint`` SetNull).
DISPENSABLE: Mapping[str, str] = {
    "Billing_Subscription__c": "Quote__c",
    "Billing_Subscription_Item__c": "Product2__c",
    "Billing_Issue__c": "Quote__c",
}


def without_what_is_gone(rows: Iterable[OutRow], results: Mapping[int, RowResult]) -> list[OutRow]:
    """Those of these rows that were refused because a record is gone, without the look-up that they can do without."""
    refused = [r for r in rows if r.id in results and results[r.id].status_code in GONE]
    return [replace(r, row=replace(r.row, fields=left)) for r in refused if (left := _left(r))]


def _left(out: OutRow) -> dict[str, object]:
    """The fields without the look-up; nothing where there is none."""
    name = DISPENSABLE.get(out.row.sobject)
    if name is None or out.row.fields.get(name) is None:
        return {}
    return {k: v for k, v in out.row.fields.items() if k != name}
