"""What two sides have that belongs to no deal of both: quotes that nothing bills, objects for quotes that nobody signed,
objects made twice, and links that are lost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from sync.deal.deal import Deal
from sync.desired.compared_view import ENDS_WITHIN, OVER, DealsView, goes_on, of_deal
from sync.desired.counting import counted_twice
from sync.desired.customer import LIVE
from sync.desired.differences import TANDEM, Cure, Difference, Kind
from sync.desired.keys import DEAL, KEY, SETTLED, TAKEN_BY
from sync.desired.takeover import taken_over
from sync.desired.use_issues import said_time
from sync.facts import Schedule, Subscription

#: A quote that was signed before Tandem was started waits for a decision, and somebody else bills it meanwhile.
BEFORE_START = "DATA-229"


def not_billed(view: DealsView) -> list[Difference]:
    """Signed quotes that were never taken in."""
    found, carried = [], _carried(view)
    for quote in view.quotes:
        state = view.states.get(quote.id)
        if quote.id in view.billed or (state is not None and (state.pending or state.code == BEFORE_START)):
            continue
        why = "never noticed" if state is None else f"waits: {state.code}" if state.code else "nothing was done"
        cure = Cure.PERSON if state is not None and state.code else Cure.SAFE
        kind, there = Kind.DEAL_WITHOUT_SUBSCRIPTION, f"nothing in Stripe: {why}"
        if quote.id in carried:  # by a store that is gone
            kind, there = Kind.NOT_DONE, f"Stripe bills it, and it was never taken in here: {why}"
        found.append(
            Difference(
                kind, f"quote:{quote.id}", view.account_id, f"Quote {quote.number}", "",
                f"billed (signed {quote.quote_type or 'New'} quote)", there, TANDEM,
                sum_minor=state.sum_minor if state else None,
                currency=(state.currency if state else None) or quote.currency, cure=cure,
            )
        )  # fmt: skip
    return found


def _carried(view: DealsView) -> set[str]:
    """The quotes that objects and invoices in Stripe name as theirs."""
    found = {one.metadata.get(DEAL, "") for one in (*view.objects, *view.invoices)}
    return found | {name.removeprefix(SETTLED) for o in view.objects for name in o.metadata if name.startswith(SETTLED)}


def twins(view: DealsView) -> list[list[Subscription]]:
    """Live subscriptions of one key, of which there should be one: ours first, the one with a schedule, or the oldest."""
    by_key: dict[str, list[Subscription]] = defaultdict(list)
    for subscription in view.subscriptions:
        if subscription.metadata.get(DEAL) and subscription.status not in OVER:
            by_key[subscription.metadata.get(KEY, "")].append(subscription)
    several = (some for some in by_key.values() if len(some) > 1)
    return [sorted(some, key=lambda s: (s.schedule is None, s.created_s, s.id)) for some in several]


def without_twins(view: DealsView) -> DealsView:
    """The view without subscriptions that somebody made a second time: each of those is a difference of its own."""
    more = {s.id for some in twins(view) for s in some[1:]}
    return replace(view, subscriptions=[s for s in view.subscriptions if s.id not in more]) if more else view


def two_live(view: DealsView, deal_key: str) -> list[Difference]:
    """Objects of one key, of which there should be one."""
    found = []
    for some in (some for some in twins(view) if some[0].metadata[DEAL] == deal_key):
        found.append(
            Difference(
                Kind.TWO_LIVE, f"quote:{deal_key}", view.account_id, ", ".join(s.id for s in some), "", "one live subscription",
                f"{len(some)} live subscriptions", mrr_minor=round(view.monthly(some[1:])),
                currency=some[0].currency.upper(), cure=Cure.PERSON,
            )
        )  # fmt: skip
    return found


def counts_twice(view: DealsView) -> list[Difference]:
    """Two of a customer's subscriptions that bill the same use, or will."""
    return [
        Difference(
            Kind.TWO_LIVE, f"account:{view.account_id}", view.account_id, ", ".join(twice.ids), "use",
            "each use billed once", f"billed by both from {said_time(twice, view.zone)}", cure=Cure.PERSON,
        )
        for twice in counted_twice(view.objects, view.prices, view.now)
    ]  # fmt: skip


def not_ended(view: DealsView, deal: Deal) -> list[Difference]:
    """Plans that the deal took over and that run beside it."""
    takeover = taken_over(deal, view.objects)
    if takeover is None or view.now < takeover.at + ENDS_WITHIN:
        return []
    alive = [plan for plan in takeover.plans if plan.status in LIVE and plan.metadata.get(TAKEN_BY) == deal.key]
    return [
        of_deal(
            deal, Kind.TWO_LIVE, plan.id, "", f"ended on {takeover.at:%Y-%m-%d}, when the deal began", plan.status,
            mrr_minor=round(view.monthly([plan])),
        )
        for plan in alive
    ]  # fmt: skip


def without_deal(view: DealsView) -> list[Difference]:
    """What runs in Stripe for a quote that nobody signed, or that is signed no more."""
    signed = {quote.id for quote in view.quotes}
    alive: dict[str, list[Subscription | Schedule]] = defaultdict(list)
    for one in view.objects:
        if (key := one.metadata.get(DEAL)) and goes_on(one):
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


def account_gone(view: DealsView) -> list[Difference]:
    """What still runs for an Account that is gone from the CRM, currency by currency."""
    alive: dict[str, list[Subscription | Schedule]] = defaultdict(list)
    usual = next((o.currency for o in view.objects if o.currency), "")  # a schedule may say none
    for one in view.objects:
        if goes_on(one):
            alive[(one.currency or usual).upper()].append(one)
    return [
        Difference(
            Kind.SUBSCRIPTION_WITHOUT_DEAL, f"account:{view.account_id}", view.account_id,
            ", ".join(sorted(o.id for o in some)), "", "an Account in Salesforce", "the Account is gone",
            mrr_minor=round(view.monthly(o for o in some if isinstance(o, Subscription))), currency=currency or None,
            cure=Cure.PERSON,
        )
        for currency, some in sorted(alive.items())
    ]  # fmt: skip


def unlinked(view: DealsView) -> list[Difference]:
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
