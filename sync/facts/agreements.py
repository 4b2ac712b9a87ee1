"""Facts of what was agreed."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from sync.facts.base import Fact
from sync.facts.catalogue import Price


class Item(BaseModel):
    """One price on a subscription, with its own period."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = ""
    price: Price
    quantity: int | None = None
    coupons: tuple[str, ...] = ()
    coupon_ends_s: tuple[int | None, ...] = ()  # when each stops working, in their order; None: not by itself
    period_start_s: int = 0
    period_end_s: int = 0
    created_s: int = 0  # when it was put on the subscription; 0: read by a release that did not keep it
    metadata: dict[str, str] = Field(default_factory=dict)


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
    resumes_s: int | None = None  # when that ends by itself
    payment_method: str | None = None  # id of its own, charged before the customer's
    method_words: str | None = None  # that method, as a customer's is said
    payment_method_types: tuple[str, ...] = ()  # none: the account's own setting
    items: tuple[Item, ...] = ()
    coupons: tuple[str, ...] = ()  # on the subscription as a whole
    coupon_ends_s: tuple[int | None, ...] = ()  # as an item's
    values: dict[str, str | int | bool] = Field(default_factory=dict)  # more of its plain members, by the SDK's names


class PhaseItem(BaseModel):
    """One price in a phase of a schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    price: str  # id
    quantity: int | None = None
    coupons: tuple[str, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)


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
    metadata: dict[str, str] = Field(default_factory=dict)


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


class DealAlone(Fact):
    """What is no object of Stripe: a deal of which nothing runs there (of one-time lines only, or over when it came), as its
    last run worked it out. ``id`` is the deal's key.

    Its invoices tell of it once they are there; what it shows before that stands here. ``dues``: when an invoice is
    made, and what it comes to before tax. Its days are in ``metadata``, as on its invoices.
    """

    KIND: ClassVar[str] = "alone"
    customer: str = ""
    currency: str = ""
    collection_method: str = ""
    opens_s: int
    over_s: int  # the first second without service
    dues: tuple[tuple[int, int], ...] = ()
