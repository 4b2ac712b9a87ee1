"""What the CRM should show of one Account's money: rows from facts, and the next business instant at which they
change by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from sync.deal.calendar import zone
from sync.deal.money import to_major
from sync.desired.account_summary import amount_of, contracts_of, is_overdue, second_currencies_of, summary_of
from sync.desired.account_view import AccountView
from sync.desired.contracts import Contract, ContractItem
from sync.desired.given_back import MoneyBack
from sync.desired.invoice_rows import contract_of, invoice_row, not_waited_for, payment_rows
from sync.desired.issues import issues_of, shown
from sync.desired.last_usage import last_usage
from sync.desired.no_card import no_card
from sync.desired.opportunity import BilledDeal, billed
from sync.desired.past_deals import changes_at
from sync.desired.renewed import followers
from sync.desired.use_issues import use_issues
from sync.facts import Customer, Invoice, Subscription
from sync.shown import (
    AccountSummary,
    BillingInvoice,
    BillingIssue,
    BillingPayment,
    BillingSubscription,
    BillingSubscriptionItem,
)

COLLECTION = {"send_invoice": "Send Invoice", "charge_automatically": "Charge Automatically"}
DASHBOARD = "https://dashboard.stripe.com"


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
    undone: tuple[str, ...] = ()  # keys of payments that nobody waits for, if anybody ever did
    #: What of Stripe the mappings fill more fields of a row from, by its key.
    sources: Mapping[str, Invoice | Subscription] = field(default_factory=dict)
    overdue: frozenset[str] = frozenset()  # invoices that count as overdue now, in whatever currency


def show(view: AccountView, invoice_ids: frozenset[str], whole: AccountView | None = None) -> Shown:
    """Every row of the Account and its contracts, and of the invoices named. ``invoices`` of the view feed the sums
    whether named or not. ``whole`` is the Account on every Stripe account, where it has customers on several: its own row
    says the same, whichever of them shows it.
    """
    whole = whole or view
    deals = contracts_of(view)
    by_object = {i: d.key for d in deals for i in (*d.subscription_ids, *d.schedule_ids)} | {
        d.deal or d.key: d.key for d in deals
    }
    named = [i for i in view.invoices if i.id in invoice_ids and not i.deleted]
    renewed = followers(deals)
    back = MoneyBack(view.refunds, view.disputes, view.notes, view.invoices, view.zone)
    given = {i.id: back.of(i) for i in named}
    all_deals = deals if whole is view else contracts_of(whole)
    account = summary_of(whole, all_deals)
    issues = issues_of(view.invoices, view.charges, back, view.now)
    unpayable = no_card(view, deals)
    by_use = use_issues(view, deals)
    others = second_currencies_of(whole, all_deals, account.billing_currency or "")
    return Shown(
        account=account,
        customer=next(iter(whole.customers), None),
        issues=(
            *(
                shown(i, view.account_id, contract_of(i.invoice, by_object) if i.invoice else None)
                for i in (*issues.standing, *others.standing)
            ),
            *unpayable.standing,
            *by_use.standing,
        ),
        settled=(*issues.over, *others.over, *unpayable.over, *by_use.over),
        billed=billed([*view.subscriptions, *view.schedules, *view.standing_alone], view.invoices, view.prices),
        subscriptions=tuple(_subscription(view, d, renewed.get(d.deal or d.key)) for d in deals),
        items=tuple(row for d in deals for row in _items(view, d)),
        invoices=tuple(invoice_row(view, i, by_object, given[i.id]) for i in named),
        payments=tuple(row for i in named for row in payment_rows(view, i, given[i.id])),
        undone=tuple(key for i in named for key in not_waited_for(i)),
        wake_at=_wake(view),
        sources={**{i.id: i for i in named}, **_leading(view, deals)},
        overdue=frozenset(i.id for i in view.invoices if is_overdue(i, view.now) and not i.deleted),
    )


def _leading(view: AccountView, deals: Iterable[Contract]) -> dict[str, Subscription]:
    """By contract the subscription that its row names first."""
    by_id = {s.id: s for s in view.subscriptions}
    firsts = ((d.key, by_id.get(d.subscription_ids[0])) for d in deals if d.subscription_ids)
    return {key: first for key, first in firsts if first is not None}


def _subscription(view: AccountView, deal: Contract, renewed_by: str | None) -> BillingSubscription:
    ids = (*deal.subscription_ids, *deal.schedule_ids, *deal.invoice_ids)
    leading = ids[0] if ids else None  # of what is of one-time lines only, before its first day
    folder = "invoices" if deal.invoice_ids else "subscriptions" if deal.subscription_ids else "subscription_schedules"
    where = f"{folder}/{leading}" if leading else f"customers/{deal.customer}"
    used = last_usage(view.invoices, deal.subscription_ids, view.prices, deal.deal)
    return BillingSubscription(
        billing_key=deal.key,
        account=view.account_id,
        quote=deal.quote_id,
        stripe_id=leading,
        stripe_schedule_id=deal.schedule_ids[0] if deal.schedule_ids else None,
        stripe_ids=",".join(ids),
        channel="Sales-Led" if deal.sales_led else "Self-Serve",
        status=deal.status,
        currency=deal.currency.upper(),
        start_date=deal.start,
        end_date=deal.end,
        ends_on=deal.ends_on,
        current_period_end=deal.period_end,
        quantity=deal.quantity,
        mrr=amount_of(deal.monthly, deal.currency),
        arr=amount_of(12 * deal.monthly, deal.currency),
        contracted_mrr=amount_of(deal.contracted_monthly, deal.currency),
        collection_method=COLLECTION.get(deal.collection_method),
        stripe_url=f"{DASHBOARD}{'' if deal.livemode else '/test'}/{where}",
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
        mrr=amount_of(item.monthly, deal.currency),
        start_date=item.start,
        end_date=item.end or deal.end,
        account=view.account_id,
        currency=deal.currency.upper(),
    )


def _wake(view: AccountView) -> datetime | None:
    """When time alone changes a row: an invoice falls due, another day of delay begins, or a discount stops."""
    now_s = int(view.now.timestamp())
    due = [i.due_date_s for i in view.invoices if i.status == "open" and i.due_date_s and i.due_date_s > now_s]
    running = [s for s in view.subscriptions if s.ended_at_s is None]
    ends = [end_s for s in running for some in (s.coupon_ends_s, *(i.coupon_ends_s for i in s.items)) for end_s in some]
    stops = [end_s for end_s in ends if end_s and end_s > now_s]
    instants = [datetime.fromtimestamp(s, UTC) for s in (*due, *stops)]
    if any(is_overdue(i, view.now) for i in view.invoices):
        tomorrow = view.terms.day(now_s) + timedelta(days=1)
        instants.append(datetime.combine(tomorrow, time(), tzinfo=zone(view.zone)).astimezone(UTC))
    return min([*instants, *changes_at(view.standing_alone, view.now)], default=None)
