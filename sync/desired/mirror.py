"""What the CRM should show of one Account's money: rows from facts, and the next business instant at which they
change by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

from sync.deal.calendar import zone
from sync.deal.money import round_half_away, to_major
from sync.desired.contracts import Contract, ContractItem, contracts
from sync.desired.declines import in_plain_words
from sync.desired.given_back import OPEN_DISPUTE, GivenBack, MoneyBack
from sync.desired.issues import Issues, issues_of, second_currencies, shown
from sync.desired.keys import DEAL, HELD
from sync.desired.last_usage import last_usage
from sync.desired.opportunity import BilledDeal, billed
from sync.desired.worth import Terms
from sync.errors import Terminal
from sync.facts import (
    Charge,
    Coupon,
    CreditNote,
    Customer,
    Dispute,
    Invoice,
    Price,
    Refund,
    Schedule,
    Subscription,
)
from sync.shown import (
    AccountSummary,
    BillingInvoice,
    BillingIssue,
    BillingPayment,
    BillingSubscription,
    BillingSubscriptionItem,
)

INVOICE_STATUS = {"draft": "Draft", "open": "Open", "paid": "Paid", "void": "Void", "uncollectible": "Uncollectible"}
COLLECTION = {"send_invoice": "Send Invoice", "charge_automatically": "Charge Automatically"}
UNDER_REVIEW = "Under Review"
DASHBOARD = "https://dashboard.stripe.com"
OUTSIDE = "Paid outside Stripe"


@dataclass(frozen=True)
class AccountView:
    """All that is known of one Account's billing, whatever customers, objects and channels it takes."""

    account_id: str
    zone: str
    now: datetime
    customers: Sequence[Customer]
    subscriptions: Sequence[Subscription]
    schedules: Sequence[Schedule]
    invoices: Sequence[Invoice]
    charges: Mapping[str, Sequence[Charge]] = field(default_factory=dict)  # by payment intent
    refunds: Sequence[Refund] = ()
    disputes: Sequence[Dispute] = ()
    notes: Sequence[CreditNote] = ()
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)  # Stripe product id -> Product2 id
    under_review: bool = False  # more than one customer is live, and people have not said which pays

    @property
    def payer(self) -> AccountView:
        """What the first of the customers, the Account's payer, has of it: of two live ones no sums are merged."""
        first = {c.id for c in self.customers[:1]}
        return replace(
            self,
            customers=self.customers[:1],
            subscriptions=[s for s in self.subscriptions if s.customer in first],
            schedules=[s for s in self.schedules if s.customer in first],
            invoices=[i for i in self.invoices if i.customer in first],
        )

    @property
    def terms(self) -> Terms:
        return Terms(self.coupons, self.prices, self.zone, self.now)


@dataclass(frozen=True)
class Shown:
    """Rows that should stand in the CRM, parents first, and when to look again."""

    account: AccountSummary
    subscriptions: tuple[BillingSubscription, ...]
    items: tuple[BillingSubscriptionItem, ...]
    invoices: tuple[BillingInvoice, ...]
    payments: tuple[BillingPayment, ...]
    wake_at: datetime | None
    issues: tuple[BillingIssue, ...] = ()
    billed: Mapping[str, BilledDeal] = field(default_factory=dict)  # by deal
    customer: Customer | None = None  # the first of the Account's, its payer
    settled: tuple[str, ...] = ()  # keys of issues that are over, if they were ever opened


