"""What a deal run reads and arranges where a New quote takes over what the customer bought on the web site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync.deal.deal import Deal
from sync.deal.forecast import Forecast
from sync.deal.last_use import UseDue
from sync.desired.customer import LIVE
from sync.desired.inherited import inheriting
from sync.desired.made import Made
from sync.desired.plan_use import PlanPrices, metered, plan_uses
from sync.desired.references import stated_refs
from sync.desired.stated_early import is_early, stated_early
from sync.desired.subscription import Wanted
from sync.desired.takeover import Takeover, bought_by, desire_ends, said, taken_over
from sync.desired.takeover_credit import desire_credit, with_credits
from sync.desired.takeover_foreseen import foreseen, said_credit
from sync.desired.takeover_pending import as_billed, desire_pending, said_pending, waiting
from sync.desired.takeover_returned import asked, returned, went_back
from sync.desired.takeover_unused import Given, Read
from sync.desired.worth import Terms
from sync.facts import (
    BalanceTransaction,
    Coupon,
    CreditNote,
    Customer,
    Fact,
    Invoice,
    Meter,
    PendingItem,
    Price,
    Product,
    Schedule,
    of_type,
)
from sync.facts.coupons import coupons_of
from sync.observed import Actual
from sync.ports import StripeGateway
from sync.records import Ref
from sync.run.standing_coupons import standing_refs, with_deleted


@dataclass(frozen=True)
class Taking:
    """A takeover with what was read for it; without one all of it says nothing."""

    takeover: Takeover | None = None
    read: Read = field(default_factory=Read)
    coupons: Mapping[str, Coupon] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    by_use: PlanPrices = field(default_factory=PlanPrices)

    def uses(self, now: datetime, grace: timedelta) -> tuple[UseDue, ...]:
        """The use of the plans that is ours to state."""
        return plan_uses(self.takeover, self.read.of_plans, self.by_use, now, grace) if self.takeover else ()

    @property
    def facts(self) -> list[Fact]:
        """What carries keys of ours by itself."""
        return self.read.facts

    @property
    def actual(self) -> Mapping[Ref, Actual]:
        """What is known by the natural keys of the takeover."""
        return {**self.takeover.actual, **self.read.actual} if self.takeover else {}

    def arranged(self, wanted: Wanted, now: datetime) -> tuple[Wanted, bool]:
        """The deal's objects with the end of every plan before them and the credits behind them; and whether this takes
        another pass.
        """
        if self.takeover is None or wanted.waiting:
            return wanted, False
        ends = desire_ends(self.takeover, now, waiting(self.takeover, self.read.pending))
        ended = self.takeover.at <= now and not self.takeover.never
        bills, unbilled = desire_pending(self.takeover, self.read) if ended else ([], False)
        given = self._given(wanted, now)
        objects = (*bills, *ends.objects, *with_credits(wanted.objects, given), *given.objects)
        wakes = [at for at in (wanted.wake_at, ends.wake_at, given.wake_at) if at is not None]
        wakes += [self.takeover.at] if self.takeover.at > now else []
        return replace(wanted, objects=objects, wake_at=min(wakes, default=None)), ends.again or unbilled

    def _given(self, wanted: Wanted, now: datetime) -> Given:
        if self.takeover is None or self.takeover.at > now or self.takeover.never:
            return Given()
        if waiting(self.takeover, self.read.pending):
            return Given()  # its bill comes first: it may itself give back some of what the others billed
        return desire_credit(self.takeover, wanted.objects, self.read, now)

    def shown(self, made: Forecast, wanted: Wanted, now: datetime) -> tuple[Forecast, list[str]]:
        """The deal's forecast with what comes off its first invoice, and the takeover in words. ``wanted`` as for `arranged`."""
        if self.takeover is None:
            return made, []
        day = [i.total for i in made.invoices if i.day == made.invoices[0].day]
        first, zone = max(day, default=0), self.takeover.deal.timezone
        to_come = self.takeover.at > now or wanted.waiting or bool(waiting(self.takeover, self.read.pending))
        terms = Terms(self.coupons, self.by_use.prices, zone, now)
        read = as_billed(self.takeover, self.read)
        given = foreseen(self.takeover, read, first, terms) if to_come else self._given(wanted, now)
        credit = said_credit(given, made.first - given.on_first, self.takeover)
        words = [*said(self.takeover, self.names), *said_pending(self.takeover, self.read), *credit]
        return replace(made, taken_off=given.on_first), words


