"""The Salesforce gateway: `sync.ports.SalesforceGateway` for one org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sync.clock import Deadline
from sync.crm import CrmAccount, CrmProduct, QuoteGraph
from sync.errors import Terminal
from sync.gateways.http import Transport
from sync.gateways.names import Names
from sync.gateways.salesforce_auth import Credentials, Tokens
from sync.gateways.salesforce_changes import Changes, rewound
from sync.gateways.salesforce_client import SalesforceHttp
from sync.gateways.salesforce_lists import Lists
from sync.gateways.salesforce_newcomers import faults_of_new
from sync.gateways.salesforce_paths import faults_through
from sync.gateways.salesforce_probe import WriteProbe, probe_writes
from sync.gateways.salesforce_reads import Reads, Schema
from sync.gateways.salesforce_shapes import FieldFault, faults_of
from sync.gateways.salesforce_standing import StandingReads
from sync.gateways.salesforce_writes import Writes
from sync.mapping import Mappings
from sync.ports import AccountPage, ChangePage, NewAccount, OutRow, QuotePage, RowKind, RowPage, RowResult
from sync.ports.standing import BilledPage, Leading, Standing


class SalesforceOrg:
    """One org. Thread-safe; one for each process."""

    def __init__(
        self,
        http: SalesforceHttp,
        mappings: Mappings,
        names: Names,
        *,
        signed_statuses: Sequence[str],
        routed_by: Sequence[str] = (),
    ) -> None:
        self._http = http
        self._mappings = mappings
        self._names = names
        self._schema = Schema(http, names)
        self._reads = Reads(http, mappings, names, self._schema, signed_statuses=signed_statuses, routed_by=routed_by)
        self._lists = Lists(http, mappings, names, self._schema, self._reads)
        self._standing = StandingReads(
            mappings, names, self._schema, self._reads, self._lists, signed_statuses=signed_statuses
        )
        self._changes = Changes(http, mappings, names, self._schema)
        self._writes = Writes(http, mappings, names, self._schema)

    @property
    def calls(self) -> int:
        """Requests that this process has begun."""
        return self._http.calls

    @property
    def organization_id(self) -> str:
        """The org's 18-character id; logs in if need be."""
        return self._http.organization_id

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        return self._reads.quotes(ids)

    def quotes_of_deal(self, opportunity_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self._reads.quotes_of_deal(opportunity_ids)

    def quotes_numbered(self, number: str) -> Sequence[str]:
        """Ids of the quotes with this number, as people read it on the quote. One call."""
        return self._reads.quotes_numbered(number)

    def deal_quotes(self, billing_keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return self._reads.deal_quotes(billing_keys)

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]:
        return self._reads.accounts(ids)

    def products(self, ids: Sequence[str]) -> Mapping[str, CrmProduct]:
        return self._reads.products(ids)

    def find_accounts(
        self, *, stripe_customer_ids: Sequence[str] = (), emails: Sequence[str] = ()
    ) -> Sequence[CrmAccount]:
        return self._reads.find_accounts(stripe_customer_ids=stripe_customer_ids, emails=emails)

    def billing_timezones(self) -> Mapping[str, str]:
        return self._reads.billing_timezones()

    def routed_by(self, account_ids: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        return self._reads.routed_by(account_ids)

    def unknown_routing_fields(self) -> Sequence[str]:
        """Of the fields by which Stripe accounts are chosen, those that the log-in can't see, as ``Quote.Field``."""
        return self._reads.unknown_routing_fields()

    def list_quotes(self, after: str | None = None) -> QuotePage:
        return self._lists.quotes(after)

    def list_payers(self, after: str | None = None) -> AccountPage:
        return self._lists.payers(after)

    def list_rows(self, sobject: RowKind, after: str | None = None) -> RowPage:
        return self._lists.rows(sobject, after)

    def billed_accounts(self, sobject: Leading, after: str | None = None) -> BilledPage:
        return self._standing.billed_accounts(sobject, after)

    def standing(self, account_ids: Sequence[str]) -> Mapping[str, Standing]:
        return self._standing.standing(account_ids)

    def create_account(self, fields: Mapping[str, object], contact: Mapping[str, object] | None = None) -> str:
        return self._writes.create_account(fields, contact)

    def create_accounts(self, new: Sequence[NewAccount]) -> Sequence[str | None]:
        return self._writes.create_accounts(new)

    def changes(self, heat: Literal["hot", "cold"], cursor: Mapping[str, object] | None) -> ChangePage:
        return self._changes.read(heat, cursor)

    def rewound(self, cursor: Mapping[str, object] | None, seconds: int) -> Mapping[str, object]:
        """A cursor of `changes` that begins ``seconds`` earlier, for the overlap that catches rows committed behind the
        watermark.
        """
        return rewound(cursor, seconds)

    def flush(self, rows: Sequence[OutRow], deadline: Deadline) -> tuple[Mapping[int, RowResult], str | None]:
        return self._writes.flush(rows, deadline)

    def limits(self) -> Mapping[str, int]:
        usage = self._http.usage
        if usage.used is None or usage.allowed is None:
            daily = self._http.call("GET", "/limits", what="limits").json().get("DailyApiRequests")
            if not isinstance(daily, dict):
                raise Terminal("BUG-502", "Unexpected answer from Salesforce: limits without DailyApiRequests.")
            return {"used": int(daily["Max"]) - int(daily["Remaining"]), "allowed": int(daily["Max"])}
        return {"used": usage.used, "allowed": usage.allowed}

    def missing_rights(self) -> Sequence[str]:
        """What the log-in may not do and has to, and which fields are unlike what the mappings say of them, in plain words,
        one entry a field; empty when all mapped fields can be read and ours written. One call.
        """
        return [fault.said for fault in self.field_faults()]

    def field_faults(self) -> Sequence[FieldFault]:
        """The same, each with whether billing can do without the field. One call, the first time."""
        objects = list(self._mappings.objects)
        described = self._schema.fields(objects)
        return [fault for name in objects for fault in self._faults_of(name, described[name])]

    def configuration(self) -> str:
        """A digest of what the log-in sees of the mapped objects now; another one says that the org was set up otherwise. One
        call.
        """
        return self._schema.configuration(list(self._mappings.objects))

    def missing_task_rights(self) -> Sequence[str]:
        """What the log-in may not do that OWNER_TASKS needs, in plain words. One call."""
        return self._writes.tasks.missing_rights()

    def faults_of_new(self, made: Sequence[tuple[str, Mapping[str, object]]]) -> Sequence[str]:
        """What stands in the way of new records with these fields, by object, in plain words. One call."""
        return faults_of_new(self._http, self._names, made)

    def probe_writes(self) -> Sequence[WriteProbe]:
        """Whether an Account and a Quote may really be written, proved with an empty PATCH of one of each. No value of
        theirs is changed; Salesforce counts it as a save all the same.
        """
        return probe_writes(self._http, self._names)

    def _faults_of(self, object_: str, described: Mapping[str, Mapping[str, Any]]) -> list[FieldFault]:
        faults = []
        for one in self._mappings[object_].fields:
            if "." in one.api_name and not one.optional:
                faults += faults_through(one, object_, self._names, self._schema.fields)
            elif not one.optional:
                found = described.get(self._names.to_org(one.api_name).lower())
                faults += faults_of(one, f"{object_}.{one.api_name}", found)
        return faults


def connect(
    *,
    credentials: Credentials,
    mappings: Mappings,
    user_agent: str,
    api_version: str = "66.0",
    namespace: str = "",
    signed_statuses: Sequence[str] = ("Accepted",),
    call_deadline_s: float = 30.0,
    proxy: str | None = None,
    routed_by: Sequence[str] = (),
) -> SalesforceOrg:
    """A gateway to the org; nothing is called yet. ``routed_by`` are fields that choose among several Stripe accounts, as
    ``Quote.Field`` and ``Account.Field``. Raises Terminal CONF-307 for credentials that can't work.
    """
    transport = Transport(user_agent=user_agent, call_deadline_s=call_deadline_s, proxy=proxy)
    http = SalesforceHttp(Tokens(credentials, transport), transport, api_version=api_version)
    return SalesforceOrg(http, mappings, Names(namespace), signed_statuses=signed_statuses, routed_by=routed_by)
