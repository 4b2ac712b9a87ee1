"""Typed records of the CRM side, as `mappings/` fills them. Salesforce's words stay Salesforce's; dates are plain days.

A blank CRM field is ``None``. Amounts and quantities are ``Decimal`` in major units, percents 10 = 10 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

#: How every id of a Quote begins.
QUOTE_PREFIX = "0Q0"
#: What a record sends to Stripe by the mappings' ``to:``: (``customer.metadata.region``, its value), blank ones too.
Sent = tuple[tuple[str, str | bool | None], ...]


@dataclass(frozen=True)
class CrmAccount:
    """Who pays: an Account of Salesforce."""

    id: str
    name: str
    website: str | None = None
    billing_email: str | None = None
    person_email: str | None = None
    billing_timezone: str | None = None
    stripe_customer_id: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    state_code: str | None = None  # where the org keeps states and countries as picklists
    country_code: str | None = None
    tax_number: str | None = None
    tax_exempt: str | None = None  # None, Exempt, Reverse
    master_record_id: str | None = None
    is_deleted: bool = False
    sent: Sent = ()


@dataclass(frozen=True)
class CrmTier:
    """One step of a product's price by quantity: a Product_Price_Tier__c. ``up_to`` is inclusive, None for all above."""

    currency: str | None = None
    up_to: Decimal | None = None
    unit_amount: Decimal | None = None
    flat_amount: Decimal | None = None


@dataclass(frozen=True)
class CrmProduct:
    """What is sold: a Product2. ``tiers`` are read only where ``tier_mode`` is filled; ``adopted`` is the Stripe product
    that it is, where that is not the one that Tandem makes for it.
    """

    id: str
    name: str
    is_active: bool = True
    product_code: str | None = None
    description: str | None = None
    charge_type: str | None = None  # Recurring, One-Time, Usage
    price_period: str | None = None  # Month, Quarter, Year, Term
    tier_mode: str | None = None
    meter_event: str | None = None
    tax_code: str | None = None
    stripe_product_id: str | None = None
    is_deleted: bool = False
    tiers: tuple[CrmTier, ...] = ()
    sent: Sent = ()
    adopted: str | None = None


@dataclass(frozen=True)
class CrmQuoteLine:
    """A QuoteLineItem as the rep wrote it."""

    id: str
    quote_id: str
    product_id: str | None
    quantity: Decimal | None
    unit_price: Decimal | None
    line_number: str | None = None
    sort_order: int | None = None
    description: str | None = None
    discount_percent: Decimal | None = None
    discount_amount: Decimal | None = None
    discount_months: int | None = None
    change: str | None = None  # Add, Remove; blank = Add
    charge_type: str | None = None
    price_period: str | None = None
    billing_frequency: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    ramp_key: str | None = None
    optional: bool = False
    contract_amount: Decimal | None = None


@dataclass(frozen=True)
class CrmQuote:
    """A Quote: what the rep fills in, and our own fields as they show now."""

    id: str
    number: str
    name: str
    status: str
    account_id: str | None
    opportunity_id: str | None = None
    contact_id: str | None = None
    contact_email: str | None = None
    contact_name: str | None = None
    email: str | None = None
    currency: str | None = None  # CurrencyIsoCode; None in a single-currency org
    quote_type: str | None = None  # New, Amendment, Renewal, Cancellation; blank = New
    billing_subscription_id: str | None = None
    billing_subscription_key: str | None = (
        None  # Billing_Key__c of that row: the key of the deal, or of a plan it took over
    )
    billing_subscription_quote: str | None = None  # Quote__c of that row: the quote that made the deal
    start_date: date | None = None
    end_date: date | None = None
    term_months: int | None = None
    billing_frequency: str | None = None
    billing_day: int | None = None
    collection_method: str | None = None  # Send Invoice, Charge Automatically
    payment_methods: str | None = None
    days_until_due: int | None = None
    po_number: str | None = None
    trial_days: int | None = None
    auto_renew: bool = False
    quote_discount: Decimal | None = None
    quote_discount_months: int | None = None
    proration_policy: str | None = None
    credit_policy: str | None = None
    skip_past_invoices: bool = False
    signed_at: datetime | None = None
    saved_at: datetime | None = None  # by whomever
    billing_request: str | None = None  # Check, Start, Retry, Cancel, Refresh
    customer_choice: str | None = None
    is_deleted: bool = False
    sent: Sent = ()
    # ours, as the CRM shows them now (display only, never evidence)
    billing_status: str | None = None
    billing_code: str | None = None
    billing_message: str | None = None
    billing_preview: str | None = None
    billing_reference: str | None = None
    contract_total: Decimal | None = None
    first_invoice_amount: Decimal | None = None

    @property
    def names_deal(self) -> str | None:
        """The key of the deal that the quote changes: of one that took over a self-serve plan, whose row has the plan's key,
        the quote that made it.
        """
        key = self.billing_subscription_key
        return key if key and key.startswith(QUOTE_PREFIX) else self.billing_subscription_quote or key


@dataclass(frozen=True)
class QuoteGraph:
    """A quote and all that its meaning depends on, read together. ``account`` is None when AccountId is blank."""

    quote: CrmQuote
    lines: tuple[CrmQuoteLine, ...]
    account: CrmAccount | None
    products: Mapping[str, CrmProduct] = field(default_factory=dict)
    #: What says on which of several Stripe accounts it is billed, by ``Quote.Field`` and ``Account.Field``; never signed.
    routed_by: Mapping[str, object] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class CrmRow:
    """A row as it should stand in the CRM: upserted by ``key_field`` (an External Id, or "Id" for standard records).

    ``fields`` are API names (un-namespaced) to JSON values; Decimals stay Decimal. ``parents`` maps a relationship name
    (``Account__r``, ``Billing_Invoice__r``) to the external key of a row of ours; real Salesforce ids go in ``fields``.
    ``group`` is the Account id: rows of one group travel in one chunk. ``quiet`` names fields that alone never cause
    a write (As_Of__c). ``currency`` is that of the row's amounts, three capitals: in an org with several currencies a
    record without one would count as the org's own, and keep only that one's decimals.
    """

    sobject: str
    key_field: str
    key: str
    fields: Mapping[str, object]
    group: str
    parents: Mapping[str, tuple[str, str, str]] = field(
        default_factory=dict
    )  # relationship -> (sobject, key field, key)
    quiet: tuple[str, ...] = ("As_Of__c", "Billing_As_Of__c")
    currency: str = ""
