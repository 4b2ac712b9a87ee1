"""One Account's signed deals against what bills them in Stripe: what is missing, too much, or changed by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from sync.crm import CrmQuote
from sync.deal.calendar import instant, say
from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.lines import Charge
from sync.deal.policy import BillingPolicy
from sync.deal.pricing import mrr_minor
from sync.deal.timeline import tracks
from sync.desired.contracts import contracts
from sync.desired.differences import OUTSIDE, TANDEM, Cure, Difference, Kind
from sync.desired.kept_on import let_go, term_is_over
from sync.desired.keys import DEAL, KEY
from sync.desired.made import Made, begun, made
from sync.desired.promised import is_after, is_checked, unlike
from sync.desired.subscription import desire
from sync.desired.takeover_credit import as_credited
from sync.desired.worth import Terms
from sync.diff import diff
from sync.errors import Refused
from sync.facts import Coupon, Customer, Invoice, Price, Schedule, Subscription
from sync.observed import actuals
from sync.plan import Drift, Plan

#: What a comparison looks at of a plan: the catalogue is shared by all, and credits take readings of their own.
COMPARED = frozenset({"subscription", "schedule", "invoice"})
#: A quote that was signed before Tandem was started waits for a decision, and somebody else bills it meanwhile.
BEFORE_START = "DATA-229"
OVER = frozenset({"canceled", "incomplete_expired"})
SCHEDULE_OVER = frozenset({"canceled", "completed", "released"})
#: How long after its last moment something may still be running before that is a difference: Stripe ends it by itself.
ENDS_WITHIN = timedelta(hours=2)


@dataclass(frozen=True)
class QuoteState:
    """How a signed quote stands with us. ``pending``: due, running, or waiting for a moment close by."""

    pending: bool
    code: str | None = None
    sum_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True)
class DealsView:
    """All that is known of one Account's deals on every side.

    ``deals`` are the deals as promised, by key; ``billed`` the quotes that were taken in; ``states`` how quotes stand
    with us, absent for one that was never noticed; ``links`` the keys of our links.
    """

    account_id: str
    zone: str
    now: datetime
    policy: BillingPolicy
    quotes: Sequence[CrmQuote] = ()
    deals: Mapping[str, Deal] = field(default_factory=dict)
    billed: frozenset[str] = frozenset()
    states: Mapping[str, QuoteState] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    customers: Sequence[Customer] = ()
    subscriptions: Sequence[Subscription] = ()
    schedules: Sequence[Schedule] = ()
    invoices: Sequence[Invoice] = ()
    prices: Mapping[str, Price] = field(default_factory=dict)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)

    @property
    def objects(self) -> list[Subscription | Schedule]:
        """What runs, ran, or is planned."""
        return [*self.subscriptions, *self.schedules]

    def monthly(self, subscriptions: Iterable[Subscription]) -> Fraction:
        """What these are worth a month today, exact, in minor units."""
        terms = Terms(self.coupons, self.prices, self.zone, self.now)
        return sum((c.monthly for c in contracts(subscriptions, (), terms)), Fraction(0))


def deals_unlike(view: DealsView) -> list[Difference]:
    """Everything about the Account's deals that is not as it was signed; nothing for what is under way."""
    found = _not_billed(view)
    for key, deal in sorted(view.deals.items()):
        if not _pending(view, deal):
            found += deal_unlike(view, deal)
        found += _two_live(view, key)
    return [*found, *_without_deal(view), *_unlinked(view)]


# ------------------------------------------------------------------ signed, and not billed


def _not_billed(view: DealsView) -> list[Difference]:
    """Signed quotes that were never taken in."""
    found = []
    for quote in view.quotes:
        state = view.states.get(quote.id)
        if quote.id in view.billed or (state is not None and (state.pending or state.code == BEFORE_START)):
            continue
        why = "never noticed" if state is None else f"waits: {state.code}" if state.code else "nothing was done"
        cure = Cure.PERSON if state is not None and state.code else Cure.SAFE
        found.append(
            Difference(
                Kind.DEAL_WITHOUT_SUBSCRIPTION, f"quote:{quote.id}", view.account_id, f"Quote {quote.number}", "",
                f"billed (signed {quote.quote_type or 'New'} quote)", f"nothing in Stripe: {why}", TANDEM,
                sum_minor=state.sum_minor if state else None,
                currency=(state.currency if state else None) or quote.currency, cure=cure,
            )
        )  # fmt: skip
    return found


# ------------------------------------------------------------------ a deal and its objects


def deal_unlike(view: DealsView, deal: Deal) -> list[Difference]:
    """What differs between a deal as it was promised and its Stripe objects."""
    view = _without_twins(view)
    done = made(deal, view.objects)
    plan = _plan(view, deal, done)
    if plan is None:
        return []
    if not done:
        return [_nothing_there(view, deal)] if plan.operations else []
    standing = _standing(view, deal, done, plan)
    found = standing or [*_changed(view, deal, done, plan), *_undone(view, deal, plan)]
    return [*found, *_amounts(view, deal, done, plan)]


