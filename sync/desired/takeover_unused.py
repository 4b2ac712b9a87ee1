"""What was billed of a plan for the time after it was taken over, and what is given back of it: by the second, of what each invoice
billed after discounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction

from sync.deal.money import round_half_away
from sync.desired.credit_lines import before_tax
from sync.desired.keys import KEY, OF_PLAN
from sync.desired.takeover import Takeover
from sync.facts import BalanceTransaction, CreditNote, Fact, Invoice, Line, PendingItem, Subscription
from sync.observed import Actual
from sync.records import Desired, Ref

#: Invoices of these were billed: a draft too, which Stripe finalises though its subscription has ended.
BILLED = frozenset({"draft", "open", "paid"})


@dataclass(frozen=True)
class Read:
    """Invoices of the plans and of the deal, what the customer was given back, and what waits for its next invoice, as read
    now.
    """

    of_plans: tuple[Invoice, ...] = ()
    of_deal: tuple[Invoice, ...] = ()
    notes: tuple[CreditNote, ...] = ()
    balances: tuple[BalanceTransaction, ...] = ()
    pending: tuple[PendingItem, ...] = ()
    returned: Mapping[str, int] = field(default_factory=dict)  # by invoice of a plan: `sync.desired.takeover_returned`

    @property
    def items(self) -> Mapping[str, tuple[Invoice, int]]:
        """By key the credits on the deal's invoices, as positive amounts, each with its invoice."""
        return {
            line.metadata[KEY]: (invoice, -line.amount_minor)
            for invoice in self.of_deal
            if invoice.status != "void"
            for line in invoice.lines
            if is_credit(line)
        }

    def notes_on_deal(self, takeover: Takeover) -> list[CreditNote]:
        """What lowered a first invoice that was sent before its credit could be put on it."""
        ids = {invoice.id for invoice in self.of_deal}
        mine = (n for n in self.notes if n.metadata.get(KEY, "").startswith(takeover.key("")))
        return [note for note in mine if note.invoice in ids and note.status != "void"]

    @property
    def facts(self) -> list[Fact]:
        """What carries keys of ours by itself."""
        return [
            *self.of_deal,
            *(i for i in self.of_plans if OF_PLAN in i.metadata.get(KEY, "")),
            *self.notes,
            *self.balances,
        ]

    @property
    def actual(self) -> Mapping[Ref, Actual]:
        """The credits that stand on invoices which Stripe made."""
        return {Ref("invoiceitem", key): Actual(invoice.id, {}) for key, (invoice, _) in self.items.items()}


@dataclass(frozen=True)
class Unused:
    """What one invoice billed for time after the takeover, in minor units."""

    key: str
    invoice: Invoice
    amount: int
    end_s: int

    @property
    def is_owed(self) -> bool:
        """Whether nobody has paid it, so that the invoice itself is lowered."""
        return self.invoice.status == "open" and not self.invoice.amount_paid_minor


@dataclass
class Given:
    """The credits: what is still to be made, when to look again, and in minor units what they take off the first invoice,
    what goes to the balance, and what open invoices of the plans are lowered by.
    """

    objects: list[Desired] = field(default_factory=list)
    wake_at: datetime | None = None
    on_first: int = 0
    to_balance: int = 0
    off_open: int = 0
    by_invoice: dict[str, int] = field(default_factory=dict)  # what comes off each invoice that we state, by its key


def is_credit(line: Line) -> bool:
    """Whether an invoice's line is our credit for a plan that its deal took over."""
    return OF_PLAN in line.metadata.get(KEY, "")


def unused(takeover: Takeover, invoices: Iterable[Invoice], returned: Mapping[str, int] | None = None) -> list[Unused]:
    """By invoice, newest first, what was billed for the time after the takeover; never more than was billed and did not go
    back (``returned``, in minor units by invoice: what was refunded or lost in a dispute).

    An invoice that gave something back for that time (fewer seats) lowers what the others billed.
    """
    plans = {plan.id: plan for plan in takeover.plans}
    mine = [i for i in invoices if _is_billed(i) and (i.subscription or "") in plans]
    found: dict[str, list[Unused]] = {}
    for invoice in sorted(mine, key=lambda i: (i.created_s, i.id), reverse=True):
        plan = plans[invoice.subscription or ""]
        if 0 < (plan.ended_at_s or 0) < takeover.at_s:
            continue  # it was ended before by somebody else, who decided what is given back
        lines = [line for line in invoice.lines if line.subscription_item not in metered(plan)]
        shares = [share(line.net_minor, line.period_start_s, line.period_end_s, takeover.at_s) for line in lines]
        end_s = max((line.period_end_s for line in lines), default=0)
        found.setdefault(plan.id, []).append(Unused(takeover.key(invoice.id), invoice, sum(shares), end_s))
    return [one for some in found.values() for one in _billed(some, returned or {})]


def _is_billed(invoice: Invoice) -> bool:
    """Whether the customer is asked for it, or will be. A draft that Stripe leaves one (of a plan whose collection is paused, or
    that is unpaid) asks for nothing; one of ours we finalise.
    """
    left_alone = invoice.status == "draft" and invoice.auto_advance is False and KEY not in invoice.metadata
    return invoice.status in BILLED and not left_alone


def _billed(some: Sequence[Unused], returned: Mapping[str, int]) -> list[Unused]:
    """Those of one plan that are above zero, less those below, each no more than its invoice still comes to."""
    back = -sum(one.amount for one in some if one.amount < 0)
    left = []
    for one in (one for one in some if one.amount > 0):
        kept = one.amount - min(back, one.amount)
        back -= one.amount - kept
        gone = one.invoice.credited_minor + returned.get(one.invoice.id, 0)
        left_of_it = max(0, one.invoice.total_minor - gone)
        amount = min(kept, before_tax(one.invoice, left_of_it))
        left += [replace(one, amount=amount)] if amount else []
    return left


def share(amount: int, start_s: int, end_s: int, at_s: int) -> int:
    """The part of an amount that its seconds after ``at_s`` are of all its seconds, rounded."""
    if end_s <= at_s or end_s <= start_s:
        return 0
    return round_half_away(Fraction(amount * (end_s - max(start_s, at_s)), end_s - start_s))


def metered(plan: Subscription) -> frozenset[str]:
    """The items of a plan that are billed by use."""
    return frozenset(item.id for item in plan.items if item.price.usage_type == "metered")
