"""From a quote to a plan, without a write: the one path of preview, rehearsal and apply (DESIGN 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sync.deal.deal import Deal
from sync.deal.forecast import Forecast, forecast
from sync.deal.policy import BillingPolicy
from sync.desired.catalog import desire_catalogue
from sync.desired.counted_once import check_counted_once, counted_beside, meters_of, sells_use
from sync.desired.customer import Linked, check_customer, desire_customer
from sync.desired.customer_discount import check_discount, said_discount
from sync.desired.last_use import said_uses, uses_of
from sync.desired.made import Made, begun, made
from sync.desired.preview import Preview, preview
from sync.desired.references import catalogue_refs
from sync.desired.sellable import check_products
from sync.desired.stripe_preview import first_track, held_against, request
from sync.desired.subscription import Wanted, desire
from sync.desired.takeover import KEPT, check_takeover, kept_method, row_of
from sync.desired.tax_ids import TaxIds
from sync.desired.taxed_customer import check_taxed
from sync.desired.true_up import as_settled
from sync.diff import as_named, as_standing, diff, only_needed
from sync.errors import Refusal, Refused
from sync.facts import Customer, Fact, Meter, Portal, Schedule, Subscription, of_type
from sync.facts.currencies import priced_in
from sync.observed import Actual, actuals
from sync.plan import Plan
from sync.ports import Snapshot, StripeGateway
from sync.records import Desired, Ref
from sync.run.crediting import to_the_cent
from sync.run.dealing import Case, Dealing, Signed
from sync.run.owed import Owed, read_owed
from sync.run.payers import Payer, Payers
from sync.run.portal import read_portal
from sync.run.standing_prices import read_standing_prices
from sync.run.taking import Taking, read_takeover
from sync.run.taxing import read_tax_ids, read_tax_settings
from sync.run.using import Measured, Using


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
    portal: Portal | None = None  # read where the customer has nothing to charge

    @property
    def deal(self) -> Deal:
        """The deal with this quote in it."""
        return self.case.deal


@dataclass(frozen=True)
class _Read:
    """What both sides say of a quote that may be billed: its deal as it is settled by now, and what is made of it.

    ``products_only``: of the catalogue only the products were read, because a new deal is only shown; its prices and coupons are
    named after their terms and hold nothing that could refuse it.
    """

    case: Case
    account_id: str
    payer: Payer
    snapshot: Snapshot
    done: Mapping[str, Made]
    taking: Taking
    products_only: bool

    @property
    def customer(self) -> Customer | None:
        """Who pays, where Stripe knows them already."""
        return self.payer.customer.customer if self.payer.customer else None

    @property
    def kept_method(self) -> str | None:
        """What is charged for the deal as for the plan that it takes over."""
        return None if self.payer.aside else kept_method(self.taking.takeover, self.customer)

    @property
    def charged(self) -> Linked | None:
        """Who pays, as they will be charged."""
        payer, method = self.payer.customer, self.kept_method
        if payer is None or method is None:
            return payer
        return replace(payer, customer=payer.customer.model_copy(update={"source": method}))

    def actual(self, owed: Owed, numbers: TaxIds) -> dict[Ref, Actual]:
        """What is there of all that may be desired."""
        facts = [*self.snapshot.all(), *self.payer.objects, *self.taking.facts, *owed.facts]
        payer = (self.account_id, self.customer) if self.customer else None
        known = actuals(priced_in(facts, self.case.deal.currency), customer=payer)
        return {**known, **self.taking.actual, **numbers.actual}


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
        sole: Callable[[str], None] = lambda email: None,
        shown_only: bool = False,
        put_back: bool = False,
    ) -> Worked:
        """What the quote means now, what is there, and what is missing. Raises Refused with every fault found.

        ``keep`` is called before each reading, so that a lease outlasts all of them; ``sole`` before customers are looked for by
        this e-mail, so that nobody else makes one meanwhile. ``shown_only``: nothing will be
        written, so of the catalogue of a new deal only the products are looked at; and its first invoice is held against
        Stripe's own preview where that can be had, which raises Unsafe where the two differ. ``put_back``: what was changed by hand is
        part of the plan.
        """
        read = self._read(mine, now, keep, sole, shown_only=shown_only)
        case, done, taking = read.case, read.done, read.taking
        own = desire(case.deal, now, done, self.policy, put_back=put_back)
        wanted, again = taking.arranged(own, now)
        plain = forecast(case.deal, now, begun(case.deal, done))
        dues = (*uses_of(case.deal, done, now, self.policy.usage_grace), *taking.uses(now, self.policy.usage_grace))
        owed = read_owed(self.stripe, self.using, case.deal, plain, done, read.customer, dues, now)
        numbers = read_tax_ids(self.stripe, case.deal, read.customer, aside=read.payer.aside)
        desired = () if wanted.waiting else self._desired(read, wanted, owed, numbers)
        standing = read_standing_prices(self.stripe, self.payers.facts, case.deal, read.payer.objects, read.snapshot)
        actual = as_standing(desired, as_named(desired, read.actual(owed, numbers)), standing)
        plan = to_the_cent(only_needed(diff(desired, actual)), self.stripe)
        known = {ref: found.remote_id for ref, found in actual.items()}
        foreseen, taken = taking.shown(plain, own, now)
        taken += [KEPT] if read.kept_method else []
        taken += said_discount(read.payer.customer.customer if read.payer.customer else None, now)
        earlier = forecast(case.before, now, begun(case.before, done)) if case.before else None
        changed = foreseen if case.changed is case.deal else forecast(case.changed, now, begun(case.changed, done))
        used = said_uses(dues, case.change.quote_id, case.deal, is_new=read.customer is None)
        said = self.hold(case, foreseen, known) if shown_only and not done else None
        charged = read.charged.customer if read.charged else None
        portal = read_portal(self.stripe, self.payers.facts, case.deal, charged, fresh=shown_only)
        wakes = [at for at in (wanted.wake_at, *owed.wakes) if at is not None]
        unknown = bool(dues) and read.customer is None  # whose use it is, is known in another pass
        return Worked(
            case=case,
            forecast=foreseen,
            earlier=earlier,
            changed=changed,
            customer=read.payer.customer,
            payer=read.payer,
            wanted=replace(wanted, wake_at=min(wakes, default=None)),
            plan=replace(plan, complete=plan.complete and not again and not numbers.again and not unknown),
            known=known,
            use=owed.use,
            objects=read.payer.objects,
            portal=portal,
            preview=preview(
                case.changed,
                changed,
                read.charged,
                change=case.change,
                earlier=earlier,
                before=case.before,
                stripe=said,
                taken=(*taken, *used) if case.before is None else (),
                used=used,
                portal=portal,
            ),
        )

    def _read(
        self, mine: Signed, now: datetime, keep: Callable[[], None], sole: Callable[[str], None], *, shown_only: bool
    ) -> _Read:
        """What both sides say. Raises Refused with every fault of a deal that can't be billed."""
        case = self.dealing.case(mine, now)
        deal, account = case.deal, case.base.account
        assert account is not None  # a quote without one was refused
        products_only = shown_only and case.before is None
        products = (*(Ref("product", p) for p in deal.products), *meters_of(deal))
        needs = products if products_only else catalogue_refs(deal)
        payer, snapshot = self.payers.find(case.base, account, deal, needs, keep, sole)
        customer, objects = payer.customer, payer.objects
        keep()
        done = made(deal, objects)
        taking = read_takeover(self.stripe, deal, customer.customer if customer else None, objects, done, now)
        refusals = check_customer(deal, of_type(objects, Subscription), of_type(objects, Schedule))
        refusals += check_discount(deal, customer.customer if customer else None, objects, now)
        if not done:
            refusals += check_taxed(deal, customer.customer if customer else None)
        refusals += read_tax_settings(self.stripe, deal, is_made=bool(done))
        if mine.accepted_at is None:
            refusals += self._counted_twice(case, payer, taking, snapshot, now)
        if mine.accepted_at is None:
            refusals += self._unsellable(case, snapshot)
        if refusals := (*refusals, *check_takeover(deal, taking.takeover, objects, now)):
            raise Refused(refusals)
        sold = replace(deal, takes=row_of(taking.takeover, deal, objects))
        deal = as_settled(sold, done)
        if deal.tax != sold.tax and not products_only:
            snapshot = Snapshot({**snapshot.found, **self.stripe.read(catalogue_refs(deal)).found})
        before, alone = (as_settled(one, done) if one else None for one in (case.before, case.alone))
        case = replace(case, deal=deal, before=before, alone=alone)
        return _Read(case, account.id, payer, snapshot, done, taking, products_only)

    def _counted_twice(
        self, case: Case, payer: Payer, taking: Taking, snapshot: Snapshot, now: datetime
    ) -> tuple[Refusal, ...]:
        """What the quote brings that something else of the customer counts already."""
        if not sells_use(case.change):
            return ()
        alone = self.payers.facts.of_customers("alone", [payer.customer.customer.id]) if payer.customer else ()
        others = self.dealing.others(case.deal, (*payer.objects, *alone))
        beside = counted_beside(case.deal, payer.objects, others, taking.takeover, of_type(snapshot.all(), Meter), now)
        return check_counted_once(case.deal, case.change, beside, now)

    def _desired(self, read: _Read, wanted: Wanted, owed: Owed, numbers: TaxIds) -> tuple[Desired, ...]:
        """All that should be true of the deal in Stripe, in the order in which it is made."""
        deal = read.case.deal
        return (
            *(() if read.payer.aside else (self._customer(read, numbers),)),
            *(() if read.products_only else desire_catalogue(deal)),
            *numbers.objects,
            *wanted.objects,
            *owed.objects,
        )

    def _customer(self, read: _Read, numbers: TaxIds) -> Desired:
        deal = read.case.deal
        taxed = deal.tax is not None
        return desire_customer(deal.payer, read.customer, taxed=taxed, more=numbers.metadata, method=read.kept_method)

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
