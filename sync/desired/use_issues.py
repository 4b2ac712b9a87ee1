"""Use that two things of one customer bill (DATA-237), told while it is so: a plan that was bought when a deal was signed already
can't be refused. One issue for each customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sync import catalogue
from sync.deal.calendar import business_day, instant, say
from sync.desired.account_view import AccountView
from sync.desired.contracts import Contract
from sync.desired.counted_once import CODE
from sync.desired.counting import Twice, counted_twice, meter_of
from sync.desired.keys import QUOTE
from sync.facts import Price, Schedule, Subscription
from sync.shown import BillingIssue


@dataclass(frozen=True)
class UseIssues:
    """The issues that stand, and the keys of those that are over if they were ever opened."""

    standing: tuple[BillingIssue, ...]
    over: tuple[str, ...]


def use_issues(view: AccountView, deals: Sequence[Contract]) -> UseIssues:
    """One issue for each customer of whom something is, or will be, billed twice."""
    objects: list[Subscription | Schedule] = [*view.subscriptions, *view.schedules]
    customers = {o.customer for o in objects if _by_use(o, view.prices)}
    found: dict[str, list[Twice]] = {}
    for twice in counted_twice(objects, view.prices, view.now) if customers else ():
        found.setdefault(twice.customer, []).append(twice)
    rows = {i: d.key for d in deals for i in (*d.subscription_ids, *d.schedule_ids)}
    standing = tuple(_issue(some, view, rows) for some in found.values())
    return UseIssues(standing, tuple(_key(c) for c in sorted(customers - found.keys())))


def _by_use(one: Subscription | Schedule, prices: Mapping[str, Price]) -> bool:
    if isinstance(one, Subscription):
        return any(meter_of(item.price) for item in one.items)
    return any((p := prices.get(i.price)) and meter_of(p) for phase in one.phases for i in phase.items)


def _key(customer: str) -> str:
    return f"{CODE}:{customer}"


def _issue(some: Sequence[Twice], view: AccountView, rows: Mapping[str, str]) -> BillingIssue:
    first = some[0]
    one, other = first.ids
    made: dict[str, Subscription | Schedule] = {s.id: s for s in view.subscriptions}
    made |= {s.id: s for s in view.schedules}
    later = max((made[i] for i in first.ids), key=lambda o: (o.created_s, o.id))
    more = f" So do {len(some) - 1} more of them." if len(some) > 1 else ""
    detail = (
        f"{one} and {other} in Stripe stand on one meter ({first.one.meter}) from {said_time(first, view.zone)}: each use is on "
        f"the invoices of both.{more} End one of them in Stripe, or by a Cancellation of the deal, or take its price by use off; "
        "this closes by itself then. Credit what was billed twice until then."
    )
    said = catalogue.message(
        CODE, detail, charged="Both bill until then.", product=f"meter {first.one.meter}", other=other
    )
    return BillingIssue(
        billing_key=_key(first.customer), code=CODE, title=f"Use is billed twice: {one} and {other}"[:255], detail=said,
        record=view.account_id, quote=next((q for i in first.ids if (q := made[i].metadata.get(QUOTE))), None),
        account=view.account_id, sum=None, status="Open", audience="Billing Operations", reference=later.id,
        opened_at=instant(later.created_s), currency=later.currency.upper(), subscription=rows.get(later.id),
    )  # fmt: skip


def said_time(twice: Twice, zone: str) -> str:
    """Since when, and until when if that is known; days of the zone."""
    from_day = say(business_day(instant(twice.since_s), zone))
    return from_day if twice.until_s is None else f"{from_day} to {say(business_day(instant(twice.until_s - 1), zone))}"