def _plan(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> Plan | None:
    """What is missing of the deal and what was changed; None where that can't be said now."""
    try:
        wanted = desire(deal, view.now, done, view.policy)
    except Refused:
        return None  # ended before it got here; its quote says so
    if wanted.waiting:
        return None
    customer = (deal.payer.account_id, view.customers[0]) if view.customers else None
    seen = [*view.objects, *view.invoices, *view.prices.values(), *view.coupons.values()]
    objects = as_credited(wanted.objects, view.invoices)
    return diff([w for w in objects if w.ref.kind in COMPARED], actuals(seen, customer=customer))


def _nothing_there(view: DealsView, deal: Deal) -> Difference:
    total = forecast(deal, view.now, begun(deal, {})).total
    return _of_deal(
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
        _of_deal(deal, Kind.STATUS, id_, "status", wanted, found, mrr_minor=worth if n == 0 else 0)
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
            _of_deal(
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
    return _of_deal(deal, Kind.CHANGED_IN_STRIPE, drift.remote_id, place, wanted, found, mrr_minor=worth)


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


def _undone(view: DealsView, deal: Deal, plan: Plan) -> list[Difference]:
    """What the deal still has to do though nobody holds it up: a wake or a mark was lost."""
    if plan.drift or not plan.operations:
        return []
    words = "; ".join(f"{verb}" for verb in plan.counts)
    return [_of_deal(deal, Kind.NOT_DONE, "", "", words, "nothing is due", actor=TANDEM, cure=Cure.SAFE)]


def _amounts(view: DealsView, deal: Deal, done: Mapping[str, Made], plan: Plan) -> list[Difference]:
    """Invoices that are not what was promised, and that nobody dealt with."""
    found = [
        _of_deal(deal, Kind.AMOUNT, d.remote_id, d.part, *d.said()[1:])
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
                _of_deal(
                    deal, Kind.AMOUNT, invoice.id, "total", str(one.promised), str(one.found),
                    sum_minor=one.found - one.promised,
                )
            )  # fmt: skip
    return found


def _of_deal(
    deal: Deal,
    kind: Kind,
    record: str,
    part: str,
    expected: str,
    actual: str,
    *,
    actor: str = OUTSIDE,
    mrr_minor: int | None = None,
    sum_minor: int | None = None,
    cure: Cure = Cure.PERSON,
) -> Difference:
    return Difference(
        kind, f"quote:{deal.key}", deal.payer.account_id, record or f"Quote {deal.number}", part, expected, actual,
        actor, mrr_minor, sum_minor, deal.currency, cure,
    )  # fmt: skip


# ------------------------------------------------------------------ in Stripe, and not signed


def _twins(view: DealsView) -> list[list[Subscription]]:
    """Live subscriptions of one key, of which there should be one: ours first, the one with a schedule, or the oldest."""
    by_key: dict[str, list[Subscription]] = defaultdict(list)
    for subscription in view.subscriptions:
        if subscription.metadata.get(DEAL) and subscription.status not in OVER:
            by_key[subscription.metadata.get(KEY, "")].append(subscription)
    several = (some for some in by_key.values() if len(some) > 1)
    return [sorted(some, key=lambda s: (s.schedule is None, s.created_s, s.id)) for some in several]


def _without_twins(view: DealsView) -> DealsView:
    """The view without subscriptions that somebody made a second time: each of those is a difference of its own."""
    more = {s.id for some in _twins(view) for s in some[1:]}
    return replace(view, subscriptions=[s for s in view.subscriptions if s.id not in more]) if more else view


def _two_live(view: DealsView, deal_key: str) -> list[Difference]:
    """Objects of one key, of which there should be one."""
    found = []
    for some in (some for some in _twins(view) if some[0].metadata[DEAL] == deal_key):
        found.append(
            Difference(
                Kind.TWO_LIVE, f"quote:{deal_key}", view.account_id, ", ".join(s.id for s in some), "", "one live subscription",
                f"{len(some)} live subscriptions", mrr_minor=round(view.monthly(some[1:])),
                currency=some[0].currency.upper(), cure=Cure.PERSON,
            )
        )  # fmt: skip
    return found


def _without_deal(view: DealsView) -> list[Difference]:
    """What runs in Stripe for a quote that nobody signed, or that is signed no more."""
    signed = {quote.id for quote in view.quotes}
    alive: dict[str, list[Subscription | Schedule]] = defaultdict(list)
    for one in view.objects:
        ended = SCHEDULE_OVER if isinstance(one, Schedule) else OVER
        if (key := one.metadata.get(DEAL)) and one.status not in ended:
            alive[key].append(one)
    found = []
    for key, some in sorted(alive.items()):
        if key in signed:
            continue
        said = "is signed no more" if key in view.deals else "was never signed"
        found.append(
            Difference(
                Kind.SUBSCRIPTION_WITHOUT_DEAL, f"quote:{key}", view.account_id, ", ".join(sorted(o.id for o in some)), "",
                "a signed quote", f"quote {key} {said}", currency=next((o.currency.upper() for o in some), None),
                mrr_minor=round(view.monthly(o for o in some if isinstance(o, Subscription))), cure=Cure.PERSON,
            )
        )  # fmt: skip
    return found


def _unlinked(view: DealsView) -> list[Difference]:
    """Objects of ours that Tandem no longer knows by a link of its own: their metadata still says whose they are."""
    wanted = {f"customer:{view.account_id}": view.customers[0].id} if view.customers else {}
    for one in view.objects:
        if one.metadata.get(DEAL) in view.deals and one.metadata.get(KEY):
            wanted[f"{one.KIND}:{one.metadata[KEY]}"] = one.id
    return [
        Difference(
            Kind.LINK_MISSING, f"account:{view.account_id}", view.account_id, id_, key, "a link of ours", "none", TANDEM
        )
        for key, id_ in sorted(wanted.items())
        if key not in view.links
    ]


def _pending(view: DealsView, deal: Deal) -> bool:
    """Whether one of the deal's quotes is being worked on."""
    quotes = {deal.key, *(change.quote_id for change in deal.changes)}
    return any(view.states[q].pending for q in quotes if q in view.states)
