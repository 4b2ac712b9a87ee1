"""Facts of what was billed, paid and given back."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sync.facts.base import Fact


class InvoicePayment(BaseModel):
    """One payment towards an invoice. ``waits_for`` says who has to answer before it is decided: the customer's bank, to which
    a debit is on its way, or the customer, who is asked to confirm it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    status: str  # open paid canceled
    amount_minor: int
    created_s: int
    paid_at_s: int | None = None
    payment_intent: str | None = None
    out_of_band: bool = False
    waits_for: Literal["bank", "customer"] | None = None


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
    metadata: dict[str, str] = Field(default_factory=dict)

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
    values: dict[str, str | int | bool] = Field(default_factory=dict)  # more of its plain members, by the SDK's names
    total_minor: int = 0
    amount_due_minor: int = 0
    amount_paid_minor: int = 0
    amount_remaining_minor: int = 0
    from_balance_minor: int = (
        0  # paid out of the customer's credit balance; negative: owed from before, on top of the total
    )
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
    subscription_metadata: dict[str, str] = Field(default_factory=dict)
    payment_method_types: tuple[str, ...] = ()  # none: the account's own setting
    discounts: tuple[str, ...] = ()  # ids of those on the whole: no invoice of a deal has any of its own
    payments: tuple[InvoicePayment, ...] = ()
    lines: tuple[Line, ...] = ()
    more_lines: bool = False
    last_error: str | None = None  # of the payment intent: Stripe's own words
    last_error_code: str | None = None

    @property
    def before_tax_minor(self) -> int:
        """The total without the tax that comes on top: what is held against what was signed."""
        return self.total_minor - self.added_tax_minor


class PendingItem(Fact):
    """An invoice item that waits for the next invoice. ``amount_minor`` is before tax and before discounts of that invoice; a
    proration's own are taken off.
    """

    KIND: ClassVar[str] = "pendingitem"
    customer: str = ""
    subscription: str | None = None
    currency: str = ""
    amount_minor: int = 0
    description: str | None = None
    period_start_s: int = 0
    period_end_s: int = 0


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


class CashBalance(Fact):
    """Money that a customer sent by bank transfer and that pays no invoice yet; ``id`` is the customer's."""

    KIND: ClassVar[str] = "cash"
    available: dict[str, int] = Field(default_factory=dict)  # by currency


class BalanceTransaction(Fact):
    """One move of a customer's balance; negative = credit in the customer's favour."""

    KIND: ClassVar[str] = "balance"
    customer: str = ""
    amount_minor: int = 0
    currency: str = ""
    type: str = ""  # adjustment applied_to_invoice credit_note unapplied_from_invoice initial ...
    credit_note: str | None = None
    invoice: str | None = None
