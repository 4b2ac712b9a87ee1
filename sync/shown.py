"""What Tandem shows in the CRM, as typed records. `mappings/` says which field each attribute fills; all of it is
owned by us.

Amounts are ``Decimal`` in major units with the currency's decimals, dates are days of the Account's billing zone,
last days inclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class AccountSummary:
    """Billing of one Account, all contracts together; amounts of one currency only."""

    id: str
    stripe_customer_id: str | None
    billing_channel: str | None
    billing_health: str
    billing_currency: str | None
    mrr: Decimal | None
    arr: Decimal | None
    contracted_mrr: Decimal | None
    open_balance: Decimal | None
    credit_balance: Decimal | None
    overdue_amount: Decimal | None
    overdue_days: int | None
    next_invoice_date: date | None
    next_invoice_amount: Decimal | None
    last_payment_date: date | None
    last_payment_amount: Decimal | None
    payment_method: str | None
    billing_as_of: datetime


@dataclass(frozen=True)
class BillingSubscription:
    """A contract: one row whatever Stripe objects it takes."""

    billing_key: str
    account: str
    quote: str | None
    stripe_id: str | None
    stripe_schedule_id: str | None
    stripe_ids: str
    channel: str
    status: str
    currency: str
    start_date: date | None
    end_date: date | None
    ends_on: date | None
    current_period_end: date | None
    quantity: int
    mrr: Decimal
    arr: Decimal
    contracted_mrr: Decimal
    collection_method: str | None
    stripe_url: str
    as_of: datetime
    renewed_by: str | None = None  # Billing_Key__c of the deal that follows
    last_usage: Decimal | None = None  # of the period that was billed last
    last_usage_amount: Decimal | None = None


@dataclass(frozen=True)
class BillingSubscriptionItem:
    """One item of a contract."""

    billing_key: str
    billing_subscription: str  # Billing_Key__c of the parent
    product2: str | None
    quantity: Decimal | None
    unit_amount: Decimal | None
    discount: Decimal
    mrr: Decimal
    start_date: date | None
    end_date: date | None
    account: str = ""  # groups rows; not a field
    currency: str = ""


@dataclass(frozen=True)
class BillingInvoice:
    """One invoice."""

    billing_key: str
    stripe_id: str
    account: str
    billing_subscription: str | None  # Billing_Key__c of the contract
    number: str | None
    status: str
    currency: str
    subtotal: Decimal
    tax: Decimal
    total: Decimal
    amount_paid: Decimal
    amount_remaining: Decimal
    amount_refunded: Decimal
    amount_credited: Decimal  # without what was refunded
    issued_on: date
    due_on: date | None
    period_start: date | None
    period_end: date | None
    attempts: int
    next_attempt_at: datetime | None
    failure: str | None
    dispute_status: str | None
    hosted_url: str | None
    pdf_url: str | None
    as_of: datetime


@dataclass(frozen=True)
class BillingPayment:
    """One payment, failed attempt, refund, credit or dispute."""

    billing_key: str
    billing_invoice: str  # Billing_Key__c of the invoice
    type: str
    status: str
    currency: str
    amount: Decimal
    at: datetime
    detail: str | None
    account: str = ""


@dataclass(frozen=True)
class BillingIssue:
    """Something that people have to look at; ``sum`` is what is at stake."""

    billing_key: str
    code: str
    title: str
    detail: str
    record: str
    quote: str | None
    account: str | None
    sum: Decimal | None
    status: str
    audience: str
    reference: str | None
    opened_at: datetime
    currency: str
    subscription: str | None = None  # Billing_Key__c of the contract it is about
