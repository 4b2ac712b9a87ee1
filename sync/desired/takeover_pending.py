"""What waits for the next invoice of a plan that a deal takes over (seats added last week, prorated): it is billed when the plan
ends, so it is paid for until the deal begins, and its unused time is given back like any other (BILLING_RULES 6).

A plan without use bills it by its own end. One by use can't: Stripe would bill what was used until now with it, which is
ours to state by the deal's day (`sync.desired.plan_use`). So its pending items go on an invoice of ours before it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync.deal.calendar import say
from sync.deal.money import format_amount
from sync.desired.customer import LIVE
from sync.desired.keys import KEY
from sync.desired.takeover import Takeover
from sync.desired.takeover_unused import Read, metered
from sync.facts import Invoice, Line, PendingItem, Subscription
from sync.records import Desired, Ref, Value

#: Ends the natural key of our invoice of what a plan had pending.
MARK = ":pending"


def pending_of(plan: Subscription, items: Sequence[PendingItem]) -> list[PendingItem]:
    """Those that wait for this plan's next invoice."""
    return [item for item in items if item.subscription == plan.id]


def waiting(takeover: Takeover, items: Sequence[PendingItem]) -> frozenset[str]:
    """The live plans that have something pending."""
    return frozenset(plan.id for plan in takeover.plans if plan.status in LIVE and pending_of(plan, items))


def desire_pending(takeover: Takeover, read: Read) -> tuple[list[Desired], bool]:
    """Our invoice of what each plan by use has pending, from before the plan ends until it is finalised, which is after: an
    ended plan's invoices are collected no more, unless they are finalised then. And whether that takes another pass.
    """
    found, again = [], False
    for plan in (plan for plan in takeover.plans if metered(plan)):
        mine = _ours(plan, takeover, read)
        if mine is not None or (plan.id in waiting(takeover, read.pending)):
            found.append(_invoice(plan, takeover, read))
            again = again or mine is None or mine.status == "draft"
    return found, again


def _ours(plan: Subscription, takeover: Takeover, read: Read) -> Invoice | None:
    return next((i for i in read.of_plans if i.metadata.get(KEY) == takeover.key(plan.id) + MARK), None)


def _invoice(plan: Subscription, takeover: Takeover, read: Read) -> Desired:
    ref = Ref("invoice", takeover.key(plan.id) + MARK)
    taxed = any(i.subscription == plan.id and i.tax_status is not None for i in read.of_plans)
    create: dict[str, Value] = {
        "customer": Ref("customer", takeover.deal.payer.account_id),
        "subscription": plan.id,
        "collection_method": plan.collection_method or "charge_automatically",
        "pending_invoice_items_behavior": "include",
        "auto_advance": False,
        "metadata": {KEY: ref.key},
    }
    if plan.collection_method == "send_invoice":
        create["days_until_due"] = plan.days_until_due or 0
    if taxed:
        create["automatic_tax"] = {"enabled": True}
    return Desired(
        ref,
        create=create,
        compare={"finalized": True},
        update={"finalized": {"auto_advance": True}},
        acts={"finalized": "finalize"},
        money=True,
        unfinished=True,
    )


def as_billed(takeover: Takeover, read: Read) -> Read:
    """As it will be once what is pending is billed: that is a draft at first, so what is given back of it does not lower it."""
    bills = [_bill(plan, some) for plan in takeover.plans if (some := _billed_at_end(plan, takeover, read))]
    return replace(read, of_plans=(*read.of_plans, *bills))


def said_pending(takeover: Takeover, read: Read) -> list[str]:
    """In words for the preview what is pending and will be invoiced when its plan ends; not what an earlier renewal takes."""
    lines = []
    for plan in takeover.plans:
        if some := _billed_at_end(plan, takeover, read):
            total, day = sum(item.amount_minor for item in some), say(takeover.deal.day_of(takeover.at))
            what = "; ".join(dict.fromkeys(item.description for item in some if item.description))
            how = "invoiced" if total >= 0 else "put to the customer's balance"
            amount = format_amount(abs(total), plan.currency.upper()) + (f" ({what})" if what else "")
            lines.append(f"Pending on {plan.id}, and {how} when it ends, {day}: {amount}")
    return lines


def _billed_at_end(plan: Subscription, takeover: Takeover, read: Read) -> list[PendingItem]:
    """What is pending on a live plan whose running cycle is its last."""
    last = all(item.period_end_s > takeover.at_s for item in plan.items)
    return pending_of(plan, read.pending) if plan.status in LIVE and last else []


def _bill(plan: Subscription, items: Sequence[PendingItem]) -> Invoice:
    amount = sum(item.amount_minor for item in items)
    lines = [
        Line(amount_minor=i.amount_minor, proration=True, period_start_s=i.period_start_s, period_end_s=i.period_end_s)
        for i in items
    ]
    return Invoice(
        id=f"pending:{plan.id}",
        created_s=max(item.created_s for item in items),
        customer=plan.customer,
        subscription=plan.id,
        currency=plan.currency,
        status="draft",
        subtotal_minor=amount,
        total_minor=amount,
        lines=tuple(lines),
    )
