"""All that is known of one Account's billing, as what it shows is worked out from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync.desired.worth import Terms
from sync.facts import (
    Charge,
    Coupon,
    CreditNote,
    Customer,
    DealAlone,
    Dispute,
    Invoice,
    PendingItem,
    Portal,
    Price,
    Refund,
    Schedule,
    Subscription,
)


@dataclass(frozen=True)
class AccountView:
    """All that is known of one Account's billing, whatever customers, objects and channels it takes."""

    account_id: str
    zone: str
    now: datetime
    customers: Sequence[Customer]
    subscriptions: Sequence[Subscription]
    schedules: Sequence[Schedule]
    invoices: Sequence[Invoice]
    charges: Mapping[str, Sequence[Charge]] = field(default_factory=dict)  # by payment intent
    refunds: Sequence[Refund] = ()
    disputes: Sequence[Dispute] = ()
    notes: Sequence[CreditNote] = ()
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)  # Stripe product id -> Product2 id
    standing_alone: Sequence[DealAlone] = ()
    portal: Portal | None = None  # where customers add a payment method, if it was read
    pending: Sequence[PendingItem] = ()
    under_review: bool = False  # more than one customer is live, and people have not said which pays

    @property
    def payer(self) -> AccountView:
        """What the first of the customers, the Account's payer, has of it: of two live ones no sums are merged."""
        first = {c.id for c in self.customers[:1]}
        return replace(
            self,
            customers=self.customers[:1],
            subscriptions=[s for s in self.subscriptions if s.customer in first],
            schedules=[s for s in self.schedules if s.customer in first],
            invoices=[i for i in self.invoices if i.customer in first],
            standing_alone=[d for d in self.standing_alone if d.customer in first],
            pending=[p for p in self.pending if p.customer in first],
        )

    @property
    def terms(self) -> Terms:
        return Terms(self.coupons, self.prices, self.zone, self.now)
