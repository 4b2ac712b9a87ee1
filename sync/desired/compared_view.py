"""One Account with its deals as a comparison sees it, and how what it finds of a deal is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from sync.crm import CrmAccount, CrmQuote
from sync.deal.deal import Deal
from sync.deal.policy import BillingPolicy
from sync.desired.contracts import contracts
from sync.desired.differences import OUTSIDE, Cure, Difference, Kind
from sync.desired.worth import Terms
from sync.facts import (
    BalanceTransaction,
    Coupon,
    CreditNote,
    Customer,
    Dispute,
    Invoice,
    Price,
    Refund,
    Schedule,
    Subscription,
)

OVER = frozenset({"canceled", "incomplete_expired"})
SCHEDULE_OVER = frozenset({"canceled", "completed", "released"})
#: How long after its last moment something may still be running before that is a difference: Stripe ends it by itself.
ENDS_WITHIN = timedelta(hours=2)


def goes_on(one: Subscription | Schedule) -> bool:
    """Whether it is not over."""
    return one.status not in (SCHEDULE_OVER if isinstance(one, Schedule) else OVER)


@dataclass(frozen=True)
class QuoteState:
    """How a signed quote stands with us. ``pending``: due, running, or waiting for a moment close by."""

    pending: bool
    code: str | None = None
    sum_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True)
class DealsView:
    """All that is known of one Account's deals on every side.

    ``deals`` are the deals as promised, by key; ``billed`` the quotes that were taken in; ``states`` how quotes stand
    with us, absent for one that was never noticed; ``links`` the keys of our links.
    """

    account_id: str
    zone: str
    now: datetime
    policy: BillingPolicy
    quotes: Sequence[CrmQuote] = ()
    deals: Mapping[str, Deal] = field(default_factory=dict)
    billed: frozenset[str] = frozenset()
    states: Mapping[str, QuoteState] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    customers: Sequence[Customer] = ()
    subscriptions: Sequence[Subscription] = ()
    schedules: Sequence[Schedule] = ()
    invoices: Sequence[Invoice] = ()
    prices: Mapping[str, Price] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    notes: Sequence[CreditNote] = ()
    balances: Sequence[BalanceTransaction] = ()
    went_back: Sequence[Refund | Dispute] = ()
    account: CrmAccount | None = None

    @property
    def objects(self) -> list[Subscription | Schedule]:
        """What runs, ran, or is planned."""
        return [*self.subscriptions, *self.schedules]

    def monthly(self, subscriptions: Iterable[Subscription]) -> Fraction:
        """What these are worth a month today, exact, in minor units."""
        terms = Terms(self.coupons, self.prices, self.zone, self.now)
        return sum((c.monthly for c in contracts(subscriptions, (), terms)), Fraction(0))


def of_deal(
    deal: Deal,
    kind: Kind,
    record: str,
    part: str,
    expected: str,
    actual: str,
    *,
    actor: str = OUTSIDE,
    mrr_minor: int | None = None,
    sum_minor: int | None = None,
    cure: Cure = Cure.PERSON,
) -> Difference:
    """A difference of a deal, at its own quote if no other ``record`` is named."""
    return Difference(
        kind, f"quote:{deal.key}", deal.payer.account_id, record or f"Quote {deal.number}", part, expected, actual,
        actor, mrr_minor, sum_minor, deal.currency, cure,
    )  # fmt: skip
