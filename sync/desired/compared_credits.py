"""What a deal had to give back against what stands in Stripe: credit notes and moves of the customer's balance that are
missing, or that somebody made void.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sync.deal.deal import Deal
from sync.deal.forecast import forecast
from sync.deal.money import format_amount
from sync.desired.compared_view import DealsView, of_deal
from sync.desired.credits import Money, credits_due, desire_credits, given_by
from sync.desired.differences import OUTSIDE, TANDEM, Cure, Difference, Kind
from sync.desired.keys import KEY
from sync.desired.made import Made, begun
from sync.desired.stated_early import is_early, stated_early
from sync.desired.takeover import taken_over
from sync.desired.takeover_credit import desire_credit
from sync.desired.takeover_returned import returned
from sync.desired.takeover_unused import Read
from sync.desired.true_up import as_settled, desire_true_ups
from sync.facts import CreditNote
from sync.records import Desired

#: How money is given back.
GIVEN_BACK = {"creditnote": "credit note", "balance": "credit to the customer's balance"}


def credits_unlike(
    view: DealsView, deal: Deal, done: Mapping[str, Made], wanted: Sequence[Desired]
) -> list[Difference]:
    """Every credit of the deal that is due and not there. ``wanted`` are the deal's objects. What was never made is made by
    the deal's next run; what somebody made void is that person's doing.
    """
    deal = as_settled(deal, done)
    return [_unlike(view, deal, one) for one in (*_of_deal(view, deal, done), *_of_plans(view, deal, done, wanted))]


def _of_deal(view: DealsView, deal: Deal, done: Mapping[str, Made]) -> list[Desired]:
    """For time that is not used, and for what rounding took too much."""
    dues = credits_due(deal, done, view.now)
    if deal.true_up:
        ups = forecast(deal, view.now, begun(deal, done)).true_ups
        dues += desire_true_ups(ups, deal, done, view.invoices, view.now).credits
    if not any(due.at <= view.now for _, due in dues):
        return []
    money = Money(tuple(view.invoices), tuple(view.notes), tuple(view.balances))
    return desire_credits(dues, deal, money, view.now).objects


def _of_plans(view: DealsView, deal: Deal, done: Mapping[str, Made], wanted: Sequence[Desired]) -> list[Desired]:
    """For what the plans that the deal took over had billed ahead."""
    takeover = taken_over(deal, view.objects)
    if takeover is None or takeover.at > view.now:
        return []
    plans = {plan.id for plan in takeover.plans}
    own = {made.subscription.id for made in done.values() if made.subscription}
    early = stated_early(deal, done, view.now)
    read = Read(
        of_plans=tuple(i for i in view.invoices if i.subscription in plans),
        of_deal=tuple(i for i in view.invoices if i.subscription in own or (early and is_early(i, deal))),
        notes=tuple(view.notes),
        balances=tuple(view.balances),
    )
    read = replace(read, returned=returned(view.went_back, view.notes, read))
    given = desire_credit(takeover, wanted, read, view.now)
    return [one for one in given.objects if one.ref.kind in GIVEN_BACK] if given.wake_at is None else []


def _unlike(view: DealsView, deal: Deal, missing: Desired) -> Difference:
    amount, void = given_by(missing), _void(view.notes, missing)
    difference = of_deal(
        deal, Kind.CREDIT, void.id if void else "", GIVEN_BACK[missing.ref.kind],
        format_amount(amount, deal.currency), f"{void.number or void.id} is void" if void else "none",
        actor=OUTSIDE if void else TANDEM, sum_minor=-amount, cure=Cure.PERSON if void else Cure.SAFE,
    )  # fmt: skip
    return difference if void else replace(difference, record=f"{difference.record} {missing.ref.key}")


def _void(notes: Sequence[CreditNote], missing: Desired) -> CreditNote | None:
    return next((n for n in notes if n.status == "void" and n.metadata.get(KEY) == missing.ref.key), None)
