"""Everything that stands on either side, page by page: what a backfill and a reconcile read (DESIGN 1, 5).

A page names the cursor of the next one; None ends the list. A cursor is text, means something to its gateway only, and
may be kept: a listing that was stopped goes on from it. What appears or changes while a list is read may or may not be
in it, so what was read is a picture of the present and never proof that something is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sync.crm import CrmAccount, QuoteGraph
from sync.facts import Fact

#: The lists of a Stripe account, in an order in which nothing is read before what it names.
FactKind = Literal[
    "product", "price", "coupon", "customer", "schedule", "subscription", "invoice", "charge", "creditnote"
]
FACT_KINDS: tuple[FactKind, ...] = (
    "product", "price", "coupon", "customer", "schedule", "subscription", "invoice", "charge", "creditnote"
)  # fmt: skip
#: The objects of the CRM that hold what is ours, parents first.
RowKind = Literal[
    "Account",
    "Opportunity",
    "Product2",
    "Billing_Subscription__c",
    "Billing_Subscription_Item__c",
    "Billing_Invoice__c",
    "Billing_Payment__c",
    "Billing_Issue__c",
]
ROW_KINDS: tuple[RowKind, ...] = (
    "Account", "Billing_Subscription__c", "Billing_Subscription_Item__c", "Billing_Invoice__c", "Billing_Payment__c",
    "Billing_Issue__c",
)  # fmt: skip
#: Standard records on which something of ours stands, beside the Account.
MARKED_KINDS: tuple[RowKind, ...] = ("Opportunity", "Product2")


@dataclass(frozen=True)
class Span:
    """Objects created from ``since_s`` on and before ``until_s`` (unix seconds of business time); None is no bound. The
    spans of one list can be read side by side.
    """

    since_s: int | None = None
    until_s: int | None = None


EVER = Span()


@dataclass(frozen=True)
class FactPage:
    """Up to a hundred objects of one list, newest first; after charges their refunds and disputes."""

    facts: tuple[Fact, ...]
    after: str | None

    def of(self, kind: FactKind) -> list[Fact]:
        """The objects of the list itself."""
        return [fact for fact in self.facts if kind == fact.KIND]


@dataclass(frozen=True)
class QuotePage:
    """Up to 2,000 signed quotes with their lines, products and Accounts, by Id."""

    quotes: tuple[QuoteGraph, ...]
    after: str | None


@dataclass(frozen=True)
class AccountPage:
    """Up to 2,000 Accounts that may be somebody's in Stripe, by Id."""

    accounts: tuple[CrmAccount, ...]
    after: str | None


@dataclass(frozen=True)
class FoundRow:
    """A record as it stands in the CRM: of its fields those that are ours, in the form in which `sync.crm.CrmRow` has
    them. ``parents`` are the external keys of the rows of ours that it hangs on, by relationship; a blank one is
    absent. ``changed_by`` is the id of the user who saved it last.
    """

    sobject: str
    id: str
    key: str
    fields: Mapping[str, object]
    parents: Mapping[str, str] = field(default_factory=dict)
    changed_by: str = ""
    changed_at: str = ""


@dataclass(frozen=True)
class RowPage:
    """Up to 2,000 records of one object, by Id."""

    rows: tuple[FoundRow, ...]
    after: str | None


class StripeLists(Protocol):
    """Every object of one Stripe account, by list."""

    def list_facts(self, kind: FactKind, after: str | None = None, span: Span = EVER) -> FactPage:
        """The next page of this list: subscriptions of every status, archived prices and products, void invoices. Every
        fact is as complete as a single read of it: embedded lists that go on cost calls of their own.
        """


class SalesforceLists(Protocol):
    """Every record of one org that is ours or may be billed."""

    def list_quotes(self, after: str | None = None) -> QuotePage:
        """The next page of signed quotes, deleted ones left out."""

    def list_payers(self, after: str | None = None) -> AccountPage:
        """The next page of Accounts with a billing e-mail or a customer's id."""

    def list_rows(self, sobject: RowKind, after: str | None = None) -> RowPage:
        """The next page of this object: all rows of ours; of a standard object those with anything of ours on them."""