def read_takeover(
    stripe: StripeGateway,
    deal: Deal,
    payer: Customer | None,
    objects: Sequence[Fact],
    done: Mapping[str, Made],
    now: datetime,
) -> Taking:
    """What the deal takes over of the customer's ``objects``, with the invoices and credits that this rests on. The plans
    have the discount of the ``payer`` where they have none of their own.
    """
    past = not done and deal.last is not None and deal.boundary(deal.last) <= now
    takeover = taken_over(deal, bought_by(objects, deal, now) if past else objects)
    if takeover is None:
        return Taking()
    own = of_type(objects, Schedule)
    takeover = replace(takeover, plans=tuple(inheriting(takeover.plans, own, [payer] if payer else (), now)))
    plans = tuple(plan.id for plan in takeover.plans)
    of_deal = tuple(made.subscription.id for made in done.values() if made.subscription)
    coupons = coupons_of(takeover.plans)
    customer = takeover.plans[0].customer
    alone = takeover.at <= now and stated_early(deal, done, now)
    refs = [Ref("invoices_of_customer", customer)] if alone else [*stated_refs((*plans, *of_deal))]
    refs += standing_refs(coupons)
    refs += [Ref("product", item.price.product) for plan in takeover.plans for item in plan.items]
    if any(plan.status in LIVE for plan in takeover.plans):
        refs.append(Ref("pending_items_of", customer))
    if takeover.at <= now:
        refs += [Ref("credit_notes_of", customer), Ref("balance_of", customer)]
    items = [item for plan in takeover.plans for item in metered(plan)]
    by_steps = [item for plan in takeover.plans for item in plan.items if item.price.tiers_mode]
    refs += [Ref("price_id", item.price.id) for item in (*items, *by_steps)]
    refs += [Ref("meter_id", item.price.meter) for item in items if item.price.meter]
    found = stripe.read(refs).all()
    invoices = of_type(found, Invoice)
    read = Read(
        of_plans=tuple(i for i in invoices if i.subscription in plans),
        of_deal=tuple(i for i in invoices if i.subscription in of_deal or (alone and is_early(i, deal))),
        notes=tuple(of_type(found, CreditNote)),
        balances=tuple(of_type(found, BalanceTransaction)),
        pending=tuple(of_type(found, PendingItem)),
    )
    read = replace(read, returned=_returned(stripe, takeover, read, customer))
    names = {product.id: product.name for product in of_type(found, Product)}
    on = [*takeover.plans, *([payer] if payer else [])]
    known = {c.id: c for c in with_deleted(stripe, coupons, of_type(found, Coupon), on)}
    prices, meters = {p.id: p for p in of_type(found, Price)}, {m.id: m for m in of_type(found, Meter)}
    return Taking(takeover, read, known, names, PlanPrices(prices, meters, known, names))


def _returned(stripe: StripeGateway, takeover: Takeover, read: Read, customer: str) -> Mapping[str, int]:
    """What went back of the plans' invoices, by a call more where one was paid, and another where something did."""
    hints = asked(takeover, read)
    found = stripe.read(hints, hints).all() if hints else []
    if not went_back(found):
        return {}
    notes = read.notes or tuple(of_type(stripe.read([Ref("credit_notes_of", customer)]).all(), CreditNote))
    return returned(found, notes, read)
