"""The unused time of a plan that was taken over, given back (BILLING_RULES 6): by the second, of what each invoice billed
after discounts, on the deal's first invoice. One credit for each invoice that billed the time, with a natural key.

What is still open is not paid back: the invoice that asks for it is lowered. What the first invoice is too small for
goes to the customer's balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync.deal.timeline import BEGUN
from sync.desired.credit_lines import Credited, credited
from sync.desired.invoice_words import name_of
from sync.desired.keys import KEY, deal_metadata
from sync.desired.takeover import Takeover
from sync.desired.takeover_unused import Given, Read, Unused, unused
from sync.facts import Invoice
from sync.records import Desired, Ref, Value

#: How soon (business time) an invoice that Stripe is about to make is looked for again; it is a draft for an hour.
LOOK_AGAIN = timedelta(minutes=10)
SOON = timedelta(days=1)


def desire_credit(takeover: Takeover, stated: Sequence[Desired], read: Read, now: datetime) -> Given:
    """The credits of a takeover whose day has come. ``stated`` are the deal's objects as wanted, among them a first invoice
    that we state; without one, Stripe's own first invoice is looked for, which is a draft for an hour.
    """
    given, there, waits = Given(), read.items, False
    target = _first(stated, read)
    for invoice, amount in there.values():
        _take_off(given, invoice.metadata.get(KEY, invoice.id), amount)
    given.on_first += sum(note.amount_minor for note in read.notes_on_deal(takeover))
    for one in unused(takeover, read.of_plans, read.returned):
        if one.key in there:
            _rest(one, there[one.key][1], takeover, read, given)
        elif not _is_given(one, read):
            _give(one, target, takeover, read, given)
            waits = waits or _waits(one, target, takeover)
    return replace(given, wake_at=_next_look(takeover, now) if waits else None)


def _waits(one: Unused, target: _Target | None, takeover: Takeover) -> bool:
    """Whether the credit can't be given yet: there is no first invoice to put it on, or its own is a draft."""
    if takeover.deal.tax is not None:
        return one.invoice.status == "draft"
    return target is None and not one.is_owed


def _next_look(takeover: Takeover, now: datetime) -> datetime:
    """When the first invoice may be there: after a trial, soon, or (of a deal billed in arrears) some day."""
    begins = takeover.deal.boundary(takeover.deal.start)
    return begins if now < begins else now + (LOOK_AGAIN if now < begins + SOON else SOON)


def _take_off(given: Given, invoice: str, amount: int) -> None:
    given.on_first += amount
    given.by_invoice[invoice] = given.by_invoice.get(invoice, 0) + amount


def with_credits(stated: Sequence[Desired], given: Given) -> tuple[Desired, ...]:
    """The wanted objects, where the invoice that we state and that carries the credits comes to so much less."""

    def less(wanted: Desired) -> Desired:
        off = given.by_invoice.get(wanted.ref.key, 0) if wanted.ref.kind == "invoice" else 0
        return replace(wanted, compare={**wanted.compare, "subtotal": _subtotal(wanted) - off}) if off else wanted

    return tuple(less(wanted) for wanted in stated)


def as_credited(stated: Sequence[Desired], invoices: Sequence[Invoice]) -> tuple[Desired, ...]:
    """The wanted objects, with the credits that stand on the deal's ``invoices`` taken off."""
    given = Given()
    for invoice, amount in Read(of_deal=tuple(invoices)).items.values():
        _take_off(given, invoice.metadata.get(KEY, invoice.id), amount)
    return with_credits(stated, given)


@dataclass
class _Target:
    """The deal's first invoice: its reference or id, whether it may be added to, what is left to take off it, and what it
    comes to without credits.
    """

    invoice: Ref | str
    open: bool
    room: int
    gross: int
    fact: Invoice | None = None


def _subtotal(invoice: Desired) -> int:
    subtotal = invoice.compare["subtotal"]
    assert isinstance(subtotal, int)
    return subtotal


def _first(stated: Sequence[Desired], read: Read) -> _Target | None:
    """The invoice on which credits stand already; else the deal's first, of several at once the largest; else the largest of
    those that we are about to state.
    """
    ours = {d.ref.key: d for d in stated if d.ref.kind == "invoice" and d.ref.key.endswith(BEGUN)}
    found = [_made(invoice, ours.get(invoice.metadata.get(KEY, "")), read) for invoice in read.of_deal]
    known = [one for one in found if one.gross > 0]
    if known:
        return min(known, key=lambda one: (one.room == one.gross, one.fact.created_s if one.fact else 0, -one.gross))
    largest = max(ours.values(), key=lambda d: (_subtotal(d), d.ref.key), default=None)
    return _Target(largest.ref, True, _subtotal(largest), _subtotal(largest)) if largest else None


