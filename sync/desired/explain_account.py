"""Why an Account, or one subscription of it, shows what it shows: from the rows that the mirror would write. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from sync.deal.calendar import say
from sync.desired import reasons
from sync.desired.explain_rows import explain_account_row, explain_subscription_row
from sync.desired.given_back import DISPUTE_STATUS, OPEN_DISPUTE
from sync.desired.invoice_words import called
from sync.desired.mirror import Shown
from sync.desired.reasons import Reason
from sync.shown import BillingInvoice, BillingPayment, BillingSubscription, BillingSubscriptionItem
from sync.words import counted

#: What an invoice says while a dispute of it is open.
OPEN = frozenset(DISPUTE_STATUS[status] for status in OPEN_DISPUTE)


def explain_account(sides: Mapping[str, Shown]) -> list[Reason]:
    """Health, revenue, balances and dates of an Account with what each adds up. ``sides`` are its rows by the name of the
    Stripe account that shows them, blank where there is one alone; each knows the sums of all.
    """
    shown, on = _together(sides)
    account, live = shown.account, [s for s in shown.subscriptions if s.status != "Canceled"]
    open_ = [i for i in shown.invoices if i.status == "Open"]

    def said(line: str, row: BillingSubscription | BillingInvoice) -> str:
        other = row.currency != account.billing_currency
        return line + ("; not added, another currency" if other else "") + _where(row, on)

    found = [
        Reason("Billing_Health__c", account.billing_health, tuple(_health(shown, on)), reasons.ACCOUNT),
        _sum("MRR__c", account.mrr, account.billing_currency, (said(_worth(s), s) for s in live), reasons.REVENUE),
        _sum(
            "Open_Balance__c",
            account.open_balance,
            account.billing_currency,
            (said(_left(i), i) for i in open_),
            reasons.ACCOUNT,
        ),
        _overdue(shown),
    ]
    if account.next_invoice_date is not None:
        lines = [
            said(f"{s.billing_key}: the cycle ends on {say(s.current_period_end)}", s)
            for s in live
            if s.current_period_end
        ]
        amount = _amount(account.next_invoice_amount, account.billing_currency)
        what = f"{say(account.next_invoice_date)}, {amount} before tax and usage, with what waits for it"
        found.append(Reason("Next_Invoice_Date__c", what, tuple(lines), reasons.ACCOUNT))
    if account.last_payment_date is not None:
        paid = _amount(account.last_payment_amount, account.billing_currency)
        lines = [
            f"{p.billing_key} of {p.billing_invoice}, {p.at:%Y-%m-%d %H:%MZ}: {_amount(p.amount, p.currency)}"
            for p in _newest_payments(shown)
        ]
        found.append(
            Reason("Last_Payment_Date__c", f"{say(account.last_payment_date)}, {paid}", tuple(lines), reasons.ACCOUNT)
        )
    return [*found, *explain_account_row(shown)]


def _together(sides: Mapping[str, Shown]) -> tuple[Shown, Mapping[str, str]]:
    """The rows of all sides, and by key on which each is; nothing where there is one alone."""
    first, *_ = some = list(sides.values())
    whole = replace(
        first,
        subscriptions=tuple(row for one in some for row in one.subscriptions),
        invoices=tuple(row for one in some for row in one.invoices),
        payments=tuple(row for one in some for row in one.payments),
        overdue=frozenset(key for one in some for key in one.overdue),
    )
    rows = [(row.billing_key, name) for name, one in sides.items() for row in one.subscriptions]
    rows += [(row.billing_key, name) for name, one in sides.items() for row in one.invoices]
    return whole, {key: name for key, name in rows if name}


def _where(row: BillingSubscription | BillingInvoice, on: Mapping[str, str]) -> str:
    return f" (Stripe account {on[row.billing_key]})" if row.billing_key in on else ""


def explain_subscription(shown: Shown, key: str) -> list[Reason]:
    """Status, dates and revenue of one subscription of the Account; empty when it has no such row."""
    mine = [s for s in shown.subscriptions if key in (s.billing_key, *s.stripe_ids.split(","))]
    return [reason for s in mine for reason in _subscription(s, shown)]


def _subscription(row: BillingSubscription, shown: Shown) -> list[Reason]:
    status = [f"Stripe objects: {row.stripe_ids}", f"channel {row.channel}"]
    if row.ends_on is not None:
        status.append(f"its last day of service is {say(row.ends_on)}")
    if row.current_period_end is not None:
        status.append(f"the running cycle ends on {say(row.current_period_end)}")
    items = [i for i in shown.items if i.billing_subscription == row.billing_key]
    return [
        Reason("Status__c", row.status, tuple(status), reasons.SUBSCRIPTION),
        _sum("MRR__c", row.mrr, row.currency, (*(_item(i) for i in items), *_given(row, shown)), reasons.REVENUE),
        Reason(
            "Contracted_MRR__c",
            _amount(row.contracted_mrr, row.currency),
            ("what is planned once all of it has begun and discounts that end have ended",),
            reasons.REVENUE,
        ),
        *explain_subscription_row(row, shown),
    ]


def _health(shown: Shown, on: Mapping[str, str]) -> Iterable[str]:
    for row in shown.subscriptions:
        yield f"subscription {row.billing_key}: {row.status}{_where(row, on)}"
    for invoice in _late(shown):
        yield f"{_name(invoice)} is overdue: {_why_late(invoice)}{_where(invoice, on)}"
    for invoice in shown.invoices:
        if invoice.dispute_status in OPEN:
            yield f"{_name(invoice)} is disputed: {invoice.dispute_status}{_where(invoice, on)}"
    if not shown.subscriptions:
        yield "it has no subscription"


def _overdue(shown: Shown) -> Reason:
    account = shown.account
    in_currency = (i for i in _late(shown) if i.currency == account.billing_currency)
    late = [f"{_left(i)}: {_why_late(i)}" for i in in_currency] or ["no open invoice is late"]
    says = f"{_amount(account.overdue_amount, account.billing_currency)}, {counted(account.overdue_days or 0, 'day')}"
    return Reason("Overdue_Amount__c", says, tuple(late), reasons.ACCOUNT)


def _late(shown: Shown) -> list[BillingInvoice]:
    return [i for i in shown.invoices if i.stripe_id in shown.overdue]


def _why_late(invoice: BillingInvoice) -> str:
    if invoice.due_on is not None:
        return f"due {say(invoice.due_on)}"
    return f"{counted(invoice.attempts, 'attempt')} to collect it failed ({invoice.failure or 'no reason given'})"


def _sum(what: str, total: Decimal | None, currency: str | None, parts: Iterable[str], rule: str) -> Reason:
    return Reason(what, _amount(total, currency), tuple(parts) or ("there is nothing to add up",), rule)


def _worth(row: BillingSubscription) -> str:
    return f"{row.billing_key} ({row.status}): {_amount(row.mrr, row.currency)}"


def _item(item: BillingSubscriptionItem) -> str:
    off = f" less {item.discount} %" if item.discount else ""
    unit = "by tiers or use" if item.unit_amount is None else f"{item.unit_amount.normalize():f} a cycle"
    return f"{item.quantity or 0:f} × {unit}{off}: {_amount(item.mrr, item.currency)} a month ({item.billing_key})"


def _given(row: BillingSubscription, shown: Shown) -> Iterable[str]:
    """What the customer as a whole is let off, where it may be among what was taken off."""
    payer = shown.customer
    if payer is not None and payer.coupon and row.channel == "Self-Serve" and row.status != "Canceled":
        yield f"{payer.id} has a discount in Stripe, coupon {payer.coupon}, on what has none of its own: it is counted"


def _left(invoice: BillingInvoice) -> str:
    return f"{_name(invoice)}: {_amount(invoice.amount_remaining, invoice.currency)} remaining"


def _name(invoice: BillingInvoice) -> str:
    return f"invoice {called(invoice.number, invoice.status, invoice.issued_on)}"


def _newest_payments(shown: Shown) -> list[BillingPayment]:
    """What came last, in the Account's currency; of a payment of several invoices the part of each."""
    ours = shown.account.billing_currency
    paid = [p for p in shown.payments if p.type == "Payment" and p.status == "Succeeded" and p.currency == ours]
    newest = max((p.at for p in paid), default=None)
    return [p for p in paid if p.at == newest]


def _amount(value: Decimal | None, currency: str | None) -> str:
    return "blank" if value is None else f"{value:,f} {currency or ''}".rstrip()
