"""An org's records, page by page by keyset on Id (`sync.ports.listing`): a page is one query, whatever is saved meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sync.gateways.names import Names
from sync.gateways.salesforce_client import SalesforceHttp, checked_id, query_path
from sync.gateways.salesforce_reads import Reads, Schema
from sync.gateways.salesforce_records import as_sent, usable
from sync.mapping import FieldMap, Mappings
from sync.ports.listing import AccountPage, FoundRow, QuotePage, RowKind, RowPage

Json = dict[str, Any]

#: Rows of one page.
PAGE = 2000
KEY = "Billing_Key__c"
#: Relationships to rows of ours, which are known by their key and not by their id.
PARENTS: Mapping[str, Mapping[str, str]] = {
    "Billing_Subscription__c": {"Renewed_By__c": "Renewed_By__r"},
    "Billing_Subscription_Item__c": {"Billing_Subscription__c": "Billing_Subscription__r"},
    "Billing_Invoice__c": {"Billing_Subscription__c": "Billing_Subscription__r"},
    "Billing_Payment__c": {"Billing_Invoice__c": "Billing_Invoice__r"},
    "Billing_Issue__c": {"Billing_Subscription__c": "Billing_Subscription__r"},
}
#: What says that an Account has something of ours on it.
OURS_ON_ACCOUNT = ("Stripe_Customer_Id__c", "Billing_As_Of__c")
#: The same of every standard object that is listed.
OURS: Mapping[str, tuple[str, ...]] = {
    "Account": OURS_ON_ACCOUNT,
    "Opportunity": ("Billing_Status__c",),
    "Product2": ("Stripe_Product_Id__c",),
}
WHO, WHEN = "LastModifiedById", "LastModifiedDate"


class Lists:
    """The lists of one org. Holds nothing between pages."""

    def __init__(self, http: SalesforceHttp, mappings: Mappings, names: Names, schema: Schema, reads: Reads) -> None:
        self._http = http
        self._mappings = mappings
        self._names = names
        self._schema = schema
        self._reads = reads

    def quotes(self, after: str | None = None) -> QuotePage:
        """As `sync.ports.listing.SalesforceLists.list_quotes` says."""
        quotes = self._reads.signed_quotes(after, PAGE)
        return QuotePage(quotes, quotes[-1].quote.id if len(quotes) >= PAGE else None)

    def payers(self, after: str | None = None) -> AccountPage:
        """As `sync.ports.listing.SalesforceLists.list_payers` says."""
        accounts = self._reads.payers(after, PAGE)
        return AccountPage(accounts, accounts[-1].id if len(accounts) >= PAGE else None)

    def rows(self, sobject: RowKind, after: str | None = None) -> RowPage:
        """As `sync.ports.listing.SalesforceLists.list_rows` says."""
        conditions = [self.any_of(ours)] if (ours := OURS.get(sobject)) else []
        found, behind = self.page(sobject, self.columns(sobject), conditions, after)
        return RowPage(tuple(self.row(sobject, raw) for raw in found), behind)

    def any_of(self, columns: Iterable[str]) -> str:
        """The condition that at least one of these columns, by its name without the namespace, has a value."""
        return f"({' OR '.join(f'{self._names.to_org(name)} != null' for name in columns)})"

    def page(
        self, sobject: str, columns: Iterable[str], conditions: Iterable[str], after: str | None
    ) -> tuple[list[Json], str | None]:
        """The next page by Id behind ``after``, and the Id behind which another one may follow. ``columns`` are the org's."""
        every = [*conditions, *([f"Id > '{checked_id(after)}'"] if after else [])]
        where = f" WHERE {' AND '.join(every)}" if every else ""
        soql = f"SELECT {', '.join(columns)} FROM {self._names.to_org(sobject)}{where} ORDER BY Id LIMIT {PAGE}"
        found = list(self._reads.pages(self._http.call("GET", query_path(soql), what=sobject).json()))
        return found, str(found[-1]["Id"]) if len(found) >= PAGE else None

    def columns(self, sobject: str) -> list[str]:
        """What is selected of an object so that `row` can be made of it."""
        to_org = self._names.to_org
        columns = [to_org(f.api_name) for f in self._fields(sobject)]
        columns += [f"{to_org(relation)}.{to_org(KEY)}" for relation in PARENTS.get(sobject, {}).values()]
        return list(dict.fromkeys(["Id", *columns, WHO, WHEN]))

    def _fields(self, sobject: str) -> list[FieldMap]:
        """What we write on this object and the org has."""
        written = [f for f in self._mappings[sobject].fields if f.written]
        available = self._schema.has(sobject) if any(f.optional for f in written) else None
        return [f for f in written if usable(f, available, self._names)]

    def row(self, sobject: str, raw: Json) -> FoundRow:
        """A record of the org as a row; standard records are known by their Id."""
        fields, parents = self._fields(sobject), PARENTS.get(sobject, {})
        name: Callable[[str], str] = self._names.to_org
        above = {relation: raw.get(name(relation)) for relation in parents.values()}
        return FoundRow(
            sobject=sobject,
            id=str(raw["Id"]),
            key=str(raw.get(name(KEY)) or "") if sobject.endswith("__c") else str(raw["Id"]),
            fields={
                f.api_name: as_sent(f, raw.get(name(f.api_name)), sobject) for f in fields if f.api_name not in parents
            },
            parents={r: str(p[name(KEY)]) for r, p in above.items() if isinstance(p, Mapping) and p.get(name(KEY))},
            changed_by=str(raw.get(WHO) or ""),
            changed_at=str(raw.get(WHEN) or ""),
        )
