"""The unused time of a plan that was taken over, given back (BILLING_RULES 6): by the second, of what each invoice billed
after discounts, on the deal's first invoice. One credit for each invoice that billed the time, with a natural key.

What is still open is not paid back: the invoice that asks for it is lowered. What the first invoice is too small for
goes to the customer's balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from sync.deal.calendar import add_months, instant, seconds
from sync.deal.money import format_amount, round_half_away
from sync.deal.timeline import BEGUN
from sync.desired.credit_lines import Credited, before_tax, credited
from sync.desired.keys import KEY, OF_PLAN, deal_metadata
from sync.desired.takeover import Takeover
from sync.desired.worth import Terms, charge, of_items
from sync.facts import BalanceTransaction, CreditNote, Fact, Invoice, Item, Line, Subscription
from sync.observed import Actual
from sync.records import Desired, Ref, Value

#: Invoices of these were billed: a draft too, which Stripe finalises though its subscription has ended.
BILLED = frozenset({"draft", "open", "paid"})
#: How soon (business time) an invoice that Stripe is about to make is looked for again; it is a draft for an hour.
LOOK_AGAIN = timedelta(minutes=10)
SOON = timedelta(days=1)
DAY_S = 86_400


@dataclass(frozen=True)
class Read:
    """Invoices of the plans and of the deal, and what the customer was given back, as read now."""

    of_plans: tuple[Invoice, ...] = ()
    of_deal: tuple[Invoice, ...] = ()
    notes: tuple[CreditNote, ...] = ()
    balances: tuple[BalanceTransaction, ...] = ()

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
        return [*self.of_deal, *self.notes, *self.balances]

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


def foreseen(takeover: Takeover, read: Read, first: int, terms: Terms) -> Given:
    """What a takeover still to come will give back: of what is billed already, or of the cycle that will run by then, as
    the plan is now. ``first`` is what the first invoice comes to, in minor units.
    """
    found = unused(takeover, read.of_plans)
    owed = sum(one.amount for one in found if one.is_owed)
    paid = sum(one.amount for one in found if not one.is_owed)
    paid += sum(_to_come(plan, takeover, terms) for plan in takeover.plans)
    if takeover.deal.tax is not None:
        return Given(to_balance=paid, off_open=owed)
    return Given(on_first=min(first, paid), to_balance=max(0, paid - first), off_open=owed)


def unused(takeover: Takeover, invoices: Iterable[Invoice]) -> list[Unused]:
    """By invoice, newest first, what was billed for the time after the takeover; never more than was billed.

    An invoice that gave something back for that time (fewer seats) lowers what the others billed.
    """
    plans = {plan.id: plan for plan in takeover.plans}
    mine = [i for i in invoices if i.status in BILLED and (i.subscription or "") in plans]
    found: dict[str, list[Unused]] = {}
    for invoice in sorted(mine, key=lambda i: (i.created_s, i.id), reverse=True):
        plan = plans[invoice.subscription or ""]
        if 0 < (plan.ended_at_s or 0) < takeover.at_s:
            continue  # it was ended before by somebody else, who decided what is given back
        lines = [line for line in invoice.lines if line.subscription_item not in _metered(plan)]
        shares = [_share(line.net_minor, line.period_start_s, line.period_end_s, takeover.at_s) for line in lines]
        end_s = max((line.period_end_s for line in lines), default=0)
        found.setdefault(plan.id, []).append(Unused(takeover.key(invoice.id), invoice, sum(shares), end_s))
    return [one for some in found.values() for one in _billed(some)]


def _billed(some: Sequence[Unused]) -> list[Unused]:
    """Those of one plan that are above zero, less those below, each no more than its invoice still comes to."""
    back = -sum(one.amount for one in some if one.amount < 0)
    left = []
    for one in (one for one in some if one.amount > 0):
        kept = one.amount - min(back, one.amount)
        back -= one.amount - kept
        left_of_it = max(0, one.invoice.total_minor - one.invoice.credited_minor)
        amount = min(kept, before_tax(one.invoice, left_of_it))
        left += [replace(one, amount=amount)] if amount else []
    return left


def _share(amount: int, start_s: int, end_s: int, at_s: int) -> int:
    """The part of an amount that its seconds after ``at_s`` are of all its seconds, rounded."""
    if end_s <= at_s or end_s <= start_s:
        return 0
    return round_half_away(Fraction(amount * (end_s - max(start_s, at_s)), end_s - start_s))


def _metered(plan: Subscription) -> frozenset[str]:
    return frozenset(item.id for item in plan.items if item.price.usage_type == "metered")


def _to_come(plan: Subscription, takeover: Takeover, terms: Terms) -> int:
    """What the unused rest of a cycle that has not begun will come to, were the plan to go on as it is."""
    runs_to = [item.period_end_s for item in plan.items]
    ends = plan.cancel_at_s or (min(runs_to) if plan.cancel_at_period_end and runs_to else 0)
    if ends and ends <= takeover.at_s:
        return 0
    total = 0
    for item in plan.items:
        if item.period_end_s < takeover.at_s and item.price.usage_type != "metered" and item.price.interval:
            start_s, end_s = _cycle_at(item, plan.billing_cycle_anchor_s, takeover.at_s)
            amount = charge(of_items([item], terms), plan.coupons, terms)
            # A cycle that would begin at that very instant is not billed: the plan has ended.
            total += _share(amount, start_s, end_s, takeover.at_s) if start_s < takeover.at_s else 0
    return total


def _cycle_at(item: Item, anchor_s: int, at_s: int) -> tuple[int, int]:
    """The cycle of an item in which an instant lies: from the anchor on, by months that clamp, or by days."""
    interval, count = item.price.interval, item.price.interval_count
    if interval in ("day", "week"):
        length = count * DAY_S * (7 if interval == "week" else 1)
        start_s = at_s - (at_s - anchor_s) % length
        return start_s, start_s + length
    months, anchor = count * (12 if interval == "year" else 1), instant(anchor_s)
    at = instant(at_s)
    n = max(0, (at.year - anchor.year) * 12 + at.month - anchor.month) // months - 1

    def boundary(k: int) -> int:
        day = add_months(anchor.date(), k * months)
        return seconds(anchor.replace(year=day.year, month=day.month, day=day.day))

    while boundary(n + 1) <= at_s:
        n += 1
    return boundary(n), boundary(n + 1)


def said_credit(given: Given, left: int, takeover: Takeover) -> list[str]:
    """The credits in words, for the preview; ``left`` is what the first invoice asks for."""

    def amount(minor: int) -> str:
        return format_amount(minor, takeover.deal.currency)

    lines = []
    if given.on_first:
        lines.append(
            f"Its unused time is credited on the first invoice: {amount(given.on_first)}, which leaves {amount(left)}"
        )
    if given.to_balance:
        more = " more" if given.on_first else ""
        # Stripe takes no credit on a taxed invoice; the balance pays it, and what was taxed takes its tax along.
        pays = ", with its tax, and pays the first invoice from there" if takeover.deal.tax is not None else ""
        lines.append(f"{amount(given.to_balance)}{more} of its unused time goes to the customer's balance{pays}")
    if given.off_open:
        lines.append(f"Its open invoices are lowered by {amount(given.off_open)} for time that is not used")
    return lines or ["No unused time of it was billed, so nothing is credited"]


# ------------------------------------------------------------------ once it has come


def desire_credit(takeover: Takeover, stated: Sequence[Desired], read: Read, now: datetime) -> Given:
    """The credits of a takeover whose day has come. ``stated`` are the deal's objects as wanted, among them a first invoice
    that we state; without one, Stripe's own first invoice is looked for, which is a draft for an hour.
    """
    given, there, waits = Given(), read.items, False
    target = _first(stated, read)
    for invoice, amount in there.values():
        _take_off(given, invoice.metadata.get(KEY, invoice.id), amount)
    given.on_first += sum(note.amount_minor for note in read.notes_on_deal(takeover))
    for one in unused(takeover, read.of_plans):
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
        "description": _words(one),
        "period": {"start": takeover.at_s, "end": one.end_s},
        "discountable": False,
        "metadata": deal_metadata(deal, ref.key),
    }
    return Desired(ref, create=create, money=True)


def _noted(one: Unused, invoice: Invoice, takeover: Takeover, read: Read, given: Given) -> int:
    """A credit note on this invoice is among what is given; what no line of it can give goes to the balance. Returns what the
    note gives.
    """
    note = credited(invoice, one.amount, _words(one), (takeover.at_s, one.end_s), read.notes)
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


def _words(one: Unused) -> str:
    return f"Unused time of the plan before (invoice {one.invoice.number or one.invoice.id})"