def _made(invoice: Invoice, ours: Desired | None, read: Read) -> _Target:
    """An invoice that is there. One that we state may still lack its items, so what it is to come to counts."""
    credited = sum(amount for at, amount in read.items.values() if at.id == invoice.id)
    gross = 0 if invoice.status == "void" else invoice.subtotal_minor - _off(invoice) + credited
    if ours is not None and invoice.status == "draft":
        gross = _subtotal(ours)
    return _Target(ours.ref if ours else invoice.id, invoice.status == "draft", gross - credited, gross, invoice)


def _off(invoice: Invoice) -> int:
    """What discounts of the invoice take off: the credits may not take more than what is left."""
    return sum(line.discount_minor for line in invoice.lines)


def _is_given(one: Unused, read: Read) -> bool:
    notes = any(n.metadata.get(KEY) == one.key and n.status != "void" for n in read.notes)
    return notes or any(b.metadata.get(KEY) == one.key for b in read.balances)


def _give(one: Unused, target: _Target | None, takeover: Takeover, read: Read, given: Given) -> None:
    first = target.fact if target else None
    if one.is_owed:
        given.off_open += _noted(one, one.invoice, takeover, read, given)
    elif takeover.deal.tax is not None:
        # With automatic tax no invoice takes a credit: the balance pays the first one, tax given back with it.
        if one.invoice.status == "paid":
            given.to_balance += _noted(one, one.invoice, takeover, read, given)
        elif one.invoice.status != "draft":
            _balance(one.key, one.amount, takeover, given)
    elif target is None:
        return
    elif target.open and target.room > 0:
        part = min(one.amount, target.room)
        target.room -= part
        _take_off(given, target.invoice.key if isinstance(target.invoice, Ref) else target.invoice, part)
        given.objects.append(_item(one, part, target.invoice, takeover))
        if part < one.amount:
            _balance(f"{one.key}:rest", one.amount - part, takeover, given)
    elif first and first.status == "open" and not first.amount_paid_minor and first.amount_remaining_minor > one.amount:
        given.on_first += _noted(one, first, takeover, read, given)
    else:
        _balance(one.key, one.amount, takeover, given)


def _rest(one: Unused, on_first: int, takeover: Takeover, read: Read, given: Given) -> None:
    """What the first invoice was too small for, once."""
    key = f"{one.key}:rest"
    if one.amount > on_first and not any(b.metadata.get(KEY) == key for b in read.balances):
        _balance(key, one.amount - on_first, takeover, given)


def _item(one: Unused, amount: int, invoice: Ref | str, takeover: Takeover) -> Desired:
    deal = takeover.deal
    ref = Ref("invoiceitem", one.key)
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "invoice": invoice,
        "currency": deal.currency.lower(),
        "amount": -amount,
        "description": _words(one, takeover),
        "period": {"start": takeover.at_s, "end": one.end_s},
        "discountable": False,
        "metadata": deal_metadata(deal, ref.key),
    }
    return Desired(ref, create=create, money=True)


def _noted(one: Unused, invoice: Invoice, takeover: Takeover, read: Read, given: Given) -> int:
    """A credit note on this invoice is among what is given; what no line of it can give goes to the balance. Returns what the
    note gives.
    """
    note = credited(invoice, one.amount, _words(one, takeover), (takeover.at_s, one.end_s), read.notes)
    if note.amount:
        given.objects.append(_note(one, invoice, note, takeover))
    if note.amount < one.amount:
        _balance(f"{one.key}:rest" if note.amount else one.key, one.amount - note.amount, takeover, given)
    return note.amount


def _note(one: Unused, invoice: Invoice, note: Credited, takeover: Takeover) -> Desired:
    ref = Ref("creditnote", one.key)
    create: dict[str, Value] = {
        "invoice": invoice.id,
        "lines": list(note.lines),
        "metadata": {**deal_metadata(takeover.deal, ref.key), **note.metadata},
    }
    if invoice.status == "paid":
        create["credit_amount"] = note.total
    return Desired(ref, create=create, money=True)


def _balance(key: str, amount: int, takeover: Takeover, given: Given) -> None:
    deal = takeover.deal
    create: dict[str, Value] = {
        "customer": Ref("customer", deal.payer.account_id),
        "amount": -amount,
        "currency": deal.currency.lower(),
        "description": "Unused time of the plan before",
        "metadata": deal_metadata(deal, key),
    }
    given.to_balance += amount
    given.objects.append(Desired(Ref("balance", key), create=create, money=True))


def _words(one: Unused, takeover: Takeover) -> str:
    return f"Unused time of the plan before (invoice {name_of(one.invoice, takeover.deal.timezone)})"