def show(view: AccountView, invoice_ids: frozenset[str]) -> Shown:
    """Every row of the Account and its contracts, and of the invoices named. ``invoices`` of the view feed the sums
    whether named or not.
    """
    deals = contracts(view.subscriptions, view.schedules, view.terms)
    by_object = {i: d.key for d in deals for i in (*d.subscription_ids, *d.schedule_ids)} | {
        d.key: d.key for d in deals
    }
    named = [i for i in view.invoices if i.id in invoice_ids and not i.deleted]
    followers = {d.renews: d.key for d in deals if d.renews}
    back = MoneyBack(view.refunds, view.disputes, view.notes, view.invoices, view.zone)
    given = {i.id: back.of(i) for i in named}
    account = _summary(view, deals)
    issues = issues_of(view.invoices, view.charges, back, view.now)
    others = _second_currencies(view, deals, account.billing_currency or "")
    return Shown(
        account=account,
        customer=next(iter(view.customers), None),
        issues=tuple(
            shown(i, view.account_id, _contract_of(i.invoice, by_object) if i.invoice else None)
            for i in (*issues.standing, *others.standing)
        ),
        settled=(*issues.over, *others.over),
        billed=billed([*view.subscriptions, *view.schedules], view.invoices, view.prices),
        subscriptions=tuple(_subscription(view, d, followers.get(d.deal or d.key)) for d in deals),
        items=tuple(row for d in deals for row in _items(view, d)),
        invoices=tuple(_invoice(view, i, by_object, given[i.id]) for i in named),
        payments=tuple(row for i in named for row in _payments(view, i, given[i.id])),
        wake_at=_wake(view),
    )


