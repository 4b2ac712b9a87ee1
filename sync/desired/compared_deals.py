"""One Account's signed deals against what bills them in Stripe: what is missing, too much, or changed by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sync.deal.calendar import instant, say
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.lines import Charge
from sync.deal.pricing import mrr_minor
from sync.deal.timeline import tracks
from sync.desired.compared_credits import credits_unlike
from sync.desired.compared_discounts import discounts_unlike
from sync.desired.compared_loose import (
    counts_twice,
    not_billed,
    not_ended,
    two_live,
    unlinked,
    without_deal,
    without_twins,
)
from sync.desired.compared_payer import payer_unlike
from sync.desired.compared_view import ENDS_WITHIN, OVER, DealsView, of_deal
from sync.desired.differences import OUTSIDE, TANDEM, Cure, Difference, Kind
from sync.desired.kept_on import let_go, term_is_over
from sync.desired.keys import DEAL, KEY
from sync.desired.made import Made, begun, made, prices_on
from sync.desired.promised import is_after, is_checked, unlike
from sync.desired.subscription import Wanted, desire
from sync.desired.takeover_credit import as_credited
from sync.diff import diff
from sync.errors import Refused
from sync.facts import Customer, Subscription
from sync.observed import actuals, observe
from sync.plan import Drift, Plan
from sync.records import Ref

#: What a comparison looks at of a plan: the catalogue is shared by all, and credits take readings of their own.
COMPARED = frozenset({"subscription", "schedule", "invoice"})


def deals_unlike(view: DealsView) -> list[Difference]:
    """Everything about the Account's deals that is not as it was signed; nothing for what is under way."""
    found = not_billed(view)
    for key, deal in sorted(view.deals.items()):
        if not _pending(view, deal):
            found += [*deal_unlike(view, deal), *not_ended(view, deal)]
        found += two_live(view, key)
    return [*found, *counts_twice(view), *without_deal(view), *unlinked(view), *payer_unlike(view)]


# ------------------------------------------------------------------ a deal and its objects


def deal_unlike(view: DealsView, deal: Deal) -> list[Difference]:
    """What differs between a deal as it was promised and its Stripe objects."""
    view = without_twins(view)
    done = made(deal, view.objects)
    wanted = _wanted(view, deal, done)
    if wanted is None:
        return []
    plan = _plan(view, deal, wanted, done)
    if not done:
        return [_nothing_there(view, deal)] if plan.operations else []
    standing = _standing(view, deal, done, plan)
    found = standing or [*_changed(view, deal, done, plan), *_undone(deal, plan)]
    found += discounts_unlike(view, deal, done)
    return [*found, *_amounts(view, deal, done, plan), *credits_unlike(view, deal, done, wanted.objects)]


