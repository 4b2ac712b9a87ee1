"""What an installation decides about billing. Defaults are the rules' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sync.deal.changes import Credit, Proration
from sync.deal.taxation import Taxation


@dataclass(frozen=True)
class BillingPolicy:
    """Choices that change what a quote means. ``currency`` stands in where the org has only one and names none;
    without it such a quote is refused, never guessed.
    """

    billing_timezone: str = "UTC"
    signed_statuses: tuple[str, ...] = ("Accepted",)
    currency: str = ""  # "" where the org names one on every quote
    collection_method: str = "send_invoice"  # or charge_automatically: where the quote says nothing
    days_until_due: int = 30
    max_days_until_due: int | None = None  # DATA-208 beyond it; None = no limit
    max_days_back: int | None = None  # DATA-204 beyond it; None = no limit
    rounding_step: bool = False  # round what the currency can't carry, and show the difference, instead of refusing
    proration: Proration = Proration.SIGNED  # where the quote says nothing
    credit: Credit = Credit.BALANCE  # for time no longer used, where the quote says nothing
    whole_months: bool = False  # a part month of a signed proration counts whole
    newest_first: bool = True  # where quantity is taken off: the newest matching line first
    true_up: bool = False  # what rounding leaves of the signed total is made good in the last period
    co_terminate: bool = True  # an amendment ends with its deal
    usage_grace: timedelta = timedelta(hours=1)  # so long use of a time that is over is waited for, where we bill it
    tax: Taxation | None = None  # of deals made from now on; None: no automatic tax
    #: A schedule is not made in the last moments before its start: were it late, Stripe would take it as back-dated.
    start_margin: timedelta = timedelta(minutes=3)

    def is_signed(self, status: str) -> bool:
        """Whether a quote in this status is signed."""
        return status in self.signed_statuses
