"""What a deal owes beside its plain cycles, or is owed: read from Stripe with what has been stated of it already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.deal.deal import Deal
from sync.deal.dues import Stated, stated
from sync.deal.forecast import Forecast
from sync.deal.last_use import UseDue
from sync.deal.timeline import tracks
from sync.desired.credits import Credits, Money, credits_due, desire_credits
from sync.desired.last_use import ready_at, with_invoices
from sync.desired.made import Made, begun
from sync.desired.references import stated_refs
from sync.desired.stated_early import begins_early
from sync.desired.true_up import MadeGood, desire_true_ups
from sync.facts import BalanceTransaction, CreditNote, Customer, Fact, Invoice, of_type
from sync.ports import StripeGateway
from sync.records import Desired, Ref
from sync.run.using import Measured, Using


@dataclass(frozen=True)
class Owed:
    """What should be stated, of what was true-upped, given back and used; ``money`` is what was read for it."""

    money: Money
    ups: MadeGood
    given_back: Credits
    use: Measured

    @property
    def objects(self) -> tuple[Desired, ...]:
        """All of it, in the order in which it is made."""
        return (*self.ups.objects, *self.given_back.objects, *self.use.objects)

    @property
    def facts(self) -> list[Fact]:
        """What stands in Stripe of it."""
        return [*self.money.invoices, *self.money.notes, *self.money.balances]

    @property
    def wakes(self) -> tuple[datetime | None, ...]:
        """When each of them has to be looked at again."""
        return (self.given_back.wake_at, self.ups.wake_at, self.use.wake_at)


def read_owed(
    stripe: StripeGateway,
    using: Using,
    deal: Deal,
    plain: Forecast,
    done: Mapping[str, Made],
    customer: Customer | None,
    dues: Sequence[UseDue],
    now: datetime,
) -> Owed:
    """What is owed now of a deal that is ``done`` so far; ``plain`` is its own forecast, ``dues`` the use to be billed."""
    by_use = any(ready_at(due) <= now for due in dues)
    money = _read_money(stripe, deal, plain, done, customer, now, by_use=by_use)
    uses = with_invoices(deal, dues, money.invoices, standing=not done)
    use = using.measured(uses, customer.id, now) if customer else Measured()
    ups = desire_true_ups(plain.true_ups, deal, done, money.invoices, now)
    given_back = desire_credits([*credits_due(deal, done, now), *ups.credits], deal, money, now)
    return Owed(money, ups, given_back, use)


def _read_money(
    stripe: StripeGateway,
    deal: Deal,
    made: Forecast,
    done: Mapping[str, Made],
    customer: Customer | None,
    now: datetime,
    *,
    by_use: bool,
) -> Money:
    """The invoices on which the deal may have stated amounts, and, where something is to be given back, what was."""
    if customer is None:
        return Money()
    by_key = {track.key: track for track in tracks(deal)}
    began = begun(deal, done)
    since = {key: stated(track, deal, began.get(key), now) for key, track in by_key.items()}
    good = {up.track: up.amount for up in made.true_ups if up.at <= now}
    due = [key for key, ours in since.items() if key in good or any(at <= now for at in _moments(ours))]
    subscriptions = tuple(s.id for key in due if key in done and (s := done[key].subscription))
    alone = by_use or any(key not in done or begins_early(since[key], by_key[key], deal) for key in due)
    if not subscriptions and not alone:
        return Money()
    refs = [Ref("invoices_of_customer", customer.id)] if alone else [*stated_refs(subscriptions)]
    given = [credit.at <= now for ours in since.values() for credit in ours.credits]
    if any(given) or any(amount < 0 for amount in good.values()):
        refs += [Ref("credit_notes_of", customer.id), Ref("balance_of", customer.id)]
    found = stripe.read(refs).all()
    return Money(
        tuple(of_type(found, Invoice)), tuple(of_type(found, CreditNote)), tuple(of_type(found, BalanceTransaction))
    )


def _moments(ours: Stated) -> list[datetime]:
    return [*(due.at for due in ours.dues), *(credit.at for credit in ours.credits)]
