"""What an Opportunity shows: how its deals stand, and what of what was contracted is billed (BILLING_RULES 7).

Contracted is what its deals come to as they were frozen, credits taken off, with every change of them, whatever
Opportunity that was signed on. Billed is what was invoiced of these deals and stands, without tax and less what was credited. Both are
major units of the Opportunity's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sync.deal.money import to_major
from sync.desired import quote_status
from sync.desired.credit_lines import credited_before_tax
from sync.desired.keys import DEAL
from sync.desired.last_usage import BILLED, is_metered
from sync.facts import DealAlone, Invoice, Price, Schedule, Subscription

#: What a person should see first, first.
ORDER = (
    quote_status.NEEDS_ATTENTION,
    quote_status.WITH_BILLING,
    quote_status.ON_HOLD,
    quote_status.CREATING,
    quote_status.WAITING,
    quote_status.LIVE,
    quote_status.SCHEDULED,
    quote_status.ENDED,
    quote_status.NOT_STARTED,
)
NOTE_LENGTH = 255


@dataclass(frozen=True)
class SignedQuote:
    """A quote of a deal. ``deal`` is its own id where it made one; ``status`` is what it shows. ``deal_total`` is what the
    deal came to with it, credits taken off, None without an end; ``change_total`` what it changed.
    """

    id: str
    deal: str
    opportunity: str | None
    status: str
    deal_total: Decimal | None
    change_total: Decimal | None = None


@dataclass(frozen=True)
class BilledDeal:
    """What a deal was invoiced so far, and the part of it that is use, which nobody contracted; minor units."""

    minor: int = 0
    by_use_minor: int = 0
    currency: str = ""


def billed(
    objects: Iterable[Subscription | Schedule | DealAlone], invoices: Iterable[Invoice], prices: Mapping[str, Price]
) -> dict[str, BilledDeal]:
    """What each deal that these objects are of was invoiced, by its key."""
    deals = {o.id: o for o in objects if o.metadata.get(DEAL)}
    found = {o.metadata[DEAL]: BilledDeal(currency=o.currency) for o in deals.values()}
    for invoice in invoices:
        mine = deals.get(invoice.subscription or "")
        key = mine.metadata[DEAL] if mine else invoice.metadata.get(DEAL)
        if key is None or invoice.deleted or invoice.status not in BILLED:
            continue
        known = found.get(key, BilledDeal(currency=invoice.currency))
        metered = (x.net_minor for x in invoice.lines if is_metered(x, prices))
        found[key] = BilledDeal(
            known.minor + invoice.before_tax_minor - credited_before_tax(invoice),
            known.by_use_minor + sum(metered),
            known.currency,
        )
    return found


def opportunities(
    quotes: Sequence[SignedQuote], billed_by_deal: Mapping[str, BilledDeal]
) -> dict[str, Mapping[str, object]]:
    """The fields of each Opportunity that these quotes were signed on. ``quotes`` are all of their deals, in the order in
    which they were taken in: the last of a deal has what it comes to.
    """
    whole = {q.deal: q.deal_total for q in quotes}
    found = {}
    for opportunity in sorted({q.opportunity for q in quotes if q.opportunity}):
        own = [q for q in quotes if q.opportunity == opportunity]
        made = sorted({q.deal for q in own if q.id == q.deal})
        totals = [whole[deal] for deal in made] + [q.change_total for q in own if q.deal not in made]
        contracted = None if None in totals else sum((t for t in totals if t is not None), Decimal(0))
        found[opportunity] = _fields(own, contracted, [billed_by_deal[deal] for deal in made])
    return found


def _fields(
    own: Sequence[SignedQuote], contracted: Decimal | None, deals: Sequence[BilledDeal]
) -> Mapping[str, object]:
    status = min((q.status for q in own), key=lambda s: ORDER.index(s) if s in ORDER else len(ORDER))
    amount = sum((to_major(d.minor, d.currency) for d in deals), Decimal(0)) if deals else None
    by_use = sum((to_major(d.by_use_minor, d.currency) for d in deals), Decimal(0))
    return {
        "Billing_Status__c": status,
        "Contracted_Amount__c": contracted,
        "Billed_Amount__c": amount,
        "Billing_Note__c": note(status, contracted, amount, by_use, next((d.currency for d in deals), "")),
    }


def note(status: str, contracted: Decimal | None, amount: Decimal | None, by_use: Decimal, currency: str) -> str:
    """One line: the status, contracted against billed, and why they differ where that is not a matter of time."""
    if amount is None:
        whole = "" if contracted is None else f" of {contracted:,}"
        return f"{status}: a change{whole}, billed with the deal that it changes."
    code = f" {currency.upper()}" if currency else ""
    line = f"{status}: {amount:,}" + (f" of {contracted:,}" if contracted is not None else "") + f"{code} billed"
    if by_use:
        line += f", {by_use:,} of it by use"
    if contracted is None:
        line += "; it has no end"
    elif status == quote_status.ENDED and amount - by_use != contracted:
        rest = contracted - (amount - by_use)
        line += f"; {abs(rest):,} {'less' if rest > 0 else 'more'} than contracted"
    return f"{line}."[:NOTE_LENGTH]


def refused(status: str, total: Decimal | None, message: str) -> Mapping[str, object]:
    """The fields of an Opportunity none of whose quotes is billed yet."""
    said = f"{status}: {message.splitlines()[0]}" if message else f"{status}: nothing is billed yet."
    return {
        "Billing_Status__c": status,
        "Contracted_Amount__c": total,
        "Billed_Amount__c": None,
        "Billing_Note__c": said if len(said) <= NOTE_LENGTH else f"{said[: NOTE_LENGTH - 1]}…",
    }
