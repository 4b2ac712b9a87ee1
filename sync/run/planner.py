"""From a quote to a plan, without a write: the one path of preview, rehearsal and apply (DESIGN 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sync.deal.deal import Deal
from sync.deal.dues import Stated, stated
from sync.deal.forecast import Forecast, forecast
from sync.deal.policy import BillingPolicy
from sync.deal.timeline import Track, tracks
from sync.desired.catalog import desire_catalogue
from sync.desired.credits import Money, credits_due, desire_credits
from sync.desired.customer import Linked, check_customer, desire_customer
from sync.desired.last_use import ready_at, said_uses, uses_of, with_invoices
from sync.desired.made import Made, begun, made
from sync.desired.preview import Preview, preview
from sync.desired.references import catalogue_refs, stated_refs
from sync.desired.sellable import check_products
from sync.desired.stripe_preview import first_track, held_against, request
from sync.desired.subscription import Wanted, desire
from sync.desired.takeover import check_takeover, row_of
from sync.desired.taxed_customer import check_taxed
from sync.desired.true_up import as_settled, desire_true_ups
from sync.diff import diff, only_needed
from sync.errors import Refusal, Refused
from sync.facts import BalanceTransaction, CreditNote, Fact, Invoice, Schedule, Subscription
from sync.observed import actuals
from sync.plan import Plan
from sync.ports import Snapshot, StripeGateway
from sync.records import Ref
from sync.run.dealing import Case, Dealing, Signed
from sync.run.payers import Payer, Payers
from sync.run.taking import read_takeover
from sync.run.taxing import read_tax_ids, read_tax_settings
from sync.run.using import Measured, Using

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Worked:
    """All that was worked out of one quote: the plan is what is still missing. ``objects`` are the customer's
    subscriptions and schedules; ``payer`` says how it was found; ``earlier`` is the forecast of
    the deal as it was without this quote, None where the quote makes the deal, ``changed`` the one with it.
    """

    case: Case
    forecast: Forecast
    earlier: Forecast | None
    changed: Forecast
    customer: Linked | None
    payer: Payer
    wanted: Wanted
    plan: Plan
    known: Mapping[Ref, str]
    objects: tuple[Fact, ...]
    preview: Preview
    use: Measured

    @property
    def deal(self) -> Deal:
        """The deal with this quote in it."""
        return self.case.deal


@dataclass(frozen=True)
class Planner:
    """Reads both sides live and decides; raises what forbids the deal (Refused, Unsafe) or the look-up (Transient)."""

    stripe: StripeGateway
    payers: Payers
    dealing: Dealing
    using: Using

    @property
    def policy(self) -> BillingPolicy:
        """What the installation decided about billing."""
        return self.dealing.policy

    def work(
        self,
        mine: Signed,
        now: datetime,
        *,
        keep: Callable[[], None] = lambda: None,
        shown_only: bool = False,
        put_back: bool = False,
    ) -> Worked:
        """What the quote means now, what is there, and what is missing. Raises Refused with every fault found.

        ``keep`` is called before each reading, so that a lease outlasts all of them. ``shown_only``: nothing will be
        written, so of the catalogue only the products are looked at; and a first invoice is held against Stripe's own
        preview where that can be had, which raises Unsafe where the two differ. ``put_back``: what was changed by hand is
        part of the plan.
        """
        case = self.dealing.case(mine, now)
        deal, account = case.deal, case.base.account
        assert account is not None  # a quote without one was refused
        needs = catalogue_refs(deal) if not shown_only else tuple(Ref("product", key) for key in deal.products)
        payer, snapshot = self.payers.find(case.base, account, deal, needs, keep)
        customer, objects = payer.customer, payer.objects
        keep()
        done = made(deal, objects)
        taking = read_takeover(self.stripe, deal, objects, done, now)
        refusals = check_customer(deal, _of(objects, Subscription), _of(objects, Schedule))
        if not done:
            refusals += check_taxed(deal, customer.customer if customer else None)
        refusals += read_tax_settings(self.stripe, deal, is_made=bool(done))
        if mine.accepted_at is None:
            refusals += self._unsellable(case, snapshot)
        if refusals := (*refusals, *check_takeover(deal, taking.takeover, objects, now)):
            raise Refused(refusals)
        deal = replace(deal, takes=row_of(taking.takeover, deal, objects))
        sold, deal = deal, as_settled(deal, done)
        if deal.tax != sold.tax and not shown_only:
            snapshot = Snapshot({**snapshot.found, **self.stripe.read(catalogue_refs(deal)).found})
        before, alone = (as_settled(one, done) if one else None for one in (case.before, case.alone))
        case = replace(case, deal=deal, before=before, alone=alone)
        own = desire(deal, now, done, self.policy, put_back=put_back)
        wanted, again = taking.arranged(own, now)
        plain = forecast(deal, now, begun(deal, done))
        grace = self.policy.usage_grace
        dues = (*uses_of(deal, done, now, grace), *taking.uses(now, grace))
        money = self._money(deal, plain, done, customer, now, by_use=any(ready_at(due) <= now for due in dues))
        uses = with_invoices(deal, dues, money.invoices)
        use = self.using.measured(uses, customer.customer.id, now) if customer else Measured()
        ups = desire_true_ups(plain.true_ups, deal, done, money.invoices, now)
        given_back = desire_credits([*credits_due(deal, done, now), *ups.credits], deal, money, now)
        matched = customer.customer if customer else None
        numbers = read_tax_ids(self.stripe, deal, matched, aside=payer.aside)
        desired = (
            ()
            if wanted.waiting
            else (
                *(
                    ()
                    if payer.aside
                    else (desire_customer(deal.payer, matched, taxed=deal.tax is not None, more=numbers.metadata),)
                ),
                *(() if shown_only else desire_catalogue(deal)),
                *numbers.objects,
                *wanted.objects,
                *ups.objects,
                *given_back.objects,
                *use.objects,
            )
        )
        facts = [*snapshot.all(), *objects, *taking.facts, *money.invoices, *money.notes, *money.balances]
        actual = {
            **actuals(facts, customer=(account.id, matched) if matched else None),
            **taking.actual,
            **numbers.actual,
        }
        foreseen, taken = taking.shown(plain, own, now)
        earlier = forecast(case.before, now, begun(case.before, done)) if case.before else None
        changed = foreseen if case.changed is deal else forecast(case.changed, now, begun(case.changed, done))
        wakes = [wanted.wake_at, given_back.wake_at, ups.wake_at, use.wake_at]
        known = {ref: found.remote_id for ref, found in actual.items()}
        plan = only_needed(diff(desired, actual))
        used = said_uses(dues, case.change.quote_id, deal)
        said = self.hold(case, foreseen, known) if shown_only and not done else None
        return Worked(
            case=case,
            forecast=foreseen,
            earlier=earlier,
            changed=changed,
            customer=customer,
            payer=payer,
            wanted=replace(wanted, wake_at=min((at for at in wakes if at is not None), default=None)),
            plan=replace(plan, complete=plan.complete and not again and not numbers.again),
            known=known,
            use=use,
            objects=objects,
            preview=preview(
                case.changed,
                changed,
                customer,
                change=case.change,
                earlier=earlier,
                before=case.before,
                stripe=said,
                taken=(*taken, *used) if case.before is None else (),
                used=used,
            ),
        )

    def _unsellable(self, case: Case, snapshot: Snapshot) -> tuple[Refusal, ...]:
        """What of the quote's products can't be sold as Stripe has them."""
        adopted = [p.adopted for p in case.quote.products.values() if p.adopted]
        links = self.payers.links.by_stripe_id(adopted) if adopted else {}
        return check_products(case.quote, snapshot.all(), {id_: link.salesforce_id for id_, link in links.items()})

    def hold(self, case: Case, made: Forecast, known: Mapping[Ref, str]) -> str | None:
        """In words that Stripe's own preview of the first invoice agrees; None where it can't be had (yet).

        Raises Unsafe (BUG-503) where they differ, and what the gateway raises.
        """
        customer = known.get(Ref("customer", case.deal.payer.account_id))
        track = first_track(case.deal, made) if case.before is None else None
        if customer is None or track is None:
            return None
        asked = request(track, case.deal, customer, {ref.key for ref in known if ref.kind == "product"})
        answer = self.stripe.preview(asked) if asked is not None else None
        return held_against(answer.invoice, track, case.deal, made) if answer is not None else None

    def _money(
        self,
        deal: Deal,
        made: Forecast,
        done: Mapping[str, Made],
        customer: Linked | None,
        now: datetime,
        *,
        by_use: bool,
    ) -> Money:
        """The invoices on which the deal may have stated amounts, and, where something is to be given back, what was."""
        if customer is None:
            return Money()
        by_key = _by_key(deal)
        began = begun(deal, done)
        since = {key: stated(track, deal, began.get(key), now) for key, track in by_key.items()}
        good = {up.track: up.amount for up in made.true_ups if up.at <= now}
        due = [key for key, ours in since.items() if key in good or any(at <= now for at in _moments(ours))]
        subscriptions = tuple(s.id for key in due if key in done and (s := done[key].subscription))
        alone = by_use or any(key not in done or _early(since[key], by_key[key], deal) for key in due)
        if not subscriptions and not alone:
            return Money()
        refs = [Ref("invoices_of_customer", customer.customer.id)] if alone else [*stated_refs(subscriptions)]
        given = [credit.at <= now for ours in since.values() for credit in ours.credits]
        if any(given) or any(amount < 0 for amount in good.values()):
            refs += [Ref("credit_notes_of", customer.customer.id), Ref("balance_of", customer.customer.id)]
        found = self.stripe.read(refs).all()
        return Money(tuple(_of(found, Invoice)), tuple(_of(found, CreditNote)), tuple(_of(found, BalanceTransaction)))


def _by_key(deal: Deal) -> Mapping[str, Track]:
    return {track.key: track for track in tracks(deal)}


def _early(ours: Stated, track: Track, deal: Deal) -> bool:
    """Whether something is due before there is a subscription: it is stated without one, as where all time is over."""
    return any(due.at < deal.boundary(track.start) for due in ours.dues)


def _moments(ours: Stated) -> list[datetime]:
    return [*(due.at for due in ours.dues), *(credit.at for credit in ours.credits)]


def _of(facts: Sequence[Fact], type_: type[F]) -> list[F]:
    return [f for f in facts if isinstance(f, type_)]
