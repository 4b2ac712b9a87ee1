"""An Account's billing in one row: health, revenue, balances and dates, of one currency (BILLING_RULES 7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from sync.deal.money import round_half_away, to_major
from sync.desired.account_view import AccountView
from sync.desired.attempts import has_failed
from sync.desired.contracts import Contract, contracts
from sync.desired.customer import LIVE
from sync.desired.given_back import OPEN_DISPUTE
from sync.desired.invoice_rows import paid
from sync.desired.issues import Issues, second_currencies
from sync.desired.keys import HELD
from sync.desired.past_deals import alone
from sync.desired.pending import with_pending
from sync.facts import (
    Customer,
    Invoice,
)
from sync.shown import (
    AccountSummary,
)

UNDER_REVIEW = "Under Review"


def contracts_of(view: AccountView) -> list[Contract]:
    """Every contract of the Account, each once: what was over when it came stands on invoices alone only as long as nothing
    of its deal runs; what is of one-time lines only always does.
    """
    found = contracts(view.subscriptions, view.schedules, view.terms)
    there = {contract.key for contract in found}
    today = view.terms.day(int(view.now.timestamp()))
    others = alone(view.standing_alone, view.invoices, view.now, today)
    every = [*found, *(other for other in others if other.key not in there)]
    return with_pending(every, view.pending)


def amount_of(value: Fraction, currency: str) -> Decimal:
    """Exact minor units as major units, rounded once, half away from zero."""
    return to_major(round_half_away(value), currency)


def summary_of(view: AccountView, deals: Sequence[Contract]) -> AccountSummary:
    """The Account's row; of two live payers the first one's alone, under review."""
    if not view.under_review:
        return _account(view, deals)
    own = view.payer
    return replace(_account(own, contracts_of(own)), billing_health=UNDER_REVIEW)


def _account(view: AccountView, deals: Sequence[Contract]) -> AccountSummary:
    live = [d for d in deals if d.live]
    currency = _currency(view, live or deals)
    ours = [i for i in view.invoices if i.currency.lower() == currency and not i.deleted]
    same = [d for d in live if d.currency == currency]
    late = [i for i in ours if is_overdue(i, view.now)]
    billed = {i.status for i in view.invoices if not i.deleted}
    late_at_all = [i for i in view.invoices if is_overdue(i, view.now) and not i.deleted]
    charge_s, charge = _next_invoice(same)
    paid_s, paid_minor = _last_payment(ours)

    def amount(value: Fraction | int) -> Decimal | None:
        return amount_of(Fraction(value), currency) if currency else None

    terms = view.terms
    return AccountSummary(
        id=view.account_id,
        stripe_customer_id=next((c.id for c in view.customers if not c.deleted), None),
        billing_channel=("Sales-Led" if any(d.sales_led for d in live or deals) else "Self-Serve") if deals else None,
        billing_health=_health(deals, live, late_at_all, billed, questioned=_questioned(view)),
        billing_currency=currency.upper() or None,
        mrr=amount(sum((d.monthly for d in same), Fraction(0))),
        arr=amount(12 * sum((d.monthly for d in same), Fraction(0))),
        contracted_mrr=amount(sum((d.contracted_monthly for d in same), Fraction(0))),
        open_balance=amount(sum(i.amount_remaining_minor for i in ours if i.status == "open")),
        credit_balance=amount(sum(max(0, -c.balance_minor) for c in view.customers if _is_in(c, currency))),
        overdue_amount=amount(sum(i.amount_remaining_minor for i in late)),
        overdue_days=(terms.day(int(view.now.timestamp())) - terms.day(min(map(_overdue_since, late)))).days
        if late
        else 0,
        next_invoice_date=terms.day(charge_s) if charge_s else None,
        next_invoice_amount=amount(charge) if charge_s else None,
        last_payment_date=terms.day(paid_s) if paid_s else None,
        last_payment_amount=amount(paid_minor) if paid_s else None,
        payment_method=_method(view),
        billing_as_of=view.now,
    )


def _method(view: AccountView) -> str | None:
    """What is charged next: a plan's own method, as Stripe's checkout leaves it, else its customer's."""
    charged = [
        s for s in view.subscriptions if s.status in LIVE and s.collection_method == "charge_automatically" and s.items
    ]
    first = min(charged, key=lambda s: (min(i.period_end_s for i in s.items), s.id), default=None)
    if first is not None and first.payment_method:
        return first.method_words
    return next((c.payment_method for c in view.customers if c.payment_method), None)


