"""From typed records to rows of the CRM: which field, which key, which parent. What the fields are called is
`mappings/`' business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sync.crm import CrmRow
from sync.desired.invoice_rows import WAITS
from sync.desired.mirror import Shown
from sync.ends import FILLED, end_of
from sync.facts import Customer, Fact, Invoice, Product, Subscription
from sync.mapping import Mappings, plain
from sync.shown import (
    AccountSummary,
    BillingInvoice,
    BillingIssue,
    BillingPayment,
    BillingSubscription,
    BillingSubscriptionItem,
)

KEY = "Billing_Key__c"
#: An item's way to its subscription's row.
OF_SUBSCRIPTION = "Billing_Subscription__r"
SUBSCRIPTION, ITEM, INVOICE, PAYMENT = (
    "Billing_Subscription__c",
    "Billing_Subscription_Item__c",
    "Billing_Invoice__c",
    "Billing_Payment__c",
)
ISSUE = "Billing_Issue__c"
OPPORTUNITY = "Opportunity"
#: Text that is too long for its field is cut: the field shows, the log and the timeline have it whole.
LONGEST = {
    "Billing_Message__c": 10_000,
    "Billing_Preview__c": 32_768,
    "Failure__c": 2_000,
    "Detail__c": 5_000,
    "Stripe_Ids__c": 5_000,
}
#: Overdue_Days__c has three digits; 999 stands for 999 or more.
MOST_DAYS = 999


class Rows:
    """Builds rows under the mappings in use."""

    def __init__(self, mappings: Mappings) -> None:
        self._names = {
            api_name: {plain(name): name for name in one.written()} for api_name, one in mappings.objects.items()
        }
        self._filled = {name: mappings[name].filled() for name in FILLED}
        #: What of a product's fields is filled from Stripe; then only its own run writes them.
        self.of_product = self._filled["Product2"]
        self._longest = {name: mappings[name].longest() for name in FILLED}
        self._read = {
            one.record: {f.attribute: f.api_name for f in one.read_fields() if f.attribute}
            for one in mappings.objects.values()
            if one.record is not None
        }

    def api_names(self) -> Mapping[type, Mapping[str, str]]:
        """Salesforce's field for each attribute of the typed records that are read."""
        return self._read

    def of_shown(self, shown: Shown) -> list[CrmRow]:
        """Every row of an Account's mirror, parents first."""
        return [
            self.account(shown.account, shown.customer),
            *(self.subscription(one, shown.sources.get(one.billing_key)) for one in shown.subscriptions),
            *map(self.item, shown.items),
            *(self.invoice(one, shown.sources.get(one.billing_key)) for one in shown.invoices),
            *map(self.payment, shown.payments),
            *map(self.told_once, shown.issues),
        ]

    def account(self, record: AccountSummary, customer: Customer | None = None) -> CrmRow:
        """The summary on the Account, by its Id, and what the mappings fill from its ``customer``."""
        fields = self._fields("Account", record) | self._of_stripe("Account", customer)
        fields["Overdue_Days__c"] = min(record.overdue_days or 0, MOST_DAYS)
        return CrmRow("Account", "Id", record.id, fields, record.id)

    def subscription(self, record: BillingSubscription, first: Fact | None = None) -> CrmRow:
        """The one row of a deal or a self-serve plan, and what the mappings fill from its ``first`` subscription. That
        nothing renews it is said by a blank which alone causes no write: that the row loses its follower does.
        """
        fields = self._fields(SUBSCRIPTION, record, without=("renewed_by",)) | self._of_stripe(SUBSCRIPTION, first)
        follower = record.renewed_by
        parent = {"Renewed_By__r": (SUBSCRIPTION, KEY, follower)} if follower else {}
        blank: dict[str, object] = {} if follower else {self._names[SUBSCRIPTION]["renewed_by"]: None}
        row = CrmRow(SUBSCRIPTION, KEY, record.billing_key, fields, record.account, parent, currency=record.currency)
        return dataclasses.replace(row, fields={**fields, **blank}, quiet=(*row.quiet, *blank))

    def item(self, record: BillingSubscriptionItem) -> CrmRow:
        """An item, under its subscription's row."""
        fields = self._fields(ITEM, record, without=("billing_subscription",))
        parent = {OF_SUBSCRIPTION: (SUBSCRIPTION, KEY, record.billing_subscription)}
        return CrmRow(ITEM, KEY, record.billing_key, fields, record.account, parent, currency=record.currency)

    def left(self, item: CrmRow) -> CrmRow:
        """An item whose price has left its subscription, as it was but for what it is now: none of it, worth nothing."""
        names = self._names[ITEM]
        nothing = {names["quantity"]: Decimal(0), names["mrr"]: Decimal("0.00")}
        return dataclasses.replace(item, fields={**item.fields, **nothing})

    def let_go(self, payment: CrmRow) -> CrmRow:
        """A payment that was waited for and did not come, as it was but for what it is now: canceled, worth nothing."""
        names = self._names[PAYMENT]
        nothing = {names["status"]: "Canceled", names["amount"]: Decimal("0.00")}
        return dataclasses.replace(payment, fields={**payment.fields, **nothing, names["detail"]: "It did not come."})

    def waits(self, payment: CrmRow) -> bool:
        """Whether the row is of a payment that is waited for."""
        names = self._names[PAYMENT]
        kind, status = payment.fields.get(names["type"]), payment.fields.get(names["status"])
        return kind == "Payment" and status in WAITS.values()

    def invoice(self, record: BillingInvoice, invoice: Fact | None = None) -> CrmRow:
        """An invoice, under its Account, beside its contract's row if it has one, and what the mappings fill from it."""
        fields = self._fields(INVOICE, record, without=("billing_subscription",)) | self._of_stripe(INVOICE, invoice)
        contract = record.billing_subscription
        parent = {"Billing_Subscription__r": (SUBSCRIPTION, KEY, contract)} if contract else {}
        return CrmRow(INVOICE, KEY, record.billing_key, fields, record.account, parent, currency=record.currency)

    def payment(self, record: BillingPayment) -> CrmRow:
        """A payment or an attempt, under its invoice's row."""
        fields = self._fields(PAYMENT, record, without=("billing_invoice",))
        parent = {"Billing_Invoice__r": (INVOICE, KEY, record.billing_invoice)}
        return CrmRow(PAYMENT, KEY, record.billing_key, fields, record.account, parent, currency=record.currency)

    def issue(self, record: BillingIssue) -> CrmRow:
        """Something that people have to look at. When it was opened is only what a new one is given."""
        fields = self._fields(ISSUE, record)
        owner = record.account or record.billing_key
        quiet = ("Opened_At__c",)
        return CrmRow(ISSUE, KEY, record.billing_key, fields, owner, quiet=quiet, currency=record.currency.upper())

    def told_once(self, record: BillingIssue) -> CrmRow:
        """An issue whose words are those of the day it was opened: no other words alone tell its owner again."""
        row = self.issue(record)
        parent = {OF_SUBSCRIPTION: (SUBSCRIPTION, KEY, record.subscription)} if record.subscription else {}
        fields = {**row.fields, "Closed_At__c": None}
        return dataclasses.replace(
            row, fields=fields, parents=parent, quiet=("Opened_At__c", "Closed_At__c", "Detail__c")
        )

    def over(self, standing: Iterable[CrmRow], now: datetime) -> list[CrmRow]:
        """Those of the issues that stand open, as they were, closed."""
        closed = {"Status__c": "Closed", "Closed_At__c": _value("Closed_At__c", now)}
        still = (row for row in standing if row.fields.get("Status__c") == "Open")
        return [dataclasses.replace(row, fields={**row.fields, **closed}) for row in still]

    def closed_issue(self, key: str, account_id: str, now: datetime) -> CrmRow:
        """An issue that is settled."""
        fields = {"Status__c": "Closed", "Closed_At__c": _value("Closed_At__c", now)}
        return CrmRow(ISSUE, KEY, key, fields, account_id, quiet=("Closed_At__c",))

    def quote(self, quote_id: str, fields: Mapping[str, object], account_id: str | None, *, answered: bool) -> CrmRow:
        """The quote's own panel. ``answered`` also empties Billing_Request__c, which by itself never causes a write."""
        values = {name: _value(name, value) for name, value in fields.items()}
        if answered:
            values["Billing_Request__c"] = None
        return CrmRow("Quote", "Id", quote_id, values, account_id or quote_id, quiet=("Billing_Request__c",))

    def opportunity(self, opportunity_id: str, fields: Mapping[str, object], account_id: str) -> CrmRow:
        """How the deals of an Opportunity stand: those of the fields that the mappings in use have."""
        names = self._names.get(OPPORTUNITY, {}).values()
        mapped = {name: value for name, value in fields.items() if name in names}
        return CrmRow(OPPORTUNITY, "Id", opportunity_id, mapped, account_id)

    def product(self, product_id: str, stripe_id: str, found: Product | None = None) -> CrmRow:
        """What the product is in Stripe, and what the mappings fill from it."""
        filled = self._of_stripe("Product2", found) if found else {}
        return CrmRow("Product2", "Id", product_id, {"Stripe_Product_Id__c": stripe_id, **filled}, product_id)

    def line(self, line_id: str, fields: Mapping[str, object], account_id: str | None) -> CrmRow:
        """What a quote line comes to over the contract."""
        return CrmRow("QuoteLineItem", "Id", line_id, dict(fields), account_id or line_id)

    def _of_stripe(self, sobject: str, fact: Fact | None) -> dict[str, object]:
        """What Stripe fills of this object, no longer than its fields; blank where there is nothing (yet)."""
        longest = self._longest[sobject]
        filled = {name: value_at(fact, source) for name, source in self._filled[sobject].items()}
        return {
            name: shortened(value, longest[name]) if name in longest and isinstance(value, str) else value
            for name, value in filled.items()
        }

    def _fields(self, sobject: str, record: Any, without: tuple[str, ...] = ()) -> dict[str, object]:
        names: Mapping[str, str] = self._names[sobject]
        return {
            names[f.name]: _value(names[f.name], getattr(record, f.name))
            for f in dataclasses.fields(record)
            if f.name in names and f.name not in without
        }


def nowhere(_: object) -> frozenset[str]:
    """Of these products those that are shown elsewhere, where there is no other Stripe account: none."""
    return frozenset()


def value_at(fact: Fact | None, source: str) -> object:
    """What a source of the mappings says of this object; blank without one."""
    end = end_of(source)
    if fact is None:
        return None
    if end.key is not None:
        return fact.metadata.get(end.key)
    if end.path in type(fact).model_fields:
        return getattr(fact, end.path)
    return fact.values.get(end.path) if isinstance(fact, Customer | Product | Subscription | Invoice) else None


def _value(name: str, value: object) -> object:
    """``value`` as it is compared and sent: stamps in UTC with whole seconds, text no longer than its field."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and name in LONGEST:
        return shortened(value, LONGEST[name])
    return value


def shortened(text: str, length: int) -> str:
    """The text, with an ellipsis where its end had to go."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
