"""Complete things with sensible values, of which a test names only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmRow
from sync.ports import Mark, RowResult
from sync.records import Operation, Ref, Verb

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "001000000000001AAA"


def deal(quote: str = "0Q0A", unit: str = "unit:001A", **overrides: Any) -> Mark:
    return Mark(f"quote:{quote}", "deal", unit, **overrides)


def mirror(invoice: str = "in_1", **overrides: Any) -> Mark:
    return Mark(f"invoice:{invoice}", "mirror", "", **overrides)


def create(key: str = "0Q0A", **overrides: Any) -> Operation:
    values: dict[str, Any] = {"verb": Verb.CREATE, "ref": Ref("schedule", key), "payload": {"customer": "cus_1"}}
    return Operation(**{**values, **overrides})


def invoice_row(key: str = "in_1", *, account: str = ACCOUNT, total: str = "10.00", **overrides: Any) -> CrmRow:
    values: dict[str, Any] = {
        "sobject": "Billing_Invoice__c",
        "key_field": "Billing_Key__c",
        "key": key,
        "fields": {"Account__c": account, "Total__c": Decimal(total), "Status__c": "Open"},
        "group": account,
    }
    return CrmRow(**{**values, **overrides})


def payment_row(key: str = "py_1", *, invoice: str = "in_1", account: str = ACCOUNT, **overrides: Any) -> CrmRow:
    values: dict[str, Any] = {
        "sobject": "Billing_Payment__c",
        "key_field": "Billing_Key__c",
        "key": key,
        "fields": {"Amount__c": Decimal("10.00")},
        "group": account,
        "parents": {"Billing_Invoice__r": ("Billing_Invoice__c", "Billing_Key__c", invoice)},
    }
    return CrmRow(**{**values, **overrides})


def account_row(account: str = ACCOUNT, *, mrr: str = "10.00", **overrides: Any) -> CrmRow:
    values: dict[str, Any] = {
        "sobject": "Account",
        "key_field": "Id",
        "key": account,
        "fields": {"MRR__c": Decimal(mrr)},
        "group": account,
    }
    return CrmRow(**{**values, **overrides})


def all_well(rows: Any, **overrides: Any) -> dict[int, RowResult]:
    return {row.id: RowResult(ok=True, salesforce_id=f"a0{row.id:016d}", **overrides) for row in rows}
