"""What the pipeline needs of one org."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sync.clock import Deadline
from sync.crm import CrmAccount, QuoteGraph
from sync.ports.outbox import OutRow, RowResult

#: The fields of a new Account, and those of its Contact, None where there is none.
NewAccount = tuple[Mapping[str, object], Mapping[str, object] | None]


@dataclass(frozen=True)
class Change:
    """A CRM record whose inputs may have changed. ``digest`` covers the mapped input fields only; ``related`` are ids
    that make sense of it ({"QuoteId": ...}). ``awaited`` covers the fields that are ours and that people may correct: when
    it changes, only who waits for the record is due; blank for an object without such fields. ``payer_by`` are the e-mails
    and the id of a customer that stand on an Account: who is looked for by them is never stored.
    """

    object: str
    id: str
    stamp: str
    digest: str
    related: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False
    awaited: str = ""
    payer_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangePage:
    """Changed records up to ``cursor``; ``more`` says the head is not reached."""

    changes: tuple[Change, ...]
    cursor: Mapping[str, object]
    more: bool


class SalesforceGateway(Protocol):
    """One org. Errors sorted as `reference/salesforce.md` 3 lists; every id checked, every SOQL value quoted."""

    @property
    def organization_id(self) -> str: ...

    def quotes(self, ids: Sequence[str]) -> Mapping[str, QuoteGraph]:
        """The whole graph of each quote, set-wise, in as few Composite calls as possible. Missing ids are absent;
        deleted ones come with is_deleted.
        """

    def quotes_of_deal(self, opportunity_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Ids of signed quotes on these Opportunities."""

    def deal_quotes(self, billing_keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Ids of all quotes, signed or not, whose Billing_Subscription__c is the row of one of these deals, by the
        deal's key and in the order of their numbers; deleted ones are absent.
        """

    def accounts(self, ids: Sequence[str]) -> Mapping[str, CrmAccount]: ...

    def find_accounts(
        self, *, stripe_customer_ids: Sequence[str] = (), emails: Sequence[str] = ()
    ) -> Sequence[CrmAccount]:
        """CrmAccount rows carrying one of these Stripe ids or billing e-mails (Account.Billing_Email__c,
        PersonEmail).
        """

    def billing_timezones(self) -> Mapping[str, str]:
        """The billing time zone of every Account that has one of its own."""

    def routed_by(self, account_ids: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """What these Accounts say in the fields that choose among several Stripe accounts, by ``Account.Field``; Accounts
        that are gone are absent. Empty where the rules look at no Account.
        """

    def create_account(self, fields: Mapping[str, object], contact: Mapping[str, object] | None = None) -> str:
        """The id of an Account made now, with its Contact if one is given: both or none. OutcomeUnknown when there was
        no answer.
        """

    def create_accounts(self, new: Sequence[NewAccount]) -> Sequence[str | None]:
        """The ids of Accounts made now, each with its Contact or neither, in order; None for those that were refused, of
        which `create_account` says why. OutcomeUnknown when there was no answer.
        """

    def changes(self, heat: Literal["hot", "cold"], cursor: Mapping[str, object] | None) -> ChangePage:
        """The next page of changed records by keyset on (SystemModstamp, Id): hot = Quote, QuoteLineItem, Account;
        cold = Product2, PricebookEntry, Product_Price_Tier__c, Contact, Opportunity; deletes by queryAll. One
        Composite call a page.
        """

    def flush(self, rows: Sequence[OutRow], deadline: Deadline) -> tuple[Mapping[int, RowResult], str | None]:
        """Upsert rows: up to 200 of one object a Collections call, up to 5 such calls in one Composite, parents
        first, each external id once; one result per row id. Also the request id. No request is completed after the
        deadline: what is late is not sent.
        """

    def limits(self) -> Mapping[str, int]:
        """{"used": n, "allowed": m} of the daily API allowance, from the last answer's header, else by asking."""
