"""What was last read of each Stripe object, normalised: only what we decide on or show, in stable types.

Amounts are integer minor units, stamps are Unix seconds (UTC), unit amounts are ``Decimal`` minor units.
Built from Stripe's JSON by `sync.gateways.stripe_facts`; kept as JSON in the store. Enumerations are open (Stripe adds
values): they stay text and unknown ones are translated to "unknown" where they are shown, never a crash.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """Base: immutable, comparable, JSON both ways. ``id`` is Stripe's; ``deleted`` is true for an object known to be
    gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    KIND: ClassVar[str]
    id: str
    created_s: int = 0
    livemode: bool = False
    deleted: bool = False
    metadata: dict[str, str] = {}


class Coupon(Fact):
    """A discount, by percent or by amount."""

    KIND: ClassVar[str] = "coupon"
    percent_off: Decimal | None = None
    amount_off_minor: int | None = None
    currency: str | None = None
    duration: str = "forever"
    duration_in_months: int | None = None
    valid: bool = True


class Product(Fact):
    """A product of the catalogue."""

    KIND: ClassVar[str] = "product"
    name: str = ""
    description: str | None = None
    active: bool = True
    tax_code: str | None = None
    values: dict[str, str | int | bool] = {}  # its other plain members, by the SDK's names: unit_label


class PriceTier(BaseModel):
    """One step of a price in tiers, in minor units; ``up_to`` is inclusive, None for all above."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    up_to: int | None
    unit: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)


class Price(Fact):
    """A price: what one unit costs, and how often. ``tiers`` are known only where the price was read by its id."""

    KIND: ClassVar[str] = "price"
    product: str = ""
    currency: str = ""
    active: bool = True
    lookup_key: str | None = None
    unit_amount_decimal: Decimal | None = None  # minor units, up to 12 decimals; None for tiers
    interval: str | None = None  # day week month year; None = one-time
    interval_count: int = 1
    usage_type: str | None = None
    meter: str | None = None  # id of the meter whose sums it bills
    billing_scheme: str = "per_unit"
    tiers_mode: str | None = None  # graduated volume
    tiers: tuple[PriceTier, ...] = ()
    packaged: bool = False  # it charges packages of units, not units


class Meter(Fact):
    """What sums the usage events of one name, by customer."""

    KIND: ClassVar[str] = "meter"
    event_name: str = ""
    status: str = ""  # active inactive
    display_name: str = ""
    formula: str = "sum"  # count sum last
    customer_key: str = "stripe_customer_id"  # where an event's payload says whose it is, and how many
    value_key: str = "value"


class Customer(Fact):
    """Who pays, on the Stripe side."""

    KIND: ClassVar[str] = "customer"
    email: str | None = None
    name: str | None = None
    individual_name: str | None = None  # of a person, where Stripe was told which it is
    business_name: str | None = None
    currency: str | None = None
    balance_minor: int = 0  # negative = credit in the customer's favour
    payment_method: str | None = None  # "visa •••• 4242, 12/2030" of the default method, if known
    delinquent: bool = False
    address: dict[str, str] = {}  # the parts that are filled, under Stripe's names
    tax_exempt: str = "none"  # none exempt reverse
    values: dict[str, str | int | bool] = {}  # its other plain members, by the SDK's names: phone, address.city


class TaxSettings(Fact):
    """Whether the account can work out tax; there is one, without an id of its own."""

    KIND: ClassVar[str] = "taxsettings"
    id: str = "taxsettings"
    status: str = ""  # active pending
    missing: tuple[str, ...] = ()  # what it waits for


class TaxId(Fact):
    """A tax number of a customer."""

    KIND: ClassVar[str] = "taxid"
    customer: str = ""
    type: str = ""
    value: str = ""
    verification: str | None = None  # pending verified unverified unavailable


class Item(BaseModel):
    """One price on a subscription, with its own period."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = ""
    price: Price
    quantity: int | None = None
    coupons: tuple[str, ...] = ()
    period_start_s: int = 0
    period_end_s: int = 0
    metadata: dict[str, str] = {}