def _stamp(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _amount(value: Fraction, currency: str) -> Decimal:
    return to_major(round_half_away(value), currency)


def _subscription(view: AccountView, deal: Contract, renewed_by: str | None) -> BillingSubscription:
    leading = (*deal.subscription_ids, *deal.schedule_ids)[0]
    folder = "subscriptions" if deal.subscription_ids else "subscription_schedules"
    used = last_usage(view.invoices, deal.subscription_ids, view.prices)
    return BillingSubscription(
        billing_key=deal.key,
        account=view.account_id,
        quote=deal.quote_id,
        stripe_id=leading,
        stripe_schedule_id=deal.schedule_ids[0] if deal.schedule_ids else None,
        stripe_ids=",".join((*deal.subscription_ids, *deal.schedule_ids)),
        channel="Sales-Led" if deal.sales_led else "Self-Serve",
        status=deal.status,
        currency=deal.currency.upper(),
        start_date=deal.start,
        end_date=deal.end,
        ends_on=deal.ends_on,
        current_period_end=deal.period_end,
        quantity=deal.quantity,
        mrr=_amount(deal.monthly, deal.currency),
        arr=_amount(12 * deal.monthly, deal.currency),
        contracted_mrr=_amount(deal.contracted_monthly, deal.currency),
        collection_method=COLLECTION.get(deal.collection_method),
        stripe_url=f"{DASHBOARD}{'' if deal.livemode else '/test'}/{folder}/{leading}",
        as_of=view.now,
        renewed_by=renewed_by,
        last_usage=Decimal(used.quantity) if used else None,
        last_usage_amount=to_major(used.minor, deal.currency) if used else None,
    )


def _items(view: AccountView, deal: Contract) -> list[BillingSubscriptionItem]:
    seen: dict[str, int] = {}
    rows = []
    for item in deal.items:
        number = seen[item.price.id] = seen.get(item.price.id, 0) + 1
        rows.append(_item(view, deal, item, f"{deal.key}/{item.price.id}" + (f"/{number}" if number > 1 else "")))
    return rows


def _item(view: AccountView, deal: Contract, item: ContractItem, key: str) -> BillingSubscriptionItem:
    unit = item.price.unit_amount_decimal
    return BillingSubscriptionItem(
        billing_key=key,
        billing_subscription=deal.key,
        product2=view.products.get(item.price.product),
        quantity=Decimal(item.quantity) if item.quantity is not None else None,
        unit_amount=None if unit is None else (unit * to_major(1, deal.currency)).quantize(Decimal("1E-8")),
        discount=item.percent_off.quantize(Decimal("0.01")),
        mrr=_amount(item.monthly, deal.currency),
        start_date=item.start,
        end_date=item.end or deal.end,
        account=view.account_id,
        currency=deal.currency.upper(),
    )


def is_overdue(invoice: Invoice, now: datetime) -> bool:
    """Open, and either past its due date or refused at least once (BILLING_RULES 7)."""
    if invoice.status != "open" or invoice.amount_remaining_minor <= 0:
        return False
    if invoice.collection_method == "send_invoice":
        return invoice.due_date_s is not None and invoice.due_date_s <= now.timestamp()
    return invoice.attempt_count > 0


def _overdue_since(invoice: Invoice) -> int:
    return invoice.due_date_s or invoice.finalized_at_s or invoice.created_s


def _contract_of(invoice: Invoice, by_object: Mapping[str, str]) -> str | None:
    """The key of the contract that the invoice is of."""
    return by_object.get(invoice.subscription or invoice.metadata.get(DEAL, ""))


def _invoice(
    view: AccountView, invoice: Invoice, by_object: Mapping[str, str], given_back: GivenBack
) -> BillingInvoice:
    def amount(minor: int) -> Decimal:
        return to_major(minor, invoice.currency)

    failing = invoice.status == "open" and invoice.attempt_count > 0
    charges = _charges(view, invoice)
    words = next((c for c in reversed(charges) if c.status == "failed"), None)
    failure = (
        in_plain_words(words.failure_code, words.failure_message)
        if words
        else in_plain_words(invoice.last_error_code, invoice.last_error)
    )
    terms = view.terms
    return BillingInvoice(
        billing_key=invoice.id,
        stripe_id=invoice.id,
        account=view.account_id,
        billing_subscription=_contract_of(invoice, by_object),
        number=invoice.number,
        status=_status(invoice),
        currency=invoice.currency.upper(),
        subtotal=amount(invoice.subtotal_minor),
        tax=amount(invoice.tax_minor),
        total=amount(invoice.total_minor),
        amount_paid=amount(invoice.amount_paid_minor),
        amount_remaining=amount(0 if invoice.status == "void" else invoice.amount_remaining_minor),
        amount_refunded=amount(given_back.refunded_minor),
        amount_credited=amount(given_back.credited_minor),
        issued_on=terms.day(invoice.created_s),
        due_on=terms.day(invoice.due_date_s) if invoice.due_date_s else None,
        period_start=terms.day(invoice.period_start_s) if invoice.period_start_s else None,
        period_end=_period_end(invoice, terms),
        attempts=invoice.attempt_count,
        next_attempt_at=_stamp(invoice.next_payment_attempt_s) if failing else None,
        failure=failure if failing else None,
        dispute_status=given_back.dispute_status,
        hosted_url=invoice.hosted_url,
        pdf_url=invoice.pdf_url,
        as_of=view.now,
    )


def _status(invoice: Invoice) -> str:
    """Stripe's status in the CRM's words. One that is new to us is said loudly: "Open" would be a guess about money."""
    if invoice.status not in INVOICE_STATUS:
        raise Terminal(
            "BUG-502",
            f"Stripe says {invoice.id} is {invoice.status!r}, a status that this release doesn't know. Nothing was changed.",
        )
    return INVOICE_STATUS[invoice.status]


def _period_end(invoice: Invoice, terms: Terms) -> date | None:
    if not invoice.period_end_s:
        return None
    return terms.last_day(invoice.period_start_s, invoice.period_end_s)


def _charges(view: AccountView, invoice: Invoice) -> list[Charge]:
    intents = [p.payment_intent for p in invoice.payments if p.payment_intent]
    return sorted((c for i in intents for c in view.charges.get(i, ())), key=lambda c: (c.created_s, c.id))


def _payments(view: AccountView, invoice: Invoice, given_back: GivenBack) -> list[BillingPayment]:
    def row(key: str, type_: str, status: str, minor: int, at_s: int, detail: str | None) -> BillingPayment:
        at = _stamp(at_s)
        assert at is not None
        currency = invoice.currency.upper()
        return BillingPayment(
            key, invoice.id, type_, status, currency, to_major(minor, currency), at, detail, view.account_id
        )

    rows = [
        row(c.id, "Attempt", "Failed", c.amount_minor, c.created_s, in_plain_words(c.failure_code, c.failure_message))
        for c in _charges(view, invoice)
        if c.status == "failed"
    ]
    rows += [row(p.key, "Payment", "Succeeded", p.minor, p.at_s, _overpaid(invoice, p)) for p in paid(invoice)]
    return rows + [row(m.key, m.type, m.status, m.minor, m.at_s, m.detail) for m in given_back.movements]


@dataclass(frozen=True)
class Paid:
    """One payment that counts towards an invoice, in minor units."""

    key: str
    at_s: int
    minor: int
    detail: str | None = None


def paid(invoice: Invoice) -> list[Paid]:
    """The payments of an invoice, each once; what was paid outside Stripe has no payment object of its own."""
    found = [
        Paid(p.id, p.paid_at_s or p.created_s, p.amount_minor, OUTSIDE if p.out_of_band else None)
        for p in invoice.payments
        if p.status == "paid" and p.amount_minor
    ]
    outside = invoice.amount_paid_minor - sum(p.minor for p in found)
    if outside > 0:
        found.append(Paid(f"{invoice.id}/outside", invoice.paid_at_s or invoice.created_s, outside, OUTSIDE))
    return found


def _overpaid(invoice: Invoice, payment: Paid) -> str | None:
    """What the invoice's last payment says of what was paid beyond what was due."""
    last = max(paid(invoice), key=lambda p: (p.at_s, p.key))
    if not invoice.overpaid_minor or payment != last:
        return payment.detail
    over = to_major(invoice.overpaid_minor, invoice.currency)
    more = f"{over} {invoice.currency.upper()} more than was due went to the customer's balance."
    return f"{payment.detail}. {more}" if payment.detail else more


def _summary(view: AccountView, deals: Sequence[Contract]) -> AccountSummary:
    if not view.under_review:
        return _account(view, deals)
    own = view.payer
    return replace(_account(own, contracts(own.subscriptions, own.schedules, own.terms)), billing_health=UNDER_REVIEW)


def _account(view: AccountView, deals: Sequence[Contract]) -> AccountSummary:
    live = [d for d in deals if d.live]
    currency = _currency(view, live or deals)
    ours = [i for i in view.invoices if i.currency.lower() == currency and not i.deleted]
    same = [d for d in live if d.currency == currency]
    late = [i for i in ours if is_overdue(i, view.now)]
    late_at_all = [i for i in view.invoices if is_overdue(i, view.now) and not i.deleted]
    charge_s, charge = _next_invoice(view, ours, same)
    paid_s, paid_minor = _last_payment(ours)

    def amount(value: Fraction | int) -> Decimal | None:
        return _amount(Fraction(value), currency) if currency else None

    terms = view.terms
    return AccountSummary(
        id=view.account_id,
        stripe_customer_id=next((c.id for c in view.customers if not c.deleted), None),
        billing_channel=("Sales-Led" if any(d.sales_led for d in live or deals) else "Self-Serve") if deals else None,
        billing_health=_health(deals, live, late_at_all, questioned=_questioned(view)),
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
        payment_method=next((c.payment_method for c in view.customers if c.payment_method), None),
        billing_as_of=view.now,
    )


def _second_currencies(view: AccountView, deals: Sequence[Contract], own: str) -> Issues:
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


def _health(deals: Sequence[Contract], live: Sequence[Contract], late: Sequence[Invoice], *, questioned: bool) -> str:
    if late or any(d.status in ("Past Due", "Unpaid") for d in live):
        return "Past Due"
    if questioned:
        return "Under Review"
    if live:
        return "Good"
    return "Canceled" if deals else "No Billing"


def _next_invoice(view: AccountView, invoices: Sequence[Invoice], deals: Sequence[Contract]) -> tuple[int | None, int]:
    """The earliest date on which a contract bills next, with what all contracts bill on that day."""
    due: dict[int, int] = {}
    for deal in deals:
        if deal.next_charge_s is not None:
            due[deal.next_charge_s] = due.get(deal.next_charge_s, 0) + (deal.next_amount_minor or 0)
    return (min(due), due[min(due)]) if due else (None, 0)


def _last_payment(invoices: Sequence[Invoice]) -> tuple[int | None, int]:
    payments = [(p.at_s, p.minor) for i in invoices for p in paid(i)]
    return max(payments) if payments else (None, 0)


def _wake(view: AccountView) -> datetime | None:
    """When time alone changes a row: an invoice falls due, or another day of delay begins."""
    now_s = int(view.now.timestamp())
    due = [i.due_date_s for i in view.invoices if i.status == "open" and i.due_date_s and i.due_date_s > now_s]
    instants = [datetime.fromtimestamp(s, UTC) for s in due]
    if any(is_overdue(i, view.now) for i in view.invoices):
        tomorrow = view.terms.day(now_s) + timedelta(days=1)
        instants.append(datetime.combine(tomorrow, time(), tzinfo=zone(view.zone)).astimezone(UTC))
    return min(instants, default=None)