def _wanted(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> Wanted | None:
    """The deal's objects as they should be; None where that can't be said now."""
    try:
        wanted = desire(deal, view.now, done, view.policy)
    except Refused:
        return None  # ended before it got here; its quote says so
    return None if wanted.waiting else wanted


def _payer(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> Customer | None:
    """The customer that the deal is billed to. Of an Account that has several, since another was merged into it, that need
    not be the one that pays for new deals: a deal goes on where it is.
    """
    there = [one for m in done.values() for one in (m.subscription, m.schedule) if one]
    on = {one.customer for one in there} or {i.customer for i in view.invoices if i.metadata.get(DEAL) == deal.key}
    return next((c for c in view.customers if c.id in on), next(iter(view.customers), None))


def _plan(view: DealsView, deal: Deal, wanted: Wanted, done: Mapping[str, Made]) -> Plan:
    """What is missing of the deal and what was changed."""
    customer = (deal.payer.account_id, payer) if (payer := _payer(view, deal, done)) else None
    seen = [*view.objects, *view.invoices, *view.prices.values(), *view.coupons.values()]
    objects = as_credited(wanted.objects, view.invoices)
    on = [view.prices[id_] for id_ in sorted(prices_on(deal, view.objects)) if id_ in view.prices]
    standing = {Ref("price", key): observe(price) for price in on if (key := price.metadata.get(KEY))}
    actual = {**actuals(seen, customer=customer), **standing}
    return diff([w for w in objects if w.ref.kind in COMPARED], actual)


def _nothing_there(view: DealsView, deal: Deal) -> Difference:
    total = forecast(deal, view.now, begun(deal, {})).total
    return of_deal(
        deal, Kind.DEAL_WITHOUT_SUBSCRIPTION, "", "", f"billed from {say(deal.start)}", "nothing in Stripe",
        actor=OUTSIDE, sum_minor=total, mrr_minor=-mrr_minor(deal, deal.day_of(view.now)),
    )  # fmt: skip


def _standing(view: DealsView, deal: Deal, done: Mapping[str, Made], plan: Plan) -> list[Difference]:
    """Objects that ended, stand still or go on although the contract says otherwise."""
    kept = let_go(view.schedules)
    unlike_ = {d.ref.key: (d.remote_id, *d.said()[1:]) for d in plan.drift if d.part == "standing"}
    for track in tracks(deal):
        mine = done.get(track.key)
        if mine is None or mine.subscription is None or track.key in unlike_:
            continue
        if mine.subscription.id in kept and term_is_over(mine.subscription.metadata, deal.day_of(view.now)):
            continue  # it goes on as self-serve, and what was let go of was told while the term ran
        end = deal.boundary(track.end) if track.end else None
        words = _status_words(mine.subscription, end, view.now)
        if words:
            unlike_[track.key] = (mine.subscription.id, *words)
    if not unlike_:
        return []
    worth = _mrr_difference(view, deal, done)
    return [
        of_deal(deal, Kind.STATUS, id_, "status", wanted, found, mrr_minor=worth if n == 0 else 0)
        for n, (id_, wanted, found) in enumerate(unlike_.values())
    ]


def _status_words(subscription: Subscription, end: datetime | None, now: datetime) -> tuple[str, str] | None:
    over = end is not None and now >= end
    goes_on = "runs" if end is None else f"runs until {end:%Y-%m-%d}"
    if subscription.status in OVER:
        return None if over else (goes_on, subscription.status)
    if end is not None and now >= end + ENDS_WITHIN:
        return (f"ended on {end:%Y-%m-%d}", subscription.status)
    if over:
        return None
    if subscription.paused or subscription.status == "paused":
        return (goes_on, "paused")
    ends_s = subscription.cancel_at_s or (_period_end(subscription) if subscription.cancel_at_period_end else None)
    if end is None and ends_s:
        return (goes_on, f"ends on {instant(ends_s):%Y-%m-%d}")
    return None


def _period_end(subscription: Subscription) -> int | None:
    return max((i.period_end_s for i in subscription.items), default=None)


def _changed(view: DealsView, deal: Deal, done: Mapping[str, Made], plan: Plan) -> list[Difference]:
    """What somebody changed by hand: quantities by product where those differ today, else the part that differs."""
    drift = [d for d in plan.drift if d.ref.kind != "invoice"]
    if not drift:
        return []
    worth = _mrr_difference(view, deal, done)
    signed, there = _signed_quantities(view, deal), _quantities(done)
    names = {product.key: product.name for product in deal.products.values()}
    records = ", ".join(dict.fromkeys(d.remote_id for d in drift))
    unlike_ = [product for product in sorted({*signed, *there}) if signed[product] != there[product]]
    if any(mine.subscription for mine in done.values()) and unlike_:
        return [
            of_deal(
                deal, Kind.CHANGED_IN_STRIPE, records, f"quantity of {names.get(product, product)}",
                str(signed[product]), str(there[product]), mrr_minor=worth if n == 0 else 0,
            )
            for n, product in enumerate(unlike_)
        ]  # fmt: skip
    return [_of_part(deal, d, worth if n == 0 else 0) for n, d in enumerate(_one_each(drift))]


def _one_each(drift: Sequence[Drift]) -> list[Drift]:
    """One part of each object, the first that differs."""
    return list({d.ref: d for d in reversed(drift)}.values())[::-1]


def _of_part(deal: Deal, drift: Drift, worth: int) -> Difference:
    place, wanted, found = drift.said()
    return of_deal(deal, Kind.CHANGED_IN_STRIPE, drift.remote_id, place, wanted, found, mrr_minor=worth)


def _signed_quantities(view: DealsView, deal: Deal) -> Counter[str]:
    """Licensed recurring quantities that were signed for today, by product."""
    today = deal.day_of(view.now)
    found: Counter[str] = Counter()
    for piece in deal.pieces:
        if piece.runs(today) and piece.line.charge is Charge.RECURRING:
            found[piece.line.product.key] += piece.quantity
    return found


def _quantities(done: Mapping[str, Made]) -> Counter[str]:
    """The same as Stripe has it."""
    found: Counter[str] = Counter()
    for mine in done.values():
        if mine.subscription is not None and mine.subscription.status not in OVER:
            for item in mine.subscription.items:
                if item.price.usage_type != "metered":
                    found[item.price.product] += 1 if item.quantity is None else item.quantity
    return found


def _mrr_difference(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> int:
    """What Stripe's objects are worth a month today, less what was signed."""
    there = view.monthly(s for mine in done.values() if (s := mine.subscription) is not None)
    return round(there) - mrr_minor(deal, deal.day_of(view.now))


def _undone(deal: Deal, plan: Plan) -> list[Difference]:
    """What the deal still has to do though nobody holds it up: a wake or a mark was lost."""
    if plan.drift or not plan.operations:
        return []
    words = "; ".join(f"{verb}" for verb in plan.counts)
    return [of_deal(deal, Kind.NOT_DONE, "", "", words, "nothing is due", actor=TANDEM, cure=Cure.SAFE)]


def _amounts(view: DealsView, deal: Deal, done: Mapping[str, Made], plan: Plan) -> list[Difference]:
    """Invoices that are not what was promised, and that nobody dealt with."""
    found = [
        of_deal(deal, Kind.AMOUNT, d.remote_id, d.part, *d.said()[1:])
        for d in plan.drift
        if d.ref.kind == "invoice" and d.part != "standing"
    ]
    settled, by_id = begun(deal, done), {s.id: s for s in view.subscriptions}
    kept = let_go(view.schedules)
    for invoice in view.invoices:
        if invoice.subscription in kept and is_after(invoice, deal):
            continue
        if not is_checked(invoice) or invoice.credited_minor or invoice.subscription_metadata.get(DEAL) != deal.key:
            continue
        subscription = by_id.get(invoice.subscription or "")
        one = unlike(invoice, subscription, deal, settled, view.prices) if subscription else None
        if one is not None:
            found.append(
                of_deal(
                    deal, Kind.AMOUNT, invoice.id, "total", str(one.promised), str(one.found),
                    sum_minor=one.found - one.promised,
                )
            )  # fmt: skip
    return found


def _pending(view: DealsView, deal: Deal) -> bool:
    """Whether one of the deal's quotes is being worked on."""
    quotes = {deal.key, *(change.quote_id for change in deal.changes)}
    return any(view.states[q].pending for q in quotes if q in view.states)