class Subscription(Fact):
    """A running or ended subscription."""

    KIND: ClassVar[str] = "subscription"
    customer: str = ""
    status: str = ""
    currency: str = ""
    schedule: str | None = None
    collection_method: str = ""
    days_until_due: int | None = None
    start_date_s: int = 0
    billing_cycle_anchor_s: int = 0
    trial_end_s: int | None = None
    cancel_at_s: int | None = None
    cancel_at_period_end: bool = False
    canceled_at_s: int | None = None
    ended_at_s: int | None = None
    paused: bool = False  # pause_collection is set
    payment_method_types: tuple[str, ...] = ()  # none: the account's own setting
    items: tuple[Item, ...] = ()
    coupons: tuple[str, ...] = ()  # on the subscription as a whole


class PhaseItem(BaseModel):
    """One price in a phase of a schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    price: str  # id
    quantity: int | None = None
    coupons: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class Phase(BaseModel):
    """A stretch of a schedule, ``end_s`` exclusive."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start_s: int
    end_s: int
    items: tuple[PhaseItem, ...]
    add_invoice_items: tuple[PhaseItem, ...] = ()
    coupons: tuple[str, ...] = ()
    proration_behavior: str = ""
    billing_cycle_anchor: str | None = None  # automatic phase_start; None = the schedule's own
    trial_end_s: int | None = None
    metadata: dict[str, str] = {}


class Schedule(Fact):
    """A subscription schedule: what will run when."""

    KIND: ClassVar[str] = "schedule"
    customer: str = ""
    status: str = ""  # not_started active completed released canceled
    subscription: str | None = None
    released_subscription: str | None = None
    end_behavior: str = ""
    collection_method: str = ""
    days_until_due: int | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()
    currency: str = ""
    phases: tuple[Phase, ...] = ()
    canceled_at_s: int | None = None
    completed_at_s: int | None = None


class InvoicePayment(BaseModel):
    """One payment towards an invoice."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    status: str  # open paid canceled
    amount_minor: int
    created_s: int
    paid_at_s: int | None = None
    payment_intent: str | None = None
    out_of_band: bool = False


class Charge(Fact):
    """One attempt to collect money, successful or not."""

    KIND: ClassVar[str] = "charge"
    payment_intent: str | None = None
    customer: str | None = None
    amount_minor: int = 0
    currency: str = ""
    status: str = ""  # succeeded pending failed
    failure_code: str | None = None
    failure_message: str | None = None
    method: str | None = None
    refunded_minor: int = 0
    disputed: bool = False


class Refund(Fact):
    """Money of a charge on its way back to where it came from, or there."""

    KIND: ClassVar[str] = "refund"
    customer: str = ""
    charge: str = ""
    payment_intent: str = ""
    amount_minor: int = 0
    currency: str = ""
    status: str = ""  # pending requires_action succeeded failed canceled
    reason: str | None = None
    failure_reason: str | None = None


class Dispute(Fact):
    """A charge that the customer's bank questions: asked about only (``warning_...``), or taken back."""

    KIND: ClassVar[str] = "dispute"
    customer: str = ""
    charge: str = ""
    payment_intent: str = ""
    amount_minor: int = 0
    currency: str = ""
    status: str = ""  # warning_needs_response needs_response under_review won lost ...
    reason: str = ""
    answer_by_s: int | None = None
    withdrawn_minor: int = 0  # what the bank holds of our money now


