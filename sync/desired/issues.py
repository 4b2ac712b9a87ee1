"""What people have to look at of an Account's money: opened once, whatever Stripe tries, and closed when it is over.

Each state of an invoice is one issue under a key of its own, so a retry changes nothing and the end closes what was
opened. When it began is the state's own stamp. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.deal.calendar import business_day, instant, say
from sync.deal.money import format_amount, to_major
from sync.desired.attempts import DEBITED, failed_tries, has_failed, under_way, waiting, why_failed
from sync.desired.given_back import OPEN_DISPUTE, MoneyBack
from sync.desired.invoice_words import name_of
from sync.desired.tax_issues import NOT_SET_UP, UNPLACED, TaxTrouble, tax_troubles
from sync.facts import Charge, Invoice
from sync.shown import BillingIssue

FAILED, OVERDUE, DISPUTED, BAD_DEBT, SECOND_CURRENCY = "DATA-218", "DATA-225", "DATA-226", "DATA-227", "DATA-228"
#: Who acts on it: the owner of the Account, or those who look after the money.
AUDIENCE = {
    FAILED: "Rep",
    OVERDUE: "Rep",
    DISPUTED: "Billing Operations",
    BAD_DEBT: "Finance",
    SECOND_CURRENCY: "Billing Operations",
    UNPLACED: "Rep",
    NOT_SET_UP: "Finance",
}


@dataclass(frozen=True)
class Issue:
    """One thing that stands open. ``invoice`` is None where it is about the Account."""

    key: str
    code: str
    title: str
    detail: str
    minor: int
    currency: str
    since_s: int
    invoice: Invoice | None = None


@dataclass(frozen=True)
class Issues:
    """What stands open, and the keys of what may have been opened before and is over."""

    standing: tuple[Issue, ...]
    over: tuple[str, ...]


def issues_of(
    invoices: Sequence[Invoice],
    charges: Mapping[str, Sequence[Charge]],
    back: MoneyBack,
    now: datetime,
) -> Issues:
    """The issues of these invoices."""
    found = [
        one
        for invoice in invoices
        if not invoice.deleted
        for one in (
            _failed(invoice, charges, back.zone),
            _overdue(invoice, now, back.zone),
            _bad_debt(invoice, back.zone),
            *_disputed(invoice, back),
        )
        if one is not None
    ]
    found += [(_taxed(one, back.zone), one.stands) for one in tax_troubles(invoices, back.zone)]
    return Issues(tuple(i for i, stands in found if stands), tuple(i.key for i, stands in found if not stands))


def second_currencies(account_id: str, own: str, seen: Iterable[str], live: Iterable[tuple[str, int]]) -> Issues:
    """One for each currency beside the Account's own in which something runs or is owed: (currency, since) of each.
    ``seen`` are all currencies that the Account ever had.
    """
    since: dict[str, int] = {}
    for other, began_s in live:
        if other != own:
            since[other] = min(began_s, since.get(other, began_s))
    keys = {c: f"{SECOND_CURRENCY}:{account_id}:{c}" for c in {*seen, *since}}
    standing = (_second(keys[c], c, own, began_s) for c, began_s in sorted(since.items()))
    return Issues(tuple(standing), tuple(keys[c] for c in sorted(keys) if c not in since))


def shown(issue: Issue, account_id: str, subscription: str | None) -> BillingIssue:
    """The issue's row. ``subscription`` is the key of the contract that the invoice belongs to."""
    return BillingIssue(
        billing_key=issue.key,
        code=issue.code,
        title=issue.title,
        detail=issue.detail,
        record=account_id,
        quote=None,
        account=account_id,
        sum=to_major(issue.minor, issue.currency) if issue.invoice else None,
        status="Open",
        audience=AUDIENCE[issue.code],
        reference=issue.invoice.id if issue.invoice else issue.currency.upper(),
        opened_at=datetime.fromtimestamp(issue.since_s, UTC),
        currency=issue.currency.upper(),
        subscription=subscription,
    )


def _second(key: str, other: str, own: str, since_s: int) -> Issue:
    detail = (
        f"The sums on the Account are in {own.upper()}. What is billed in {other.upper()} is not in them: its invoices"
        " stand under the Account."
    )
    return Issue(key, SECOND_CURRENCY, f"Billed in {other.upper()} too", detail, 0, other, since_s)


Found = tuple[Issue, bool]


def _issue(
    invoice: Invoice, code: str, what: str, detail: str, minor: int, since_s: int, *, zone: str, key: str = ""
) -> Issue:
    title = f"Invoice {name_of(invoice, zone)}: {what}"
    return Issue(f"{code}:{key or invoice.id}", code, title, detail, minor, invoice.currency, since_s, invoice)


def _taxed(one: TaxTrouble, zone: str) -> Issue:
    invoice = one.invoice
    title = f"Invoice {name_of(invoice, zone)}: {one.what}"
    return Issue(
        one.key, one.code, title, one.detail, invoice.total_minor, invoice.currency, invoice.created_s, invoice
    )


def _failed(invoice: Invoice, charges: Mapping[str, Sequence[Charge]], zone: str) -> Found | None:
    failed = failed_tries(invoice, charges)
    tried = invoice.status == "open" and invoice.attempt_count > 0 and invoice.amount_remaining_minor > 0
    stands = tried and bool(failed or has_failed(invoice))  # a debit after a refusal decides nothing yet
    if not stands and not failed and not invoice.attempt_count:
        return None
    first = failed[0] if failed else None
    words = why_failed(invoice, first)
    since_s = first.created_s if first else invoice.finalized_at_s or invoice.created_s
    detail = f"{words or 'The payment failed.'} The invoice says whether and when Stripe tries again."
    asked = not failed and any(p.waits_for == "customer" for p in waiting(invoice))
    what = "the customer has to confirm the payment" if asked else "payment failed"
    return _issue(invoice, FAILED, what, detail, invoice.amount_remaining_minor, since_s, zone=zone), stands


def _overdue(invoice: Invoice, now: datetime, zone: str) -> Found | None:
    due = invoice.due_date_s
    if due is None or due > now.timestamp() or invoice.collection_method != "send_invoice":
        return None
    stands = invoice.status == "open" and invoice.amount_remaining_minor > 0
    day = say(business_day(instant(due), zone))
    left = format_amount(invoice.amount_remaining_minor, invoice.currency)
    detail = f"It was due on {day}, and {left} is not paid; nothing is tried by itself. Ask the customer."
    if under_way(invoice):
        detail = f"It was sent and is past its day. {DEBITED}"
    return _issue(invoice, OVERDUE, "overdue", detail, invoice.amount_remaining_minor, due, zone=zone), stands


def _bad_debt(invoice: Invoice, zone: str) -> Found | None:
    if invoice.status != "uncollectible" and not invoice.uncollectible_at_s:
        return None
    since_s = invoice.uncollectible_at_s or invoice.created_s
    detail = "It was given up as a bad debt in Stripe. What remains is still owed, and can still be paid or voided."
    stands = invoice.status == "uncollectible"
    return _issue(
        invoice, BAD_DEBT, "uncollectible", detail, invoice.amount_remaining_minor, since_s, zone=zone
    ), stands


def _disputed(invoice: Invoice, back: MoneyBack) -> Iterable[Found]:
    for dispute, part, row in back.disputed(invoice):
        detail = row.detail or ""
        found = _issue(invoice, DISPUTED, "disputed", detail, part, dispute.created_s, zone=back.zone, key=row.key)
        yield found, dispute.status in OPEN_DISPUTE
