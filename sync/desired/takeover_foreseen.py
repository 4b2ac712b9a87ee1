"""What a takeover will give back, said before it has come: of what is billed by then, as the plan is now."""

from __future__ import annotations

from sync.deal.money import format_amount
from sync.desired.cycles import cycle_at
from sync.desired.takeover import Takeover
from sync.desired.takeover_unused import Given, Read, share, unused
from sync.desired.to_come import is_paused
from sync.desired.worth import Terms, at_work, charge_by_line, of_items
from sync.facts import Item, Subscription

#: A plan of these bills no cycle: its invoices stay drafts, or there is none.
BILLS_NOTHING = frozenset({"unpaid", "incomplete", "incomplete_expired", "canceled"})


def foreseen(takeover: Takeover, read: Read, first: int, terms: Terms) -> Given:
    """What a takeover still to come will give back: of what is billed already, or of the cycle that will run by then, as
    the plan is now. ``first`` is what the first invoice comes to, in minor units.
    """
    found = unused(takeover, read.of_plans, read.returned)
    owed = sum(one.amount for one in found if one.is_owed)
    paid = sum(one.amount for one in found if not one.is_owed)
    paid += sum(_to_come(plan, takeover, terms) for plan in takeover.plans)
    if takeover.deal.tax is not None:
        return Given(to_balance=paid, off_open=owed)
    return Given(on_first=min(first, paid), to_balance=max(0, paid - first), off_open=owed)


def _to_come(plan: Subscription, takeover: Takeover, terms: Terms) -> int:
    """What the unused rest of a cycle that has not begun will come to, were the plan to go on as it is: one that bills nothing
    now will have billed nothing by then, unless a day is set on which it is collected again.
    """
    if plan.status in BILLS_NOTHING:
        return 0
    runs_to = [item.period_end_s for item in plan.items]
    ends = plan.cancel_at_s or (min(runs_to) if plan.cancel_at_period_end and runs_to else 0)
    if ends and ends <= takeover.at_s:
        return 0
    cycles: dict[int, list[tuple[Item, int]]] = {}  # what one invoice bills together
    for item in plan.items:
        if item.period_end_s < takeover.at_s and item.price.usage_type != "metered" and item.price.interval:
            start_s, end_s = cycle_at(item, plan.billing_cycle_anchor_s, takeover.at_s)
            cycles.setdefault(start_s, []).append((item, end_s))
    # A cycle that would begin at that very instant is not billed: the plan has ended.
    return sum(
        _unused(some, plan, start_s, takeover, terms)
        for start_s, some in cycles.items()
        if start_s < takeover.at_s and not is_paused(plan, start_s)
    )


def _unused(some: list[tuple[Item, int]], plan: Subscription, start_s: int, takeover: Takeover, terms: Terms) -> int:
    """The unused rest of what one invoice will bill: items, each with its cycle's end, less the coupons still at work. One for
    a single invoice is spent by the next, which need not be this one.
    """
    items = [_spent(item, terms) if item.period_end_s < start_s else item for item, _ in some]
    whole = at_work(plan, start_s)
    if min(item.period_end_s for item in plan.items) < start_s:
        whole = terms.unspent(whole)
    amounts = charge_by_line(of_items(items, terms, plan.currency, start_s), whole, terms)
    return sum(share(amount, start_s, end_s, takeover.at_s) for amount, (_, end_s) in zip(amounts, some, strict=True))


def _spent(item: Item, terms: Terms) -> Item:
    """An item whose discounts for one invoice have done their work."""
    left = [at for at, coupon in enumerate(item.coupons) if terms.unspent((coupon,))]
    ends = tuple(item.coupon_ends_s[at] for at in left) if item.coupon_ends_s else ()
    return item.model_copy(update={"coupons": tuple(item.coupons[at] for at in left), "coupon_ends_s": ends})


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
    return lines or ["No unused time of it was paid for, so nothing is credited"]
