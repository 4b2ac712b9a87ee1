"""Why the amounts and days on the rows of one invoice or one subscription are what they are: what each adds up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sync.deal.calendar import say
from sync.desired import reasons
from sync.desired.invoice_words import called
from sync.desired.mirror import Shown
from sync.desired.reasons import Reason
from sync.shown import BillingInvoice, BillingPayment, BillingSubscription
from sync.words import counted

#: Types of row that say where money went, in the words of the row.
PAYMENT, ATTEMPT, REFUND, CREDIT, DISPUTE = "Payment", "Attempt", "Refund", "Credit", "Dispute"


def explain_invoice_row(shown: Shown, stripe_id: str) -> list[Reason]:
    """Every amount and period on the invoice's row, with the payments, refunds, credits and disputes behind it; empty where
    it has none, as where policy gives it no row.
    """
    return [reason for row in shown.invoices if row.stripe_id == stripe_id for reason in _invoice(row, shown.payments)]


def _invoice(row: BillingInvoice, payments: Sequence[BillingPayment]) -> list[Reason]:
    mine = [p for p in payments if p.billing_invoice == row.billing_key]
    tax = f"subtotal {_amount(row.subtotal, row.currency)}, tax {_amount(row.tax, row.currency)}, less discounts"
    stays = ["a refund leaves it Paid"] if row.amount_refunded else []
    found = [
        _reason("Total__c", row.total, row, [tax]),
        _reason("Amount_Paid__c", row.amount_paid, row, _each(mine, PAYMENT)),
        _reason("Amount_Remaining__c", row.amount_remaining, row, [_why_left(row)]),
        _reason("Amount_Refunded__c", row.amount_refunded, row, [*_each(mine, REFUND), *stays]),
        _reason("Amount_Credited__c", row.amount_credited, row, [*_each(mine, CREDIT), "without what was refunded"]),
    ]
    if row.attempts:
        last = [f"the last one failed: {row.failure}"] if row.failure else []
        again = [f"the next is on {row.next_attempt_at:%Y-%m-%d %H:%MZ}"] if row.next_attempt_at else []
        because = (*_each(mine, ATTEMPT), *last, *again)
        found.append(Reason("Attempts__c", counted(row.attempts, "attempt"), because, reasons.INVOICES))
    if row.dispute_status:
        found.append(Reason("Dispute_Status__c", row.dispute_status, tuple(_each(mine, DISPUTE)), reasons.INVOICES))
    if row.period_start and row.period_end:
        days = f"{say(row.period_start)} to {say(row.period_end)}"
        found.append(Reason("Period_Start__c", days, ("from the first to the last day of its lines",), reasons.DAY))
    return found


def _why_left(row: BillingInvoice) -> str:
    if row.status == "Void":
        return "it is void: nothing is owed on it"
    kept = ", which it keeps" if row.status == "Uncollectible" else ""
    paid, credited = _amount(row.amount_paid, row.currency), _amount(row.amount_credited, row.currency)
    return f"of the total, paid {paid}, credited {credited}{kept}"


def _each(payments: Sequence[BillingPayment], type_: str) -> list[str]:
    mine = sorted((p for p in payments if p.type == type_), key=lambda p: (p.at, p.billing_key))
    said = [
        f"{p.billing_key}, {p.at:%Y-%m-%d %H:%MZ}: {_amount(p.amount, p.currency)}, {p.status}"
        f"{f' ({p.detail})' if p.detail else ''}"
        for p in mine
    ]
    return said or [f"none of its rows is of type {type_}"]


def _reason(what: str, value: Decimal, row: BillingInvoice, because: Sequence[str]) -> Reason:
    name = f"invoice {called(row.number, row.status, row.issued_on)}"
    return Reason(what, _amount(value, row.currency), (name, *because), reasons.INVOICES)


def explain_subscription_row(row: BillingSubscription, shown: Shown) -> list[Reason]:
    """Days, quantity, revenue of a year, use and collection of a subscription's row."""
    items = [i for i in shown.items if i.billing_subscription == row.billing_key]
    quantities = [f"{i.billing_key}: {i.quantity or 0:f}" for i in items if i.quantity]
    found = [
        Reason("Channel__c", row.channel, (_whose(row),), reasons.SUBSCRIPTION),
        Reason(
            "Quantity__c", str(row.quantity), (*quantities, "licensed recurring only, as of today"), reasons.REVENUE
        ),
        Reason("ARR__c", _amount(row.arr, row.currency), (f"12 × {_amount(row.mrr, row.currency)}",), reasons.REVENUE),
        _day("Start_Date__c", row.start_date, "the first day of service"),
        _day("End_Date__c", row.end_date, "the last day of the contract; blank where it has no end"),
        _day("Ends_On__c", row.ends_on, "the last day of service, once an end is planned"),
        _day(
            "Current_Period_End__c", row.current_period_end, "the last day of the running cycle; blank once it is over"
        ),
        Reason(
            "Collection_Method__c", row.collection_method or "blank", ("as Stripe collects it",), reasons.COLLECTION
        ),
    ]
    if row.last_usage is not None:
        used = f"{row.last_usage:f} for {_amount(row.last_usage_amount, row.currency)}"
        found.append(Reason("Last_Usage__c", used, ("of the period that was invoiced last",), reasons.USAGE))
    return found


def explain_account_row(shown: Shown) -> list[Reason]:
    """Revenue, credit, channel and customer of an Account, beside what `explain_account` says."""
    account, live = shown.account, [s for s in shown.subscriptions if s.status != "Canceled"]
    year = f"12 × {_amount(account.mrr, account.billing_currency)}"
    ours = account.billing_currency
    planned = [
        f"{s.billing_key}: {_amount(s.contracted_mrr, s.currency)}{'' if s.currency == ours else '; not added, another currency'}"
        for s in live
    ]
    channels = [f"{s.billing_key} ({s.status}): {s.channel}" for s in shown.subscriptions]
    others = sorted({s.currency for s in shown.subscriptions} - {account.billing_currency or ""})
    beside = [f"what is billed in {', '.join(others)} is not added"] if others else []
    nothing = ("there is nothing to add up",)
    return [
        Reason("ARR__c", _amount(account.arr, account.billing_currency), (year,), reasons.REVENUE),
        Reason(
            "Contracted_MRR__c",
            _amount(account.contracted_mrr, account.billing_currency),
            tuple(planned) or nothing,
            reasons.REVENUE,
        ),
        Reason(
            "Credit_Balance__c",
            _amount(account.credit_balance, account.billing_currency),
            ("the customer's balance in Stripe, which the next invoices use up",),
            reasons.ACCOUNT,
        ),
        Reason(
            "Billing_Currency__c",
            account.billing_currency or "blank",
            tuple(beside) or ("all of it is in one currency",),
            reasons.ACCOUNT,
        ),
        Reason("Billing_Channel__c", account.billing_channel or "blank", tuple(channels) or nothing, reasons.ACCOUNT),
        Reason(
            "Stripe_Customer_Id__c",
            account.stripe_customer_id or "blank",
            ("the customer that pays for it, by Tandem's link",),
            reasons.CUSTOMER,
        ),
    ]


def _whose(row: BillingSubscription) -> str:
    return f"quote {row.quote} was signed for it" if row.quote else "no quote was signed for it"


def _day(what: str, day: date | None, why: str) -> Reason:
    return Reason(what, say(day) if day else "blank", (why,), reasons.SUBSCRIPTION)


def _amount(value: Decimal | None, currency: str | None) -> str:
    return "blank" if value is None else f"{value:,f} {currency or ''}".rstrip()