def is_overdue(invoice: Invoice, now: datetime) -> bool:
    """Open, and either past its due date or refused at least once (BILLING_RULES 7); not while a bank debit is on its way."""
    if invoice.status != "open" or invoice.amount_remaining_minor <= 0:
        return False
    if invoice.collection_method == "send_invoice":
        return invoice.due_date_s is not None and invoice.due_date_s <= now.timestamp()
    return has_failed(invoice)


def _overdue_since(invoice: Invoice) -> int:
    return invoice.due_date_s or invoice.finalized_at_s or invoice.created_s


def second_currencies_of(view: AccountView, deals: Sequence[Contract], own: str) -> Issues:
    """What runs or is owed in another currency than the Account's sums."""
    invoices = [i for i in view.invoices if not i.deleted]
    since = {i: s.start_date_s for s in view.subscriptions for i in (s.id,)}
    live = [(d.currency, min((since[i] for i in d.subscription_ids if i in since), default=0)) for d in deals if d.live]
    live += [(i.currency.lower(), i.created_s) for i in invoices if i.status == "open" and i.amount_remaining_minor > 0]
    seen = {i.currency.lower() for i in invoices} | {d.currency for d in deals}
    return second_currencies(view.account_id, own.lower(), seen, live)


def _is_in(customer: Customer, currency: str) -> bool:
    """Whether the customer's balance is in this currency; one that Stripe names none for has had no business yet."""
    return (customer.currency or currency).lower() == currency


def _currency(view: AccountView, deals: Sequence[Contract]) -> str:
    """The one currency whose amounts the Account sums: that of what is live, else of what was invoiced last. Another
    is never added.
    """
    if deals:
        return deals[0].currency
    newest = max(view.invoices, key=lambda i: i.created_s, default=None)
    if newest:
        return newest.currency.lower()
    return next((c.currency.lower() for c in view.customers if c.currency), "")


def _questioned(view: AccountView) -> bool:
    """Whether a bank questions a payment, or an invoice is held because it is unlike what was promised."""
    held = any(i.status == "draft" and i.metadata.get(HELD) and not i.deleted for i in view.invoices)
    return held or any(d.status in OPEN_DISPUTE for d in view.disputes)


def _health(
    deals: Sequence[Contract],
    live: Sequence[Contract],
    late: Sequence[Invoice],
    billed: Collection[str],
    *,
    questioned: bool,
) -> str:
    """``billed`` are the statuses of all invoices. Where there is no deal and no plan they say it alone: what is owed or
    was paid is business in order, what was only given up is business that is over, and a draft or a void one is none.
    """
    if late or any(d.status in ("Past Due", "Unpaid") for d in live):
        return "Past Due"
    if questioned:
        return "Under Review"
    if live or (not deals and {"open", "paid"} & set(billed)):
        return "Good"
    return "Canceled" if deals or "uncollectible" in billed else "No Billing"


def _next_invoice(deals: Sequence[Contract]) -> tuple[int | None, int]:
    """The earliest date on which a contract bills next, with what all contracts bill on that day."""
    due: dict[int, int] = {}
    for deal in deals:
        if deal.next_charge_s is not None:
            due[deal.next_charge_s] = due.get(deal.next_charge_s, 0) + (deal.next_amount_minor or 0)
    return (min(due), due[min(due)]) if due else (None, 0)


def _last_payment(invoices: Sequence[Invoice]) -> tuple[int | None, int]:
    """When money came last, and how much: all of it where one payment paid several invoices."""
    payments: dict[str, tuple[int, int]] = {}
    for one in (p for i in invoices for p in paid(i)):
        at_s, minor = payments.get(one.payment, (0, 0))
        payments[one.payment] = (max(at_s, one.at_s), minor + one.minor)
    return max(payments.values()) if payments else (None, 0)
