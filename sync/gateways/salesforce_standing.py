"""What an org holds of some Accounts' billing, whole and set-wise (`sync.ports.standing`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simple_salesforce.format import format_soql

from sync.crm import CrmQuote
from sync.gateways.names import Names
from sync.gateways.salesforce_client import checked_id
from sync.gateways.salesforce_lists import OURS_ON_ACCOUNT, Lists
from sync.gateways.salesforce_reads import IDS, Reads, Schema
from sync.gateways.salesforce_records import record_of, select
from sync.mapping import Mappings
from sync.ports.listing import FoundRow
from sync.ports.standing import BilledPage, Leading, Standing

Json = dict[str, Any]

#: Where each object names its Account. Items and payments hang on a row that does.
ACCOUNT_OF: Mapping[str, str] = {
    "Account": "Id",
    "Billing_Subscription__c": "Account__c",
    "Billing_Subscription_Item__c": "Billing_Subscription__r.Account__c",
    "Billing_Invoice__c": "Account__c",
    "Billing_Payment__c": "Billing_Invoice__r.Account__c",
    "Billing_Issue__c": "Account__c",
}
LEADS: Mapping[Leading, str] = {
    "Account": "Id",
    "Quote": "AccountId",
    "Billing_Subscription__c": "Account__c",
    "Billing_Invoice__c": "Account__c",
}


class StandingReads:
    """Reads of one org. Holds nothing between calls."""

    def __init__(
        self,
        mappings: Mappings,
        names: Names,
        schema: Schema,
        reads: Reads,
        lists: Lists,
        *,
        signed_statuses: Sequence[str],
    ) -> None:
        self._mappings, self._names, self._schema = mappings, names, schema
        self._reads, self._lists, self._signed = reads, lists, tuple(signed_statuses)

    def billed_accounts(self, sobject: Leading, after: str | None = None) -> BilledPage:
        """As `sync.ports.standing.SalesforceStanding.billed_accounts` says."""
        column = self._names.to_org(LEADS[sobject])
        conditions = []
        if sobject == "Account":
            conditions.append(self._lists.any_of(OURS_ON_ACCOUNT))
        if sobject == "Quote":
            conditions.append(format_soql("Status IN {}", list(self._signed)))
        rows, behind = self._lists.page(sobject, dict.fromkeys(("Id", column)), conditions, after)
        ids = dict.fromkeys(str(row[column]) for row in rows if row.get(column))
        return BilledPage(tuple(ids), behind)

    def standing(self, account_ids: Sequence[str]) -> Mapping[str, Standing]:
        """As `sync.ports.standing.SalesforceStanding.standing` says."""
        found: dict[str, Standing] = {}
        ids = [checked_id(i) for i in dict.fromkeys(account_ids)]
        for first in range(0, len(ids), IDS):
            found |= self._some(ids[first : first + IDS])
        return found

    def _some(self, ids: Sequence[str]) -> dict[str, Standing]:
        objects = list(ACCOUNT_OF)
        soqls = [self._soql(sobject, ids) for sobject in objects]
        soqls += [self._signed_soql("QuoteLineItem", "Quote.", ids), self._opportunity_soql(ids)]
        *answers, lines, deals, quotes = self._reads.rows_of([*soqls, self._quote_soql(ids)])
        rows: dict[str, list[FoundRow]] = {str(raw["Id"]): [] for raw in answers[0]}
        for sobject, found in zip(objects, answers, strict=True):
            for raw in found:
                if (owner := self._owner(sobject, raw)) in rows:
                    rows[owner].append(self._lists.row(sobject, raw))
        for sobject, path, found in (("QuoteLineItem", "Quote.AccountId", lines), ("Opportunity", "AccountId", deals)):
            for raw in found:
                if (owner := _at(raw, path)) in rows:
                    rows[owner].append(self._lists.row(sobject, raw))
        signed: dict[str, list[CrmQuote]] = {id_: [] for id_ in rows}
        for raw in quotes:
            quote = record_of(self._mappings["Quote"], raw, self._names)
            assert isinstance(quote, CrmQuote)
            if quote.account_id in rows:
                signed[quote.account_id].append(quote)
                rows[quote.account_id].append(self._lists.row("Quote", raw))
        payers = {str(raw["Id"]): record_of(self._mappings["Account"], raw, self._names) for raw in answers[0]}
        return {id_: Standing(id_, tuple(signed[id_]), tuple(rows[id_]), payers[id_]) for id_ in rows}

    def _soql(self, sobject: str, ids: Sequence[str]) -> str:
        path = self._names.to_org(ACCOUNT_OF[sobject])
        more = self._read_columns("Account") if sobject == "Account" else []
        columns = ", ".join(dict.fromkeys((*self._lists.columns(sobject), path, *more)))
        return f"SELECT {columns} FROM {self._names.to_org(sobject)} WHERE {path} {_in(ids)}"

    def _quote_soql(self, ids: Sequence[str]) -> str:
        columns = dict.fromkeys((*self._read_columns("Quote"), *self._lists.columns("Quote")))
        signed = format_soql("Status IN {}", list(self._signed))
        return (
            f"SELECT {', '.join(columns)} FROM Quote WHERE AccountId {_in(ids)} AND {signed} ORDER BY QuoteNumber, Id"
        )

    def _read_columns(self, sobject: str) -> list[str]:
        """What is selected of an object so that its record can be made of it."""
        mapped = self._mappings[sobject]
        available = self._schema.has(sobject) if any(f.optional for f in mapped.read_fields()) else None
        return select(mapped, self._names, available=available, through="")

    def _signed_soql(self, sobject: str, through: str, ids: Sequence[str]) -> str:
        """What hangs on signed quotes of these Accounts."""
        columns = ", ".join(dict.fromkeys((*self._lists.columns(sobject), f"{through}AccountId")))
        signed = format_soql("Status IN {}", list(self._signed))
        return f"SELECT {columns} FROM {sobject} WHERE {through}AccountId {_in(ids)} AND {through}{signed}"

    def _opportunity_soql(self, ids: Sequence[str]) -> str:
        """The Opportunities on which these Accounts' signed quotes stand."""
        columns = ", ".join(dict.fromkeys((*self._lists.columns("Opportunity"), "AccountId")))
        signed = format_soql("Status IN {}", list(self._signed))
        quotes = f"SELECT OpportunityId FROM Quote WHERE AccountId {_in(ids)} AND {signed}"
        return f"SELECT {columns} FROM Opportunity WHERE Id IN ({quotes})"

    def _owner(self, sobject: str, raw: Json) -> str:
        return _at(raw, self._names.to_org(ACCOUNT_OF[sobject]))


def _at(raw: Json, path: str) -> str:
    value: object = raw
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return str(value or "")


def _in(ids: Iterable[str]) -> str:
    return str(format_soql("IN {}", list(ids)))