class Line(BaseModel):
    """One line of an invoice. ``amount_minor`` is before discounts and taxes that are added."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = ""
    amount_minor: int
    discount_minor: int = 0  # what its discounts take off, of the line's own and of the invoice's
    added_tax_minor: int = 0  # on top of it
    included_tax_minor: int = 0  # part of it
    quantity: int | None = None
    description: str | None = None
    price: str | None = None
    subscription_item: str | None = None  # id of the item that a subscription bills by it
    proration: bool = False
    period_start_s: int = 0
    period_end_s: int = 0
    metadata: dict[str, str] = {}

    @property
    def net_minor(self) -> int:
        """What the line charges, discounts taken off."""
        return self.amount_minor - self.discount_minor


class Invoice(Fact):
    """An invoice with its payments and lines. ``more_lines`` says that ``lines`` are only the first: true of long previews,
    never of an invoice that was read.
    """

    KIND: ClassVar[str] = "invoice"
    customer: str = ""
    subscription: str | None = None
    number: str | None = None
    status: Literal["draft", "open", "paid", "void", "uncollectible"] | str = "draft"
    currency: str = ""
    billing_reason: str | None = None
    collection_method: str = ""
    auto_advance: bool | None = None  # Stripe finalises and collects it by itself
    subtotal_minor: int = 0
    tax_minor: int = 0  # all of it, what is part of the prices too
    added_tax_minor: int = 0  # what comes on top of the prices
    tax_status: str | None = None  # complete failed requires_location_inputs; None without automatic tax
    tax_disabled: str | None = None  # why Stripe switched automatic tax off
    tax_reasons: tuple[str, ...] = ()  # standard_rated reverse_charge not_collecting ..., each once
    country: str | None = None  # where the customer was when it was last worked out
    finalization_error: str | None = None  # Stripe's own words
    finalization_error_code: str | None = None
    total_minor: int = 0
    amount_due_minor: int = 0
    amount_paid_minor: int = 0
    amount_remaining_minor: int = 0
    overpaid_minor: int = 0  # paid beyond what was due: Stripe put it to the customer's balance
    credited_minor: int = 0  # credit notes, before and after payment
    attempt_count: int = 0
    next_payment_attempt_s: int | None = None
    due_date_s: int | None = None
    finalized_at_s: int | None = None
    paid_at_s: int | None = None
    voided_at_s: int | None = None
    uncollectible_at_s: int | None = None
    period_start_s: int = 0  # of the recurring lines, else of all lines, else Stripe's own
    period_end_s: int = 0
    hosted_url: str | None = None
    pdf_url: str | None = None
    subscription_metadata: dict[str, str] = {}
    payment_method_types: tuple[str, ...] = ()  # none: the account's own setting
    payments: tuple[InvoicePayment, ...] = ()
    lines: tuple[Line, ...] = ()
    more_lines: bool = False
    last_error: str | None = None  # of the payment intent: Stripe's own words
    last_error_code: str | None = None

    @property
    def before_tax_minor(self) -> int:
        """The total without the tax that comes on top: what is held against what was signed."""
        return self.total_minor - self.added_tax_minor


class CreditNote(Fact):
    """A correction of a finalised invoice. Its sum is ``pre_payment_minor`` (what is due got smaller) and what was given
    back after payment: ``credit_minor`` to the balance, ``refund_minor``, ``out_of_band_minor``. A void one counts for
    nothing. ``refunds`` are the ids of the refunds that it stands for, each with its part.
    """

    KIND: ClassVar[str] = "creditnote"
    customer: str = ""
    invoice: str = ""
    number: str | None = None
    status: Literal["issued", "void"] | str = ""
    currency: str = ""
    amount_minor: int = 0  # positive; with taxes, after discounts
    pre_payment_minor: int = 0
    credit_minor: int = 0
    refund_minor: int = 0
    out_of_band_minor: int = 0
    refunds: tuple[tuple[str, int], ...] = ()
    lines: tuple[tuple[str, int], ...] = ()  # of the invoice, each with what is credited of it, before tax on top
    reason: str | None = None


class BalanceTransaction(Fact):
    """One move of a customer's balance; negative = credit in the customer's favour."""

    KIND: ClassVar[str] = "balance"
    customer: str = ""
    amount_minor: int = 0
    currency: str = ""
    type: str = ""  # adjustment applied_to_invoice credit_note unapplied_from_invoice initial ...
    credit_note: str | None = None
    invoice: str | None = None


FACT_TYPES: dict[str, type[Fact]] = {
    t.KIND: t
    for t in (
        Coupon,
        Product,
        Price,
        Meter,
        Customer,
        Subscription,
        Schedule,
        Charge,
        Refund,
        Dispute,
        Invoice,
        CreditNote,
        BalanceTransaction,
        TaxId,
    )
}
