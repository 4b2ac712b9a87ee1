"""Money given back for time that is no longer used (DESIGN 4): credit notes on the invoices that billed the time, newest
first, the rest to the customer's balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.deal.calendar import say, seconds
from sync.deal.deal import Deal
from sync.deal.dues import CreditDue, stated
from sync.deal.settled import is_past
from sync.deal.timeline import tracks
from sync.desired.credit_lines import BEFORE_TAX, Credited, before_tax, credited, with_tax, worth
from sync.desired.keys import KEY, deal_metadata
from sync.desired.last_use import is_use
from sync.desired.made import Made, begun
from sync.facts import BalanceTransaction, CreditNote, Invoice
from sync.records import Desired, Ref, Value

#: A draft can't be credited: it is waited for, and looked at again so much later (business time).
DRAFT_LASTS = timedelta(hours=1)


@dataclass(frozen=True)
class Money:
    """What the deal's subscriptions were billed, and what the customer was given back, as read now."""

    invoices: tuple[Invoice, ...] = ()
    notes: tuple[CreditNote, ...] = ()
    balances: tuple[BalanceTransaction, ...] = ()


@dataclass
class Credits:
    """What is still to be given back, and when to look again."""

    objects: list[Desired] = field(default_factory=list)
    wake_at: datetime | None = None


def credits_due(deal: Deal, done: Mapping[str, Made], now: datetime) -> list[tuple[str, CreditDue]]:
    """What is given back, with the subscription whose invoices billed it; blank where there is none, its time was over."""
    found = []
    for track in tracks(deal):
        mine = done.get(track.key)
        subscription = mine.subscription.id if mine and mine.subscription else ""
        ours = stated(track, deal, begun(deal, done).get(track.key), now)
        found += [
            (subscription, c) for c in ours.credits if subscription or (mine is None and is_past(track, deal, now))
        ]
    return found


def desire_credits(dues: Iterable[tuple[str, CreditDue]], deal: Deal, money: Money, now: datetime) -> Credits:
    """The credit notes and balance transactions that are missing. ``dues`` come with the id of their subscription,
    blank where there is none.

    Nothing is given back that was not billed: what was voided counts for nothing, and of what was given up as uncollectible
    only what had been paid.
    """
    found = Credits()
    left = {invoice.id: _creditable(invoice) for invoice in money.invoices}
    for subscription, due in dues:
        if due.at <= now:
            _give(due, subscription, deal, money, left, found, now)
    return found


def _give(
    due: CreditDue, subscription: str, deal: Deal, money: Money, left: dict[str, int], found: Credits, now: datetime
) -> None:
    covering = [i for i in money.invoices if _is_of(i, subscription, due) and _covers(i, due, deal)]
    covering = [i for i in covering if not is_use(i.metadata)]  # what was used is owed
    notes = [n for n in money.notes if _is_for(n.metadata, due) and n.status != "void"]
    given = sum(worth(n.metadata, n.amount_minor) for n in notes)
    given += sum(worth(b.metadata, -b.amount_minor) for b in money.balances if _is_for(b.metadata, due))
    billed = sum(_billed(i) for i in covering)
    rest = min(due.amount, billed) - given
    if rest > 0 and any(i.status == "draft" for i in covering):
        found.wake_at = now + DRAFT_LASTS
        return
    for invoice in sorted(covering, key=lambda i: (i.created_s, i.id), reverse=True):
        part = min(rest, left[invoice.id])
        if part > 0:
            note = credited(invoice, part, f"Not used from {say(due.start)}", _span(due, deal), money.notes)
            left[invoice.id] -= note.amount
            rest -= note.amount
            if note.amount:
                found.objects.append(_note(due, invoice, note, deal))
    if rest > 0:
        found.objects.append(_balance(due, rest, with_tax(rest, covering), deal))


def _billed(invoice: Invoice) -> int:
    """What the customer owes or has paid of an invoice, before tax: money that nobody expects any more is not given back."""
    if invoice.status == "void":
        return 0
    gave_up = invoice.status == "uncollectible"
    return before_tax(invoice, invoice.amount_paid_minor) if gave_up else invoice.before_tax_minor


def _creditable(invoice: Invoice) -> int:
    """What a credit note may still take off: of an open invoice what is due, of a paid one what was not credited yet."""
    if invoice.status == "open":
        return before_tax(invoice, invoice.amount_remaining_minor) if not invoice.amount_paid_minor else 0
    left = max(0, invoice.total_minor - invoice.credited_minor) if invoice.status == "paid" else 0
    return before_tax(invoice, left)


def _is_of(invoice: Invoice, subscription: str, due: CreditDue) -> bool:
    """Whether the invoice is of the object that the credit is of; without one it is known by our key."""
    if subscription:
        return invoice.subscription == subscription
    return invoice.metadata.get(KEY, "").split(":")[0] == due.key.split(":")[0]


def _covers(invoice: Invoice, due: CreditDue, deal: Deal) -> bool:
    first, last = _span(due, deal)
    return any(line.period_start_s < last and first < line.period_end_s for line in invoice.lines)


def _span(due: CreditDue, deal: Deal) -> tuple[int, int]:
    return seconds(deal.boundary(due.start)), seconds(deal.boundary(due.end))


def _is_for(metadata: dict[str, str], due: CreditDue) -> bool:
    return metadata.get(KEY, "").startswith(f"{due.key}:")


def _note(due: CreditDue, invoice: Invoice, note: Credited, deal: Deal) -> Desired:
    ref = Ref("creditnote", f"{due.key}:{invoice.id}")
    create: dict[str, Value] = {
        "invoice": invoice.id,
        "lines": list(note.lines),
        "metadata": {**deal_metadata(deal, ref.key), **note.metadata},
    }
    if invoice.status == "paid":
        sent_back = due.refund and any(p.status == "paid" and not p.out_of_band for p in invoice.payments)
        create["refund_amount" if sent_back else "credit_amount"] = note.total
    return Desired(ref, create=create, money=True)


def _balance(due: CreditDue, amount: int, total: int, deal: Deal) -> Desired:
    ref = Ref("balance", f"{due.key}:balance")
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "amount": -total,
        "currency": deal.currency.lower(),
        "description": f"Not used from {say(due.start)}",
        "metadata": {**deal_metadata(deal, ref.key), **({} if amount == total else {BEFORE_TAX: str(amount)})},
    }
    return Desired(ref, create=create, money=True)


def given_by(missing: Desired) -> int:
    """What is given back, in minor units, as far as the parameters say it: of an open invoice before tax on top."""
    sums = [missing.create[name] for name in ("amount", "credit_amount", "refund_amount") if name in missing.create]
    if sums:
        return abs(int(str(sums[0])))
    lines = [line for line in _list(missing.create.get("lines")) if isinstance(line, Mapping)]
    return sum(int(str(line.get("unit_amount", line.get("amount", 0)))) for line in lines)


def _list(value: Value) -> Sequence[Value]:
    return value if isinstance(value, list | tuple) else ()
